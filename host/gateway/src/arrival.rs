//! A request as it arrives at the corridor: HTTP has become nouns, nothing has been decided.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use model::{Operation, Stream};
use secrecy::SecretString;
use traces::Trace;

/// What the door hands over.
pub struct Arrival {
    /// Identifies the request in logs, audit and the answer: a UUID in text.
    pub id: String,
    /// From the method, before any existence check.
    pub operation: Operation,
    /// Below `/v1/`, percent-decoded, without a leading `/`.
    pub path: String,
    /// The value of `X-Vault-Namespace`, when sent.
    pub namespace: Option<String>,
    /// From `X-Vault-Token` or `Authorization: Bearer`.
    pub token: Option<SecretString>,
    /// Query parameters in order, decoded, without those that the door itself used (`list`, `help`).
    pub query: Vec<(String, String)>,
    /// The body as sent, bounded by the door. Empty where the path takes an upload.
    pub body: Vec<u8>,
    /// The body where the path takes an upload ([`crate::takes_upload`]): nothing of it has been read.
    pub upload: Option<Stream>,
    /// Media type of the body, empty when none was sent.
    pub content_type: String,
    /// Request headers, names in lower case, without those that carry credentials.
    pub headers: Vec<(String, String)>,
    /// Where the connection came from.
    pub peer: SocketAddr,
    /// DER of the client's certificate, when the TLS handshake had one.
    pub client_certificate: Option<Vec<u8>>,
    /// From `X-Vault-Wrap-TTL`: the answer is to be wrapped, for so long. Never zero.
    pub wrap_ttl: Option<Duration>,
    /// `?help=1`: explain the path instead of doing anything.
    pub help: bool,
    /// Its trace, which whoever works for it adds to.
    pub trace: Trace,
    /// What the corridor tells the door of it.
    pub told: Told,
}

/// What the corridor tells the door of a request beside its answer, whatever that is. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Told(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    mount_type: OnceLock<String>,
    headers: OnceLock<Vec<(String, String)>>,
}

impl Told {
    /// Tells, once, where it led: the type of a mount, `system`, or `token`.
    pub(crate) fn leads_to(&self, mount_type: &str) {
        self.0.mount_type.get_or_init(|| mount_type.to_owned());
    }

    /// Where it led; empty unless the corridor found out.
    pub fn mount_type(&self) -> &str {
        self.0.mount_type.get().map_or("", String::as_str)
    }

    /// Tells, once, the headers that its answer has in any case.
    pub(crate) fn answers_with(&self, headers: Vec<(String, String)>) {
        self.0.headers.get_or_init(|| headers);
    }

    /// Headers that its answer has, a refusal too; names in lower case.
    pub fn headers(&self) -> &[(String, String)] {
        self.0.headers.get().map_or(&[], Vec::as_slice)
    }
}
