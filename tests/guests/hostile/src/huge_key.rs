//! Promise: keys have at most 512 bytes and segments at most 255; more is refused with a typed error.

use innkeeper_guest::prelude::*;

use crate::report::outcome;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("huge-key", "Writes under keys that are too long.", &[Action::update("Writes.", run)])];

fn run(_request: &Request) -> Answer {
    let put = |key: &str| outcome(&storage::put(key, b"x"));
    let short = ["x".repeat(255), "y".repeat(255)].join("/");
    Response::data(&json!({
        "segment_255": put(&"x".repeat(255)),
        "segment_256": put(&"x".repeat(256)),
        "key_511": put(&short),
        "key_513": put(&format!("{short}/z")),
        "key_1_mib": put(&"x/".repeat(1 << 19)),
    }))
}
