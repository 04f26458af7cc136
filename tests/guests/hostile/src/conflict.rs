//! Promise: of requests that change what each other read, each is applied once, and none is lost.

use innkeeper_guest::prelude::*;

use crate::sleepy::spin;

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "counter",
    "A counter.",
    &[
        Action::read("Reads the counter.", read),
        Action::update("Adds one to the counter.", add).fields(Body::FIELDS),
        Action::delete("Puts the counter back to zero.", reset),
    ],
)];

const KEY: &str = "counter";

body! {
    /// How the counter is changed.
    pub(crate) struct Body {
        /// Time between reading and writing, so that others come in between.
        pub(crate) milliseconds: u64,
    }
}

fn count() -> Result<u64, Fault> {
    Ok(storage::get_json(KEY)?.unwrap_or_default())
}

fn read(_request: &Request) -> Answer {
    Response::data(&json!({ "count": count()? }))
}

fn add(request: &Request) -> Answer {
    let Body { milliseconds } = request.body()?;
    let count = count()? + 1;
    spin(milliseconds);
    storage::put_json(KEY, &count)?;
    Response::data(&json!({ "count": count }))
}

fn reset(_request: &Request) -> Answer {
    storage::delete(KEY)?;
    Ok(Response::nothing())
}
