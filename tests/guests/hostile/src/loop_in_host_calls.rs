//! Promise: time runs out for a guest also when it spends it in calls of the host.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("loop-in-host-calls", "Asks for the time without end.", &[Action::update("Asks.", run)])];

fn run(_request: &Request) -> Answer {
    loop {
        std::hint::black_box(clock::now());
    }
}
