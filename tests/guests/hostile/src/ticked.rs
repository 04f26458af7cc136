//! Promise: periodic work is done about once a minute, by one node at a time, and what it writes is kept.

use innkeeper_guest::prelude::*;

const KEY: &str = "ticks";

pub(crate) const ROUTES: &[Route] =
    &[Route::new("ticked", "How often the host let the mount tick.", &[Action::read("Answers the count.", read)])];

pub(crate) fn tick() -> Result<(), Fault> {
    storage::put_json(KEY, &(count()? + 1))
}

fn count() -> Result<u64, Fault> {
    Ok(storage::get_json(KEY)?.unwrap_or(0))
}

fn read(_request: &Request) -> Answer {
    Response::data(&json!({ "count": count()? }))
}
