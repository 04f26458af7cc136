//! Promise: an answer over 8 MiB is not sent; the client reads an error that names the bound.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("huge-answer", "Answers with 9 MiB.", &[Action::update("Answers with 9 MiB.", run)])];

fn run(_request: &Request) -> Answer {
    Response::data(&json!({ "text": "x".repeat(9 << 20) }))
}
