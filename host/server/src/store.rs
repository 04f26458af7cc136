//! Opens the store that the configuration names.

use std::sync::Arc;

use embedded::Embedded;
use storage::Driver;
use storage::memory::Memory;

use crate::config::Storage;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The store, below its barrier.
pub async fn open(storage: &Storage) -> Result<Arc<dyn Driver>, Failure> {
    match storage {
        Storage::Memory => Ok(Arc::new(Memory::new())),
        Storage::File { path } => {
            let path = path.clone();
            // It waits for the disk.
            let opened = tokio::task::spawn_blocking(move || Embedded::open(&path)).await?;
            Ok(Arc::new(opened.map_err(|error| format!("storage \"file\": {error}"))?))
        }
        Storage::Postgresql { .. } => Err("not built".into()),
    }
}
