//! What went wrong below, in the words of the storage room.

use std::fmt;
use std::io;

use storage::Error;

/// A block that does not hold what was written into it. Travels through the engine inside an [`io::Error`].
#[derive(Debug)]
pub(crate) struct Damage {
    /// The file and the block.
    pub(crate) place: String,
    /// What is wrong.
    pub(crate) reason: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.reason)
    }
}

impl std::error::Error for Damage {}

impl Damage {
    pub(crate) fn into_io(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }

    pub(crate) fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

/// No space, over a quota, or over the largest file that the process may write.
pub(crate) fn disk_is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}

/// What the engine said while it was used.
pub(crate) fn failure(file: &str, error: redb::Error) -> Error {
    match error {
        redb::Error::Io(error) if disk_is_full(&error) => Error::Unavailable(format!(
            "the disk is full: {file} cannot grow ({error}); nothing was lost, and writing goes on when there is space"
        )),
        redb::Error::Io(error) => match Damage::of(&error) {
            Some(damage) => Error::Damaged { key: damage.place.clone(), reason: damage.reason.to_owned() },
            None => Error::Unavailable(format!("{file}: {error}")),
        },
        redb::Error::Corrupted(reason) => Error::Damaged { key: file.to_owned(), reason },
        redb::Error::PreviousIo | redb::Error::DatabaseClosed => {
            Error::Unavailable(format!("{file} failed a moment ago and is being opened again"))
        }
        other => Error::Unavailable(format!("{file}: {other}")),
    }
}

/// The same failure for one more caller.
pub(crate) fn again(error: &Error) -> Error {
    match error {
        Error::Damaged { key, reason } => Error::Damaged { key: key.clone(), reason: reason.clone() },
        Error::Unavailable(text) => Error::Unavailable(text.clone()),
        other => Error::Unavailable(other.to_string()),
    }
}
