//! Writing: one thread, and many batches in one sync.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use storage::{Batch, Error, Expectation};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::apply::{apply, commit};
use crate::engine::{Engine, Fault};
use crate::failure::again;
use crate::folder::{Folder, NEXT};
use crate::view::Reading;
use crate::{GROUP_BATCHES_MAX, GROUP_BYTES_MAX};

pub(crate) type Answer = oneshot::Sender<Result<(), Error>>;

/// What the thread is asked.
pub(crate) enum Job {
    Commit(Waiting),
    /// The engine failed while somebody was reading.
    Resume(Answer),
    /// The next store is complete; its records have this version.
    Promote(u64, Answer),
}

/// A batch in the queue.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) bytes: usize,
    pub(crate) answer: Answer,
    /// Its room in the queue.
    pub(crate) _room: OwnedSemaphorePermit,
}

/// What readers and the writer share.
pub(crate) struct Shared {
    reading: Mutex<Arc<Reading>>,
    /// The newest version.
    pub(crate) version: AtomicU64,
}

impl Shared {
    pub(crate) fn new(reading: Reading) -> Self {
        let version = AtomicU64::new(reading.engine().version());
        Self { reading: Mutex::new(Arc::new(reading)), version }
    }

    /// The newest state of the store, and the engine that has it.
    pub(crate) fn reading(&self) -> Arc<Reading> {
        Arc::clone(&self.reading.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn engine(&self) -> Arc<Engine> {
        Arc::clone(self.reading().engine())
    }

    fn publish(&self, reading: Reading, version: u64) {
        self.version.store(version, Ordering::Release);
        let mut current = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *current, Arc::new(reading));
        // With the old one its engine may close, which writes: not under the lock.
        drop(current);
        drop(old);
    }
}

/// About how much memory a batch takes.
pub(crate) fn size(batch: &Batch) -> usize {
    let written = batch.writes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, |value| value.len()));
    let expected = batch.expectations.iter().map(|expected| match expected {
        Expectation::Key { key, .. } => key.len(),
        Expectation::Listing { listing, page } => {
            listing.prefix.len() + page.names.iter().map(String::len).sum::<usize>()
        }
    });
    written.chain(expected).map(|bytes| bytes + 64).sum()
}

/// Runs until the last sender is gone.
pub(crate) fn run(shared: Arc<Shared>, folder: Arc<Folder>, mut jobs: mpsc::Receiver<Job>) {
    let writer = Writer { shared, folder };
    while let Some(job) = jobs.blocking_recv() {
        let other = match job {
            Job::Commit(first) => {
                let (group, other) = gather(first, &mut jobs);
                writer.commit(group, true);
                other
            }
            other => Some(other),
        };
        match other {
            Some(Job::Commit(waiting)) => writer.commit(vec![waiting], true),
            Some(Job::Resume(answer)) => drop(answer.send(writer.resume_if_failed())),
            Some(Job::Promote(version, answer)) => drop(answer.send(writer.promote(version))),
            None => {}
        }
    }
}

/// Takes what has come in since the last commit, up to the bounds of a group.
fn gather(first: Waiting, jobs: &mut mpsc::Receiver<Job>) -> (Vec<Waiting>, Option<Job>) {
    let mut bytes = first.bytes;
    let mut group = vec![first];
    while group.len() < GROUP_BATCHES_MAX && bytes < GROUP_BYTES_MAX {
        match jobs.try_recv() {
            Ok(Job::Commit(waiting)) => {
                bytes += waiting.bytes;
                group.push(waiting);
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

struct Writer {
    shared: Arc<Shared>,
    folder: Arc<Folder>,
}

/// A group that was not committed.
struct Broken {
    fault: Fault,
    /// How far it came: which batches held, and the version that the store has if it was committed after all.
    reached: Option<(Vec<bool>, u64)>,
}

impl Writer {
    /// Commits a group and answers each of its batches. After a failure the store is opened again as it was before the
    /// group, so that nothing of it can come up later.
    fn commit(&self, group: Vec<Waiting>, may_repeat: bool) {
        if let Err(error) = self.resume_if_failed() {
            return refuse(group, &error);
        }
        let Broken { fault, reached } = match self.attempt(&group) {
            Ok(held) => return answer(group, &held),
            Err(broken) => broken,
        };
        tracing::error!(error = %fault.error, batches = group.len(), "a commit failed");
        let version = match self.resume() {
            Ok(version) => version,
            Err(error) => {
                tracing::error!(%error, "the store cannot be opened again for now");
                return refuse(group, &fault.error);
            }
        };
        match reached {
            // It was on the disk before what failed.
            Some((held, reached)) if reached == version => answer(group, &held),
            _ if fault.earlier && may_repeat => self.commit(group, false),
            _ if matches!(fault.error, Error::Damaged { .. }) && group.len() > 1 => {
                group.into_iter().for_each(|alone| self.commit(vec![alone], false));
            }
            _ => refuse(group, &fault.error),
        }
    }

    fn attempt(&self, group: &[Waiting]) -> Result<Vec<bool>, Broken> {
        let engine = self.shared.engine();
        let applied = engine.with(|database| apply(database, group.iter().map(|waiting| &waiting.batch)));
        let (transaction, held, version) = applied.map_err(|fault| Broken { fault, reached: None })?.into_parts();
        match engine.with(|_| commit(transaction, version)) {
            Ok(()) => {
                // If this fails, so has the engine, and who wants to read has it opened again first.
                if let Some(version) = version
                    && let Ok(reading) = Reading::begin(engine)
                {
                    self.shared.publish(reading, version);
                }
                Ok(held)
            }
            Err(fault) => Err(Broken { fault, reached: version.map(|version| (held, version)) }),
        }
    }

    fn resume_if_failed(&self) -> Result<(), Error> {
        if self.shared.engine().failed() { self.resume().map(drop) } else { Ok(()) }
    }

    fn resume(&self) -> Result<u64, Error> {
        let engine = self.shared.engine().resume().map_err(|error| error.into_storage())?;
        let version = engine.version();
        let reading = Reading::begin(Arc::new(engine)).map_err(|fault| fault.error)?;
        self.shared.publish(reading, version);
        tracing::warn!("the store was opened again");
        Ok(version)
    }

    /// Puts the next store in the place of this one.
    fn promote(&self, version: u64) -> Result<(), Error> {
        if self.shared.version.load(Ordering::Acquire) >= version {
            return Err(Error::Unavailable("too much was written while the store was being replaced".to_owned()));
        }
        let next = Engine::open_next(&self.folder).map_err(|error| error.into_storage())?;
        let next = Reading::begin(Arc::new(next)).map_err(|fault| fault.error)?;
        if let Err(error) = self.folder.promote() {
            drop(next);
            let _ = self.folder.remove(NEXT);
            return Err(Error::Unavailable(format!("the store could not be replaced: {error}")));
        }
        self.shared.engine().retire();
        self.shared.publish(next, version);
        Ok(())
    }
}

fn answer(group: Vec<Waiting>, held: &[bool]) {
    for (waiting, held) in group.into_iter().zip(held) {
        let answer = if *held { Ok(()) } else { Err(Error::Conflict) };
        // Who asked may be gone by now.
        let _ = waiting.answer.send(answer);
    }
}

fn refuse(group: Vec<Waiting>, error: &Error) {
    for waiting in group {
        let _ = waiting.answer.send(Err(again(error)));
    }
}
