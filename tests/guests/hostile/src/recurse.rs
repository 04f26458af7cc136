//! Promise: a guest that exhausts its stack traps; the host's own stack is not touched.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("recurse", "Calls itself without end.", &[Action::update("Calls itself.", run)])];

fn run(_request: &Request) -> Answer {
    Response::data(&json!({ "depth": deeper(0) }))
}

fn deeper(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 32]);
    if depth == u64::MAX {
        return depth;
    }
    let reached = deeper(depth + 1);
    reached.max(std::hint::black_box(&frame)[0])
}
