//! A secrets engine that would hash passwords: it is not loaded.

use innkeeper_guest::prelude::*;

struct Overreach;

impl Engine for Overreach {
    const NAME: &'static str = "overreach";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const ABOUT: &'static str = "Imports what only auth methods may.";
    const ROUTES: &'static [&'static [Route]] = &[ROUTES];
}

innkeeper_guest::export!(Overreach);

const ROUTES: &[Route] = &[Route::new("hash", "Hashes.", &[Action::update("Hashes a password.", run)])];

fn run(request: &Request) -> Answer {
    Response::data(&json!({ "hash": passwords::hash(request.id())? }))
}
