//! From a snapshot of the store to the bytes of its file.

use std::vec;

use aws_lc_rs::digest::{Context, SHA256};

use super::{BLOCK_FULL, CHUNK_MAX, END, FORMAT, KEY_BYTES_MAX, MAGIC, RECORDS, SEAL, Summary, VALUE_BYTES_MAX};
use crate::{Error, Snapshot, Value};

/// Reads a store out, step by step: it holds one step of a scan and one block, however large the store is.
pub struct Writer {
    snapshot: Box<dyn Snapshot>,
    scanned: vec::IntoIter<(String, Value)>,
    last: Option<String>,
    hash: Context,
    summary: Summary,
    /// Of the block that is being given, what did not fit into one chunk.
    left: Vec<u8>,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Header,
    Blocks,
    Done,
}

impl Writer {
    /// Of everything in this snapshot, made at this time, in seconds since 1970.
    pub fn new(snapshot: Box<dyn Snapshot>, created: u64) -> Self {
        Self {
            snapshot,
            scanned: Vec::new().into_iter(),
            last: None,
            hash: Context::new(&SHA256),
            summary: Summary { format: FORMAT, created, records: 0, bytes: 0 },
            left: Vec::new(),
            stage: Stage::Header,
        }
    }

    /// The next bytes of the file, at most [`CHUNK_MAX`]; `None`: that was all. After a failure the file has no end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let made = if !self.left.is_empty() {
            std::mem::take(&mut self.left)
        } else {
            match self.stage {
                Stage::Header => self.header(),
                Stage::Blocks => self.block().await?,
                Stage::Done => return Ok(None),
            }
        };
        Ok(Some(self.cut(made)))
    }

    fn header(&mut self) -> Vec<u8> {
        self.stage = Stage::Blocks;
        let mut header = MAGIC.to_vec();
        header.extend(FORMAT.to_be_bytes());
        header.extend(self.summary.created.to_be_bytes());
        self.seal(&mut header);
        header
    }

    async fn block(&mut self) -> Result<Vec<u8>, Error> {
        let mut block = vec![RECORDS, 0, 0, 0, 0];
        let head = block.len();
        while block.len() - head < BLOCK_FULL {
            match self.record().await? {
                Some((key, value)) => self.put(&mut block, &key, &value)?,
                None => break,
            }
        }
        if block.len() == head {
            return Ok(self.end());
        }
        let length = (block.len() - head) as u32;
        block[1..head].copy_from_slice(&length.to_be_bytes());
        self.seal(&mut block);
        Ok(block)
    }

    async fn record(&mut self) -> Result<Option<(String, Value)>, Error> {
        if let Some(record) = self.scanned.next() {
            return Ok(Some(record));
        }
        let step = self.snapshot.scan(self.last.as_deref()).await?;
        self.last = step.last().map(|(key, _)| key.clone()).or(self.last.take());
        self.scanned = step.into_iter();
        Ok(self.scanned.next())
    }

    /// What could not be read back is not written either.
    fn put(&mut self, block: &mut Vec<u8>, key: &str, value: &[u8]) -> Result<(), Error> {
        if key.is_empty() || key.len() > KEY_BYTES_MAX || value.len() > VALUE_BYTES_MAX {
            let reason = format!("too large for a snapshot: {} bytes under a key of {}", value.len(), key.len());
            return Err(Error::Damaged { key: key.to_owned(), reason });
        }
        block.extend((key.len() as u16).to_be_bytes());
        block.extend(key.as_bytes());
        block.extend((value.len() as u32).to_be_bytes());
        block.extend(value);
        self.summary.records += 1;
        self.summary.bytes += (key.len() + value.len()) as u64;
        Ok(())
    }

    fn end(&mut self) -> Vec<u8> {
        self.stage = Stage::Done;
        let mut end = vec![END];
        end.extend(self.summary.records.to_be_bytes());
        end.extend(self.summary.bytes.to_be_bytes());
        self.hash.update(&end);
        end.extend(self.hash.clone().finish().as_ref());
        end
    }

    fn seal(&mut self, block: &mut Vec<u8>) {
        self.hash.update(block);
        let seal = self.hash.clone().finish();
        block.extend(&seal.as_ref()[..SEAL]);
        self.hash.update(&seal.as_ref()[..SEAL]);
    }

    fn cut(&mut self, mut made: Vec<u8>) -> Vec<u8> {
        if made.len() > CHUNK_MAX {
            self.left = made.split_off(CHUNK_MAX);
        }
        made
    }
}
