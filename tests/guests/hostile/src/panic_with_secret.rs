//! Promise: what a guest says as it dies reaches neither the client nor the log.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "panic-with-secret",
    "Panics with a secret in the message.",
    &[Action::update("Panics with the secret that was sent.", run).fields(Body::FIELDS)],
)];

body! {
    /// What is said.
    pub(crate) struct Body {
        /// Must be seen nowhere.
        pub(crate) secret: String,
    }
}

fn run(request: &Request) -> Answer {
    let Body { secret } = request.body()?;
    panic!("cannot do anything with {secret}");
}
