//! From the bytes of a file to records.

use std::io::Read;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::{
    BLOCK_MAX, END, END_LENGTH, Error, FORMAT, HEADER, KEY_BYTES_MAX, MAGIC, RECORDS, SEAL, Summary, VALUE_BYTES_MAX,
};
use crate::Value;

/// How much [`verify`] reads at once.
const READ_MAX: usize = 64 * 1024;
/// What comes before the records of a block.
const BLOCK_HEAD: usize = 1 + 4;

/// Takes a file in pieces of any size and gives its records, of which it has checked everything but what only the end
/// tells: whoever uses them must be able to take them back until [`Decoder::finish`] has agreed. Holds one block and
/// the piece that was fed last.
pub struct Decoder {
    fed: Zeroizing<Vec<u8>>,
    /// How much of `fed` is done with.
    done: usize,
    /// Where in the file `fed[done]` is.
    at: u64,
    hash: Context,
    last: String,
    summary: Summary,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Blocks,
    Ended,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Decoder {
    /// Before the first byte.
    pub fn new() -> Self {
        Self {
            fed: Zeroizing::default(),
            done: 0,
            at: 0,
            hash: Context::new(&SHA256),
            last: String::new(),
            summary: Summary { format: FORMAT, created: 0, records: 0, bytes: 0 },
            stage: Stage::Header,
        }
    }

    /// Takes the next bytes. To be followed by [`Self::step`] until that gives nothing more.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.fed.drain(..self.done);
        self.done = 0;
        self.fed.extend_from_slice(bytes);
    }

    /// The records of the next block; `None`: it wants more bytes.
    pub fn step(&mut self) -> Result<Option<Vec<(String, Value)>>, Error> {
        if self.stage == Stage::Header && !self.header()? {
            return Ok(None);
        }
        if self.stage == Stage::Ended {
            return if self.rest().is_empty() { Ok(None) } else { Err(Error::Trailing { at: self.at }) };
        }
        match self.rest().first() {
            None => Ok(None),
            Some(&RECORDS) => self.block(),
            Some(&END) => self.end(),
            Some(_) => Err(self.damaged("there is no such kind of block")),
        }
    }

    /// What the file held, once all of it was fed and stepped through.
    pub fn finish(&self) -> Result<Summary, Error> {
        match self.stage {
            Stage::Ended if self.rest().is_empty() => Ok(self.summary),
            Stage::Ended => Err(Error::Trailing { at: self.at }),
            _ => Err(Error::Torn { at: self.fed_so_far() }),
        }
    }

    /// How many bytes were fed.
    fn fed_so_far(&self) -> u64 {
        self.at + self.rest().len() as u64
    }

    fn rest(&self) -> &[u8] {
        &self.fed[self.done..]
    }

    fn damaged(&self, what: &'static str) -> Error {
        Error::Damaged { at: self.at, what }
    }

    /// Whether the header is complete. A wrong one is refused as early as it shows.
    fn header(&mut self) -> Result<bool, Error> {
        let rest = self.rest();
        if let Some(wrong) = rest.iter().zip(&MAGIC).position(|(is, should)| is != should) {
            return Err(Error::Foreign { at: wrong as u64 });
        }
        let Some(format) = number(rest.get(MAGIC.len()..MAGIC.len() + 2)) else { return Ok(false) };
        if format != u64::from(FORMAT) {
            return Err(Error::Format { found: format as u16 });
        }
        let created = rest.get(MAGIC.len() + 2..HEADER - SEAL);
        let Some(created) = number(created).filter(|_| rest.len() >= HEADER) else { return Ok(false) };
        self.hash = self.sealed(HEADER - SEAL)?;
        self.pass(HEADER);
        self.summary.created = created;
        self.stage = Stage::Blocks;
        Ok(true)
    }

    fn block(&mut self) -> Result<Option<Vec<(String, Value)>>, Error> {
        let Some(length) = number(self.rest().get(1..BLOCK_HEAD)) else { return Ok(None) };
        let length = length as usize;
        if length == 0 || length > BLOCK_MAX {
            return Err(self.damaged("its length is out of bounds"));
        }
        let whole = BLOCK_HEAD + length;
        if self.rest().len() < whole + SEAL {
            return Ok(None);
        }
        let hash = self.sealed(whole)?;
        let records = self.records(self.done + BLOCK_HEAD, self.done + whole)?;
        self.hash = hash;
        self.pass(whole + SEAL);
        Ok(Some(records))
    }

    fn records(&mut self, from: usize, to: usize) -> Result<Vec<(String, Value)>, Error> {
        let (mut records, mut from) = (Vec::new(), from);
        while from < to {
            let (key, after) = self.part(from, to, 2, KEY_BYTES_MAX)?;
            let key = std::str::from_utf8(key).map_err(|_| self.damaged("a key is not UTF-8"))?.to_owned();
            let (value, after) = self.part(after, to, 4, VALUE_BYTES_MAX)?;
            let value = Value::from(value);
            if key <= self.last {
                return Err(self.damaged("its keys are not in order"));
            }
            self.summary.records += 1;
            self.summary.bytes += (key.len() + value.len()) as u64;
            self.last.clone_from(&key);
            records.push((key, value));
            from = after;
        }
        Ok(records)
    }

    /// A part with its length before it, and where the next one begins.
    fn part(&self, from: usize, to: usize, digits: usize, most: usize) -> Result<(&[u8], usize), Error> {
        let short = || self.damaged("a record is longer than its block");
        let block = &self.fed[..to];
        let length = number(block.get(from..from + digits)).ok_or_else(short)? as usize;
        if length > most {
            return Err(self.damaged("a record is larger than records may be"));
        }
        let (from, after) = (from + digits, from + digits + length);
        Ok((block.get(from..after).ok_or_else(short)?, after))
    }

    fn end(&mut self) -> Result<Option<Vec<(String, Value)>>, Error> {
        let Some(end) = self.rest().get(..END_LENGTH) else { return Ok(None) };
        let mut hash = self.hash.clone();
        hash.update(&end[..END_LENGTH - 32]);
        if *hash.finish().as_ref() != end[END_LENGTH - 32..] {
            return Err(self.damaged("the checksum of the whole is wrong"));
        }
        if number(Some(&end[1..9])) != Some(self.summary.records)
            || number(Some(&end[9..17])) != Some(self.summary.bytes)
        {
            return Err(self.damaged("it has not as many records as it says"));
        }
        self.stage = Stage::Ended;
        self.pass(END_LENGTH);
        self.step()
    }

    /// Checks the seal behind this many bytes; gives the hash over both.
    fn sealed(&self, length: usize) -> Result<Context, Error> {
        let mut hash = self.hash.clone();
        hash.update(&self.rest()[..length]);
        let seal = &self.rest()[length..length + SEAL];
        if hash.clone().finish().as_ref()[..SEAL] != *seal {
            return Err(self.damaged("its checksum is wrong"));
        }
        hash.update(seal);
        Ok(hash)
    }

    fn pass(&mut self, length: usize) {
        self.done += length;
        self.at += length as u64;
    }
}

/// A big-endian number of at most 8 bytes.
fn number(bytes: Option<&[u8]>) -> Option<u64> {
    bytes.map(|bytes| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

/// Reads a whole file and says what it holds, if nothing is wrong with it. Blocks; holds no more than one block.
pub fn verify(mut source: impl Read) -> Result<Summary, Error> {
    let mut decoder = Decoder::new();
    let mut piece = vec![0; READ_MAX];
    loop {
        match source.read(&mut piece) {
            Ok(0) => return decoder.finish(),
            Ok(length) => decoder.feed(&piece[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Unreadable { at: decoder.fed_so_far(), error }),
        }
        while decoder.step()?.is_some() {}
    }
}
