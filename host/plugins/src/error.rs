//! Why a plugin is refused, or cannot be run.

use model::{Fault, Kind};
use registries::Reason;
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
    /// The component cannot be had from its registry.
    #[error("oci_image: {0}")]
    Image(#[from] registries::Failure),
    /// A signature that is none, or that nobody whom the operator named made over this component.
    #[error("signature: {0}")]
    Signature(String),
    /// Nobody whom a namespace trusts has signed it.
    #[error("signature: {plugin} is not signed for the namespace {namespace:?}: it must carry a signature by {wanted}")]
    Unsigned {
        /// What is refused.
        plugin: String,
        /// Where.
        namespace: String,
        /// The names of those whose signature it may be.
        wanted: String,
    },
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
            Error::Image(failure) if failure.reason == Reason::Internal => Self::internal(failure.text),
            Error::Image(ref failure) if failure.reason.passes() => Self::new(Kind::Unavailable, error.to_string()),
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
            Self::Image(failure) if failure.reason.passes() => {
                Fault::new(Kind::Unavailable, format!("the engine of {accessor} cannot be run now: {failure}"))
            }
            error => {
                let text = format!("the engine of {accessor} cannot be run: {error}");
                Fault::new(Kind::Internal, text.clone()).detail(text)
            }
        }
    }
}
