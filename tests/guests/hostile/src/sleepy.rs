//! Promise: a guest that is merely slow is let finish, and others are served meanwhile.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "sleepy",
    "Takes its time.",
    &[Action::update("Takes 50 ms, or as long as sent.", run).fields(Body::FIELDS)],
)];

body! {
    /// How long it takes.
    pub(crate) struct Body {
        /// Milliseconds.
        pub(crate) milliseconds: u64 = 50,
    }
}

fn run(request: &Request) -> Answer {
    let Body { milliseconds } = request.body()?;
    spin(milliseconds);
    Response::data(&json!({ "milliseconds": milliseconds, "deadline": request.context().deadline() }))
}

/// Computes until the time is over.
pub(crate) fn spin(milliseconds: u64) {
    let now = || {
        let now = clock::now();
        now.seconds * 1000 + u64::from(now.nanoseconds / 1_000_000)
    };
    let end = now().saturating_add(milliseconds);
    while now() < end {
        for n in 0..10_000 {
            std::hint::black_box(n);
        }
    }
}
