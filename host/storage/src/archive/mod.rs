//! A snapshot of the whole store as one file.
//!
//! ```text
//! header  magic (14 bytes), format (u16), when it was made (u64, seconds since 1970), seal
//! block   1 (u8), length (u32), records, seal          any number of times
//!         a record: length of the key (u16), key, length of the value (u32), value
//! end     2 (u8), number of records (u64), their bytes (u64), SHA-256 over everything before it
//! ```
//!
//! Numbers are big-endian. A seal is the first 16 bytes of the SHA-256 over everything before it since the file began,
//! so that no block can be changed, left out, doubled, moved, or taken from another file without the next seal telling;
//! damage is found in the block where it is. Keys come in strictly ascending byte order. Nothing follows the end.
//!
//! The hash tells accidents, not forgers: it has no key. What must not be forged are the values, which the barrier has
//! encrypted and authenticated.

mod decoder;
mod error;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use decoder::{Decoder, verify};
pub use error::Error;
pub use reader::Reader;
pub use writer::Writer;

use crate::VALUE_MAX;

/// The format that is written, and the newest that is read.
pub const FORMAT: u16 = 1;
/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 1024;
/// Largest value, in bytes: the largest that a transaction writes, and room for what encryption adds.
pub const VALUE_BYTES_MAX: usize = VALUE_MAX + 64 * 1024;
/// Most bytes that a [`Writer`] gives at once.
pub const CHUNK_MAX: usize = 1024 * 1024;

/// High bit, name, line ends: what mail, text mode and old terminals damage is damaged at once.
const MAGIC: [u8; 14] = *b"\x89INNKEEPER\r\n\x1a\n";
const SEAL: usize = 16;
const HEADER: usize = MAGIC.len() + 2 + 8 + SEAL;
const RECORDS: u8 = 1;
const END: u8 = 2;
const END_LENGTH: usize = 1 + 8 + 8 + 32;
/// A block is complete once its records have this many bytes.
const BLOCK_FULL: usize = 256 * 1024;
/// Most bytes that the records of one block can have.
const BLOCK_MAX: usize = BLOCK_FULL + 2 + KEY_BYTES_MAX + 4 + VALUE_BYTES_MAX;

/// What a snapshot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The format of its file.
    pub format: u16,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// How many records.
    pub records: u64,
    /// The bytes of their keys and values.
    pub bytes: u64,
}
