//! What whoever asks was granted, of what the operator allows.

use std::time::Duration;

use crate::allowed::Allowed;
use crate::client::{ANSWER_MAX, Method, TIME_MAX};
use crate::failure::{Failure, Reason};

/// What a mount may ask. What is `None` was never said: then the bounds of this room hold.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Whom, of those that the operator allows.
    pub hosts: Option<Allowed>,
    /// By which methods.
    pub methods: Option<Vec<Method>>,
    /// The only certificate authorities that are trusted, PEM: whoever asks can name none of its own then.
    pub ca_pem: Option<String>,
    /// Longest body of a question or an answer, in bytes; at most [`ANSWER_MAX`].
    pub size_max: Option<usize>,
    /// Longest time of a question; at most [`TIME_MAX`].
    pub time_max: Option<Duration>,
}

impl Terms {
    /// Refuses a method that was not granted.
    pub(crate) fn permit(&self, method: Method) -> Result<(), Failure> {
        match &self.methods {
            Some(methods) if !methods.contains(&method) => {
                let why = format!("{} is not among the methods that this mount was granted", method.name());
                Err(Failure::new(Reason::NotAllowed, format!("{why} (powers.http_out_methods)")))
            }
            _ => Ok(()),
        }
    }

    /// The authorities that are trusted: those that were granted, or else those that the question names.
    pub(crate) fn authorities(&self, asked: Option<String>) -> Result<Option<String>, Failure> {
        if self.ca_pem.is_some() && asked.is_some() {
            let why =
                "ca_pem: this mount was granted the certificate authorities that it trusts, and may name no others";
            return Err(Failure::new(Reason::NotAllowed, format!("{why} (powers.http_out_ca_pem)")));
        }
        Ok(self.ca_pem.clone().or(asked))
    }

    /// Longest body, in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size_max.unwrap_or(ANSWER_MAX).min(ANSWER_MAX)
    }

    /// Longest time, of which the question may want less.
    pub(crate) fn time(&self, asked: Duration) -> Duration {
        self.time_max.unwrap_or(TIME_MAX).min(TIME_MAX).min(asked)
    }
}
