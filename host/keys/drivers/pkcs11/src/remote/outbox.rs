//! The way to a worker. Sending never blocks: what the socket does not take waits in a bounded backlog, for a thread.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zeroize::Zeroizing;

/// Most bytes that wait for one worker.
const BACKLOG_MAX: usize = 4 * crate::wire::REQUEST_MAX;
/// How long the thread rests while the worker does not read.
const REST: Duration = Duration::from_millis(1);

/// The way to one worker.
pub(super) struct Outbox {
    state: Mutex<State>,
    filled: Condvar,
}

struct State {
    /// Never blocks, so that the lock is not held over waiting.
    stream: UnixStream,
    backlog: VecDeque<Part>,
    bytes: usize,
    closed: bool,
}

/// A frame, of which a part may be gone already.
struct Part {
    frame: Zeroizing<Vec<u8>>,
    sent: usize,
}

/// Why a frame was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The backlog is full.
    Full,
    /// The worker is gone.
    Gone,
}

impl Outbox {
    /// Over a stream; starts its thread, which ends when the outbox is closed.
    pub(super) fn new(stream: UnixStream) -> io::Result<Arc<Self>> {
        stream.set_nonblocking(true)?;
        let state = State { stream, backlog: VecDeque::new(), bytes: 0, closed: false };
        let outbox = Arc::new(Self { state: Mutex::new(state), filled: Condvar::new() });
        let own = Arc::clone(&outbox);
        std::thread::Builder::new().name("p11-outbox".into()).spawn(move || own.empty())?;
        Ok(outbox)
    }

    /// Sends a frame, at once if the worker reads.
    pub(super) fn send(&self, frame: Zeroizing<Vec<u8>>) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Gone);
        }
        if state.bytes + frame.len() > BACKLOG_MAX {
            return Err(Refused::Full);
        }
        state.bytes += frame.len();
        state.backlog.push_back(Part { frame, sent: 0 });
        if state.backlog.len() == 1 {
            state.push();
        }
        if !state.backlog.is_empty() {
            self.filled.notify_one();
        }
        if state.closed { Err(Refused::Gone) } else { Ok(()) }
    }

    /// Ends it: what waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.close();
        self.filled.notify_one();
    }

    fn empty(&self) {
        let mut state = self.lock();
        while !state.closed {
            if state.backlog.is_empty() {
                state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.push();
            if !state.backlog.is_empty() {
                drop(state);
                std::thread::sleep(REST);
                state = self.lock();
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Writes as much as the socket takes.
    fn push(&mut self) {
        while let Some(part) = self.backlog.front_mut() {
            match self.stream.write(&part.frame[part.sent..]) {
                Ok(written) if written > 0 => part.sent += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                _ => return self.close(),
            }
            if part.sent == part.frame.len() {
                self.bytes -= part.frame.len();
                self.backlog.pop_front();
            }
        }
    }

    fn close(&mut self) {
        self.closed = true;
        self.backlog.clear();
        self.bytes = 0;
        // Best effort: the other side may be gone.
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn frame(byte: u8, len: usize) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(vec![byte; len])
    }

    #[test]
    fn what_the_socket_does_not_take_arrives_later_and_in_order() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(ours).unwrap();
        for byte in 0..10 {
            outbox.send(frame(byte, 1024 * 1024)).unwrap();
        }
        let mut read = vec![0; 10 * 1024 * 1024];
        theirs.read_exact(&mut read).unwrap();
        let ordered =
            read.chunks(1024 * 1024).enumerate().all(|(at, chunk)| chunk.iter().all(|b| usize::from(*b) == at));
        assert!(ordered);
        outbox.close();
    }

    #[test]
    fn a_worker_that_does_not_read_fills_the_backlog_and_blocks_nobody() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let outbox = Outbox::new(ours).unwrap();
        let sent = (0..).map(|_| outbox.send(frame(1, 8 * 1024 * 1024))).take(10).find(Result::is_err);
        assert_eq!(sent, Some(Err(Refused::Full)));
        outbox.close();
        assert_eq!(outbox.send(frame(1, 1)), Err(Refused::Gone));
    }

    #[test]
    fn a_worker_that_is_gone_is_told_at_once() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        assert_eq!(Outbox::new(ours).unwrap().send(frame(1, 1)), Err(Refused::Gone));
    }
}
