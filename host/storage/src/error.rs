//! Why storage refused or failed.

use model::{Fault, Kind};

use crate::archive;

/// A failure of storage.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A key or prefix that no drawer can hold.
    #[error("invalid storage key: {0}")]
    InvalidKey(&'static str),
    /// Over a bound; the text names it.
    #[error("too large: {0}")]
    TooLarge(&'static str),
    /// Something that this transaction read was changed by another. Run again.
    #[error("conflict with another request")]
    Conflict,
    /// The store cannot be reached now.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// The barrier is sealed: nothing can be read or written until it is unsealed.
    #[error("sealed")]
    Sealed,
    /// A value was encrypted with a key that the keyring does not have.
    #[error("a value was encrypted with term {0}, which the keyring lacks")]
    UnknownTerm(u32),
    /// The system gives no randomness.
    #[error("the system gives no randomness")]
    NoRandomness,
    /// A snapshot's file that cannot be taken in.
    #[error(transparent)]
    Archive(#[from] archive::Error),
    /// Where records were to come from broke off.
    #[error(transparent)]
    Source(Fault),
    /// A record that cannot be read back.
    #[error("damaged record {key}: {reason}")]
    Damaged {
        /// The full key of the record.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::InvalidKey(_) => Kind::InvalidRequest,
            Self::TooLarge(_) => Kind::TooLarge,
            Self::Conflict => Kind::Conflict,
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Sealed => Kind::Sealed,
            Self::Archive(_) => Kind::InvalidRequest,
            Self::Source(fault) => fault.kind,
            Self::UnknownTerm(_) | Self::NoRandomness | Self::Damaged { .. } => Kind::Internal,
        }
    }
}

/// What clients are told of it: what sort it is, and nothing of the inside.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), "storage failed").detail(error.to_string())
    }
}
