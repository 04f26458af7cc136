//! Sockets: streams over TCP or in the file system, and datagrams over UDP.

use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{RecvFlags, recv};

use super::Sink;

/// A connection that is made when it is needed.
pub(crate) struct Stream<S, C> {
    connect: C,
    stream: Option<S>,
}

pub(crate) type Connect<S> = Box<dyn Fn() -> io::Result<S> + Send>;

/// A stream over TCP.
pub(crate) struct Tcp;

/// A stream socket in the file system.
pub(crate) struct Unix;

impl Tcp {
    #[allow(clippy::new_ret_no_self, reason = "what it names is a kind of stream")]
    pub(crate) fn new(address: String, time: Duration) -> Stream<TcpStream, Connect<TcpStream>> {
        let connect = move || {
            let mut last = io::Error::new(io::ErrorKind::NotFound, "the address has no host");
            for address in address.to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, time) {
                    Ok(stream) => {
                        stream.set_write_timeout(Some(time))?;
                        stream.set_nodelay(true)?;
                        return Ok(stream);
                    }
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        Stream { connect: Box::new(connect), stream: None }
    }
}

impl Unix {
    #[allow(clippy::new_ret_no_self, reason = "what it names is a kind of stream")]
    pub(crate) fn new(path: String, time: Duration) -> Stream<UnixStream, Connect<UnixStream>> {
        let connect = move || {
            let stream = UnixStream::connect(&path)?;
            stream.set_write_timeout(Some(time))?;
            Ok(stream)
        };
        Stream { connect: Box::new(connect), stream: None }
    }
}

impl<S: Write + AsFd + Send, C: Fn() -> io::Result<S> + Send> Sink for Stream<S, C> {
    fn open(&mut self) -> io::Result<()> {
        // A peer that has gone would take the next line and lose it.
        if self.stream.as_ref().is_some_and(is_closed) {
            self.stream = None;
        }
        if self.stream.is_none() {
            self.stream = Some((self.connect)()?);
        }
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.open()?;
        let Some(stream) = &mut self.stream else { return Ok(()) };
        // After a line that went out in part, the next one goes over a connection of its own.
        stream.write_all(line).inspect_err(|_| self.stream = None)
    }

    fn reopen(&mut self) {
        self.stream = None;
    }
}

/// Whether the peer has closed its end. What it sends is left where it is: nobody expects anything of it.
fn is_closed(stream: &impl AsFd) -> bool {
    let mut byte = [0];
    match recv(stream, &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
        Ok((_, length)) => length == 0,
        Err(error) => error != rustix::io::Errno::AGAIN && error != rustix::io::Errno::INTR,
    }
}

/// Datagrams over UDP, one for each line.
pub(crate) struct Udp {
    address: String,
    time: Duration,
    socket: Option<UdpSocket>,
}

impl Udp {
    pub(crate) fn new(address: String, time: Duration) -> Self {
        Self { address, time, socket: None }
    }
}

impl Sink for Udp {
    fn open(&mut self) -> io::Result<()> {
        if self.socket.is_some() {
            return Ok(());
        }
        let missing = || io::Error::new(io::ErrorKind::NotFound, "the address has no host");
        let address = self.address.to_socket_addrs()?.next().ok_or_else(missing)?;
        let socket = UdpSocket::bind(if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" })?;
        socket.connect(address)?;
        socket.set_write_timeout(Some(self.time))?;
        self.socket = Some(socket);
        Ok(())
    }

    fn write(&mut self, line: &[u8]) -> io::Result<()> {
        self.open()?;
        let Some(socket) = &self.socket else { return Ok(()) };
        socket.send(line).map(drop)
    }

    fn reopen(&mut self) {
        self.socket = None;
    }
}
