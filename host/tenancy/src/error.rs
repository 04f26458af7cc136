//! Why tenancy refused or failed.

use model::{Invalid, Kind, MountPath, NamespacePath};

/// A failure of tenancy.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path that cannot be one.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// There is no such namespace.
    #[error("namespace not found: {0}")]
    NoNamespace(NamespacePath),
    /// The namespace above the wished one is not there.
    #[error("parent namespace does not exist: {0}")]
    NoParent(NamespacePath),
    /// Nothing is mounted where the path leads.
    #[error("no handler for route \"{0}\". route entry not found.")]
    NoRoute(String),
    /// There is no mount at this path.
    #[error("no matching mount at \"{0}\"")]
    NoMount(MountPath),
    /// The path is taken, or lies above or below one that is.
    #[error("path is already in use at {0}")]
    InUse(String),
    /// The path belongs to the house itself.
    #[error("cannot mount at or below \"{0}\": the path is reserved")]
    Reserved(&'static str),
    /// An auth method somewhere else than below `auth/`.
    #[error("an auth method is mounted below auth/, and nothing else is")]
    NotBelowAuth,
    /// The namespace still has namespaces below it.
    #[error("namespace {0} has child namespaces: delete them first")]
    HasChildren(NamespacePath),
    /// The namespace is on its way out.
    #[error("namespace {0} is being deleted")]
    BeingDeleted(NamespacePath),
    /// An administrator has locked the API of the namespace or of one above it.
    #[error("API access to this namespace has been locked by an administrator - {0} must be unlocked to gain access.")]
    Locked(String),
    /// The root namespace stays.
    #[error("the root namespace cannot be deleted")]
    RootStays,
    /// Too much metadata or too many options.
    #[error("{0}")]
    TooMuch(&'static str),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::NoNamespace(_) | Self::NoRoute(_) => Kind::NotFound,
            Self::Locked(_) => Kind::Unavailable,
            Self::Storage(error) => error.kind(),
            _ => Kind::InvalidRequest,
        }
    }
}

impl From<Error> for model::Fault {
    fn from(error: Error) -> Self {
        match &error {
            Error::Storage(inner) if inner.kind() == Kind::Internal => Self::internal(error.to_string()),
            Error::NoNamespace(_) => Self::new(Kind::NotFound, "namespace not found").detail(error.to_string()),
            _ => Self::new(error.kind(), error.to_string()),
        }
    }
}
