//! Promise: a request writes at most 10 000 keys; the next is refused with a typed error.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("too-many-writes", "Writes 10 001 keys.", &[Action::update("Writes.", run)])];

fn run(_request: &Request) -> Answer {
    for n in 0..10_001 {
        if let Err(error) = storage::put(&format!("many/{n}"), b"") {
            return Response::data(&json!({ "taken": n, "refused": error.name() }));
        }
    }
    Response::data(&json!({ "taken": 10_001, "refused": null }))
}
