//! Work that holds a core for so long that the async runtime must not wait for it.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::Error;

/// Most works of one sort that are running or waiting for a core; more are refused at once.
pub const APART_MAX: usize = 256;
/// When to come back after that.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Turns at the cores of this machine. Each sort of work has its own, so that none keeps another waiting.
pub struct Turns {
    places: Arc<Semaphore>,
    cores: Arc<Semaphore>,
}

impl Turns {
    /// As many at once as there are cores.
    #[allow(clippy::new_without_default, reason = "turns are made on purpose, once per sort of work")]
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { places: Arc::new(Semaphore::new(APART_MAX)), cores: Arc::new(Semaphore::new(cores)) }
    }

    /// Does the work when it is its turn; answers what came of it, and the time that it took. The turn belongs to the
    /// work: it ends with it, also when nobody waits for it any more.
    pub async fn run<T: Send + 'static>(
        &self,
        deadline: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(T, Duration), Error> {
        let busy = |_| Error::Busy { retry_after: BUSY_WAIT };
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(busy)?;
        let core = tokio::time::timeout_at(deadline, Arc::clone(&self.cores).acquire_owned()).await;
        let core = core.map_err(|_| Error::Timeout)?.map_err(|_| Error::Internal("the turns are over".into()))?;
        let timed = move || {
            let _held = (place, core);
            let began = std::time::Instant::now();
            (work(), began.elapsed())
        };
        let done = tokio::time::timeout_at(deadline, tokio::task::spawn_blocking(timed)).await;
        done.map_err(|_| Error::Timeout)?.map_err(|error| Error::Internal(format!("work apart: {error}")))
    }
}

/// Does a private operation of a large key, or hashes a large message, on a thread of its own: as many at once as
/// there are cores, at most [`APART_MAX`] running and waiting ([`Error::Busy`]), and not after the deadline
/// ([`Error::Timeout`]). Answers what came of it, and the time of a core that it took.
pub async fn apart<T: Send + 'static>(
    deadline: Instant,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<(T, Duration), Error> {
    static TURNS: LazyLock<Turns> = LazyLock::new(Turns::new);
    TURNS.run(deadline, work).await
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_millis(50)
    }

    fn later() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test]
    async fn work_keeps_its_turn_after_its_caller_has_left() {
        let turns = Turns { places: Arc::new(Semaphore::new(2)), cores: Arc::new(Semaphore::new(1)) };
        let (finish, wait) = mpsc::channel::<()>();
        let left = turns.run(soon(), move || wait.recv().is_ok()).await;
        assert!(matches!(left, Err(Error::Timeout)));
        // The first still holds the core, and its place.
        assert!(matches!(turns.run(soon(), || ()).await, Err(Error::Timeout)));
        let waiting = turns.run(later(), || ());
        tokio::pin!(waiting);
        assert!(tokio::time::timeout_at(soon(), &mut waiting).await.is_err());
        assert!(matches!(turns.run(later(), || ()).await, Err(Error::Busy { .. })));
        finish.send(()).unwrap();
        waiting.await.unwrap();
    }
}
