//! Errors that cross from a worker to the server.

use std::time::Duration;

use keys::Error;
use serde::{Deserialize, Serialize};

/// Longest text of an error, in bytes.
const TEXT_MAX: usize = 1024;
/// Longest wait that a worker may advise.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// What a driver of tokens answers instead of a result.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    Absent,
    Present,
    Unsupported(String),
    Invalid(String),
    Login(String),
    Replaced,
    Unavailable(String, Duration),
    Busy(Duration),
    Timeout,
    Internal(String),
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error {
            Error::Absent => Self::Absent,
            Error::Present => Self::Present,
            Error::Unsupported(text) => Self::Unsupported(cut(text)),
            Error::Invalid(text) => Self::Invalid(cut(text)),
            Error::Login(text) => Self::Login(cut(text)),
            Error::Replaced => Self::Replaced,
            Error::Unavailable { detail, retry_after } => Self::Unavailable(cut(detail), retry_after),
            Error::Busy { retry_after } => Self::Busy(retry_after),
            Error::Timeout => Self::Timeout,
            other => Self::Internal(cut(other.to_string())),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Absent => Self::Absent,
            Refusal::Present => Self::Present,
            Refusal::Unsupported(text) => Self::Unsupported(cut(text)),
            Refusal::Invalid(text) => Self::Invalid(cut(text)),
            Refusal::Login(text) => Self::Login(cut(text)),
            Refusal::Replaced => Self::Replaced,
            Refusal::Unavailable(text, wait) => {
                Self::Unavailable { detail: cut(text), retry_after: wait.min(WAIT_MAX) }
            }
            Refusal::Busy(wait) => Self::Busy { retry_after: wait.min(WAIT_MAX) },
            Refusal::Timeout => Self::Timeout,
            Refusal::Internal(text) => Self::Internal(cut(text)),
        }
    }
}

fn cut(mut text: String) -> String {
    let end = (0..=TEXT_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_the_same_on_both_sides() {
        let errors = [
            Error::Absent,
            Error::Present,
            Error::Unsupported("a".into()),
            Error::invalid("b"),
            Error::Login("c".into()),
            Error::Replaced,
            Error::unavailable("d"),
            Error::Busy { retry_after: Duration::from_secs(2) },
            Error::Timeout,
            Error::Internal("e".into()),
        ];
        for error in errors {
            let (text, reason, wait) = (error.to_string(), error.reason(), error.retry_after());
            let back = Error::from(Refusal::from(error));
            assert_eq!((back.to_string(), back.reason(), back.retry_after()), (text, reason, wait));
        }
    }

    #[test]
    fn a_worker_cannot_make_an_error_long_or_its_wait_endless() {
        let error = Error::from(Refusal::Unavailable("é".repeat(10_000), Duration::MAX));
        assert!(error.to_string().len() < 1100);
        assert_eq!(error.retry_after(), Some(WAIT_MAX));
    }
}
