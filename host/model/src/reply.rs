//! What an engine or a native endpoint answers.

use std::time::Duration;

use serde_json::value::RawValue;

use crate::{Auth, Kind, LeaseInfo, Stream, WrapInfo};

/// An answer, before the door gives it an envelope.
#[derive(Debug, Default)]
pub struct Reply {
    /// The content.
    pub payload: Payload,
    /// Status for [`Payload::Data`], 200 when absent.
    pub status: Option<u16>,
    /// Shown to the client.
    pub warnings: Vec<String>,
    /// Response headers, names in lower case; already limited to what the route declares and the mount allows.
    pub headers: Vec<(String, String)>,
    /// The type of the mount that answered, for the envelope.
    pub mount_type: String,
    /// The token that the answer gives out or renews. Such an answer has an envelope, also without data.
    pub auth: Option<Auth>,
    /// What the answer lends.
    pub lease: Option<LeaseInfo>,
    /// Where the answer was put instead of being given.
    pub wrap_info: Option<WrapInfo>,
}

/// The content of an answer.
#[derive(Debug, Default)]
pub enum Payload {
    /// Nothing: 204 on writes and deletes, 404 on reads and lists.
    #[default]
    Nothing,
    /// Goes under `data` in the envelope.
    Data(Box<RawValue>),
    /// Goes under `data`, and its fields also stand at the top level, as old clients of some `sys/` paths read them.
    Flattened(serde_json::Map<String, serde_json::Value>),
    /// A JSON object without an envelope, as `sys/health` answers.
    Bare(serde_json::Value),
    /// Bytes as they are.
    Raw {
        /// The status, 200 to 599.
        status: u16,
        /// Media type; empty for none.
        content_type: String,
        /// The body.
        bytes: Vec<u8>,
    },
    /// Bytes as they come, with status 200. An answer that fails on its way is broken off.
    Streamed {
        /// Media type.
        content_type: &'static str,
        /// The body.
        stream: Stream,
    },
}

impl Reply {
    /// Data made of anything that serialises to a JSON object.
    pub fn data(value: &impl serde::Serialize) -> Result<Self, Fault> {
        match serde_json::value::to_raw_value(value) {
            Ok(raw) => Ok(Self { payload: Payload::Data(raw), ..Self::default() }),
            Err(e) => Err(Fault::internal(format!("an answer does not serialise: {e}"))),
        }
    }

    /// A JSON object whose fields also stand at the top level.
    pub fn flattened(fields: serde_json::Map<String, serde_json::Value>) -> Self {
        Self { payload: Payload::Flattened(fields), ..Self::default() }
    }

    /// A JSON value without an envelope, with this status.
    pub fn bare(status: u16, value: serde_json::Value) -> Self {
        Self { payload: Payload::Bare(value), status: Some(status), ..Self::default() }
    }

    /// A token, without data.
    pub fn auth(auth: Auth) -> Self {
        Self { auth: Some(auth), ..Self::default() }
    }

    /// No content.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// The same with one more warning.
    #[must_use]
    pub fn warning(mut self, text: impl Into<String>) -> Self {
        self.warnings.push(text.into());
        self
    }
}

/// A refusal or failure with its two texts.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.internal_text())]
pub struct Fault {
    /// What sort of failure.
    pub kind: Kind,
    /// The public texts, one entry each in `errors`.
    pub messages: Vec<String>,
    /// For the log only.
    pub detail: Option<String>,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A failure with one public text.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, messages: vec![message.into()], detail: None, retry_after: None }
    }

    /// 400 with a text that says what was wrong and what would be right.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, message)
    }

    /// 404 with the empty list of errors, as Vault answers for objects that are not there.
    pub fn absent() -> Self {
        Self { kind: Kind::NotFound, messages: Vec::new(), detail: None, retry_after: None }
    }

    /// The refusal of an access decision, in the words that clients match on.
    pub fn denied() -> Self {
        Self::new(Kind::Denied, "1 error occurred:\n\t* permission denied\n\n")
    }

    /// A failure of ours: the detail goes to the log, the client learns nothing of it.
    pub fn internal(detail: impl Into<String>) -> Self {
        Self {
            kind: Kind::Internal,
            messages: vec!["internal error".into()],
            detail: Some(detail.into()),
            retry_after: None,
        }
    }

    /// The same with a text for the log.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with the advice to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    fn internal_text(&self) -> String {
        let public = self.messages.join("; ");
        self.detail.as_ref().map_or_else(|| public.clone(), |detail| format!("{public} ({detail})"))
    }
}
