//! The file itself: the one place where bytes go to the system and come from it.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// An open file and its name for people.
pub(crate) struct Disk {
    file: File,
    name: String,
    #[cfg(test)]
    probe: Option<crate::bad_disk::Probe>,
}

impl Disk {
    pub(crate) fn new(file: File, name: String) -> Self {
        #[cfg(test)]
        let probe = crate::bad_disk::Probe::of(&name);
        Self {
            file,
            name,
            #[cfg(test)]
            probe,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    pub(crate) fn read(&self, at: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(out, at)
    }

    pub(crate) fn write(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.probe.as_ref().map_or(Ok(()), |probe| probe.write(at, bytes))?;
        self.file.write_all_at(bytes, at)
    }

    pub(crate) fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.probe.as_ref().map_or(Ok(()), |probe| probe.set_len(len))?;
        self.file.set_len(len)
    }

    /// Waits until everything that was written, and the length, is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        self.probe.as_ref().map_or(Ok(()), |probe| probe.sync())?;
        self.file.sync_data()
    }
}
