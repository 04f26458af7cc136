//! A file on its way: it has its name only once it is complete.

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::Error;

/// Nobody but its owner reads what is saved.
pub(crate) const OWN: u32 = 0o600;

/// `FILE.part`. It is removed when it is dropped before [`Part::finish`].
pub(crate) struct Part<'a> {
    name: &'a Path,
    part: PathBuf,
    force: bool,
    file: File,
    finished: bool,
}

impl<'a> Part<'a> {
    /// Begins anew, over what another try may have left; not over what another one is writing.
    pub(crate) fn open(name: &'a Path, force: bool) -> Result<Self, Error> {
        Self::open_with(name, force, OWN)
    }

    /// The same for a file that others may read too.
    pub(crate) fn open_with(name: &'a Path, force: bool, mode: u32) -> Result<Self, Error> {
        free(name, force)?;
        let mut part = name.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let failed = |error| Error::File { path: part.clone(), error };
        let options = OpenOptions::new().write(true).create(true).truncate(false).mode(OWN).open(&part);
        let file = options.map_err(failed)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(Error::Busy(part)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Ok(()) => {}
        }
        // It may be a link, or have got its name meanwhile: then it is not ours to empty.
        let (ours, there) = (file.metadata().map_err(failed)?, fs::symlink_metadata(&part).map_err(failed)?);
        if (ours.dev(), ours.ino()) != (there.dev(), there.ino()) {
            return Err(Error::Busy(part));
        }
        file.set_permissions(Permissions::from_mode(mode)).and_then(|()| file.set_len(0)).map_err(failed)?;
        Ok(Self { name, part, force, file, finished: false })
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(|error| self.failed(error))
    }

    /// Makes it durable, and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        self.file.sync_all().map_err(|error| self.failed(error))?;
        free(self.name, self.force)?;
        fs::rename(&self.part, self.name).map_err(|error| self.failed(error))?;
        self.finished = true;
        let folder = self.name.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        folder.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: io::Error) -> Error {
        Error::File { path: self.part.clone(), error }
    }
}

impl Drop for Part<'_> {
    fn drop(&mut self) {
        if !self.finished {
            let _ = fs::remove_file(&self.part);
        }
    }
}

/// A whole file at once.
pub(crate) fn save(name: &Path, force: bool, mode: u32, bytes: &[u8]) -> Result<(), Error> {
    let mut part = Part::open_with(name, force, mode)?;
    part.write(bytes)?;
    part.finish()
}

fn free(name: &Path, force: bool) -> Result<(), Error> {
    if !force && fs::symlink_metadata(name).is_ok() { Err(Error::Exists(name.to_owned())) } else { Ok(()) }
}
