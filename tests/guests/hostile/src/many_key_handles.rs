//! Promise: at most 64 handles to keys live at once; the next is refused with a typed error.

use innkeeper_guest::prelude::*;

use crate::report::key_error;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("many-key-handles", "Holds 100 keys.", &[Action::update("Makes 100 keys and holds them.", run)])];

fn run(_request: &Request) -> Answer {
    let mut held = Vec::new();
    for _ in 0..100 {
        match keys::generate_ephemeral(keys::KeyType::Ed25519) {
            Ok(key) => held.push(key),
            Err(error) => {
                let refused = key_error("generate", &error);
                let count = held.len();
                drop(held);
                // With the handles given back there is room again.
                let again = keys::generate_ephemeral(keys::KeyType::Ed25519).is_ok();
                return Response::data(&json!({ "held": count, "refused": refused, "again_after_drop": again }));
            }
        }
    }
    Response::data(&json!({ "held": held.len(), "refused": null }))
}
