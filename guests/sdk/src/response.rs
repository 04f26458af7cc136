//! The answer to a request.

use serde::Serialize;
use serde_json::json;

use crate::bindings::innkeeper::engine::types as wit;
use crate::{Auth, Fault, storage};

/// What a handler returns.
pub type Answer = Result<Response, Fault>;

/// An answer.
pub struct Response(pub(crate) wit::Response);

/// What is owed back when an answer holds something that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Seconds from now; 0 means the mount's default.
    pub ttl: u64,
    /// Whether the holder may extend it.
    pub renewable: bool,
    /// Comes back in [`crate::Engine::revoke`] and [`crate::Engine::renew`]; a JSON object as text.
    pub internal: String,
}

impl Response {
    /// No content: the client sees 204 on writes and deletes, 404 on reads and lists.
    pub fn nothing() -> Self {
        Self::of(wit::Payload::Nothing)
    }

    /// Data under `data` in the envelope. The value must serialise to a JSON object.
    pub fn data(value: &impl Serialize) -> Answer {
        match serde_json::to_string(value) {
            Ok(text) => Ok(Self::of(wit::Payload::Data(text))),
            Err(e) => Err(Fault::internal(format!("an answer does not serialise: {e}"))),
        }
    }

    /// 200 with `data: null`, for what was done but has nothing to show.
    pub fn null() -> Self {
        Self::of(wit::Payload::Data("null".into()))
    }

    /// The answer to LIST: `keys`, or 404 when there are none.
    pub fn list(keys: &[String]) -> Answer {
        if keys.is_empty() { Ok(Self::nothing()) } else { Self::data(&json!({ "keys": keys })) }
    }

    /// The answer to LIST: the names directly below a prefix in the mount's drawer.
    pub fn names(prefix: &str) -> Answer {
        Self::list(&storage::names(prefix).collect::<Result<Vec<_>, _>>()?)
    }

    /// A login: the host makes a token of it. Only from auth methods, in actions that are [`crate::Action::unauthenticated`].
    pub fn auth(auth: Auth) -> Self {
        Self::of(wit::Payload::Auth(auth))
    }

    /// Bytes outside the envelope, with status 200.
    pub fn raw(content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self::raw_status(200, content_type, bytes)
    }

    /// Bytes outside the envelope, with a status of 200 to 599.
    pub fn raw_status(status: u16, content_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let raw = wit::RawResponse { status, content_type: content_type.to_owned(), bytes: bytes.into() };
        Self::of(wit::Payload::Raw(raw))
    }

    /// The same with another status, 200 to 299. Only for data.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.0.status = Some(status);
        self
    }

    /// The same with one more warning.
    #[must_use]
    pub fn warning(mut self, text: impl Into<String>) -> Self {
        self.0.warnings.push(text.into());
        self
    }

    /// The same with more warnings.
    #[must_use]
    pub fn warnings(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.0.warnings.extend(texts);
        self
    }

    /// The same with a response header, which the action must have declared.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The same with a lease.
    #[must_use]
    pub fn lease(mut self, lease: Lease) -> Self {
        self.0.lease = Some(lease.into());
        self
    }

    /// The JSON text under `data`, for unit tests.
    pub fn data_text(&self) -> Option<&str> {
        match &self.0.payload {
            wit::Payload::Data(text) => Some(text),
            wit::Payload::Nothing | wit::Payload::Raw(_) | wit::Payload::Auth(_) => None,
        }
    }

    /// The login, for unit tests.
    pub fn login(&self) -> Option<&Auth> {
        match &self.0.payload {
            wit::Payload::Auth(auth) => Some(auth),
            wit::Payload::Nothing | wit::Payload::Raw(_) | wit::Payload::Data(_) => None,
        }
    }

    fn of(payload: wit::Payload) -> Self {
        Self(wit::Response { payload, status: None, warnings: Vec::new(), lease: None, headers: Vec::new() })
    }
}

impl From<Lease> for wit::Lease {
    fn from(lease: Lease) -> Self {
        Self { ttl: lease.ttl, renewable: lease.renewable, internal: lease.internal }
    }
}

impl From<wit::Lease> for Lease {
    fn from(lease: wit::Lease) -> Self {
        Self { ttl: lease.ttl, renewable: lease.renewable, internal: lease.internal }
    }
}
