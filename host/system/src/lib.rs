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
mod managed_keys;
mod mounts;
mod namespaces;
mod params;
mod preflight;
mod remount;
mod routes;
mod snapshot;
mod spool;
mod status;
mod token;

use std::sync::Arc;

use access::{Admitted, Demands};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use keys::ManagedKeys;
use model::{Fault, Id, Kind, Operation, Reply, Stream};
use sandbox::Catalog;
use secrecy::SecretString;
use serde_json::{Map, Value};
use storage::Transaction;
use tenancy::{Namespace, Tree};
use tokio::time::Instant;

pub use cluster::cluster_id;
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
    /// What tells this cluster from others of the same name, see [`cluster_id`].
    pub cluster_id: String,
    /// The kind of storage.
    pub storage_type: &'static str,
    /// Default time to live, in seconds.
    pub default_lease_ttl: u64,
    /// Longest time to live, in seconds.
    pub max_lease_ttl: u64,
}

/// The native endpoints. One per process.
pub struct System {
    info: Info,
    catalog: Catalog,
    managed_keys: ManagedKeys,
    snapshots: Snapshots,
    routes: Routes,
}

/// One request for the host itself.
pub struct Call<'a> {
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
    /// The endpoints over these guests and keys, and the store as a whole.
    pub fn new(info: Info, catalog: Catalog, managed_keys: ManagedKeys, snapshots: Snapshots) -> Result<Self, Fault> {
        Ok(Self { info, catalog, managed_keys, snapshots, routes: Routes::new()? })
    }

    /// The endpoint at a path below `sys/`, with what it demands of whoever asks.
    pub fn find(&self, path: &str) -> Option<(Matched, Demands)> {
        self.routes.find(path)
    }

    /// The endpoint at a path below `auth/token/`.
    pub fn find_token(&self, path: &str) -> Option<(Matched, Demands)> {
        let matched = Matched { endpoint: Endpoint::LookupSelf, capture: String::new() };
        (path == "lookup-self").then_some((matched, Demands::default()))
    }

    /// Whether a path is answered alike whatever namespace the header names, even one that does not exist: probes of
    /// the server's state, and questions of a token about itself.
    pub fn is_everywhere(path: &str) -> bool {
        matches!(
            path.trim_end_matches('/'),
            "sys/health" | "sys/seal-status" | "sys/init" | "sys/leader" | "auth/token/lookup-self"
        )
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

    /// Answers a request that was admitted.
    pub async fn answer(&self, matched: Matched, call: Call<'_>) -> Result<Reply, Fault> {
        let at = matched.capture.as_str();
        match matched.endpoint {
            Endpoint::Health => status::health(&self.info, &call),
            Endpoint::Snapshot => self.snapshots.save(call).await,
            Endpoint::SnapshotForce => Err(unsupported()),
            Endpoint::SealStatus => status::seal_status(&self.info, &call),
            Endpoint::Init => status::init(&call),
            Endpoint::Leader => status::leader(&call),
            Endpoint::ManagedKeys => managed_keys::at(&self.managed_keys, call, at).await,
            Endpoint::Auth => auth::all(&call),
            Endpoint::AuthMethod => auth::one(self, &call, at),
            Endpoint::Mounts => mounts::all(self, call),
            Endpoint::Mount => mounts::one(self, call, at).await,
            Endpoint::Remount => remount::start(call).await,
            Endpoint::RemountStatus => remount::status(call, at).await,
            Endpoint::Namespaces => namespaces::all(&call),
            Endpoint::Namespace => namespaces::one(call, at).await,
            Endpoint::CapabilitiesSelf => capabilities::own(&call),
            Endpoint::UiMounts => preflight::all(self, &call),
            Endpoint::UiMount => preflight::one(self, &call, at),
            Endpoint::LookupSelf => token::lookup_self(&call),
        }
    }
}

/// A fresh identifier.
fn fresh_id() -> Result<Id, Fault> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Ok(Id::from_random(bytes))
}

fn unsupported() -> Fault {
    Fault::new(Kind::UnsupportedOperation, "unsupported operation")
}
