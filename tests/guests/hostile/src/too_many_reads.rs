//! Promise: a request reads at most 100 000 keys and names, so that what the host notes of them is bounded; the next is
//! refused with a typed error.

use innkeeper_guest::prelude::*;

use crate::report::outcome;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "too-many-reads",
    "Reads 200 000 keys.",
    &[Action::update("Reads keys that are not there, and a list from after a name that is too long.", run)],
)];

fn run(_request: &Request) -> Answer {
    let long_after = outcome(&storage::page("", Some(&"x".repeat(1 << 20)), 1));
    let tell = |taken: u32, refused: Option<&str>| {
        let listed = outcome(&storage::page("", None, 1));
        Response::data(&json!({ "taken": taken, "refused": refused, "list": listed, "long_after": long_after }))
    };
    for n in 0..200_000 {
        if let Err(error) = storage::get(&format!("{n}")) {
            return tell(n, Some(error.name()));
        }
    }
    tell(200_000, None)
}
