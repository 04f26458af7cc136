//! Why a store could not be opened.

use std::io;

use crate::failure::{Damage, disk_is_full};

/// Why a store could not be opened. Each text names the folder or the file.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or a file in it cannot be used.
    #[error("cannot {action} {place}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The folder or file.
        place: String,
        /// What the system said.
        source: io::Error,
    },
    /// Others may enter the folder, and it holds more than the store, so that it is not repaired.
    #[error(
        "the folder {place} is open to other users (mode {mode:03o}) and not the store's alone: chmod 700 it, or use another"
    )]
    Exposed {
        /// The folder.
        place: String,
        /// Its permissions.
        mode: u32,
    },
    /// Another process has it.
    #[error("the store in {place} is in use by another process")]
    InUse {
        /// The folder.
        place: String,
    },
    /// Not a file of this store.
    #[error("{file} is not a store of innkeeper: {reason}")]
    Foreign {
        /// The file.
        file: String,
        /// What was found instead.
        reason: String,
    },
    /// Written by a newer version.
    #[error("{file} has format {found}, and this version of innkeeper knows format {known}: use a newer one")]
    Newer {
        /// The file.
        file: String,
        /// The format of the file.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// Bytes of the file have changed since they were written.
    #[error("{place} is damaged: {reason}")]
    Damaged {
        /// The file, and the block if it is known.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The engine cannot open the file for another reason.
    #[error("cannot open {file}: {reason}")]
    Engine {
        /// The file.
        file: String,
        /// What the engine said.
        reason: String,
    },
}

impl OpenError {
    pub(crate) fn io(action: &'static str, place: impl Into<String>, source: io::Error) -> Self {
        Self::Io { action, place: place.into(), source }
    }

    /// What the engine said about a file.
    pub(crate) fn engine(file: &str, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => match Damage::of(&error) {
                Some(damage) => Self::Damaged { place: damage.place.clone(), reason: damage.reason.to_owned() },
                None => Self::io("open", file, error),
            },
            redb::Error::Corrupted(reason) => Self::Damaged { place: file.to_owned(), reason },
            other => Self::Engine { file: file.to_owned(), reason: other.to_string() },
        }
    }

    /// The same for who uses a store that has to be opened again while it runs.
    pub(crate) fn into_storage(self) -> storage::Error {
        match self {
            Self::Damaged { place, reason } => storage::Error::Damaged { key: place, reason },
            Self::Io { place, source, .. } if disk_is_full(&source) => {
                storage::Error::Unavailable(format!("the disk is full: {place} cannot be opened again"))
            }
            other => storage::Error::Unavailable(other.to_string()),
        }
    }
}
