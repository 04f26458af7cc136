//! Why leases refused or failed.

use model::{Fault, Kind};

/// A failure of leases.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A lease that cannot be one; the text names the field.
    #[error("{0}")]
    Invalid(&'static str),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Invalid(_) => Kind::InvalidRequest,
            Self::Storage(error) => error.kind(),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(text) => Self::invalid(text),
            Error::Storage(error) => Self::new(error.kind(), "leases cannot be read").detail(error.to_string()),
        }
    }
}
