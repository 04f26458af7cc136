//! Promise: a guest that never ends is ended by the host, and only its own request suffers.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("loop-forever", "Loops without end.", &[Action::update("Loops without end.", run)])];

fn run(_request: &Request) -> Answer {
    loop {
        std::hint::black_box(0);
    }
}
