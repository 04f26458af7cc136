//! Promise: no key leads out of the mount's drawer; what is not a relative path is refused with a typed error.

use innkeeper_guest::prelude::*;

use crate::report::outcome;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("path-tricks", "Tries keys that should lead nowhere.", &[Action::update("Tries.", run)])];

const KEYS: &[&str] = &[
    "",
    "/",
    ".",
    "..",
    "../x",
    "/x",
    "x/",
    "a//b",
    "a/./b",
    "a/../b",
    "a/..",
    "./a",
    "../../keys/x",
    "a\u{0}b",
    "a\nb",
    "a\u{7f}b",
    "a\u{85}b",
];
const PREFIXES: &[&str] = &["/", "..", "../", "a", "a//", "a/../", "a/..", "\u{0}/", "../../"];

/// For each key and prefix: what the host said to each call.
fn run(_request: &Request) -> Answer {
    let mut keys = Map::new();
    for key in KEYS {
        let said = json!({
            "put": outcome(&storage::put(key, b"x")),
            "get": outcome(&storage::get(key)),
            "delete": outcome(&storage::delete(key)),
        });
        keys.insert((*key).to_owned(), said);
    }
    let prefixes: Map = PREFIXES
        .iter()
        .map(|prefix| ((*prefix).to_owned(), json!(outcome(&storage::page(prefix, None, 10)))))
        .collect();
    Response::data(&json!({ "keys": keys, "prefixes": prefixes }))
}
