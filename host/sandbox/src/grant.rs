//! What one entry into a guest is given.

use std::sync::Arc;

use keys::{InternalKeys, ManagedKeys};
use model::{Id, NamespacePath, Operation};
use outgoing::Outgoing;
use storage::Transaction;
use tenancy::{Mount, Namespace};
use tokio::time::Instant;

/// The powers of one entry, minted by the corridor for one request. Without it no guest runs.
pub struct Grant {
    /// Identifies the request in logs.
    pub request_id: String,
    /// The request's reads and writes.
    pub transaction: Transaction,
    /// The namespace that the request is in.
    pub namespace: Arc<Namespace>,
    /// The namespaces above it, nearest first: it inherits keys from them.
    pub above: Vec<(Id, NamespacePath)>,
    /// The mount that it came in through.
    pub mount: Arc<Mount>,
    /// The mount's default time to live, in seconds, with the system's where it has none.
    pub default_lease_ttl: u64,
    /// The mount's longest time to live, in seconds, with the system's where it has none.
    pub max_lease_ttl: u64,
    /// The keys of operators. Those of the namespace that are lent to the mount can be used.
    pub managed_keys: ManagedKeys,
    /// The keys of mounts. Those in the mount's own drawer can be used.
    pub internal_keys: InternalKeys,
    /// Asks other servers, for auth methods: those that the operator allows.
    pub outgoing: Arc<Outgoing>,
    /// When the guest is ended.
    pub deadline: Instant,
}

/// One request for a guest.
pub struct Call {
    /// What is wanted.
    pub operation: Operation,
    /// Index of the route in the guest's descriptor.
    pub route: usize,
    /// Captured parts of the path.
    pub captures: Vec<(String, String)>,
    /// A JSON object as text.
    pub body: String,
    /// The body as sent, for actions that take it so.
    pub raw: Option<RawBody>,
    /// Request headers that the mount passes on.
    pub headers: Vec<(String, String)>,
    /// Who asks.
    pub caller: Caller,
}

/// A body as sent.
pub struct RawBody {
    /// Its media type; empty if none was sent.
    pub content_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Who asks. Never the token.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The identity entity.
    pub entity_id: Option<String>,
    /// The token's display name; empty without a token.
    pub display_name: String,
    /// What the login attached to the token.
    pub metadata: Vec<(String, String)>,
    /// DER of the client's TLS certificate.
    pub client_certificate: Option<Vec<u8>>,
    /// The IP address that the request came from.
    pub remote_address: Option<String>,
}

/// What an engine lent with an answer, and wants back. What it keeps with it is not for clients or logs.
#[derive(Clone)]
pub struct Lent {
    /// Seconds from now; 0 means the mount's default.
    pub ttl: u64,
    /// Whether its holder may extend it.
    pub renewable: bool,
    /// What the engine keeps with it: a JSON object in text, at most [`crate::LEASE_INTERNAL_MAX`] bytes.
    pub internal: String,
}
