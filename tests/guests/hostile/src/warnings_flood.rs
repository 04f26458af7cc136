//! Promise: an answer has at most 64 warnings of 8192 bytes, and a fault at most 16 messages: more warnings are an error,
//! what is longer is cut.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "warnings-flood",
    "Warns, or refuses, with many words.",
    &[
        Action::update("Answers with so many warnings of 9000 bytes.", warn).fields(Body::FIELDS),
        Action::delete("Refuses with 1000 messages.", refuse),
    ],
)];

body! {
    /// What is answered.
    pub(crate) struct Body {
        /// Warnings.
        pub(crate) warnings: u32 = 65,
    }
}

fn warn(request: &Request) -> Answer {
    let Body { warnings } = request.body()?;
    Ok(Response::data(&json!({ "warned": warnings }))?.warnings((0..warnings).map(|_| "w".repeat(9000))))
}

fn refuse(_request: &Request) -> Answer {
    let mut fault = Fault::invalid("refused");
    fault.messages = vec!["m".repeat(9000); 1000];
    Err(fault)
}
