//! Promise: what a guest wrote before it trapped is not kept.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("trap-after-writes", "Writes notes/a and traps.", &[Action::update("Writes and traps.", run)])];

fn run(_request: &Request) -> Answer {
    storage::put("notes/a", b"written before a trap")?;
    panic!("trapped after writing");
}
