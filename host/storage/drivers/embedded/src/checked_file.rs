//! The file below the engine: every block carries a checksum, and is checked when it is read.
//!
//! The engine trusts its file: it looks at its own checksums only when it repairs. Here each block of 4096 bytes is
//! followed by eight bytes of xxh3 over it, seeded by its place and by the file's identity, so that a changed bit, a
//! block in the wrong place or a block of another file is found before the engine sees it. A block that is written is
//! always written whole, with its checksum, by one call; blocks share no sector that a committed one could be torn with,
//! as long as a disk that loses power leaves the bytes beside the written ones alone, which SQLite assumes as well.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::{BackendError, StorageBackend};
use twox_hash::XxHash3_64;

use crate::disk::Disk;
use crate::failure::Damage;
use crate::front::{CONTENT_BYTES, FRONT_BYTES, Front};
use crate::open_error::OpenError;

/// The engine's block.
const BLOCK: usize = 4096;
/// A block and its checksum.
const STRIDE: usize = BLOCK + 8;

const OPEN: u8 = 0;
const READ_ONLY: u8 = 1;
const CLOSED: u8 = 2;

/// A file of checked blocks. Clones are the same file.
#[derive(Clone)]
pub(crate) struct CheckedFile(Arc<Inner>);

struct Inner {
    disk: Disk,
    identity: u64,
    fronts: Mutex<Fronts>,
    access: AtomicU8,
}

/// The engine's first block as it is, and as it is known to be on the disk.
struct Fronts {
    now: [u8; CONTENT_BYTES],
    /// Whether `now` was written since the last sync.
    written: bool,
    synced: [u8; CONTENT_BYTES],
    /// Which copy has what is synced. The other one may be written over.
    synced_copy: u64,
    number: u64,
}

impl CheckedFile {
    /// A new file: empty so far.
    pub(crate) fn create(disk: Disk) -> Self {
        // Keys of a hash map are random: enough for a number that only has to differ from that of other files.
        let identity = RandomState::new().hash_one(());
        let empty = [0; CONTENT_BYTES];
        let fronts = Fronts { now: empty, written: false, synced: empty, synced_copy: 1, number: 0 };
        Self::new(disk, identity, fronts)
    }

    /// A file that is there.
    pub(crate) fn open(disk: Disk) -> Result<Self, OpenError> {
        let found = Front::read(&disk)?;
        let length = disk.len().map_err(|error| OpenError::io("read", disk.name(), error))?;
        if !(length - FRONT_BYTES).is_multiple_of(STRIDE as u64) {
            let reason = "its length is not a whole number of blocks".to_owned();
            return Err(OpenError::Damaged { place: disk.name().to_owned(), reason });
        }
        if found.other_is_bad {
            tracing::warn!(
                file = disk.name(),
                "one of the two copies of the front does not check out; the other one is used"
            );
        }
        let (content, number) = (found.front.content, found.front.number);
        let fronts = Fronts { now: content, written: false, synced: content, synced_copy: found.copy, number };
        Ok(Self::new(disk, found.front.identity, fronts))
    }

    /// The same file after a failure, as it was when it was last synced: what was written since then counts for nothing.
    /// After a failed sync nobody knows what of it reached the disk.
    pub(crate) fn resume(&self, disk: Disk) -> io::Result<Self> {
        self.set_access(CLOSED);
        let old = self.fronts();
        let content = old.synced;
        let fronts =
            Fronts { now: content, written: true, synced: content, synced_copy: old.synced_copy, number: old.number };
        drop(old);
        let resumed = Self::new(disk, self.0.identity, fronts);
        resumed.write_front()?;
        resumed.sync()?;
        Ok(resumed)
    }

    /// From now on nothing is written: for a file that has been replaced, but is still read.
    pub(crate) fn retire(&self) {
        self.set_access(READ_ONLY);
    }

    /// From now on nothing is written or read.
    pub(crate) fn shut(&self) {
        self.set_access(CLOSED);
    }

    fn new(disk: Disk, identity: u64, fronts: Fronts) -> Self {
        Self(Arc::new(Inner { disk, identity, fronts: Mutex::new(fronts), access: AtomicU8::new(OPEN) }))
    }

    fn set_access(&self, access: u8) {
        self.0.access.fetch_max(access, Ordering::AcqRel);
    }

    fn allows(&self, most: u8) -> io::Result<()> {
        if self.0.access.load(Ordering::Acquire) <= most {
            return Ok(());
        }
        Err(io::Error::other("the file was replaced, or opened again after a failure"))
    }

    fn fronts(&self) -> MutexGuard<'_, Fronts> {
        self.0.fronts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the front over the copy that is not the synced one.
    fn write_front(&self) -> io::Result<()> {
        let mut fronts = self.fronts();
        fronts.number += 1;
        fronts.written = true;
        let front = Front { identity: self.0.identity, number: fronts.number, content: fronts.now };
        front.write(&self.0.disk, 1 - fronts.synced_copy)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.disk.sync()?;
        let mut fronts = self.fronts();
        if !fronts.written {
            return Ok(());
        }
        fronts.written = false;
        fronts.synced = fronts.now;
        fronts.synced_copy = 1 - fronts.synced_copy;
        // Brings the other copy up to date, so that a bit that changes later costs nothing. It reaches the disk with the
        // next sync; until then it is the one that may be written over.
        fronts.number += 1;
        let front = Front { identity: self.0.identity, number: fronts.number, content: fronts.now };
        if let Err(error) = front.write(&self.0.disk, 1 - fronts.synced_copy) {
            tracing::warn!(file = self.0.disk.name(), %error, "the second copy of the front could not be written");
        }
        Ok(())
    }

    fn read_blocks(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let first = block_number(offset, out.len())?;
        let mut stored = vec![0; out.len() / BLOCK * STRIDE];
        self.0.disk.read(stored_at(first), &mut stored).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.damage(first, "the file ends before it"),
            _ => error,
        })?;
        for ((number, stored), out) in (first..).zip(stored.chunks_exact(STRIDE)).zip(out.chunks_exact_mut(BLOCK)) {
            let (block, checksum) = stored.split_at(BLOCK);
            if self.checksum(number, block) != checksum {
                return Err(self.damage(number, "its checksum does not match"));
            }
            out.copy_from_slice(block);
        }
        Ok(())
    }

    fn write_blocks(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let first = block_number(offset, data.len())?;
        let mut stored = Vec::with_capacity(data.len() / BLOCK * STRIDE);
        for (number, block) in (first..).zip(data.chunks_exact(BLOCK)) {
            stored.extend_from_slice(block);
            stored.extend_from_slice(&self.checksum(number, block));
        }
        self.0.disk.write(stored_at(first), &stored)
    }

    fn checksum(&self, number: u64, block: &[u8]) -> [u8; 8] {
        XxHash3_64::oneshot_with_seed(self.0.identity ^ number, block).to_le_bytes()
    }

    fn damage(&self, number: u64, reason: &'static str) -> io::Error {
        let (name, from) = (self.0.disk.name(), stored_at(number));
        let place = format!("{name}, block {number} (bytes {from} to {})", from + STRIDE as u64);
        tracing::error!(file = name, block = number, "damaged: {reason}");
        Damage { place, reason }.into_io()
    }
}

impl std::fmt::Debug for CheckedFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.disk.name())
    }
}

impl StorageBackend for CheckedFile {
    fn len(&self) -> Result<u64, io::Error> {
        let stored = self.0.disk.len()?;
        let blocks = if stored == 0 { 0 } else { 1 + stored.saturating_sub(FRONT_BYTES) / STRIDE as u64 };
        Ok(blocks * BLOCK as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.allows(READ_ONLY)?;
        if offset >= BLOCK as u64 {
            return self.read_blocks(offset, out);
        }
        out.copy_from_slice(&self.fronts().now[within_front(offset, out.len())?]);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.allows(OPEN)?;
        let blocks = (len / BLOCK as u64).saturating_sub(1);
        self.0.disk.set_len(FRONT_BYTES + blocks * STRIDE as u64)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.allows(OPEN)?;
        self.sync()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.allows(OPEN)?;
        if offset >= BLOCK as u64 {
            return self.write_blocks(offset, data);
        }
        let range = within_front(offset, data.len())?;
        self.fronts().now[range].copy_from_slice(data);
        self.write_front()
    }

    /// Puts the second copy of the front on the disk as well.
    fn close(&self) -> Result<(), io::Error> {
        let clean = self.allows(OPEN).is_ok();
        self.set_access(CLOSED);
        if clean { self.0.disk.sync() } else { Ok(()) }
    }

    fn try_lock_range(&self, _: std::ops::Bound<u64>, _: std::ops::Bound<u64>) -> Result<bool, BackendError> {
        // The lock file keeps other processes away; see folder.rs.
        Err(BackendError::Unsupported)
    }
}

fn within_front(offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
    let from = usize::try_from(offset).unwrap_or(usize::MAX);
    match from.checked_add(length) {
        Some(to) if to <= CONTENT_BYTES => Ok(from..to),
        _ => Err(uneven(offset, length)),
    }
}

fn block_number(offset: u64, length: usize) -> io::Result<u64> {
    if !offset.is_multiple_of(BLOCK as u64) || !length.is_multiple_of(BLOCK) {
        return Err(uneven(offset, length));
    }
    Ok(offset / BLOCK as u64)
}

/// Another release of the engine may use its file in another way; better to fail than to guess.
fn uneven(offset: u64, length: usize) -> io::Error {
    io::Error::other(format!("the engine asked for {length} bytes at {offset}, which are not whole blocks"))
}

fn stored_at(number: u64) -> u64 {
    FRONT_BYTES + (number - 1) * STRIDE as u64
}
