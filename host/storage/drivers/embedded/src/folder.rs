//! The folder of the store: opened once, and every file in it by name below that.

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use crate::open_error::OpenError;

/// The records.
pub(crate) const RECORDS: &str = "records";
/// A store that is being written and is not yet the one.
pub(crate) const NEXT: &str = "records.next";
/// The store that was, for the moment of being replaced.
const PREVIOUS: &str = "records.previous";
/// Held by whoever uses the folder.
const LOCK: &str = "lock";

/// The folder, held against other processes.
pub(crate) struct Folder {
    dir: Dir,
    /// The folder as a file, for its permissions and for syncing names.
    itself: File,
    path: String,
    _lock: File,
}

impl Folder {
    /// Makes the folder if there is none, closes it against other users, and takes the lock. The one place with the
    /// authority to open any path.
    pub(crate) fn open(path: &Path) -> Result<Self, OpenError> {
        let name = path.display().to_string();
        make(path).map_err(|error| OpenError::io("make the folder", &name, error))?;
        let unusable = |error| OpenError::io("use the folder", &name, error);
        let dir = Dir::open_ambient_dir(path, ambient_authority()).map_err(unusable)?;
        let itself = dir.open(".").map_err(unusable)?.into_std();
        close_to_others(&dir, &itself, &name)?;
        let lock = lock(&dir, &name)?;
        let folder = Self { dir, itself, path: name, _lock: lock };
        for left in [NEXT, PREVIOUS] {
            folder.remove(left).map_err(|error| OpenError::io("remove", folder.name_of(left), error))?;
        }
        Ok(folder)
    }

    /// The path of a file, for people.
    pub(crate) fn name_of(&self, file: &str) -> String {
        format!("{}/{file}", self.path)
    }

    /// Whether the store is there.
    pub(crate) fn has_records(&self) -> Result<bool, OpenError> {
        self.dir.try_exists(RECORDS).map_err(|error| OpenError::io("find", self.name_of(RECORDS), error))
    }

    /// Opens a file that is there.
    pub(crate) fn file(&self, name: &str) -> io::Result<File> {
        let file = self.dir.open_with(name, OpenOptions::new().read(true).write(true))?.into_std();
        let mode = file.metadata()?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            tracing::warn!(file = self.name_of(name), "other users could use this file (mode {mode:03o}); now 600");
            file.set_permissions(Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }

    /// Makes a new, empty file.
    pub(crate) fn new_file(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok(self.dir.open_with(name, &options)?.into_std())
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match self.dir.remove_file(name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes [`NEXT`] the store. When it fails, the store is what it was.
    pub(crate) fn promote(&self) -> io::Result<()> {
        self.remove(PREVIOUS)?;
        // Keeps the old store at hand until the new name is on the disk. File systems without links do without.
        let kept = self.dir.hard_link(RECORDS, &self.dir, PREVIOUS).is_ok();
        self.dir.rename(NEXT, &self.dir, RECORDS)?;
        if let Err(error) = self.itself.sync_all() {
            if kept {
                self.dir.rename(PREVIOUS, &self.dir, RECORDS)?;
            }
            return Err(error);
        }
        if let Err(error) = self.remove(PREVIOUS) {
            tracing::warn!(file = self.name_of(PREVIOUS), %error, "a replaced store could not be removed");
        }
        Ok(())
    }
}

/// Makes the folder and those above it that are missing, and puts their names on the disk: what is acknowledged in a
/// folder that a loss of power takes away would be lost with it.
fn make(path: &Path) -> io::Result<()> {
    let is_missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for above in missing.iter().filter_map(|folder| folder.parent()) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        File::open(above)?.sync_all()?;
    }
    Ok(())
}

/// Closes the folder against other users if it is the store's alone; else refuses it, since others may need it open.
fn close_to_others(dir: &Dir, itself: &File, name: &str) -> Result<(), OpenError> {
    let read = |error| OpenError::io("read the folder", name, error);
    let mode = itself.metadata().map_err(read)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    for entry in dir.entries().map_err(read)? {
        let entry = entry.map_err(read)?.file_name();
        if ![RECORDS, NEXT, PREVIOUS, LOCK].iter().any(|own| entry == *own) {
            return Err(OpenError::Exposed { place: name.to_owned(), mode });
        }
    }
    tracing::warn!(folder = name, "other users could enter this folder (mode {mode:03o}); now 700");
    itself
        .set_permissions(Permissions::from_mode(0o700))
        .map_err(|error| OpenError::io("close to other users the folder", name, error))
}

fn lock(dir: &Dir, name: &str) -> Result<File, OpenError> {
    let place = format!("{name}/{LOCK}");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    let file = dir.open_with(LOCK, &options).map_err(|error| OpenError::io("open", &place, error))?.into_std();
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { place: name.to_owned() }),
        Err(TryLockError::Error(error)) => Err(OpenError::io("lock", place, error)),
    }
}
