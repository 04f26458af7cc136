//! Why a plugin is refused, or cannot be run.

use model::{Fault, Kind};
use sandbox::LoadError;

/// A failure of the catalog.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A value that cannot be one; says what would be right.
    #[error("{0}")]
    Invalid(String),
    /// No plugin of this name, sort and version.
    #[error("plugin not found in the catalog: {0}")]
    NotFound(String),
    /// The bytes have another digest than was registered.
    #[error("checksums did not match: the plugin's SHA-256 is not the registered one")]
    Checksum,
    /// A path that leads out of the plugin directory, by dots or by a link.
    #[error("cannot execute files outside of configured plugin directory")]
    Outside,
    /// There is no plugin directory.
    #[error("command: this server has no plugin_directory; send the component itself as \"component\", in base64")]
    NoDirectory,
    /// The file cannot be read.
    #[error("command: the file cannot be read: {0}")]
    Unreadable(String),
    /// The component cannot be a guest here.
    #[error("{0}")]
    Unfit(#[from] LoadError),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// The code of a mount's engine is not in the store.
    #[error("the code of this plugin is no longer kept")]
    Lost,
    /// Compiling failed in a way of its own.
    #[error("{0}")]
    Internal(String),
}

impl From<Error> for Fault {
    /// For whoever registers or mounts a plugin.
    fn from(error: Error) -> Self {
        match error {
            Error::Storage(error) => error.into(),
            Error::NotFound(_) => Self::new(Kind::NotFound, error.to_string()),
            Error::Internal(text) => Self::internal(text),
            error => Self::invalid(error.to_string()),
        }
    }
}

impl Error {
    /// For whoever makes a request of a mount whose engine cannot be run: that is no fault of the request.
    #[must_use]
    pub fn of_mount(self, accessor: &str) -> Fault {
        match self {
            Self::Storage(error) => error.into(),
            error => {
                let text = format!("the engine of {accessor} cannot be run: {error}");
                Fault::new(Kind::Internal, text.clone()).detail(text)
            }
        }
    }
}
