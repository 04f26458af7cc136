//! How long entries into a guest take of late.
//!
//! A guest that always takes just less than what is moved aside would always take it from the threads of requests. So one that
//! has the habit begins aside.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::limits::TICK;

/// What one entry counts for at most: a single one that runs away is no habit.
const ENTRY_MAX: Duration = TICK.saturating_mul(4);
/// An entry counts for one part of so many.
const PARTS: u64 = 8;

/// The time of processors that entries take of late, in nanoseconds. What two threads write at once may count once.
#[derive(Default)]
pub(crate) struct Habit(AtomicU64);

impl Habit {
    /// Whether entries take long, of late.
    pub(crate) fn is_long(&self) -> bool {
        Duration::from_nanos(self.0.load(Ordering::Relaxed)) > TICK
    }

    /// An entry took this time of its threads.
    pub(crate) fn took(&self, time: Duration) {
        let time = u64::try_from(time.min(ENTRY_MAX).as_nanos()).unwrap_or(u64::MAX);
        let before = self.0.load(Ordering::Relaxed);
        self.0.store(before - before / PARTS + time / PARTS, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_each_time_is_a_habit_and_what_did_so_once_is_none() {
        let habit = Habit::default();
        habit.took(Duration::from_secs(5));
        assert!(!habit.is_long(), "once");
        for _ in 0..8 {
            habit.took(Duration::from_millis(15));
        }
        assert!(habit.is_long());
        for _ in 0..16 {
            habit.took(Duration::from_micros(300));
        }
        assert!(!habit.is_long(), "it has changed");
        for entry in 0..100 {
            habit.took(Duration::from_millis(if entry % 10 == 0 { 20 } else { 1 }));
            assert!(!habit.is_long(), "one of ten");
        }
    }
}
