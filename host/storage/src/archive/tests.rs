use async_trait::async_trait;
use model::{Chunks, Fault, Kind};

use super::*;
use crate::memory::Memory;
use crate::{Batch, Driver, Value};

const CREATED: u64 = 1_800_000_000;

/// A store of small records, of the largest one, and of enough for several blocks.
async fn store() -> Memory {
    let memory = Memory::new();
    let mut writes = std::collections::BTreeMap::new();
    let longest = "k".repeat(KEY_BYTES_MAX);
    writes.insert("a".to_owned(), Some(Value::from(&b""[..])));
    writes.insert("z\u{10FFFF}".to_owned(), Some(Value::from(&b"last"[..])));
    writes.insert(longest, Some(Value::from(vec![7; VALUE_BYTES_MAX])));
    for number in 0..3000_u32 {
        writes.insert(format!("many/{number:05}"), Some(Value::from(vec![number as u8; 200])));
    }
    memory.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
    memory
}

async fn written(memory: &Memory) -> Vec<u8> {
    let mut writer = Writer::new(memory.snapshot().await.unwrap(), CREATED);
    let mut file = Vec::new();
    while let Some(chunk) = writer.next().await.unwrap() {
        assert!(!chunk.is_empty() && chunk.len() <= CHUNK_MAX);
        file.extend(chunk);
    }
    file
}

/// A small file of two blocks, and where the second block and the end begin.
fn small() -> (Vec<u8>, usize, usize) {
    let mut file = Forge::new();
    file.block(&[record(b"a", b"1"), record(b"b", b"22")].concat());
    let second = file.0.len();
    file.block(&record(b"c", b""));
    let end = file.0.len();
    (file.end(3, 6), second, end)
}

fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    let lengths = ((key.len() as u16).to_be_bytes(), (value.len() as u32).to_be_bytes());
    [&lengths.0[..], key, &lengths.1[..], value].concat()
}

/// Makes files whose seals are right whatever they hold.
struct Forge(Vec<u8>);

impl Forge {
    fn new() -> Self {
        let mut forge = Self([&MAGIC[..], &FORMAT.to_be_bytes(), &CREATED.to_be_bytes()].concat());
        forge.seal(SEAL);
        forge
    }

    fn seal(&mut self, length: usize) {
        let seal = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.0);
        self.0.extend(&seal.as_ref()[..length]);
    }

    fn block(&mut self, records: &[u8]) {
        self.0.push(RECORDS);
        self.0.extend((records.len() as u32).to_be_bytes());
        self.0.extend(records);
        self.seal(SEAL);
    }

    fn end(mut self, records: u64, bytes: u64) -> Vec<u8> {
        self.0.push(END);
        self.0.extend(records.to_be_bytes());
        self.0.extend(bytes.to_be_bytes());
        self.seal(32);
        self.0
    }
}

/// Gives a file in pieces of one size, and then perhaps a failure.
struct Pieces {
    file: Vec<u8>,
    size: usize,
    breaks_off: bool,
}

#[async_trait]
impl Chunks for Pieces {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault> {
        if self.file.is_empty() {
            return if self.breaks_off { Err(Fault::invalid("broken off")) } else { Ok(None) };
        }
        let rest = self.file.split_off(self.size.min(self.file.len()));
        Ok(Some(std::mem::replace(&mut self.file, rest)))
    }
}

fn pieces(file: &[u8], size: usize) -> Pieces {
    Pieces { file: file.to_vec(), size, breaks_off: false }
}

fn refused(file: &[u8]) -> Error {
    verify(file).expect_err("the file was accepted")
}

#[tokio::test]
async fn what_was_written_is_read_back_whatever_the_pieces() {
    let memory = store().await;
    let file = written(&memory).await;
    let summary = verify(&file[..]).unwrap();
    let bytes = 1 + (5 + 4) + (KEY_BYTES_MAX + VALUE_BYTES_MAX) as u64 + 3000 * (10 + 200);
    assert_eq!(summary, Summary { format: FORMAT, created: CREATED, records: 3003, bytes });
    for size in [1009, 64 * 1024, file.len()] {
        let other = Memory::new();
        other.replace(Box::new(Reader::new(pieces(&file, size)))).await.unwrap();
        assert!(written(&other).await == file, "in pieces of {size}");
    }
}

#[tokio::test]
async fn an_empty_store_is_a_snapshot_too() {
    let file = written(&Memory::new()).await;
    assert_eq!(file.len(), HEADER + END_LENGTH);
    assert_eq!(verify(&file[..]).unwrap().records, 0);
}

#[test]
fn each_cut_is_noticed_and_says_where() {
    let (file, ..) = small();
    assert_eq!(verify(&file[..]).unwrap().records, 3);
    for length in 0..file.len() {
        match refused(&file[..length]) {
            Error::Torn { at } => assert_eq!(at, length as u64),
            other => panic!("cut to {length}: {other}"),
        }
    }
}

#[test]
fn each_flipped_bit_is_noticed_in_its_block() {
    let (file, second, end) = small();
    for at in 0..file.len() {
        for bit in 0..8 {
            let mut flipped = file.clone();
            flipped[at] ^= 1 << bit;
            let begins = match at {
                _ if at >= end => end,
                _ if at >= second => second,
                _ if at >= HEADER => HEADER,
                _ => 0,
            };
            match refused(&flipped) {
                Error::Foreign { at: told } => assert!(at < MAGIC.len() && told == at as u64),
                Error::Format { .. } => assert!((MAGIC.len()..MAGIC.len() + 2).contains(&at)),
                Error::Damaged { at: told, .. } => assert_eq!(told, begins as u64, "bit {bit} of byte {at}"),
                // A block that became longer than the file.
                Error::Torn { .. } => {
                    assert!((1..5).contains(&(at - begins)) || at == begins, "bit {bit} of byte {at}")
                }
                other => panic!("bit {bit} of byte {at}: {other}"),
            }
        }
    }
}

#[test]
fn blocks_cannot_be_left_out_doubled_or_moved() {
    let (file, second, end) = small();
    let (header, one, two, rest) = (&file[..HEADER], &file[HEADER..second], &file[second..end], &file[end..]);
    for wrong in [
        [header, two, rest].concat(),
        [header, one, rest].concat(),
        [header, rest].concat(),
        [header, one, one, two, rest].concat(),
        [header, two, one, rest].concat(),
    ] {
        assert!(matches!(refused(&wrong), Error::Damaged { .. }));
    }
}

#[test]
fn foreign_newer_and_longer_files_are_refused_for_what_they_are() {
    let (file, ..) = small();
    for foreign in [&b"\x1f\x8b\x08\0"[..], b"{}", &[0; 4096]] {
        assert!(matches!(refused(foreign), Error::Foreign { at: 0 }));
    }
    let text = String::from_utf8_lossy(&file).replace("\r\n", "\n").into_bytes();
    assert!(matches!(refused(&text), Error::Foreign { .. }));
    let mut newer = file.clone();
    newer[MAGIC.len() + 1] = 2;
    assert!(refused(&newer).to_string().contains("format 2"));
    let longer = [&file[..], b"\n"].concat();
    assert!(matches!(refused(&longer), Error::Trailing { at } if at == file.len() as u64));
}

#[test]
fn what_is_sealed_but_wrong_is_refused_too() {
    let forged = |records: &[u8], says: &str| {
        let mut forge = Forge::new();
        forge.block(records);
        let error = refused(&forge.end(1, 2)).to_string();
        assert!(error.contains(says), "{error}");
        assert!(error.contains(&format!("byte {HEADER}")), "{error}");
    };
    let pair = |first: &[u8], second: &[u8]| [record(first, b""), record(second, b"")].concat();
    forged(b"", "length");
    forged(&pair(b"b", b"a"), "order");
    forged(&pair(b"a", b"a"), "order");
    forged(&record(b"", b"1"), "order");
    forged(&record(b"\xff", b"1"), "UTF-8");
    forged(&record(&[b'k'; KEY_BYTES_MAX + 1], b""), "larger");
    forged(&record(b"a", &vec![0; VALUE_BYTES_MAX + 1]), "larger");
    forged(&record(b"a", b"123")[..9], "longer than its block");
    forged(b"\0", "longer than its block");
    let counted = |records, bytes| {
        let mut forge = Forge::new();
        forge.block(&record(b"a", b"1"));
        verify(&forge.end(records, bytes)[..])
    };
    assert!(counted(1, 2).is_ok());
    assert!(counted(2, 2).is_err() && counted(1, 3).is_err());
}

#[test]
fn a_block_that_claims_too_much_is_not_waited_for() {
    let mut forge = Forge::new();
    forge.0.push(RECORDS);
    forge.0.extend((BLOCK_MAX as u32 + 1).to_be_bytes());
    let mut decoder = Decoder::new();
    decoder.feed(&forge.0);
    assert!(matches!(decoder.step(), Err(Error::Damaged { .. })));
}

#[tokio::test]
async fn a_bad_file_or_a_source_that_breaks_off_changes_nothing() {
    let (file, ..) = small();
    let memory = store().await;
    let before = written(&memory).await;
    let mut flipped = file.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let failed = memory.replace(Box::new(Reader::new(pieces(&flipped, 7)))).await.unwrap_err();
    assert!(matches!(failed, crate::Error::Archive(_)) && failed.kind() == Kind::InvalidRequest);
    let source = Pieces { file: file[..60].to_vec(), size: 7, breaks_off: true };
    let failed = memory.replace(Box::new(Reader::new(source))).await.unwrap_err();
    assert!(matches!(failed, crate::Error::Source(_)));
    assert!(written(&memory).await == before);
}

#[tokio::test]
async fn a_record_that_could_not_be_read_back_is_not_written() {
    let memory = Memory::new();
    let value = Some(Value::from(vec![0; VALUE_BYTES_MAX + 1]));
    let batch = Batch { expectations: Vec::new(), writes: [("large".to_owned(), value)].into() };
    memory.commit(batch).await.unwrap();
    let mut writer = Writer::new(memory.snapshot().await.unwrap(), CREATED);
    assert!(writer.next().await.is_ok());
    assert!(matches!(writer.next().await, Err(crate::Error::Damaged { key, .. }) if key == "large"));
}
