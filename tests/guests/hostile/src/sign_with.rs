//! Promise: a managed key signs for the mounts that it was lent to, for the uses that it was lent for, and no other.

use innkeeper_guest::prelude::*;

use crate::report::{key_error, name};

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "sign-with/{name}",
    "Signs with a managed key.",
    &[Action::update("Signs a message with the managed key of this name or UUID.", run).fields(Body::FIELDS)],
)];

body! {
    /// What is signed.
    pub(crate) struct Body {
        /// The message.
        pub(crate) message: String = "a message".to_owned(),
    }
}

/// The length of the signature, or the step that was refused and how. A refusal is an answer, so that it can be read.
fn run(request: &Request) -> Answer {
    let Body { message } = request.body()?;
    let refused = |step: &str, error: keys::KeyError| Response::data(&key_error(step, &error));
    let key = match keys::managed(request.capture("name")) {
        Ok(key) => key,
        Err(error) => return refused("managed", error),
    };
    let scheme = match key.schemes() {
        Ok(schemes) => schemes.first().copied(),
        Err(error) => return refused("schemes", error),
    };
    let Some(scheme) = scheme else { return Err(Fault::invalid("the key has no signature scheme")) };
    let signature = match key.sign(scheme, message.as_bytes()) {
        Ok(signature) => signature,
        Err(error) => return refused("sign", error),
    };
    Response::data(&json!({
        "signature_bytes": signature.len(),
        "scheme": format!("{scheme:?}"),
        "verified": key.verify(scheme, message.as_bytes(), &signature).ok(),
        "usages": key.usages().into_iter().map(name).collect::<Vec<_>>(),
        "id": key.id(),
        "name": key.managed().map(|managed| managed.name),
        "export": key.export(keys::PrivateKeyFormat::Pkcs8).map_or_else(|e| name(e.kind), |_| "ok".to_owned()),
        "delete": key.delete().map_or_else(|e| name(e.kind), |()| "ok".to_owned()),
    }))
}
