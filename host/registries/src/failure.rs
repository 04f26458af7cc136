//! Why nothing was pulled.

use std::error::Error as _;

use oci_client::errors::{DigestError, OciDistributionError};

/// Longest text about a connection, in characters.
const TEXT_MAX: usize = 300;

/// The closed set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The reference is none, or lacks a tag.
    Invalid,
    /// The operator did not name the registry.
    NotAllowed,
    /// The registry does not let this server in.
    Refused,
    /// The registry has no such image.
    Absent,
    /// It is no artifact with one component, or is over a bound.
    Unfit,
    /// The component has another digest.
    Digest,
    /// The name is unknown, nothing answers, or what answers is broken.
    Unreachable,
    /// Not in time.
    Timeout,
    /// Too many pulls at once.
    TooMany,
    /// Our fault.
    Internal,
}

impl Reason {
    /// Whether the same may succeed later, without anybody changing the request.
    pub fn passes(self) -> bool {
        matches!(self, Self::Unreachable | Self::Timeout | Self::TooMany)
    }
}

/// A failure and what an operator may read of it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What sort.
    pub reason: Reason,
    /// Names the registry and what was wrong.
    pub text: String,
}

impl Failure {
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    pub(crate) fn unfit(text: impl Into<String>) -> Self {
        Self::new(Reason::Unfit, text)
    }

    /// What a status other than 200 means. What a registry says beside it is not repeated.
    pub(crate) fn of_status(status: u16, host: &str) -> Self {
        match status {
            401 | 403 => Self::refused(host),
            404 => Self::absent(host),
            500.. => Self::new(Reason::Unreachable, format!("{host}: the registry answers {status}")),
            _ => Self::unfit(format!("{host}: the registry answers {status}")),
        }
    }

    fn absent(host: &str) -> Self {
        Self::new(Reason::Absent, format!("{host}: the registry has no such image"))
    }

    fn refused(host: &str) -> Self {
        let text = format!("{host}: the registry refuses: see username and password of plugin_registries {host:?}");
        Self::new(Reason::Refused, text)
    }

    fn digest() -> Self {
        Self::new(Reason::Digest, "what the registry sent has another digest than its manifest says")
    }

    pub(crate) fn of_request(error: reqwest::Error, host: &str) -> Self {
        let reason = if error.is_timeout() { Reason::Timeout } else { Reason::Unreachable };
        // The URL may be one that a registry led to, with a secret in its query.
        let error = error.without_url();
        let mut texts = vec![error.to_string()];
        let mut source = error.source();
        while let Some(error) = source {
            texts.push(error.to_string());
            source = error.source();
        }
        texts.dedup();
        let text: String = texts.join(": ").chars().filter(|c| !c.is_control()).take(TEXT_MAX).collect();
        Self::new(reason, format!("{host}: {text}"))
    }

    pub(crate) fn of_client(error: OciDistributionError, host: &str) -> Self {
        match error {
            OciDistributionError::RequestError(error) => Self::of_request(error, host),
            OciDistributionError::ServerError { code, .. } => Self::of_status(code, host),
            OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => {
                Self::refused(host)
            }
            // A client's error that the registry explained.
            OciDistributionError::RegistryError { .. } => Self::absent(host),
            OciDistributionError::DigestError(_) => Self::digest(),
            _ => Self::new(Reason::Unreachable, format!("{host}: what answers does not speak as a registry does")),
        }
    }

    /// What broke a layer off.
    pub(crate) fn of_stream(error: std::io::Error, host: &str) -> Self {
        match error.downcast::<reqwest::Error>() {
            Ok(error) => Self::of_request(error, host),
            Err(error) if error.get_ref().is_some_and(|inner| inner.is::<DigestError>()) => Self::digest(),
            Err(_) => Self::new(Reason::Unreachable, format!("{host}: the component broke off")),
        }
    }
}
