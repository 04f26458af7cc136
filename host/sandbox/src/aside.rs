//! Threads for what takes long: they have a lower priority than those that requests run on.
//!
//! A guest begins on the thread of its request. One that is still computing after [`LONG_TICKS`] goes on here, where it takes
//! only the time of processors that nobody else wants; one that has the habit begins here, and so does the compiler.

use std::future::poll_fn;
use std::io;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

/// After how many ticks on its request's thread a guest goes on aside.
pub(crate) const LONG_TICKS: u32 = 4;
/// The lowest priority that there is.
const NICE: i32 = 19;

/// The threads, until this is dropped.
pub(crate) struct Aside(Option<Runtime>);

impl Aside {
    pub(crate) fn new() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        let runtime = builder.thread_name("guest-aside").on_thread_start(yield_to_others).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    pub(crate) fn handle(&self) -> Option<Handle> {
        self.0.as_ref().map(|runtime| runtime.handle().clone())
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Waits for nobody: this may be a thread of another runtime.
            runtime.shutdown_background();
        }
    }
}

/// Gives the calling thread a low priority; where that is not possible it is a thread like others.
pub(crate) fn yield_to_others() {
    // On Linux a process is a thread here, and none means this one.
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "a thread for long work has the priority of all others");
    }
}

/// Runs work here until it is done or `long` is set, and then aside; at once if it is set already. `None`: the threads are gone, because the server ends.
/// When the future is dropped, the work ends.
pub(crate) async fn run<T: Send + 'static>(
    aside: &Handle,
    long: &Arc<AtomicBool>,
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    let mut work = Box::pin(work);
    let soon = poll_fn(|context| {
        if long.load(Ordering::Relaxed) {
            return Poll::Ready(None);
        }
        match work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if long.load(Ordering::Relaxed) => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await;
    if soon.is_some() {
        return soon;
    }
    let mut tasks = JoinSet::new();
    tasks.spawn_on(work, aside);
    match tasks.join_next().await? {
        Ok(done) => Some(done),
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        Err(_cancelled) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Option<String> {
        std::thread::current().name().map(str::to_owned)
    }

    #[tokio::test]
    async fn work_stays_where_it_began_until_it_takes_long() {
        let (aside, long) = (Aside::new().unwrap(), Arc::new(AtomicBool::new(false)));
        let handle = aside.handle().unwrap();
        let began = here();
        let setting = Arc::clone(&long);
        let work = async move {
            let first = here();
            tokio::task::yield_now().await;
            let second = here();
            setting.store(true, Ordering::Relaxed);
            tokio::task::yield_now().await;
            (first, second, here())
        };
        let (first, second, third) = run(&handle, &long, work).await.unwrap();
        assert_eq!((&first, &second), (&began, &began));
        assert_eq!(third.as_deref(), Some("guest-aside"));
        let work = async { here() };
        assert_eq!(run(&handle, &long, work).await.unwrap().as_deref(), Some("guest-aside"), "from the beginning");
    }
}
