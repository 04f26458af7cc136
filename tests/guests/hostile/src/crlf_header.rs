//! Promise: a guest cannot write lines into the head of the answer.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "crlf-header",
    "Sets a header that holds another.",
    &[Action::update("Sets `x-odd`, or `x-even` undeclared, to a text with a line break.", run)
        .fields(Body::FIELDS)
        .response_headers(&["x-odd"])],
)];

body! {
    /// What is set.
    pub(crate) struct Body {
        /// Name of the header; only `x-odd` is declared.
        pub(crate) name: String = "x-odd".to_owned(),
        /// Its value.
        pub(crate) value: String = "a\r\nb: c".to_owned(),
    }
}

fn run(request: &Request) -> Answer {
    let Body { name, value } = request.body()?;
    Ok(Response::data(&json!({ "set": true }))?.header(&name, value))
}
