//! The folder that components are read from, and nothing outside of it.

use std::io::{ErrorKind, Read};
use std::path::{Component, Path};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::{COMPONENT_MAX, Error};

/// Longest path below the folder, in bytes.
const COMMAND_MAX: usize = 512;

/// An open `plugin_directory`. What is reached through it stays below it: neither dots nor links lead out.
#[derive(Clone)]
pub struct Directory(Arc<Dir>);

impl Directory {
    /// Opens the folder, once, when the server starts.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self(Arc::new(Dir::open_ambient_dir(path, ambient_authority())?)))
    }

    /// Reads a component, at most [`COMPONENT_MAX`] bytes. Blocks.
    pub(crate) fn read(&self, command: &str) -> Result<Vec<u8>, Error> {
        check(command)?;
        let unreadable = |error: std::io::Error| match error.kind() {
            // What cap-std answers for a path that would leave the folder.
            ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Error::Outside,
            kind => Error::Unreadable(kind.to_string()),
        };
        let file = self.0.open(command).map_err(unreadable)?;
        if !file.metadata().map_err(unreadable)?.is_file() {
            return Err(Error::Unreadable("it is no regular file".to_owned()));
        }
        let mut bytes = Vec::new();
        file.take(COMPONENT_MAX as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() > COMPONENT_MAX {
            return Err(Error::Unreadable("it is larger than 64 MiB".to_owned()));
        }
        Ok(bytes)
    }
}

/// A path below the folder: plain names with `/` between.
fn check(command: &str) -> Result<(), Error> {
    if command.len() > COMMAND_MAX || command.contains('\0') {
        return Err(Error::Invalid("command: at most 512 bytes, without NUL".to_owned()));
    }
    let plain = Path::new(command).components().all(|part| matches!(part, Component::Normal(_)));
    if plain { Ok(()) } else { Err(Error::Outside) }
}
