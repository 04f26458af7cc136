//! Which calls are in the library, and since when.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::work::Work;

/// Longest time that a call may sensibly take, however patient its caller is.
const CALL_MAX: Duration = Duration::from_secs(30);
/// The same of making a key. RSA keys of 4096 bits take minutes in some tokens.
const MAKING_MAX: Duration = Duration::from_secs(300);
/// How long after its time a call counts as hanging.
const GRACE: Duration = Duration::from_secs(2);
/// Hanging calls of one token that make the library hang. Fewer do when the token has no more sessions.
const HANGING_MAX: usize = 3;

/// The calls of one library.
#[derive(Default)]
pub(crate) struct Calls {
    running: Mutex<HashMap<u64, Call>>,
    next: AtomicU64,
}

struct Call {
    late_at: Instant,
    /// The token's pool, by its address.
    pool: usize,
    /// How many calls the token takes at once.
    limit: usize,
}

/// A call that runs, until this is dropped.
pub(crate) struct Running<'a> {
    calls: &'a Calls,
    number: u64,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.calls.lock().remove(&self.number);
    }
}

impl Calls {
    /// Notes a call.
    pub(crate) fn begin(&self, work: &Work, deadline: Instant, pool: usize, limit: usize) -> Running<'_> {
        let longest = if work.makes() { MAKING_MAX } else { CALL_MAX };
        // The caller of a key that is made may leave: the making goes on, and is worth waiting for.
        let time =
            if longest == MAKING_MAX { Instant::now() + longest } else { deadline.min(Instant::now() + longest) };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.lock().insert(number, Call { late_at: time + GRACE, pool, limit });
        Running { calls: self, number }
    }

    /// Whether so many calls of one token are late that the library must be taken for dead.
    pub(crate) fn hang(&self) -> bool {
        let now = Instant::now();
        let mut late: HashMap<usize, (usize, usize)> = HashMap::new();
        for call in self.lock().values().filter(|call| call.late_at <= now) {
            let (count, limit) = late.entry(call.pool).or_default();
            (*count, *limit) = (*count + 1, call.limit);
        }
        late.values().any(|(count, limit)| *count >= HANGING_MAX.min(*limit))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Call>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn late(calls: &Calls, pool: usize, limit: usize) -> Running<'_> {
        let running = calls.begin(&Work::Probe, Instant::now(), pool, limit);
        calls.lock().get_mut(&running.number).unwrap().late_at = Instant::now();
        running
    }

    #[test]
    fn a_library_hangs_when_three_calls_of_a_token_are_late_or_all_that_it_takes() {
        let calls = Calls::default();
        let first = late(&calls, 1, 8);
        let _second = late(&calls, 1, 8);
        let _other = late(&calls, 2, 8);
        assert!(!calls.hang());
        let _third = late(&calls, 1, 8);
        assert!(calls.hang());
        drop(first);
        assert!(!calls.hang());
        let _only = late(&calls, 3, 1);
        assert!(calls.hang());
    }

    #[test]
    fn a_call_in_its_time_does_not_hang() {
        let calls = Calls::default();
        let _running = calls.begin(&Work::Probe, Instant::now() + Duration::from_secs(1), 1, 1);
        assert!(!calls.hang());
    }
}
