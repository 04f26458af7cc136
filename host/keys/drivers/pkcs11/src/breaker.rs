//! Keeps callers from what fails anyway, and lets one at a time see whether it works again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// First rest of an open breaker; doubled at each failed probe.
const REST: Duration = Duration::from_millis(250);

/// A circuit breaker.
pub(crate) struct Breaker {
    /// Failures in a row that open it.
    most: u32,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    failures: u32,
    rest: Duration,
    /// When the next probe may go; `None` while the breaker is closed.
    probe_at: Option<Instant>,
    probing: bool,
}

/// What came of a call, for the breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It works: also an answer that refuses.
    Works,
    /// It says nothing: the caller left, or was one too many.
    Nothing,
    /// It fails. The rest before the next probe grows to this.
    Fails(Duration),
    /// It fails, and that is counted by somebody else, unless this call was the probe.
    FailsWithOthers(Duration),
}

/// Leave to make one call.
pub(crate) struct Pass {
    breaker: Arc<Breaker>,
    probe: bool,
    told: bool,
}

impl Breaker {
    /// A closed one, which so many failures in a row open.
    pub(crate) fn new(most: u32) -> Arc<Self> {
        Arc::new(Self { most, state: Mutex::default() })
    }

    /// Leave for a call, or how long to wait.
    pub(crate) fn admit(self: &Arc<Self>) -> Result<Pass, Duration> {
        let mut state = self.lock();
        let probe = match state.probe_at {
            None => false,
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                if state.probing || !left.is_zero() {
                    return Err(left.max(REST));
                }
                state.probing = true;
                true
            }
        };
        drop(state);
        Ok(Pass { breaker: Arc::clone(self), probe, told: false })
    }

    /// Counts a failure that was no call's own.
    pub(crate) fn fail(&self, longest: Duration) {
        self.tell(false, Verdict::Fails(longest));
    }

    /// Failures in a row, and whether it is open.
    pub(crate) fn state(&self) -> (u32, bool) {
        let state = self.lock();
        (state.failures, state.probe_at.is_some())
    }

    fn tell(&self, probe: bool, verdict: Verdict) {
        let mut state = self.lock();
        if probe {
            state.probing = false;
        } else if state.probe_at.is_some() {
            // Left over from before it opened.
            return;
        }
        match verdict {
            Verdict::Works => *state = State::default(),
            Verdict::Nothing => {}
            Verdict::FailsWithOthers(_) if !probe => {}
            Verdict::Fails(longest) | Verdict::FailsWithOthers(longest) => {
                state.failures += 1;
                if state.failures >= self.most {
                    state.rest = (state.rest * 2).clamp(REST, longest.max(REST));
                    state.probe_at = Some(Instant::now() + state.rest);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pass {
    /// Says what came of the call.
    pub(crate) fn tell(mut self, verdict: Verdict) {
        self.told = true;
        self.breaker.tell(self.probe, verdict);
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if !self.told {
            self.breaker.tell(self.probe, Verdict::Nothing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILURES_MAX: u32 = 5;
    const FAILS: Verdict = Verdict::Fails(Duration::from_secs(1));

    fn opened() -> Arc<Breaker> {
        let breaker = Breaker::new(FAILURES_MAX);
        for _ in 0..FAILURES_MAX {
            breaker.admit().ok().unwrap().tell(FAILS);
        }
        breaker
    }

    #[test]
    fn failures_in_a_row_open_it_and_it_says_how_long_to_wait() {
        let breaker = opened();
        let wait = breaker.admit().err().unwrap();
        assert!(wait <= REST && !wait.is_zero());
    }

    #[test]
    fn a_success_between_failures_keeps_it_closed() {
        let breaker = Breaker::new(FAILURES_MAX);
        for turn in 0..20 {
            breaker.admit().ok().unwrap().tell(if turn % 3 == 2 { Verdict::Works } else { FAILS });
        }
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn after_a_rest_one_probe_goes_and_its_success_closes_it() {
        let breaker = opened();
        std::thread::sleep(REST);
        let probe = breaker.admit().ok().unwrap();
        assert!(breaker.admit().is_err(), "one probe at a time");
        probe.tell(Verdict::Works);
        assert!(breaker.admit().is_ok() && breaker.admit().is_ok());
    }

    #[test]
    fn a_probe_whose_caller_left_makes_way_for_the_next() {
        let breaker = opened();
        std::thread::sleep(REST);
        drop(breaker.admit().ok().unwrap());
        assert!(breaker.admit().is_ok());
    }

    #[test]
    fn a_failed_probe_doubles_the_rest_up_to_its_bound() {
        let breaker = opened();
        for _ in 0..3 {
            breaker.lock().probe_at = Some(Instant::now());
            breaker.admit().ok().unwrap().tell(FAILS);
        }
        assert_eq!(breaker.lock().rest, Duration::from_secs(1));
    }
}
