//! Why a key could not be had or used.

use std::time::Duration;

use model::Kind;

use crate::{Scheme, Usage};

/// Longest public text, in bytes.
pub const PUBLIC_TEXT_MAX: usize = 1024;

/// Why a call failed, as a guest can tell it apart (`key-error-kind` of `wit/keys.wit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// There is no such key in this namespace, drawer or token.
    NotFound,
    /// The key is there but not lent to this mount.
    NotGranted,
    /// The key is lent, but not for this use.
    UsageDenied,
    /// A policy refuses this use.
    Governed,
    /// The key, or the place it lives in, cannot do this.
    Unsupported,
    /// The argument is malformed or over a bound.
    Invalid,
    /// The key was not made exportable.
    NotExportable,
    /// The HSM or KMS cannot be reached, or too many are waiting for it.
    Unavailable,
    /// The HSM or KMS did not answer in time.
    Timeout,
    /// Anything else; the log has the reason.
    Internal,
}

/// A refusal or failure. `Display` is for the log; [`Error::public`] is for clients.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No managed key of this name or UUID in the caller's namespace.
    #[error("managed key {0:?} is not in this namespace")]
    NotInNamespace(String),
    /// The mount has no grant for the key.
    #[error("managed key {0:?} is not lent to this mount")]
    NotGranted(String),
    /// The key's library is closed to the namespace.
    #[error("managed key {key:?}: library {library:?} is not open to this namespace")]
    LibraryClosed {
        /// The key's name.
        key: String,
        /// The library's name.
        library: String,
    },
    /// The key's usages lack the one that is needed.
    #[error("managed key {key:?} lacks the usage {}", usage.name())]
    UsageDenied {
        /// The key's name.
        key: String,
        /// What is lacking.
        usage: Usage,
    },
    /// The mount has the key for other usages.
    #[error("managed key {key:?} is lent without the usage {}", usage.name())]
    UsageNotLent {
        /// The key's name.
        key: String,
        /// What is lacking.
        usage: Usage,
    },
    /// A policy refuses the use; the text says which and why, in words that clients may see.
    #[error("managed key {key:?}: {why}")]
    Governed {
        /// The key's name.
        key: String,
        /// Which policy, and why.
        why: String,
    },
    /// The token or KMS has no such key.
    #[error("the key is not in its token")]
    Absent,
    /// The token or KMS has such a key already.
    #[error("the key is in its token already")]
    Present,
    /// No internal key of this id in the drawer.
    #[error("there is no such key")]
    NoSuchKey,
    /// Something that the key or its place cannot do; the text says what.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// A scheme that the key cannot do.
    #[error("the key cannot sign {scheme}")]
    UnsupportedScheme {
        /// What was asked.
        scheme: Scheme,
        /// What the key can do.
        able: Vec<Scheme>,
    },
    /// A malformed argument; the text says what was wrong and what would be right.
    #[error("{0}")]
    Invalid(String),
    /// The key was not made exportable.
    #[error("the key is not exportable")]
    NotExportable,
    /// The provider refused the credentials.
    #[error("login refused: {0}")]
    Login(String),
    /// The provider knows who is asking and does not let it; the text is for the log.
    #[error("access denied: {0}")]
    Forbidden(String),
    /// The provider has the key and does not let anybody use it: disabled, destroyed, scheduled for it. The text says
    /// its state, in a word or two that clients may see.
    #[error("the key is {0}")]
    Unusable(String),
    /// Another key stands in the place of the one that was described.
    #[error("another key stands in its place: the public key is not the one that was registered")]
    Replaced,
    /// The place of the key cannot serve now.
    #[error("unavailable: {detail}")]
    Unavailable {
        /// For the log.
        detail: String,
        /// When trying again may help.
        retry_after: Duration,
    },
    /// Too many are waiting for the provider, or for a core.
    #[error("the queue is full")]
    Busy {
        /// When trying again may help.
        retry_after: Duration,
    },
    /// The provider did not answer within the deadline.
    #[error("the provider did not answer in time")]
    Timeout,
    /// Our fault, or the provider's.
    #[error("{0}")]
    Internal(String),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// A failure of a managed key, by its name.
    #[error("managed key {key:?}: {source}")]
    Of {
        /// The key's name.
        key: String,
        /// What happened.
        source: Box<Error>,
    },
}

impl Error {
    /// A malformed argument.
    pub fn invalid(text: impl Into<String>) -> Self {
        Self::Invalid(text.into())
    }

    /// A failure that waiting a second may cure.
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self::Unavailable { detail: detail.into(), retry_after: Duration::from_secs(1) }
    }

    /// The same, said of a managed key.
    #[must_use]
    pub fn of(self, key: &str) -> Self {
        match self {
            named @ (Self::NotInNamespace(_) | Self::NotGranted(_) | Self::LibraryClosed { .. }) => named,
            named @ (Self::UsageDenied { .. } | Self::UsageNotLent { .. } | Self::Governed { .. }) => named,
            named @ (Self::Of { .. } | Self::Storage(_)) => named,
            other => Self::Of { key: key.to_owned(), source: Box::new(other) },
        }
    }

    /// Why, as a guest can tell it apart.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotInNamespace(_) | Self::Absent | Self::NoSuchKey => Reason::NotFound,
            Self::NotGranted(_) | Self::LibraryClosed { .. } => Reason::NotGranted,
            Self::UsageDenied { .. } | Self::UsageNotLent { .. } => Reason::UsageDenied,
            Self::Governed { .. } => Reason::Governed,
            Self::Unsupported(_) | Self::UnsupportedScheme { .. } => Reason::Unsupported,
            Self::Unusable(_) | Self::Replaced | Self::Forbidden(_) => Reason::Unavailable,
            Self::Invalid(_) | Self::Present => Reason::Invalid,
            Self::NotExportable => Reason::NotExportable,
            Self::Login(_) | Self::Unavailable { .. } | Self::Busy { .. } => Reason::Unavailable,
            Self::Timeout => Reason::Timeout,
            Self::Storage(error) => match error.kind() {
                Kind::TooLarge => Reason::Invalid,
                Kind::Unavailable => Reason::Unavailable,
                _ => Reason::Internal,
            },
            Self::Internal(_) => Reason::Internal,
            Self::Of { source, .. } => source.reason(),
        }
    }

    /// What sort of failure this is at a native endpoint. Refusals of a managed key are
    /// [`Kind::InvalidRequest`] and not [`Kind::Denied`], because to clients that word speaks of their token; and whatever
    /// waiting does not cure is too: a wrong PIN, a key that is disabled.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Storage(error) => error.kind(),
            Self::Login(_) | Self::Absent => Kind::InvalidRequest,
            Self::Unusable(_) | Self::Replaced | Self::Forbidden(_) => Kind::InvalidRequest,
            Self::Of { source, .. } => source.kind(),
            _ => match self.reason() {
                Reason::NotFound => Kind::NotFound,
                Reason::Unavailable | Reason::Timeout => Kind::Unavailable,
                Reason::Internal => Kind::Internal,
                Reason::Governed => Kind::Denied,
                _ => Kind::InvalidRequest,
            },
        }
    }

    /// When trying again may help.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } | Self::Busy { retry_after } => Some(*retry_after),
            Self::Of { source, .. } => source.retry_after(),
            _ => None,
        }
    }

    /// The text for clients: which check refused, and never a library's path, a slot, a PIN or an endpoint. At most
    /// [`PUBLIC_TEXT_MAX`] bytes.
    pub fn public(&self) -> String {
        let mut text = self.public_unbounded();
        if text.len() > PUBLIC_TEXT_MAX {
            let end = (0..=PUBLIC_TEXT_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        text
    }

    fn public_unbounded(&self) -> String {
        match self {
            Self::NotInNamespace(key) => format!("managed key {key:?} is not in this namespace (no such name or UUID)"),
            Self::NotGranted(key) => format!(
                "managed key {key:?} is not lent to this mount: set any_mount on the key, or list its name in the \
                 mount's allowed_managed_keys"
            ),
            Self::LibraryClosed { key, library } => {
                format!("managed key {key:?} is not usable: library {library:?} is not open to this namespace")
            }
            Self::UsageDenied { key, usage } => {
                format!("managed key {key:?} may not be used to {}: its usages do not include it", usage.name())
            }
            Self::UsageNotLent { key, usage } => format!(
                "managed key {key:?} is lent to this mount, but not to {}: powers.managed_key_usages does not include it",
                usage.name()
            ),
            Self::Governed { key, why } => format!("managed key {key:?} is not used: {why}"),
            Self::Absent => "key not found: it is not in its token or KMS, and allow_generate_key is not set".into(),
            Self::Present => {
                "the key is there already; it is not made again, and only allow_replace_key with replace = \
                              true puts another one in its place"
                    .into()
            }
            Self::NoSuchKey => "there is no such key in this mount".into(),
            Self::Unsupported(what) => format!("not supported: {what}"),
            Self::UnsupportedScheme { scheme, able } if able.is_empty() => {
                format!("this key cannot sign {scheme}: it cannot sign at all")
            }
            Self::UnsupportedScheme { scheme, able } => {
                let able: Vec<String> = able.iter().map(ToString::to_string).collect();
                format!("this key cannot sign {scheme}; it can sign {}", able.join(", "))
            }
            Self::Invalid(text) => text.clone(),
            Self::NotExportable => "the private key was not made exportable".into(),
            Self::Login(_) => {
                "the token or KMS refused the login; a PIN that was refused is not tried again until the managed key \
                               is rewritten with the right credentials"
                    .into()
            }
            Self::Forbidden(_) => {
                "the KMS denies access to the key: its policy must allow the credentials to use it".into()
            }
            Self::Unusable(state) => format!("the KMS does not let the key be used: it is {state}"),
            Self::Replaced => "another key stands in its place: its public half is not the one that was registered; \
                               write the managed key again to accept it"
                .into(),
            Self::Unavailable { .. } => "the token or KMS cannot be reached now; try again later".into(),
            Self::Busy { .. } => "too many requests are waiting to use keys; try again later".into(),
            Self::Timeout => "the token or KMS did not answer in time".into(),
            Self::Internal(_) => "the key could not be used because of an internal error".into(),
            Self::Storage(storage::Error::TooLarge(bound)) => format!("too large: {bound}"),
            Self::Storage(_) => "storage failed".into(),
            Self::Of { key, source } => format!("managed key {key:?}: {}", source.public_unbounded()),
        }
    }
}

impl From<Error> for model::Fault {
    fn from(error: Error) -> Self {
        let fault = match error.kind() {
            Kind::Internal => Self::internal(error.to_string()),
            kind => Self::new(kind, error.public()).detail(error.to_string()),
        };
        Self { retry_after: error.retry_after(), ..fault }
    }
}
