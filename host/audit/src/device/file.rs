//! A file that lines are added to.

use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use rustix::fs::{OFlags, fcntl_setfl};

use super::Sink;

/// Permissions of a file that is made here, when none are named.
const NEW_MODE: u32 = 0o600;

pub(crate) struct File {
    path: String,
    mode: Option<u32>,
    fsync: bool,
    /// Opened once: the file is found by its name in this folder from then on.
    folder: Option<Dir>,
    file: Option<std::fs::File>,
    /// A line was written in part; the next one begins with a line feed.
    torn: bool,
}

impl File {
    pub(crate) fn new(path: String, mode: Option<u32>, fsync: bool) -> Self {
        Self { path, mode, fsync, folder: None, file: None, torn: false }
    }

    fn opened(&mut self) -> io::Result<std::fs::File> {
        let path = Path::new(&self.path);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(wrong("has no name")) };
        let folder = match self.folder.take() {
            Some(folder) => folder,
            // The one place here with the authority to open any path.
            None => Dir::open_ambient_dir(parent, ambient_authority())?,
        };
        let folder = self.folder.insert(folder);
        let mut options = OpenOptions::new();
        options.append(true).create(true).mode(self.mode.unwrap_or(NEW_MODE));
        // A pipe that nobody reads is refused instead of waited for.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
        let file = folder.open_with(name, &options)?.into_std();
        let metadata = file.metadata()?;
        let kind = metadata.file_type();
        if !(kind.is_file() || kind.is_fifo() || kind.is_char_device()) {
            return Err(wrong("is neither a file, a pipe nor a character device"));
        }
        fcntl_setfl(&file, OFlags::APPEND)?;
        if let Some(mode) = self.mode
            && kind.is_file()
            && metadata.permissions().mode() & 0o7777 != mode
        {
            file.set_permissions(std::fs::Permissions::from_mode(mode))?;
        }
        Ok(file)
    }
}

impl Sink for File {
    fn open(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(self.opened()?);
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.open()?;
        let Some(file) = &mut self.file else { return Ok(()) };
        if self.torn {
            file.write_all(b"\n")?;
            self.torn = false;
        }
        let mut left = line;
        while !left.is_empty() {
            match file.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.torn = left.len() < line.len();
                    // A pipe whose reader has gone never works again; a new reader may come.
                    if error.kind() == io::ErrorKind::BrokenPipe {
                        (self.file, self.torn) = (None, false);
                    }
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        match &self.file {
            Some(file) if self.fsync => file.sync_data(),
            _ => Ok(()),
        }
    }

    fn reopen(&mut self) {
        (self.file, self.torn) = (None, false);
    }
}

fn wrong(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why.to_owned())
}
