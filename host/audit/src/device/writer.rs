//! The thread of a device, and the queue before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use model::Fault;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Sink;

/// How long an entry may take to be written.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);
/// Most entries that wait for one device.
const QUEUE_ENTRIES: usize = 1024;
/// Most bytes that wait for one device. One entry always fits.
const QUEUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Most entries that are written before those who wait for them are told.
const TOGETHER_MAX: usize = 64;

type Told = oneshot::Sender<Result<(), String>>;

enum Job {
    Open(Told),
    Line(Vec<u8>, Told),
    /// Something else was asked: see [`Shared`].
    Wake,
}

#[derive(Default)]
struct Shared {
    queued_bytes: AtomicUsize,
    /// An entry was not written in time, and none has been since.
    late: AtomicBool,
    /// The last entry was not written.
    failing: AtomicBool,
    reopen: AtomicBool,
}

/// The near end of a device's thread. When it is dropped the thread writes what is queued and ends.
pub(crate) struct Writer {
    name: String,
    queue: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    deadline: Duration,
}

/// An entry on its way.
pub(crate) struct Pending {
    told: oneshot::Receiver<Result<(), String>>,
    until: Instant,
    shared: Arc<Shared>,
}

impl Pending {
    /// Waits until it is written or cannot be, or its deadline has passed. It may still be written after that.
    pub(crate) async fn wait(self) -> Result<(), String> {
        match tokio::time::timeout_at(self.until, self.told).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => Err("its thread has ended".to_owned()),
            Err(_elapsed) => {
                self.shared.late.store(true, Ordering::Relaxed);
                Err("it was not written in time".to_owned())
            }
        }
    }
}

impl Writer {
    pub(crate) fn start(name: &str, sink: Box<dyn Sink>, deadline: Duration) -> Result<Self, Fault> {
        let (queue, jobs) = mpsc::channel(QUEUE_ENTRIES);
        let shared = Arc::new(Shared::default());
        let far = Arc::clone(&shared);
        let work = move || work(sink, jobs, &far);
        std::thread::Builder::new()
            .name("audit".to_owned())
            .spawn(work)
            .map_err(|error| Fault::internal(format!("an audit device's thread cannot be started: {error}")))?;
        Ok(Self { name: name.to_owned(), queue, shared, deadline })
    }

    /// Opens the device, for whoever wants to know whether that can be done.
    pub(crate) async fn open(&self) -> Result<(), String> {
        let (tell, told) = oneshot::channel();
        self.queue.try_send(Job::Open(tell)).map_err(|_| "too much waits for it".to_owned())?;
        self.pending(told).wait().await
    }

    /// Queues a line, which ends with a line feed.
    pub(crate) fn put(&self, line: Vec<u8>) -> Result<Pending, String> {
        let length = line.len();
        let before = self.shared.queued_bytes.fetch_add(length, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        let fits = before == 0 || before.saturating_add(length) <= QUEUE_BYTES_MAX;
        if fits && self.queue.try_send(Job::Line(line, tell)).is_ok() {
            return Ok(self.pending(told));
        }
        self.shared.queued_bytes.fetch_sub(length, Ordering::Relaxed);
        Err("too many entries wait for it".to_owned())
    }

    /// Whether nobody need wait for it, because it has not kept its time.
    pub(crate) fn is_late(&self) -> bool {
        self.shared.late.load(Ordering::Relaxed)
    }

    /// Lets it open its file or connection anew.
    pub(crate) fn reopen(&self) {
        self.shared.reopen.store(true, Ordering::Relaxed);
        // A full queue wakes it anyway.
        let _ = self.queue.try_send(Job::Wake);
    }

    /// Says in the log that the device fails, or works again: once each time, not for each entry.
    pub(crate) fn note(&self, outcome: Result<(), &str>) {
        let device = self.name.as_str();
        match outcome {
            Ok(()) if self.shared.failing.load(Ordering::Relaxed) => {
                if self.shared.failing.swap(false, Ordering::Relaxed) {
                    tracing::info!(device, "the audit device writes again");
                }
            }
            Ok(()) => {}
            Err(error) => {
                if !self.shared.failing.swap(true, Ordering::Relaxed) {
                    tracing::error!(device, error, "the audit device does not write; entries are missing from it");
                }
            }
        }
    }

    fn pending(&self, told: oneshot::Receiver<Result<(), String>>) -> Pending {
        Pending { told, until: Instant::now() + self.deadline, shared: Arc::clone(&self.shared) }
    }
}

/// What the thread does: writes lines in their order, and tells those who wait once several are settled together.
fn work(mut sink: Box<dyn Sink>, mut jobs: mpsc::Receiver<Job>, shared: &Shared) {
    let mut done: Vec<(Told, Result<(), String>)> = Vec::with_capacity(TOGETHER_MAX);
    while let Some(first) = jobs.blocking_recv() {
        let mut next = Some(first);
        while let Some(job) = next {
            if shared.reopen.swap(false, Ordering::Relaxed) {
                sink.reopen();
                // Made now, so that whoever rotates files finds the new one.
                if let Err(error) = sink.open() {
                    tracing::error!(%error, "an audit device cannot be opened anew; it is tried with the next entry");
                }
            }
            match job {
                Job::Wake => {}
                Job::Open(tell) => done.push((tell, sink.open().map_err(|error| error.to_string()))),
                Job::Line(line, tell) => {
                    done.push((tell, sink.write(&line).map_err(|error| error.to_string())));
                    shared.queued_bytes.fetch_sub(line.len(), Ordering::Relaxed);
                }
            }
            next = if done.len() < TOGETHER_MAX { jobs.try_recv().ok() } else { None };
        }
        let settled = if done.is_empty() { Ok(()) } else { sink.settle().map_err(|error| error.to_string()) };
        for (tell, outcome) in done.drain(..) {
            let outcome = outcome.and_then(|()| settled.clone());
            if outcome.is_ok() {
                shared.late.store(false, Ordering::Relaxed);
            }
            // Whoever asked may have gone.
            let _ = tell.send(outcome);
        }
    }
}
