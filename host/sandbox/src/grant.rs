//! What one entry into a guest is given.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keys::{InternalKeys, ManagedKeys, Usage, Usages};
use model::{Fault, Id, MountClass, NamespacePath, Operation};
use outgoing::{Allowed, Method, Outgoing, Terms};
use storage::Transaction;
use tenancy::{Mount, Namespace};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use traces::Trace;

use crate::limits::{CPU_MAX, LOG_LINES_MAX};
use crate::tuning::MEMORY_MAX;

/// The powers of one entry, minted by the corridor for one request. Without it no guest runs.
pub struct Grant {
    /// Identifies the request in logs.
    pub request_id: String,
    /// The trace of the request, which the entry becomes a part of.
    pub trace: Trace,
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
    /// Is told when the guest asks for a power that the mount was not granted; nobody where nothing is recorded.
    pub refusals: Option<Arc<dyn Refusals>>,
    /// Asks other servers: those that the operator allows.
    pub outgoing: Arc<Outgoing>,
    /// How much the guest may use.
    pub limits: Limits,
    /// Its turn, where the mount has so many at once.
    pub turn: Option<OwnedSemaphorePermit>,
    /// When the guest is ended.
    pub deadline: Instant,
}

/// Is told when a guest asks for a power that its mount was not granted.
#[async_trait]
pub trait Refusals: Send + Sync {
    /// Takes note: of the power, in the word of the mount's `powers`, and of what was refused and why. A failure keeps the
    /// answer from the guest.
    async fn refused(&self, power: &'static str, why: &str) -> Result<(), Fault>;
}

/// How much a guest may use in one entry.
#[derive(Clone, Debug)]
pub struct Limits {
    /// What it may do with managed keys, of what each key is for.
    pub usages: Usages,
    /// Linear memory, in bytes; at most [`crate::MEMORY_MAX`].
    pub memory: usize,
    /// Most that it keeps, in bytes of names and values; `None`: without bound.
    pub storage: Option<u64>,
    /// Time of a processor; at most [`crate::CPU_MAX`].
    pub cpu: Duration,
    /// Lines of the log; at most [`crate::LOG_LINES_MAX`].
    pub log_lines: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { usages: Usages::ALL, memory: MEMORY_MAX, storage: None, cpu: CPU_MAX, log_lines: LOG_LINES_MAX }
    }
}

impl Limits {
    /// The limits of a mount. Entries that cannot be read were never written by this server: they grant nothing.
    pub fn of(mount: &Mount) -> Self {
        let (powers, most) = (&mount.config.powers, Self::default());
        let number = |said: Option<u64>| said.map(|said| usize::try_from(said).unwrap_or(usize::MAX));
        let usages = |names: &Vec<String>| names.iter().filter_map(|name| Usage::parse(name)).collect();
        Self {
            usages: powers.managed_key_usages.as_ref().map_or(most.usages, usages),
            memory: number(powers.memory_max).map_or(most.memory, |memory| memory.min(most.memory)),
            storage: powers.storage_max,
            cpu: powers.cpu_time_max.map_or(most.cpu, |cpu| Duration::from_millis(cpu).min(most.cpu)),
            log_lines: number(powers.log_lines_max)
                .and_then(|lines| u32::try_from(lines).ok())
                .map_or(most.log_lines, |lines| lines.min(most.log_lines)),
        }
    }
}

/// What a mount may ask of other servers. Entries that cannot be read were never written by this server: they grant nothing.
pub(crate) fn terms(mount: &Mount) -> Terms {
    let powers = &mount.config.powers;
    let hosts = match (&powers.http_out, mount.class) {
        (Some(hosts), _) => Some(hosts.as_slice()),
        (None, MountClass::Secret) => Some(&[][..]),
        (None, MountClass::Auth) => None,
    };
    let allowed = |hosts: &[String]| Allowed::new(hosts.iter().map(String::as_str)).unwrap_or_default();
    let methods = |names: &Vec<String>| names.iter().filter_map(|name| Method::parse(name)).collect();
    Terms {
        hosts: hosts.map(allowed),
        methods: powers.http_out_methods.as_ref().map(methods),
        ca_pem: powers.http_out_ca_pem.clone(),
        size_max: powers.http_out_size_max.map(|size| usize::try_from(size).unwrap_or(usize::MAX)),
        time_max: powers.http_out_time_max.map(Duration::from_millis),
    }
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
