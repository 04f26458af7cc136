//! `sys/storage/snapshot`, and `sys/storage/raft/snapshot` as stock clients call it: the whole store as one file, and
//! back.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{Chunks, Fault, Kind, Operation, Payload, Reply, Stream};
use storage::Driver;
use storage::archive::{Reader, Writer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::spool::Spool;
use crate::{Call, unsupported};

/// What a snapshot is to HTTP. Vault's is a gzip; this one is not, because what the barrier wrote does not compress.
const MEDIA_TYPE: &str = "application/octet-stream";
/// Most snapshots that are being read out at once: each holds a view of the store.
const SAVES_MAX: usize = 4;
/// When to ask again for one that was not to be had now.
const AGAIN: Duration = Duration::from_secs(10);
/// How long an upload that was refused is still read, so that clients that do not listen while they send hear why.
const LISTEN_MAX: Duration = Duration::from_secs(30);

/// What must happen once everything that is kept was replaced: whatever rooms remember of the old is void.
#[async_trait]
pub trait AfterRestore: Send + Sync + 'static {
    /// Called once after each restore, before its answer.
    async fn restored(&self);
}

/// The store below everything else, for reading it out and replacing it.
pub struct Snapshots {
    driver: Arc<dyn Driver>,
    after_restore: Arc<dyn AfterRestore>,
    spool: PathBuf,
    saving: Arc<Semaphore>,
    restoring: Arc<Semaphore>,
}

impl Snapshots {
    /// Of this driver's records as they are, without any barrier. Uploads wait in the folder `spool` until they are
    /// complete; nobody else can open them there.
    pub fn new(driver: Arc<dyn Driver>, spool: PathBuf, after_restore: Arc<dyn AfterRestore>) -> Self {
        let saving = Arc::new(Semaphore::new(SAVES_MAX));
        Self { driver, after_restore, spool, saving, restoring: Arc::new(Semaphore::new(1)) }
    }

    /// Answers with the file. What is written here is an upload and comes to [`Self::restore`].
    pub(crate) async fn save(&self, call: Call<'_>) -> Result<Reply, Fault> {
        root_only(&call.namespace)?;
        if call.operation != Operation::Read {
            return Err(unsupported());
        }
        let permit = Arc::clone(&self.saving).try_acquire_owned();
        let permit = permit.map_err(|_| busy("4 snapshots are being read out already"))?;
        let writer = Writer::new(self.driver.snapshot().await.map_err(failed)?, call.now);
        let stream = Stream::new(Saving { writer, _permit: permit });
        Ok(Reply { payload: Payload::Streamed { content_type: MEDIA_TYPE, stream }, ..Reply::default() })
    }

    /// Replaces everything by the file that comes here, or changes nothing. One at a time. The store is touched only
    /// once the file has come whole and nothing is wrong with it: however slow the client is, it holds nobody up, and
    /// once it has sent everything it may go.
    pub(crate) async fn restore(&self, upload: Stream) -> Result<(), Fault> {
        let permit = Arc::clone(&self.restoring).try_acquire_owned();
        let permit = permit.map_err(|_| busy("another snapshot is being restored"))?;
        let restoring = Restoring {
            driver: Arc::clone(&self.driver),
            after_restore: Arc::clone(&self.after_restore),
            spool: self.spool.clone(),
            _permit: permit,
        };
        let done = tokio::spawn(restoring.run(upload)).await;
        done.map_err(|error| Fault::internal(format!("restoring ended early: {error}")))?
    }
}

/// A snapshot holds all namespaces: it belongs to the root.
pub(crate) fn root_only(namespace: &tenancy::Namespace) -> Result<(), Fault> {
    if namespace.path.is_root() {
        Ok(())
    } else {
        Err(Fault::invalid("a snapshot holds all namespaces: it is made and restored in the root namespace"))
    }
}

struct Saving {
    writer: Writer,
    _permit: OwnedSemaphorePermit,
}

#[async_trait]
impl Chunks for Saving {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        self.writer.next().await.map_err(failed)
    }
}

struct Restoring {
    driver: Arc<dyn Driver>,
    after_restore: Arc<dyn AfterRestore>,
    spool: PathBuf,
    _permit: OwnedSemaphorePermit,
}

impl Restoring {
    async fn run(self, Stream(mut upload): Stream) -> Result<(), Fault> {
        let received = Spool::receive(&self.spool, upload.as_mut()).await;
        if received.is_err() {
            let rest = async { while let Ok(Some(_)) = upload.next().await {} };
            let _ = tokio::time::timeout(LISTEN_MAX, rest).await;
        }
        let replaced = self.driver.replace(Box::new(Reader::new(received?))).await;
        replaced.map_err(failed)?;
        self.after_restore.restored().await;
        Ok(())
    }
}

fn busy(why: &str) -> Fault {
    Fault::new(Kind::Unavailable, format!("{why}: try again later")).retry_after(AGAIN)
}

pub(crate) fn failed(error: storage::Error) -> Fault {
    match error {
        storage::Error::Archive(error) => Fault::invalid(error.to_string()),
        storage::Error::Source(fault) => fault,
        error => error.into(),
    }
}
