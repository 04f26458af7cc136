//! The front of the file: what stands in place of the engine's first block.
//!
//! The engine rewrites its first block at every commit, so a crash of the machine may leave it half written. It is
//! therefore kept twice, each copy with a number and a checksum in one sector of its own: a copy is only written over
//! when the other one is known to be on the disk. A copy that does not check out is either half written, and then was
//! never acknowledged, or damaged later, and then the other one has the same content.

use std::io;

use twox_hash::XxHash3_64;

use crate::FORMAT;
use crate::disk::Disk;
use crate::open_error::OpenError;

const MAGIC: &[u8; 16] = b"innkeeper-store\n";
const FORMAT_AT: usize = 16;
const IDENTITY_AT: usize = 20;
const NUMBER_AT: usize = 28;
const CONTENT_AT: usize = 36;
const CHECKSUM_AT: usize = SECTOR - 8;
/// What one copy fills: the smallest unit that disks write whole.
const SECTOR: usize = 512;
/// How far apart the copies are.
const COPY_STRIDE: u64 = 4096;
/// Where the blocks begin.
pub(crate) const FRONT_BYTES: u64 = 2 * COPY_STRIDE;
/// How much of its first block the engine may use; it needs 320 bytes.
pub(crate) const CONTENT_BYTES: usize = CHECKSUM_AT - CONTENT_AT;

/// One copy of the front.
#[derive(Clone)]
pub(crate) struct Front {
    /// Drawn when the file was made, and part of every checksum, so that blocks of other files do not check out.
    pub(crate) identity: u64,
    /// Grows with every copy that is written.
    pub(crate) number: u64,
    /// What the engine has written into its first block.
    pub(crate) content: [u8; CONTENT_BYTES],
}

/// What the file says about itself.
pub(crate) struct Found {
    pub(crate) front: Front,
    /// Which of the two copies it was.
    pub(crate) copy: u64,
    /// Whether the other one does not check out.
    pub(crate) other_is_bad: bool,
}

impl Front {
    pub(crate) fn write(&self, disk: &Disk, copy: u64) -> io::Result<()> {
        let mut sector = [0; SECTOR];
        sector[..FORMAT_AT].copy_from_slice(MAGIC);
        sector[FORMAT_AT..IDENTITY_AT].copy_from_slice(&FORMAT.to_le_bytes());
        sector[IDENTITY_AT..NUMBER_AT].copy_from_slice(&self.identity.to_le_bytes());
        sector[NUMBER_AT..CONTENT_AT].copy_from_slice(&self.number.to_le_bytes());
        sector[CONTENT_AT..CHECKSUM_AT].copy_from_slice(&self.content);
        let checksum = XxHash3_64::oneshot_with_seed(copy, &sector[..CHECKSUM_AT]);
        sector[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        disk.write(copy * COPY_STRIDE, &sector)
    }

    /// Reads both copies and takes the newer one that checks out.
    pub(crate) fn read(disk: &Disk) -> Result<Found, OpenError> {
        let name = disk.name();
        let read = |error| OpenError::io("read", name, error);
        if disk.len().map_err(read)? < FRONT_BYTES {
            return Err(foreign(name, "it is shorter than the front of one"));
        }
        let mut sectors = [[0; SECTOR]; 2];
        for (sector, copy) in sectors.iter_mut().zip(0..) {
            disk.read(copy * COPY_STRIDE, sector).map_err(read)?;
        }
        let [first, second] = [parse(&sectors[0], 0), parse(&sectors[1], 1)];
        match (first, second) {
            (Some(first), Some(second)) if first.number > second.number => Ok(found(first, 0, false)),
            (Some(_), Some(second)) => Ok(found(second, 1, false)),
            (Some(first), None) => Ok(found(first, 0, true)),
            (None, Some(second)) => Ok(found(second, 1, true)),
            (None, None) => Err(refused(&sectors, name)),
        }
    }
}

fn found(front: Front, copy: u64, other_is_bad: bool) -> Found {
    Found { front, copy, other_is_bad }
}

fn parse(sector: &[u8; SECTOR], copy: u64) -> Option<Front> {
    let checksum = XxHash3_64::oneshot_with_seed(copy, &sector[..CHECKSUM_AT]);
    let known = sector.starts_with(MAGIC) && format(sector) == FORMAT;
    if !known || checksum.to_le_bytes() != sector[CHECKSUM_AT..] {
        return None;
    }
    let mut content = [0; CONTENT_BYTES];
    content.copy_from_slice(&sector[CONTENT_AT..CHECKSUM_AT]);
    Some(Front { identity: number_at(sector, IDENTITY_AT), number: number_at(sector, NUMBER_AT), content })
}

fn format(sector: &[u8; SECTOR]) -> u32 {
    sector[FORMAT_AT..IDENTITY_AT].iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn number_at(sector: &[u8; SECTOR], at: usize) -> u64 {
    sector[at..at + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn refused(sectors: &[[u8; SECTOR]; 2], name: &str) -> OpenError {
    let [first, second] = sectors;
    if !first.starts_with(MAGIC) && !second.starts_with(MAGIC) {
        return foreign(name, "it does not begin like one");
    }
    // A newer format may be checked in another way, so it is told by the number alone, which stands there twice.
    if format(first) == format(second) && format(first) > FORMAT {
        return OpenError::Newer { file: name.to_owned(), found: format(first), known: FORMAT };
    }
    OpenError::Damaged { place: format!("{name}, front"), reason: "neither of its two copies checks out".to_owned() }
}

fn foreign(name: &str, reason: &str) -> OpenError {
    OpenError::Foreign { file: name.to_owned(), reason: reason.to_owned() }
}
