//! Why the seal refused or failed.

use model::{Fault, Kind};

/// A refusal or failure of the seal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A parameter; the text says what would be right.
    #[error("{0}")]
    Invalid(String),
    /// The store was not founded yet.
    #[error("Vault is not initialized")]
    NotInitialized,
    /// The store was founded before.
    #[error("Vault is already initialized")]
    AlreadyInitialized,
    /// The shares do not make up the key. Which of them is wrong, nobody can say.
    #[error("Unseal failed, invalid key")]
    WrongKey,
    /// The key service that wraps the root key failed or cannot be reached.
    #[error("the seal's token failed: {0}")]
    Token(#[from] keys::Error),
    /// There was no core for the work of PGP, or not for long enough.
    #[error("PGP: {0}")]
    Apart(keys::Error),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Error {
    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match &error {
            Error::Apart(failed) => {
                let busy = failed.retry_after().unwrap_or(std::time::Duration::from_secs(1));
                Fault::new(Kind::Unavailable, "too much is encrypted with PGP at once; try again later")
                    .detail(error.to_string())
                    .retry_after(busy)
            }
            Error::Token(_) => Fault::new(Kind::Unavailable, "the seal's token cannot be used now")
                .detail(error.to_string())
                .retry_after(std::time::Duration::from_secs(5)),
            Error::Storage(failed) if failed.kind() == Kind::Conflict => Fault::new(Kind::Conflict, "conflict"),
            Error::Storage(failed) => Fault::new(failed.kind(), "storage failed").detail(failed.to_string()),
            refusal => Fault::invalid(refusal.to_string()),
        }
    }
}
