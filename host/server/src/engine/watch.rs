//! Looks at files again and again. No notices of the system: they differ between systems, and half a second is no wait.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use walkdir::{DirEntry, WalkDir};

/// How often they are looked at.
const EVERY: Duration = Duration::from_millis(500);
/// Most files of a project that are looked at.
const FILES_MAX: usize = 10_000;

/// A file, or the sources of a project in a folder, that is watched.
pub(super) struct Watched {
    path: PathBuf,
    /// As it was when it was last told of.
    told: Option<Mark>,
    every: Duration,
}

/// What tells files from what was there before.
type Mark = u64;

fn mark(path: &Path) -> Option<Mark> {
    let mut mark = DefaultHasher::new();
    if !path.is_dir() {
        let facts = path.metadata().ok()?;
        (facts.modified().ok()?, facts.len()).hash(&mut mark);
        return Some(mark.finish());
    }
    let sources = WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(is_source);
    for entry in sources.filter_map(Result::ok).filter(|entry| entry.file_type().is_file()).take(FILES_MAX) {
        let facts = entry.metadata().ok()?;
        (entry.path(), facts.modified().ok()?, facts.len()).hash(&mut mark);
    }
    Some(mark.finish())
}

/// Nothing that is hidden, and nothing that building makes.
fn is_source(entry: &DirEntry) -> bool {
    if entry.depth() == 0 {
        return true;
    }
    let name = entry.file_name().to_string_lossy();
    let made = entry.depth() == 1 && (name == "target" || name == "Cargo.lock" || name.ends_with(".wasm"));
    !made && !name.starts_with('.')
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
            let path = self.path.clone();
            let now = tokio::task::spawn_blocking(move || mark(&path)).await.ok().flatten();
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

    const PATIENCE: Duration = Duration::from_millis(200);

    fn hurried(path: &Path) -> Watched {
        Watched { every: Duration::from_millis(10), ..Watched::new(path) }
    }

    #[tokio::test]
    async fn a_file_is_told_of_once_when_it_has_changed_and_not_when_it_is_away() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.wasm");
        std::fs::write(&path, "one").unwrap();
        let mut watched = hurried(&path);
        assert!(tokio::time::timeout(PATIENCE, watched.changed()).await.is_err());
        std::fs::remove_file(&path).unwrap();
        assert!(tokio::time::timeout(PATIENCE, watched.changed()).await.is_err());
        std::fs::write(&path, "another").unwrap();
        assert!(tokio::time::timeout(PATIENCE * 50, watched.changed()).await.is_ok());
        assert!(tokio::time::timeout(PATIENCE, watched.changed()).await.is_err());
    }

    #[tokio::test]
    async fn a_project_is_told_of_when_a_source_has_changed_and_not_when_it_was_built() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, name).unwrap();
        };
        write("src/lib.rs");
        let mut watched = hurried(folder.path());
        for built in ["target/release/a.wasm", "a.wasm", "Cargo.lock", ".git/index"] {
            write(built);
        }
        assert!(tokio::time::timeout(PATIENCE, watched.changed()).await.is_err());
        write("src/more/another.rs");
        assert!(tokio::time::timeout(PATIENCE * 50, watched.changed()).await.is_ok());
        std::fs::remove_file(folder.path().join("src/lib.rs")).unwrap();
        assert!(tokio::time::timeout(PATIENCE * 50, watched.changed()).await.is_ok());
    }
}
