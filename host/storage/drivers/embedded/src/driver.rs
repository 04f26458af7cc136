//! The driver: what the rest of the house sees.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;

use async_trait::async_trait;
use storage::{Batch, Driver, Error, Records, Snapshot};
use tokio::sync::{Mutex, Semaphore, mpsc, oneshot};
use tokio::time::timeout;

use crate::engine::Engine;
use crate::folder::{Folder, RECORDS};
use crate::open_error::OpenError;
use crate::replace::build;
use crate::view::{Reading, View};
use crate::writer::{self, Answer, Job, Shared, Waiting, size};
use crate::{QUEUE_BATCHES_MAX, QUEUE_BYTES_MAX, QUEUE_WAIT};

/// The unit in which the bytes of the queue are counted.
const ROOM_BYTES: usize = 1024;
/// How far ahead the version of a replacement is drawn, so that no commit reaches it while the replacement is written.
const VERSIONS_AHEAD: u64 = 1 << 32;

/// The embedded driver. Dropping it waits for the commits that are in the queue.
pub struct Embedded {
    shared: Arc<Shared>,
    folder: Arc<Folder>,
    jobs: Option<mpsc::Sender<Job>>,
    room: Arc<Semaphore>,
    replacing: Arc<Mutex<()>>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Opens the store in a folder, or makes both. Takes milliseconds whatever the size of the store and however it was
    /// left, but it waits for the disk: not to be called where requests are served.
    ///
    /// # Errors
    /// See [`OpenError`]; nothing is changed then, but for permissions that were too wide.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let folder = Arc::new(Folder::open(path)?);
        let reading = Reading::begin(Arc::new(Engine::open(&folder)?))
            .map_err(|fault| OpenError::Engine { file: folder.name_of(RECORDS), reason: fault.error.to_string() })?;
        let shared = Arc::new(Shared::new(reading));
        let (jobs, waiting) = mpsc::channel(QUEUE_BATCHES_MAX);
        let writer = std::thread::Builder::new().name("storage-writer".to_owned()).spawn({
            let (shared, folder) = (Arc::clone(&shared), Arc::clone(&folder));
            move || writer::run(shared, folder, waiting)
        });
        let writer = writer.map_err(|error| OpenError::io("start a thread for", path.display().to_string(), error))?;
        let room = Arc::new(Semaphore::new(QUEUE_BYTES_MAX / ROOM_BYTES));
        let replacing = Arc::new(Mutex::new(()));
        Ok(Self { shared, folder, jobs: Some(jobs), room, replacing, writer: Some(writer) })
    }

    #[cfg(test)]
    pub(crate) fn room_in_queue(&self) -> usize {
        self.jobs.as_ref().map_or(0, mpsc::Sender::capacity)
    }

    /// Puts a job into the queue and waits for its answer.
    async fn ask(&self, job: impl FnOnce(Answer) -> Job) -> Result<(), Error> {
        let (answer, answered) = oneshot::channel();
        let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
        jobs.send(job(answer)).await.map_err(|_| stopped())?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }
}

#[async_trait]
impl Driver for Embedded {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let reading = self.shared.reading();
        if !reading.engine().failed() {
            return Ok(Box::new(View(reading)));
        }
        self.ask(Job::Resume).await?;
        Ok(Box::new(View(self.shared.reading())))
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let bytes = size(&batch);
        let units = u32::try_from((bytes / ROOM_BYTES + 1).min(QUEUE_BYTES_MAX / ROOM_BYTES)).unwrap_or(u32::MAX);
        let (answer, answered) = oneshot::channel();
        let queued = timeout(QUEUE_WAIT, async {
            let room = Arc::clone(&self.room).acquire_many_owned(units).await.map_err(|_| stopped())?;
            let jobs = self.jobs.as_ref().ok_or_else(stopped)?;
            let waiting = Waiting { batch, bytes, answer, _room: room };
            jobs.send(Job::Commit(waiting)).await.map_err(|_| stopped())
        });
        match queued.await {
            Ok(queued) => queued?,
            Err(_) => return Err(Error::Unavailable("too many writes are waiting for the disk".to_owned())),
        }
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn replace(&self, records: Box<dyn Records>) -> Result<(), Error> {
        let turn = Arc::clone(&self.replacing).lock_owned().await;
        let version = self.shared.version.load(Ordering::Acquire).saturating_add(VERSIONS_AHEAD);
        let _turn = build(Arc::clone(&self.folder), version, records, turn).await?;
        self.ask(|answer| Job::Promote(version, answer)).await
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the thread that writes had panicked");
        }
    }
}

fn stopped() -> Error {
    Error::Unavailable("the store has stopped".to_owned())
}
