//! Opens the store that the configuration names.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use embedded::{Embedded, OpenError};
use postgresql::{Postgresql, Settings};
use secrecy::ExposeSecret;
use storage::Driver;
use storage::memory::Memory;

use crate::config::Storage;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long a store may be in use by another process before this one gives up.
const IN_USE_WAIT: Duration = Duration::from_secs(2);

/// The store, below its barrier.
pub async fn open(storage: &Storage) -> Result<Arc<dyn Driver>, Failure> {
    match storage {
        Storage::Memory => Ok(Arc::new(Memory::new())),
        Storage::File { path } => {
            let path = path.clone();
            // It waits for the disk.
            let opened = tokio::task::spawn_blocking(move || file(&path)).await?;
            Ok(Arc::new(opened.map_err(|error| format!("storage \"file\": {error}"))?))
        }
        Storage::Postgresql { connection_url, table, max_parallel } => {
            let mut settings = Settings::new(connection_url.expose_secret());
            (settings.table, settings.max_parallel) = (table.clone(), *max_parallel);
            let opened = Postgresql::open(settings).await;
            Ok(Arc::new(opened.map_err(|error| format!("storage \"postgresql\": {error}"))?))
        }
    }
}

/// The store in a folder. One that is in use may be that of a server that was killed a moment ago and is still ending.
fn file(path: &Path) -> Result<Embedded, OpenError> {
    let until = Instant::now() + IN_USE_WAIT;
    loop {
        match Embedded::open(path) {
            Err(OpenError::InUse { .. }) if Instant::now() < until => std::thread::sleep(Duration::from_millis(50)),
            opened => return opened,
        }
    }
}
