//! The system's log: datagrams to its socket, framed as RFC 3164 has it for programs of the same machine, without a time,
//! which the log adds itself.

use std::io;
use std::os::unix::net::UnixDatagram;

use super::{DEADLINE, Sink};

/// Where the system's log listens.
pub(crate) const LOG: &str = "/dev/log";
/// Informational.
const SEVERITY: u8 = 6;

pub(crate) struct Syslog {
    path: &'static str,
    head: String,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    pub(crate) fn new(path: &'static str, facility: u8, tag: &str) -> Self {
        let priority = u16::from(facility) * 8 + u16::from(SEVERITY);
        Self { path, head: format!("<{priority}>{tag}[{}]: ", std::process::id()), socket: None }
    }
}

impl Sink for Syslog {
    fn open(&mut self) -> io::Result<()> {
        if self.socket.is_none() {
            let socket = UnixDatagram::unbound()?;
            socket.connect(self.path)?;
            socket.set_write_timeout(Some(DEADLINE))?;
            self.socket = Some(socket);
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let datagram = [self.head.as_bytes(), line].concat();
        // A log that was started anew listens at another socket of the same name.
        if let Some(socket) = &self.socket
            && socket.send(&datagram).is_ok()
        {
            return Ok(());
        }
        self.socket = None;
        self.open()?;
        self.socket.as_ref().map_or(Ok(()), |socket| socket.send(&datagram).map(drop))
    }

    fn reopen(&mut self) {
        self.socket = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_framed_datagram_and_a_log_that_starts_anew_is_found() {
        let path = std::env::temp_dir().join(format!("innkeeper-syslog-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let log = UnixDatagram::bind(&path).unwrap();
        let leaked: &'static str = Box::leak(path.display().to_string().into_boxed_str());
        let mut syslog = Syslog::new(leaked, 4, "innkeeper");
        syslog.write(b"{\"a\":1}\n").unwrap();
        let mut buffer = [0; 100];
        let length = log.recv(&mut buffer).unwrap();
        let expected = format!("<38>innkeeper[{}]: {{\"a\":1}}", std::process::id());
        assert_eq!(String::from_utf8_lossy(&buffer[..length]), expected);
        drop(log);
        std::fs::remove_file(&path).unwrap();
        assert!(syslog.write(b"lost\n").is_err());
        let log = UnixDatagram::bind(&path).unwrap();
        syslog.write(b"found\n").unwrap();
        assert!(log.recv(&mut buffer).unwrap() > 0);
        std::fs::remove_file(&path).unwrap();
    }
}
