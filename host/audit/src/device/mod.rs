//! Devices: where entries are written to, each with a thread of its own.

mod file;
mod socket;
mod stdout;
mod syslog;
mod writer;

use std::io;

use model::Fault;

use crate::options::{Format, Options, Target};
use crate::salt::Salt;
use crate::table::Record;
pub(crate) use writer::{DEADLINE, Pending, Writer};

/// What a device's thread writes to. Its calls may block: only that thread makes them.
pub(crate) trait Sink: Send {
    /// Opens it, if it is not open. Fails with what an operator should know.
    fn open(&mut self) -> io::Result<()>;

    /// Writes one line, as a whole or not at all as far as that can be done. Opens it if it is not open.
    fn write(&mut self, line: &[u8]) -> io::Result<()>;

    /// After the last of some lines.
    fn settle(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Lets go of what was open, so that the next line opens it anew.
    fn reopen(&mut self) {}
}

/// A device.
pub(crate) struct Device {
    pub(crate) record: Record,
    pub(crate) salt: Salt,
    pub(crate) format: Format,
    pub(crate) writer: Writer,
}

impl Device {
    /// Starts the thread of a device. Nothing is opened yet.
    pub(crate) fn start(record: Record) -> Result<Self, Fault> {
        let options = Options::parse(&record.kind, &record.options)?;
        let sink: Box<dyn Sink> = match options.target {
            Target::Discard => Box::new(stdout::Discard),
            Target::Stdout => Box::new(stdout::Stdout::default()),
            Target::File { path, mode, fsync } => Box::new(file::File::new(path, mode, fsync)),
            Target::Tcp(address) => Box::new(socket::Tcp::new(address, options.deadline)),
            Target::Udp(address) => Box::new(socket::Udp::new(address, options.deadline)),
            Target::Unix(path) => Box::new(socket::Unix::new(path, options.deadline)),
            Target::Syslog { facility, tag } => Box::new(syslog::Syslog::new(syslog::LOG, facility, &tag)),
        };
        let salt = Salt::new(record.salt.as_slice());
        let writer = Writer::start(record.path.as_str(), sink, options.deadline)?;
        Ok(Self { salt, format: options.format, writer, record })
    }
}
