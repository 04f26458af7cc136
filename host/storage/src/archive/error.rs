//! Why a file was not taken for a snapshot.

use std::io;

use super::FORMAT;

/// What is wrong with a snapshot, and where: bytes are counted from 0.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something else.
    #[error("not a snapshot of Innkeeper: byte {at} is not what a snapshot has there")]
    Foreign {
        /// The first byte that is not as it should be.
        at: u64,
    },
    /// Made by a later version.
    #[error("the snapshot has format {found}, and this version reads format {FORMAT}: use the version that made it")]
    Format {
        /// What the file says.
        found: u16,
    },
    /// The end is missing.
    #[error("the snapshot breaks off at byte {at}: the rest is missing")]
    Torn {
        /// How long it is.
        at: u64,
    },
    /// Not what was written.
    #[error("the snapshot is damaged: {what}, in the block that begins at byte {at}")]
    Damaged {
        /// Where the block begins.
        at: u64,
        /// What shows it.
        what: &'static str,
    },
    /// There is more than a snapshot.
    #[error("something follows the snapshot's end at byte {at}")]
    Trailing {
        /// Where the snapshot ends.
        at: u64,
    },
    /// The file cannot be read.
    #[error("reading failed at byte {at}: {error}")]
    Unreadable {
        /// How far it was read.
        at: u64,
        /// Why.
        error: io::Error,
    },
}
