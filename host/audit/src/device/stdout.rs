//! The server's own output, and nowhere.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;

use super::Sink;

/// Standard output, past the buffer that other output goes through.
#[derive(Default)]
pub(crate) struct Stdout(Option<File>);

impl Sink for Stdout {
    fn open(&mut self) -> io::Result<()> {
        if self.0.is_none() {
            self.0 = Some(File::from(io::stdout().as_fd().try_clone_to_owned()?));
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.open()?;
        self.0.as_mut().map_or(Ok(()), |out| out.write_all(line))
    }
}

/// Takes everything and keeps nothing.
pub(crate) struct Discard;

impl Sink for Discard {
    fn open(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn write(&mut self, _line: &[u8]) -> io::Result<()> {
        Ok(())
    }
}
