//! Promise: more than 64 KiB of randomness in one call is a trap, not an allocation.

use innkeeper_guest::bindings::innkeeper::engine::random;
use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "random-flood",
    "Asks for 1 MiB of randomness at once.",
    &[Action::update("Asks for 1 MiB, or as much as sent.", run).fields(Body::FIELDS)],
)];

body! {
    /// How much is asked for.
    pub(crate) struct Body {
        /// Bytes.
        pub(crate) bytes: u32 = 1 << 20,
    }
}

fn run(request: &Request) -> Answer {
    let Body { bytes } = request.body()?;
    Response::data(&json!({ "got": random::bytes(bytes).len() }))
}
