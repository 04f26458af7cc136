//! `clock`: the time of day.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::bindings::innkeeper::engine::clock::{Host, Timestamp};
use crate::state::State;

impl Host for State {
    async fn now(&mut self) -> wasmtime::Result<Timestamp> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Timestamp { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() })
    }
}
