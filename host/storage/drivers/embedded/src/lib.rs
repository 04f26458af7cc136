//! The store in one file of this machine: the driver for a single server that must not forget.
//!
//! **For:** [`Embedded`], a [`storage::Driver`] over redb. Every answer to a commit comes after the writes are on the
//! disk; many commits share one sync. Every block that is read from the file is checked.
//! **Never:** acknowledges what a crash could take back, serves a damaged byte, blocks the async runtime on a sync, or
//! touches a file outside the folder that it was opened with.
//! **In, out:** a path at the start; batches in, snapshots out. **Meet first:** [`Embedded`]. **Errors:** [`OpenError`]
//! when opening; after that [`storage::Error`]: `Unavailable` when the disk is full or fails, and then it goes on by
//! itself once that is over; `Damaged` with the file and the block.
#![forbid(unsafe_code)]

mod apply;
#[cfg(test)]
mod bad_disk;
mod checked_file;
mod disk;
mod driver;
mod engine;
mod failure;
mod folder;
mod front;
mod listing;
mod open_error;
mod replace;
mod view;
mod writer;

pub use driver::Embedded;
pub use open_error::OpenError;

/// The number of the format of the file. A file with a larger one is refused.
pub const FORMAT: u32 = 1;
/// How much of the file is kept in memory, in bytes. The inner pages of the tree over a million records have 3 MiB, so
/// that a cold read costs one read of the disk; half of this is room for writes, and one batch has 16 MiB at most. The
/// whole server is to stay below 64 MiB when idle.
pub const CACHE_BYTES: usize = 32 * 1024 * 1024;
/// Most batches that are committed together.
pub const GROUP_BATCHES_MAX: usize = 256;
/// After how many bytes a group of batches is closed. One batch always fits.
pub const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most batches that wait for their commit.
pub const QUEUE_BATCHES_MAX: usize = 1024;
/// Most bytes of batches that wait for their commit or are in it.
pub const QUEUE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a batch waits for room in the queue.
pub const QUEUE_WAIT: std::time::Duration = std::time::Duration::from_secs(5);
