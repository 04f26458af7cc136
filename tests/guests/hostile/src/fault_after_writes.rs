//! Promise: what a guest wrote before it refused is not kept, and its refusal is told as it is.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("fault-after-writes", "Writes notes/a and refuses.", &[Action::update("Writes and refuses.", run)])];

fn run(_request: &Request) -> Answer {
    storage::put("notes/a", b"written before a fault")?;
    Err(Fault::invalid("refused after writing"))
}
