//! Promise: an internal key opens for the mount that made it, and for no other that learnt its id.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("keep-key", "Makes a key.", &[Action::update("Makes a key, keeps it, and tells its id.", run)])];

fn run(_request: &Request) -> Answer {
    let key = keys::generate(keys::KeyType::Ed25519, false)?;
    Response::data(&json!({ "id": key.id() }))
}
