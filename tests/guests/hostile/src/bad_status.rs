//! Promise: a status outside 200 to 599 never reaches the client.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "bad-status",
    "Answers with a status that is none.",
    &[Action::update("Answers with status 999, or the one sent.", run).fields(Body::FIELDS)],
)];

body! {
    /// What is answered.
    pub(crate) struct Body {
        /// The status.
        pub(crate) status: u16 = 999,
    }
}

fn run(request: &Request) -> Answer {
    let Body { status } = request.body()?;
    Ok(Response::raw_status(status, "text/plain", "with a bad status"))
}
