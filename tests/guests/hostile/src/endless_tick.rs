//! Promise: periodic work that never ends, or waits for what never answers, is ended, and holds up no other mount's.

use innkeeper_guest::prelude::*;

const KEY: &str = "endless-tick";

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "endless-tick",
    "What the next tick does instead of coming to an end.",
    &[Action::update("Takes note of it.", run).fields(Body::FIELDS)],
)];

body! {
    /// What to do.
    pub(crate) struct Body {
        /// A host that is asked again and again; none: it computes.
        pub(crate) url: String,
    }
}

fn run(request: &Request) -> Answer {
    let Body { url } = request.body()?;
    storage::put_json(KEY, &url)?;
    Response::data(&json!({ "url": url }))
}

pub(crate) fn tick() -> Result<(), Fault> {
    let Some(url) = storage::get_json::<String>(KEY)? else { return Ok(()) };
    loop {
        if !url.is_empty() {
            drop(http_out::send(&http_out::get(&url, None)));
        }
    }
}
