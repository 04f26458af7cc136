//! Promise: at most 100 log lines of a request are kept, and a line is one line.

use innkeeper_guest::prelude::*;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("log-flood", "Writes 100 000 log lines.", &[Action::update("Writes log lines.", run)])];

fn run(_request: &Request) -> Answer {
    log::warn("first line\nERROR forged second line\u{1b}[31m", &[("field", "a\nb")]);
    log::warn(&"long ".repeat(100_000), &[]);
    for n in 0..100_000 {
        log::info("flood", &[("line", &n.to_string())]);
    }
    Response::data(&json!({ "lines": 100_002 }))
}
