//! Promise: a name that the host did not give opens no key, whatever it looks like, and is refused with a typed error.

use innkeeper_guest::prelude::*;

use crate::report::key_error;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "forged-key-handle",
    "Opens keys by names that were made up.",
    &[Action::update("Opens keys by made-up names, and by those sent.", run).fields(Body::FIELDS)],
)];

body! {
    /// What else is tried.
    pub(crate) struct Body {
        /// Ids of internal keys, for instance those of another mount.
        pub(crate) ids: Vec<String>,
        /// Names or UUIDs of managed keys.
        pub(crate) names: Vec<String>,
    }
}

const MADE_UP: &[&str] = &[
    "",
    "x",
    "0",
    "/",
    "..",
    "../x",
    "../../keys/x",
    "a/b",
    "a//b",
    "a\u{0}b",
    "%2e%2e%2fx",
    "*",
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-4fff-bfff-ffffffffffff",
];

fn run(request: &Request) -> Answer {
    let Body { ids, names } = request.body()?;
    let huge = "x".repeat(1 << 16);
    let made_up = || MADE_UP.iter().copied().chain([huge.as_str()]);
    let tried = |step: &str, name: &str, result: Result<Key, keys::KeyError>| {
        let said = result.map_or_else(|error| key_error(step, &error), |_| json!({ "step": step, "refused": null }));
        (name.chars().take(64).collect(), said)
    };
    let open = |id: &str| tried("open", id, keys::open(id));
    let managed = |name: &str| tried("managed", name, keys::managed(name));
    let opened: Map = made_up().chain(ids.iter().map(String::as_str)).map(open).collect();
    let lent: Map = made_up().chain(names.iter().map(String::as_str)).map(managed).collect();
    Response::data(&json!({ "open": opened, "managed": lent }))
}
