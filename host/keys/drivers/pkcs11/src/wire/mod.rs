//! What the server and a worker process say to each other.
//!
//! Messages in frames: four bytes of length, big-endian, and so many bytes of postcard. Both ends are the same binary;
//! the version is there because a file can be replaced. Buffers are zeroised: PINs pass through them.

pub(crate) mod bytes;
pub(crate) mod message;
pub(crate) mod refusal;
pub(crate) mod shared;

use std::io::{self, Read};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::{Zeroize, Zeroizing};

/// The version of the messages.
pub(crate) const VERSION: u16 = 3;
/// Longest frame towards a worker: a message to sign, and what is said about it.
pub(crate) const REQUEST_MAX: usize = keys::MESSAGE_MAX + 64 * 1024;
/// Longest frame from a worker: a sealed text, and what is said about it. What is in there may be a vendor's doing, so it
/// is bounded by what is sensible.
pub(crate) const ANSWER_MAX: usize = keys::SEALED_MAX + 16 * 1024;
/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;
const HEADER: usize = 4;

/// A message as a frame. Fails when it is longer than `most`.
pub(crate) fn frame<M: Serialize>(message: &M, most: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let size = postcard::experimental::serialized_size(message).map_err(invalid)?;
    if size > most {
        return Err(invalid("a frame is too long"));
    }
    // The whole length at once: a buffer that grows leaves copies behind.
    let mut framed = Zeroizing::new(vec![0; HEADER + size]);
    let header = u32::try_from(size).map_err(invalid)?.to_be_bytes();
    framed[..HEADER].copy_from_slice(&header);
    let written = postcard::to_slice(message, &mut framed[HEADER..]).map_err(invalid)?.len();
    if written == size { Ok(framed) } else { Err(invalid("a frame has another length than was counted")) }
}

/// What a source holds, cut into messages.
pub(crate) struct Frames<R> {
    source: R,
    most: usize,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl<R> Drop for Frames<R> {
    fn drop(&mut self) {
        self.buffer.zeroize();
    }
}

/// What came of one reading.
pub(crate) enum Read1<M> {
    /// A message.
    Message(M),
    /// Nothing yet: the source timed out.
    Waiting,
    /// The other side hung up.
    End,
}

impl<R: Read> Frames<R> {
    pub(crate) fn new(source: R, most: usize) -> Self {
        Self { source, most, buffer: vec![0; CHUNK], start: 0, end: 0 }
    }

    /// The next message. Reads at most once; what was read stays for the next call.
    pub(crate) fn next<M: DeserializeOwned>(&mut self) -> io::Result<Read1<M>> {
        loop {
            if let Some(message) = self.take()? {
                return Ok(Read1::Message(message));
            }
            self.make_room()?;
            match self.source.read(&mut self.buffer[self.end..]) {
                Ok(0) => return Ok(Read1::End),
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Ok(Read1::Waiting);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn take<M: DeserializeOwned>(&mut self) -> io::Result<Option<M>> {
        let Some(len) = self.len()? else { return Ok(None) };
        let from = self.start + HEADER;
        if self.end < from + len {
            return Ok(None);
        }
        let body = &mut self.buffer[from..from + len];
        let message = postcard::from_bytes(body).map_err(invalid);
        body.zeroize();
        self.start = from + len;
        message.map(Some)
    }

    /// The length of the frame that begins, once it is there.
    fn len(&self) -> io::Result<Option<usize>> {
        let Some(header) = self.buffer[self.start..self.end].first_chunk::<HEADER>() else { return Ok(None) };
        let len = usize::try_from(u32::from_be_bytes(*header)).map_err(invalid)?;
        if len > self.most { Err(invalid("a frame is too long")) } else { Ok(Some(len)) }
    }

    /// Room for the rest of the frame.
    fn make_room(&mut self) -> io::Result<()> {
        let needed = self.len()?.map_or(HEADER, |len| HEADER + len);
        if self.start > 0 && (self.start == self.end || self.start + needed.max(CHUNK / 2) > self.buffer.len()) {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.buffer[self.end..self.end + self.start].zeroize();
            self.start = 0;
        }
        if self.start + needed > self.buffer.len() {
            let mut larger = vec![0; needed + CHUNK];
            larger[..self.end].copy_from_slice(&self.buffer[..self.end]);
            self.buffer.zeroize();
            self.buffer = larger;
        } else if self.end == 0 && self.buffer.len() > 4 * CHUNK {
            // One large message is no reason to keep its room.
            self.buffer.zeroize();
            self.buffer = vec![0; CHUNK];
        }
        Ok(())
    }
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8], most: usize) -> io::Result<Vec<String>> {
        let mut frames = Frames::new(bytes, most);
        let mut found = Vec::new();
        while let Read1::Message(message) = frames.next::<String>()? {
            found.push(message);
        }
        Ok(found)
    }

    #[test]
    fn messages_of_any_length_come_out_as_they_went_in() {
        let sent: Vec<String> = [0, 1, 100, CHUNK - 4, CHUNK, 5 * CHUNK, 3, 7].map(|len| "x".repeat(len)).to_vec();
        let mut stream = Vec::new();
        for message in &sent {
            stream.extend_from_slice(&frame(message, REQUEST_MAX).unwrap());
        }
        assert_eq!(all(&stream, REQUEST_MAX).unwrap(), sent);
    }

    #[test]
    fn frames_that_are_too_long_are_neither_written_nor_waited_for() {
        assert!(frame(&"x".repeat(100), 50).is_err());
        let huge = u32::MAX.to_be_bytes();
        assert!(all(&huge, REQUEST_MAX).is_err());
        assert!(all(&frame(&"x".repeat(100), 200).unwrap(), 50).is_err());
    }

    #[test]
    fn garbage_is_an_error_and_a_cut_frame_is_an_end() {
        let mut framed = frame(&"message".to_owned(), 100).unwrap().to_vec();
        assert!(all(&framed[..framed.len() - 1], 100).unwrap().is_empty());
        framed[HEADER] = 0xff;
        assert!(all(&framed, 100).is_err());
    }
}
