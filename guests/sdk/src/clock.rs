//! The time.

pub use crate::bindings::innkeeper::engine::clock::Timestamp;

/// The time of day by the host's clock.
#[cfg(target_family = "wasm")]
pub fn now() -> Timestamp {
    crate::bindings::innkeeper::engine::clock::now()
}

/// The time of day by this machine's clock.
#[cfg(not(target_family = "wasm"))]
pub fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
}

/// Seconds since 1970-01-01T00:00:00Z.
pub fn seconds() -> u64 {
    now().seconds
}
