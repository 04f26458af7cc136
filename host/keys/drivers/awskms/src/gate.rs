//! How many may ask one provider at once, and how many may wait to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use keys::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// Most requests to one provider at once, each on a connection of its own.
pub(crate) const PARALLEL_MAX: usize = 64;
/// Most that wait for their turn; more are refused at once.
pub(crate) const WAITING_MAX: usize = 1024;

/// The gate of one provider.
pub(crate) struct Gate {
    turns: Semaphore,
    waiting: AtomicUsize,
}

/// Counts one less when it goes.
struct Waiter<'a>(&'a AtomicUsize);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { turns: Semaphore::new(PARALLEL_MAX), waiting: AtomicUsize::new(0) }
    }

    /// Waits for a turn. [`Error::Busy`] at once when too many do, [`Error::Timeout`] when the deadline is over.
    pub(crate) async fn enter(&self, deadline: Instant) -> Result<SemaphorePermit<'_>, Error> {
        if let Ok(turn) = self.turns.try_acquire() {
            return Ok(turn);
        }
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let _waiter = Waiter(&self.waiting);
        if before >= WAITING_MAX {
            return Err(Error::Busy { retry_after: Duration::from_secs(1) });
        }
        match timeout_at(deadline, self.turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) => Err(Error::unavailable("the provider was forgotten")),
            Err(_) => Err(Error::Timeout),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn who_finds_the_queue_full_is_refused_at_once_and_who_waits_too_long_is_told_so() {
        let gate = Arc::new(Gate::new());
        let soon = || Instant::now() + Duration::from_millis(50);
        let mut turns = Vec::new();
        for _ in 0..PARALLEL_MAX {
            turns.push(gate.enter(soon()).await.unwrap());
        }
        assert!(matches!(gate.enter(soon()).await, Err(Error::Timeout)));
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..WAITING_MAX {
            let gate = Arc::clone(&gate);
            let until = Instant::now() + Duration::from_secs(20);
            waiting.spawn(async move { gate.enter(until).await.map(drop) });
        }
        while gate.waiting.load(Ordering::Relaxed) < WAITING_MAX {
            tokio::task::yield_now().await;
        }
        assert!(matches!(gate.enter(soon()).await, Err(Error::Busy { .. })));
        drop(turns);
        assert!(waiting.join_all().await.iter().all(Result::is_ok));
        assert!(gate.enter(soon()).await.is_ok());
    }
}
