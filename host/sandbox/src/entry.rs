//! One entry into a guest of whatever sort: a fresh instance, until its deadline. What computes for long goes on aside.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio::time::error::Elapsed;
use wasmtime::{Engine, Store};

use crate::aside;
use crate::limits::CROSSING_MAX;
use crate::state::State;

/// A call of an export, under way.
pub(crate) type Called<'a, T> = Pin<Box<dyn Future<Output = wasmtime::Result<T>> + Send + 'a>>;

/// What an entry came to.
pub(crate) struct Entered<T> {
    /// How the call ended, if it ended in time.
    pub(crate) ending: Result<wasmtime::Result<T>, Elapsed>,
    /// What it took.
    pub(crate) taken: Taken,
    /// What it left.
    pub(crate) state: State,
}

/// What work took.
pub(crate) struct Taken {
    /// The time of processors of the threads that it ran on.
    pub(crate) computing: Duration,
    /// How long these were busy with it, by the clock.
    pub(crate) busy: Duration,
    /// How long it took, by the clock.
    pub(crate) all: Duration,
}

/// Enters a guest. `None`: the server is about to end.
pub(crate) async fn enter<T: Send + 'static>(
    (engine, aside): (&Engine, &Handle),
    state: State,
    call: impl for<'a> FnOnce(&'a mut Store<State>) -> Called<'a, T> + Send + 'static,
) -> Option<Entered<T>> {
    let (deadline, long, spent) = (state.deadline, Arc::clone(&state.long), state.spent.clone());
    let mut store = store(engine, state);
    let entry = async move {
        // Ticks end what computes, and this what waits.
        let called = tokio::time::timeout_at(deadline, call(&mut store));
        let (ending, taken) = spent.counted(called).await;
        Entered { ending, taken, state: store.into_data() }
    };
    aside::run(aside, &long, entry).await
}

/// A store with its limits set. Every entry into a guest goes through one: the epoch deadline of a new store is zero,
/// so an entry that forgot it would trap at once instead of running for ever.
fn store(engine: &Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store.set_hostcall_fuel(CROSSING_MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(State::tick);
    store
}

/// The time of processors that an entry took, as the kernel counts it: while a thread waits for a processor, it takes none.
#[derive(Clone, Default)]
pub(crate) struct Spent(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// Nanoseconds until it last rested.
    rested: AtomicU64,
    /// What the clock of the thread said that it runs on when it last began to run.
    began: AtomicU64,
}

impl Spent {
    /// Does work and counts what it takes.
    async fn counted<T>(&self, work: impl Future<Output = T>) -> (T, Taken) {
        let mut work = pin!(work);
        let (began, mut busy, mut computing) = (Instant::now(), Duration::ZERO, 0);
        let done = poll_fn(|context| {
            let (entered, before) = (Instant::now(), of_this_thread());
            self.0.began.store(before, Ordering::Relaxed);
            let polled = work.as_mut().poll(context);
            let running = of_this_thread().saturating_sub(before);
            self.0.rested.fetch_add(running, Ordering::Relaxed);
            computing += running;
            busy += entered.elapsed();
            polled
        })
        .await;
        (done, Taken { computing: Duration::from_nanos(computing), busy, all: began.elapsed() })
    }

    /// Counts time of other threads.
    pub(crate) fn add(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.0.rested.fetch_add(took, Ordering::Relaxed);
    }

    /// What was taken so far. Only for whoever is in the midst of the work, on its thread.
    pub(crate) fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds())
    }

    fn nanoseconds(&self) -> u64 {
        let running = of_this_thread().saturating_sub(self.0.began.load(Ordering::Relaxed));
        self.0.rested.load(Ordering::Relaxed).saturating_add(running)
    }
}

/// What the calling thread has taken of processors since it began, in nanoseconds.
fn of_this_thread() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or(0).saturating_mul(1_000_000_000).saturating_add(nanoseconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_time_that_work_waits_is_not_the_time_that_it_computes() {
        let spent = Spent::default();
        let ((), Taken { busy, all, .. }) = spent.counted(tokio::time::sleep(Duration::from_millis(50))).await;
        assert!(all >= Duration::from_millis(50) && busy < Duration::from_millis(40), "{busy:?} of {all:?}");
    }

    #[tokio::test]
    async fn a_thread_that_does_not_run_takes_no_time_of_a_processor() {
        let spent = Spent::default();
        let inside = spent.clone();
        let work = async {
            // As when the system lets others run: by the clock it is busy.
            std::thread::sleep(Duration::from_millis(50));
            inside.time()
        };
        let (time, Taken { busy, .. }) = spent.counted(work).await;
        assert!(busy >= Duration::from_millis(50) && time < Duration::from_millis(25), "{time:?} of {busy:?}");
        let computing = async {
            let until = Instant::now() + Duration::from_millis(30);
            while Instant::now() < until {}
            inside.add(Duration::from_secs(1));
            inside.time()
        };
        let (time, taken) = spent.counted(computing).await;
        assert!(time > Duration::from_millis(1001), "{time:?}, a second of it on another thread");
        assert!(taken.computing < Duration::from_millis(500), "{:?} on its own", taken.computing);
    }
}
