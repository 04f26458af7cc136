//! The native endpoints: `sys/` and `auth/token/`.
//!
//! **For:** what the host itself answers, one file per resource. **Never:** HTTP, or a request that was not admitted.
//! **In, out:** a [`Call`] in, a [`model::Reply`] out; changes go into the call's transaction. **Meet first:**
//! [`System`], [`Call`]. **Errors:** [`model::Fault`].
#![forbid(unsafe_code)]

mod auth;
mod builtin;
mod capabilities;
mod cluster;
mod config_state;
mod cors;
mod documented;
mod external_keys;
mod front;
mod generate_root;
mod grants;
mod help;
mod host_info;
mod managed_keys;
mod metrics;
mod mounts;
mod namespaces;
mod openapi;
mod params;
mod preflight;
mod quotas;
mod rekey;
mod remount;
mod rotate;
mod routes;
mod snapshot;
mod spool;
mod status;
mod token;

use std::sync::Arc;

use access::{Admitted, Demands, Tokens};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use keys::ManagedKeys;
use meter::Meter;
use model::{Fault, Id, Kind, Operation, Reply, Stream};
use sandbox::Catalog;
use seal::rekey::Target;
use secrecy::SecretString;
use serde_json::{Map, Value};
use storage::Transaction;
use storage::barrier::Barrier;
use tenancy::{Namespace, Tree};
use tokio::time::Instant;

pub use cluster::cluster_id;
pub use cors::{CrossOrigin, cross_origin};
pub use front::{Answer, Founded, Front, Question};
pub use metrics::text as metrics_text;
pub use quotas::Asking;
use quotas::Quotas;
use routes::{Endpoint, Routes};
pub use snapshot::{AfterRestore, Snapshots};

/// System-wide time to live where neither mount nor request names one: 768 hours.
pub const LEASE_TTL: u64 = 768 * 3600;

/// What the server says of itself.
#[derive(Clone, Debug)]
pub struct Info {
    /// The version that clients read; they unlock features by it.
    pub reported_version: String,
    /// The name of the cluster.
    pub cluster_name: String,
    /// The kind of storage.
    pub storage_type: &'static str,
    /// Default time to live, in seconds.
    pub default_lease_ttl: u64,
    /// Longest time to live, in seconds.
    pub max_lease_ttl: u64,
}

/// The native endpoints of an open node.
pub struct System {
    info: Info,
    barrier: Arc<Barrier>,
    tokens: Arc<Tokens>,
    catalog: Catalog,
    managed_keys: ManagedKeys,
    snapshots: Snapshots,
    routes: Routes,
    meter: Meter,
    quotas: Quotas,
    configured: Value,
}

/// One request for the host itself.
pub struct Call<'a> {
    /// Identifies the request in the log.
    pub request: &'a str,
    /// What is wanted.
    pub operation: Operation,
    /// The namespace that the request is in.
    pub namespace: Arc<Namespace>,
    /// All namespaces and mounts.
    pub tree: &'a Tree,
    /// The body, or the query parameters of reads, lists and deletes.
    pub body: Map<String, Value>,
    /// Who asks.
    pub admitted: &'a Admitted,
    /// The token that was sent. Only the answer to its own holder may repeat it.
    pub token: Option<&'a SecretString>,
    /// The request's reads and writes.
    pub transaction: &'a mut Transaction,
    /// When whatever is asked outside must have answered.
    pub deadline: Instant,
    /// Seconds since 1970.
    pub now: u64,
}

/// A native endpoint that a path matched.
pub struct Matched {
    endpoint: Endpoint,
    capture: String,
}

impl System {
    /// The endpoints over these rooms, and the store as a whole.
    pub fn new(
        info: Info,
        (barrier, tokens): (Arc<Barrier>, Arc<Tokens>),
        catalog: Catalog,
        managed_keys: ManagedKeys,
        snapshots: Snapshots,
    ) -> Result<Self, Fault> {
        let (routes, meter, quotas) = (Routes::new()?, Meter::default(), Quotas::new());
        let configured = Value::Null;
        Ok(Self { info, barrier, tokens, catalog, managed_keys, snapshots, routes, meter, quotas, configured })
    }

    /// The same, showing what this meter counts.
    #[must_use]
    pub fn observed(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    /// The same, showing this configuration, which holds no secrets.
    #[must_use]
    pub fn configured(self, configured: Value) -> Self {
        Self { configured, ..self }
    }

    /// The endpoint at a path below `sys/` of a namespace, with what it demands of whoever asks.
    pub fn find(&self, namespace: &Namespace, path: &str) -> Option<(Matched, Demands)> {
        self.routes.find(path).filter(|(matched, _)| namespace.id == Id::nil() || !matched.endpoint.is_of_the_root())
    }

    /// The endpoint at a path below `auth/token/`.
    pub fn find_token(&self, path: &str) -> Option<(Matched, Demands)> {
        let matched = Matched { endpoint: Endpoint::LookupSelf, capture: String::new() };
        (path == "lookup-self").then_some((matched, Demands::default()))
    }

    /// Whether a path is answered alike whatever namespace the header names, even one that does not exist: questions of
    /// a token about itself.
    pub fn is_everywhere(path: &str) -> bool {
        path.trim_end_matches('/') == "auth/token/lookup-self"
    }

    /// Whether a request's body is taken piece by piece, by [`Self::restore`], instead of whole. The door asks before
    /// it has read any of it.
    pub fn takes_upload(operation: Operation, path: &str) -> bool {
        let snapshot = ["sys/storage/snapshot", "sys/storage/raft/snapshot", "sys/storage/raft/snapshot-force"];
        operation == Operation::Update && snapshot.contains(&path)
    }

    /// Takes an upload that was admitted: replaces the whole store, or changes nothing. It is no part of any
    /// transaction, and happens once.
    pub async fn restore(&self, matched: &Matched, namespace: &Namespace, upload: Stream) -> Result<Reply, Fault> {
        if !matches!(matched.endpoint, Endpoint::Snapshot | Endpoint::SnapshotForce) {
            return Err(unsupported());
        }
        snapshot::root_only(namespace)?;
        self.snapshots.restore(upload).await?;
        Ok(Reply::nothing())
    }

    /// Explains a path below `sys/` or `auth/token/`, instead of doing anything.
    pub fn explain(&self, path: &str) -> Result<Reply, Fault> {
        help::explain(path)
    }

    /// Answers a request that was admitted.
    pub async fn answer(&self, matched: Matched, call: Call<'_>) -> Result<Reply, Fault> {
        let at = matched.capture.as_str();
        match matched.endpoint {
            Endpoint::GenerateRoot => generate_root::attempt(call).await,
            Endpoint::GenerateRootUpdate => generate_root::update(&self.tokens, call).await,
            Endpoint::KeyStatus => rotate::key_status(&self.barrier, call).await,
            Endpoint::Rekey => rekey::at(&self.barrier, call, Target::Unseal, at).await,
            Endpoint::RekeyBackup => rekey::backup(call, Target::Unseal).await,
            Endpoint::RekeyRecoveryBackup => rekey::backup(call, Target::Recovery).await,
            Endpoint::RekeyRecovery => rekey::at(&self.barrier, call, Target::Recovery, at).await,
            Endpoint::Rotate => rotate::rotate(&self.barrier, call),
            Endpoint::RotateConfig => rotate::config(call).await,
            Endpoint::Seal => seal_up(&call),
            Endpoint::Snapshot => self.snapshots.save(call).await,
            Endpoint::SnapshotForce => Err(unsupported()),
            Endpoint::ExternalKeys => external_keys::at(&self.managed_keys, call, at).await,
            Endpoint::ManagedKeys => managed_keys::at(&self.managed_keys, call, at).await,
            Endpoint::Auth => auth::all(&call),
            Endpoint::AuthMethod => auth::one(self, &call, at),
            Endpoint::Mounts => mounts::all(self, call),
            Endpoint::Mount => mounts::one(self, call, at).await,
            Endpoint::Remount => remount::start(call).await,
            Endpoint::RemountStatus => remount::status(call, at).await,
            Endpoint::InFlight => metrics::in_flight(self, &call),
            Endpoint::Metrics => metrics::metrics(self, &call),
            Endpoint::Quotas => quotas::at(self, call, at).await,
            Endpoint::ConfigState => config_state::read(self, &call),
            Endpoint::Cors => cors::at(call).await,
            Endpoint::HostInfo => host_info::read(&call),
            Endpoint::OpenApi => openapi::document(self, &call),
            Endpoint::Namespaces => namespaces::all(&call),
            Endpoint::Namespace => namespaces::one(call, at).await,
            Endpoint::CapabilitiesSelf => capabilities::own(&call),
            Endpoint::UiMounts => preflight::all(self, &call),
            Endpoint::UiMount => preflight::one(self, &call, at),
            Endpoint::LookupSelf => token::lookup_self(&call),
        }
    }
}

impl Matched {
    /// Whether the node is to be sealed once this was answered.
    pub fn seals(&self) -> bool {
        matches!(self.endpoint, Endpoint::Seal)
    }
}

/// `sys/seal`: the corridor seals when this was admitted.
fn seal_up(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation == Operation::Update { Ok(Reply::nothing()) } else { Err(unsupported()) }
}

/// A fresh identifier.
fn fresh_id() -> Result<Id, Fault> {
    random().map(Id::from_random)
}

fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Ok(bytes)
}

fn stored(error: storage::Error) -> Fault {
    Fault::new(error.kind(), "storage failed").detail(error.to_string())
}

fn unsupported() -> Fault {
    Fault::new(Kind::UnsupportedOperation, "unsupported operation")
}
