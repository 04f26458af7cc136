//! How an engine refuses and fails.

use crate::Attempt;
use crate::bindings::innkeeper::engine::types as wit;
use crate::keys::{KeyError, KeyErrorKind};
use crate::storage::StorageError;

/// What sort of refusal. The host makes one HTTP status of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// 400
    InvalidRequest,
    /// 400, and the host counts it: see [`Fault::invalid_credentials`].
    InvalidCredentials,
    /// 403
    Denied,
    /// 404
    NotFound,
    /// 405
    UnsupportedOperation,
    /// 415
    UnsupportedMediaType,
    /// 413
    TooLarge,
    /// 503
    Unavailable,
    /// 500
    Internal,
}

/// The engine's refusal. Everything that the request wrote is dropped.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What sort of refusal.
    pub kind: FaultKind,
    /// What the client reads, one entry each in `errors`.
    pub messages: Vec<String>,
    /// What only the log reads. No secrets.
    pub detail: Option<String>,
    /// Seconds to wait before trying again.
    pub retry_after: Option<u32>,
    /// As whom somebody tried to log in.
    pub attempt: Option<Attempt>,
}

impl PartialEq for Fault {
    fn eq(&self, other: &Self) -> bool {
        let attempt = |fault: &Self| fault.attempt.as_ref().map(|attempt| (attempt.alias.clone(), attempt.known));
        self.kind == other.kind
            && self.messages == other.messages
            && self.detail == other.detail
            && self.retry_after == other.retry_after
            && attempt(self) == attempt(other)
    }
}

impl Fault {
    /// A refusal with one message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, messages: vec![message.into()], detail: None, retry_after: None, attempt: None }
    }

    /// 400: say which field, what was wrong, what would be right.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(FaultKind::InvalidRequest, message)
    }

    /// 400: somebody did not prove to be who they say. Say the same whatever was wrong; `alias` is what the login would
    /// have had, and `known` whether there is anybody of that alias.
    pub fn invalid_credentials(message: impl Into<String>, alias: impl Into<String>, known: bool) -> Self {
        let attempt = Some(Attempt { alias: alias.into(), known });
        Self { attempt, ..Self::new(FaultKind::InvalidCredentials, message) }
    }

    /// 403
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(FaultKind::Denied, message)
    }

    /// 404 with an empty list of errors, for an object that is not there.
    pub fn not_found() -> Self {
        Self { messages: Vec::new(), ..Self::new(FaultKind::NotFound, "") }
    }

    /// 500: the client reads `internal error`, the log reads the detail.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..Self::new(FaultKind::Internal, "internal error") }
    }

    /// The same with words in front of each message, to say what was being done.
    #[must_use]
    pub fn context(mut self, doing: &str) -> Self {
        for message in &mut self.messages {
            *message = format!("{doing}: {message}");
        }
        self
    }
}

impl From<StorageError> for Fault {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::InvalidKey => Self::invalid(
                "a name in the path cannot be stored: it is empty, too long, or holds '.', '..' or control characters",
            ),
            StorageError::TooLarge => Self::new(
                FaultKind::TooLarge,
                "too large to store: a value may have 1 MiB, a request 16 MiB, and a mount what it was granted",
            ),
            StorageError::Unavailable => Self::new(FaultKind::Unavailable, "storage is unavailable"),
            StorageError::Conflict => {
                let text = "changed by another request; try again";
                Self { retry_after: Some(1), ..Self::new(FaultKind::Unavailable, text) }
            }
            StorageError::NotGranted | StorageError::Internal => Self::internal(format!("storage: {error:?}")),
        }
    }
}

impl From<KeyError> for Fault {
    fn from(error: KeyError) -> Self {
        let kind = match error.kind {
            KeyErrorKind::NotFound
            | KeyErrorKind::UsageDenied
            | KeyErrorKind::NotGranted
            | KeyErrorKind::Unsupported
            | KeyErrorKind::Invalid
            | KeyErrorKind::NotExportable => FaultKind::InvalidRequest,
            KeyErrorKind::Unavailable | KeyErrorKind::Timeout => FaultKind::Unavailable,
            KeyErrorKind::Internal => FaultKind::Internal,
            KeyErrorKind::DeniedByPolicy => FaultKind::Denied,
        };
        Self { retry_after: error.retry_after, ..Self::new(kind, error.message) }
    }
}

impl From<Fault> for wit::Fault {
    fn from(fault: Fault) -> Self {
        let kind = match fault.kind {
            FaultKind::InvalidRequest => wit::FaultKind::InvalidRequest,
            FaultKind::InvalidCredentials => wit::FaultKind::InvalidCredentials,
            FaultKind::Denied => wit::FaultKind::Denied,
            FaultKind::NotFound => wit::FaultKind::NotFound,
            FaultKind::UnsupportedOperation => wit::FaultKind::UnsupportedOperation,
            FaultKind::UnsupportedMediaType => wit::FaultKind::UnsupportedMediaType,
            FaultKind::TooLarge => wit::FaultKind::TooLarge,
            FaultKind::Unavailable => wit::FaultKind::Unavailable,
            FaultKind::Internal => wit::FaultKind::Internal,
        };
        Self {
            kind,
            messages: fault.messages,
            detail: fault.detail,
            retry_after: fault.retry_after,
            attempt: fault.attempt,
        }
    }
}
