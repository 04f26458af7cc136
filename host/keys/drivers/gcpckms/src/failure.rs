//! What went wrong in a call, and whether it may pass.

use std::error::Error as _;
use std::fmt;
use std::time::Duration;

use google_cloud_gax::error::rpc::{Code, Status, StatusDetails};
use google_cloud_gax::error::{CredentialsError, Error as CallError};
use keys::Error;

/// Longest text of the service's that goes to the log, in characters.
const TEXT_MAX: usize = 300;
/// When trying again may help: where the service is overloaded, and where it is broken.
const THROTTLED_AFTER: Duration = Duration::from_secs(5);
const BROKEN_AFTER: Duration = Duration::from_secs(2);
/// How often a request is sent that fails in a way that may pass; being told to slow down, until the deadline.
const TRIES_MAX: u32 = 3;

/// The sorts of failures that are treated in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The credentials were refused, or cannot be used.
    Login,
    /// The credentials are good and not enough; `by_policy` when IAM said so, and not a switched-off service.
    Forbidden { by_policy: bool },
    /// There is no such resource.
    Absent,
    /// There is such a resource already.
    Exists,
    /// The state of the resource does not allow it.
    State,
    /// The request is malformed, the service says.
    Wrong,
    /// Too many requests.
    Throttled,
    /// The service, or the way to it, is broken.
    Broken,
    /// No answer in time.
    Late,
    /// Ours.
    Ours,
}

/// A failure of a call.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    /// For the log.
    detail: String,
    /// Kept as it is.
    error: Option<Error>,
}

impl Failure {
    pub(crate) fn of(method: &str, error: &CallError) -> Self {
        let (kind, what) = match error.status() {
            Some(status) => (of_status(status), format!("{}: {}", status.code.name(), clean(&status.message))),
            None => without_status(error),
        };
        Self { kind, detail: format!("{method}: {what}"), error: None }
    }

    pub(crate) fn late(method: &str) -> Self {
        Self { kind: Kind::Late, detail: format!("{method}: no answer in time"), error: None }
    }

    /// The answer is not one to this request, or was damaged on the way.
    pub(crate) fn damaged(method: &str, what: &str) -> Self {
        Self { kind: Kind::Broken, detail: format!("{method}: {what}"), error: None }
    }

    /// How often such a request is sent.
    pub(crate) const fn tries_max(&self) -> u32 {
        match self.kind {
            Kind::Throttled => u32::MAX,
            Kind::Broken | Kind::Late => TRIES_MAX,
            _ => 1,
        }
    }

    /// Whether the service's text speaks of this.
    pub(crate) fn mentions(&self, word: &str) -> bool {
        self.detail.contains(word)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { kind: Kind::Ours, detail: error.to_string(), error: Some(error) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        let Failure { kind, detail, error } = failure;
        match (error, kind) {
            (Some(error), _) => error,
            (None, Kind::Login) => Self::Login(detail),
            (None, Kind::Forbidden { .. }) => Self::Forbidden(detail),
            (None, Kind::Absent) => Self::Absent,
            (None, Kind::State) => Self::Unusable("disabled or destroyed".into()),
            (None, Kind::Throttled) => Self::Unavailable { detail, retry_after: THROTTLED_AFTER },
            (None, Kind::Broken) => Self::Unavailable { detail, retry_after: BROKEN_AFTER },
            (None, Kind::Late) => Self::Timeout,
            (None, Kind::Exists | Kind::Wrong | Kind::Ours) => Self::Internal(detail),
        }
    }
}

fn of_status(status: &Status) -> Kind {
    match status.code {
        Code::Unauthenticated => Kind::Login,
        Code::PermissionDenied => Kind::Forbidden { by_policy: !is_switched_off(status) },
        Code::NotFound => Kind::Absent,
        Code::AlreadyExists => Kind::Exists,
        Code::FailedPrecondition => Kind::State,
        Code::InvalidArgument => Kind::Wrong,
        Code::ResourceExhausted => Kind::Throttled,
        Code::Unavailable | Code::Internal | Code::Unknown | Code::Aborted | Code::Cancelled => Kind::Broken,
        Code::DeadlineExceeded => Kind::Late,
        _ => Kind::Ours,
    }
}

/// Whether a denial is about the project (the service is not enabled, nobody pays) and not about a permission.
fn is_switched_off(status: &Status) -> bool {
    status.details.iter().any(|detail| match detail {
        StatusDetails::ErrorInfo(info) => !info.reason.is_empty() && info.reason != "IAM_PERMISSION_DENIED",
        _ => false,
    })
}

/// A failure that is not the service's own answer: of a proxy, of the network, of the credentials. Bodies are never
/// repeated, because nobody knows what is in them; and a "not found" of somebody else says nothing about a key.
fn without_status(error: &CallError) -> (Kind, String) {
    if let Some(code) = error.http_status_code() {
        let kind = match code {
            401 => Kind::Login,
            403 => Kind::Forbidden { by_policy: false },
            429 => Kind::Throttled,
            _ => Kind::Broken,
        };
        return (kind, format!("HTTP {code}, and not in the words of Cloud KMS"));
    }
    if error.is_authentication() {
        let credentials = error.source().and_then(|source| source.downcast_ref::<CredentialsError>());
        return match credentials.is_some_and(CredentialsError::is_transient) {
            true => (Kind::Broken, "the node's identity cannot be had now".into()),
            false => (Kind::Login, "the credentials cannot be used".into()),
        };
    }
    if error.is_timeout() {
        return (Kind::Late, "no answer in time".into());
    }
    if error.is_deserialization() {
        return (Kind::Broken, "the answer is not one of Cloud KMS".into());
    }
    if error.is_connect() || error.is_io() {
        return (Kind::Broken, format!("no connection: {}", clean(&root(error).to_string())));
    }
    (Kind::Ours, "the request could not be made".into())
}

/// The first cause, which knows no URL.
fn root<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause
}

/// A text from outside, fit for a line of the log.
fn clean(text: &str) -> String {
    text.chars().take(TEXT_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests;
