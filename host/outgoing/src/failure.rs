//! Why a question got no answer.

use std::error::Error as _;

/// Longest text about a connection, in characters.
const TEXT_MAX: usize = 300;

/// The closed set of reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The question is malformed or over a bound.
    Invalid,
    /// The host, or the address behind its name, is not allowed.
    NotAllowed,
    /// The name is unknown, or nothing answers.
    Unreachable,
    /// The server is not who it should be.
    Untrusted,
    /// Not in time.
    Timeout,
    /// Too long an answer.
    TooLarge,
    /// Too many questions at once.
    TooMany,
    /// Our fault.
    Internal,
}

/// A failure and what an operator may read of it.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// What sort.
    pub reason: Reason,
    /// Names the host and what was wrong.
    pub text: String,
}

/// The address behind a name is not allowed: travels through the client's errors.
#[derive(Debug, thiserror::Error)]
#[error("the name leads to an address that is not allowed")]
pub(crate) struct Inside;

impl Failure {
    pub(crate) fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self { reason, text: text.into() }
    }

    pub(crate) fn invalid(text: impl Into<String>) -> Self {
        Self::new(Reason::Invalid, text)
    }

    pub(crate) fn of(error: reqwest::Error, host: &str) -> Self {
        let (timeout, connecting) = (error.is_timeout(), error.is_connect());
        let told = told(error);
        if told.inside {
            let text =
                format!("{host}: the name leads to an address inside a network; allow the host by its full name");
            return Self::new(Reason::NotAllowed, text);
        }
        let reason = match (timeout, connecting) {
            (true, _) => Reason::Timeout,
            (false, true) if told.text.contains("certificate") || told.text.contains("InvalidContentType") => {
                Reason::Untrusted
            }
            _ => Reason::Unreachable,
        };
        Self::new(reason, format!("{host}: {}", told.text))
    }
}

struct Told {
    text: String,
    inside: bool,
}

/// What an error and those behind it say, without the URL: it may hold a secret in its query.
fn told(error: reqwest::Error) -> Told {
    let error = error.without_url();
    let mut texts = vec![error.to_string()];
    let mut inside = false;
    let mut source = error.source();
    while let Some(error) = source {
        inside |= error.is::<Inside>();
        texts.push(error.to_string());
        source = error.source();
    }
    texts.dedup();
    Told { text: texts.join(": ").chars().take(TEXT_MAX).collect(), inside }
}
