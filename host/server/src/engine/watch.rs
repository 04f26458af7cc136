//! Looks at a file again and again. No notices of the system: they differ between systems, and half a second is no wait.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How often it is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// A file that is watched.
pub(super) struct Watched {
    path: PathBuf,
    /// As it was when it was last told of.
    told: Option<Mark>,
    every: Duration,
}

/// What tells a file from what was there before.
type Mark = (SystemTime, u64);

fn mark(path: &Path) -> Option<Mark> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

impl Watched {
    /// Watches from now on.
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), told: mark(path), every: EVERY }
    }

    /// Waits until it is another and stays so for a moment: until whoever writes it has written all of it.
    pub(super) async fn changed(&mut self) {
        let mut before = None;
        loop {
            tokio::time::sleep(self.every).await;
            let now = mark(&self.path);
            if now.is_some() && now != self.told && now == before {
                self.told = now;
                return;
            }
            before = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_told_of_once_when_it_has_changed_and_not_when_it_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        std::fs::write(&path, "one").unwrap();
        let mut watched = Watched::new(&path);
        watched.every = Duration::from_millis(10);
        let patience = Duration::from_millis(200);
        assert!(tokio::time::timeout(patience, watched.changed()).await.is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(tokio::time::timeout(patience, watched.changed()).await.is_err());
        std::fs::write(&path, "another").unwrap();
        assert!(tokio::time::timeout(patience * 50, watched.changed()).await.is_ok());
        assert!(tokio::time::timeout(patience, watched.changed()).await.is_err());
    }
}
