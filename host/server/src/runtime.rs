//! The threads that requests run on.

use tokio::runtime::{Builder, Runtime};

/// After how many steps of tasks a worker looks for news from the network. A step can be a guest's whole tick: with
/// tokio's own 61, a few guests that compute would hold up everybody else's connections by half a second.
const EVENT_INTERVAL: u32 = 8;

/// Builds the async runtime: one worker per processor.
pub fn build() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().event_interval(EVENT_INTERVAL).enable_all().build()
}
