//! Promise: what a guest calls data is put into the envelope only if it is a JSON object or `null`.
//!
//! The SDK does not let a guest get this wrong, so the answer is made around it.

use innkeeper_guest::prelude::*;

pub(crate) const TEMPLATE: &str = "not-json-answer";

pub(crate) const ROUTES: &[Route] = &[Route::new(
    TEMPLATE,
    "Answers with data as sent in `text`.",
    &[Action::update("Answers with data that need not be JSON.", stand_in).fields(Body::FIELDS)],
)];

body! {
    /// What is answered.
    pub(crate) struct Body {
        /// Goes under `data` letter by letter. By default it begins an object and ends there.
        pub(crate) text: String = "{not json".to_owned(),
    }
}

/// Outside of wasm the answer is what it should be.
fn stand_in(request: &Request) -> Answer {
    let Body { text } = request.body()?;
    Response::data(&json!({ "text": text }))
}

/// The answer, past all checks of the SDK.
#[cfg(target_family = "wasm")]
pub(crate) fn answer(body: &str) -> innkeeper_guest::bindings::innkeeper::engine::types::Response {
    use innkeeper_guest::bindings::innkeeper::engine::types as wit;
    use innkeeper_guest::serde_json::{Value, from_str};

    let text = from_str::<Value>(body).ok().and_then(|body| Some(body.get("text")?.as_str()?.to_owned()));
    let payload = wit::Payload::Data(text.unwrap_or_else(|| Body::default().text));
    wit::Response { payload, status: None, warnings: Vec::new(), lease: None, headers: Vec::new() }
}
