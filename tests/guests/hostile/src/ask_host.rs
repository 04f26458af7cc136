//! Promise: a secrets engine asks only hosts that the operator allows and its mount was granted.

use innkeeper_guest::prelude::*;

use crate::report::name;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "ask-host",
    "Asks another server.",
    &[Action::update("Asks the server of a URL.", run).fields(Body::FIELDS)],
)];

body! {
    /// Whom it asks.
    pub(crate) struct Body {
        /// The URL.
        pub(crate) url: String,
    }
}

/// The status, or how the question was refused. A refusal is an answer, so that it can be read.
fn run(request: &Request) -> Answer {
    let Body { url } = request.body()?;
    match http_out::send(&http_out::get(&url, None)) {
        Ok(response) => Response::data(&json!({ "status": response.status })),
        Err(error) => Response::data(&json!({ "refused": name(error.kind), "message": error.message })),
    }
}
