//! Waits for what a server does in its own time.

use std::time::{Duration, Instant};

/// Longest wait: what takes longer does not happen.
const WAIT_MAX: Duration = Duration::from_secs(90);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks again and again until something holds; the test fails with these words if it never does.
#[track_caller]
pub fn wait_until(says: &str, holds: impl Fn() -> bool) {
    let late = Instant::now() + WAIT_MAX;
    while !holds() {
        assert!(Instant::now() < late, "{says}");
        std::thread::sleep(PAUSE);
    }
}
