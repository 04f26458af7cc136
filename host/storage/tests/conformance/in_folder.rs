//! The embedded driver in a folder of its own, which goes with it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use storage::{Batch, Driver, Error, Records, Snapshot};

/// The driver and its folder.
pub(crate) struct Embedded {
    driver: Option<embedded::Embedded>,
    folder: PathBuf,
}

impl Embedded {
    /// An empty store.
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("innkeeper-conformance-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        let driver = Some(embedded::Embedded::open(&folder).unwrap());
        Self { driver, folder }
    }

    fn driver(&self) -> &embedded::Embedded {
        self.driver.as_ref().unwrap()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        drop(self.driver.take());
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[async_trait]
impl Driver for Embedded {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.driver().snapshot().await
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        self.driver().commit(batch).await
    }

    async fn replace(&self, records: Box<dyn Records>) -> Result<(), Error> {
        self.driver().replace(records).await
    }
}
