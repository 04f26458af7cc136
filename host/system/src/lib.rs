//! The native endpoints: `sys/`, `auth/token/`, `identity/` and `cubbyhole/`.
//!
//! **For:** what the host itself answers, one file per resource. **Never:** HTTP, or a request that was not admitted.
//! **In, out:** a [`Call`] in, a [`model::Reply`] out; changes go into the call's transaction. **Meet first:**
//! [`System`], [`Call`]. **Errors:** [`model::Fault`].
#![forbid(unsafe_code)]

mod audit;
mod auth;
mod builtin;
mod capabilities;
mod catalog;
mod cluster;
mod config_state;
mod cors;
mod cubbyhole;
mod documented;
mod external_keys;
mod front;
mod generate_root;
mod governing;
mod grants;
mod help;
mod host_info;
mod identity;
mod leases;
pub mod lockout;
mod loggers;
mod managed_keys;
mod metrics;
mod mounts;
mod namespaces;
mod nodes;
mod openapi;
mod params;
mod password_policies;
mod pins;
mod policies;
mod powers;
mod preflight;
mod quotas;
mod rekey;
mod reload;
mod remount;
mod rotate;
mod routes;
mod snapshot;
mod spool;
mod status;
mod token;
mod tools;
mod ui;
mod ui_headers;
mod version_history;
mod wrapping;

use std::sync::Arc;
use std::time::Duration;

use ::audit::Audit;
use access::policy::Policies;
use access::{Admitted, Demands, Tokens};
use async_trait::async_trait;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use keys::{ManagedKeys, Witness};
use meter::Meter;
use model::{Fault, Id, Kind, MountClass, Operation, Reply, Stream};
use plugins::Catalog;
use sandbox::TokenWishes;
use seal::rekey::Target;
use secrecy::SecretString;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use storage::Transaction;
use storage::barrier::Barrier;
use tenancy::{Namespace, Tree};
use tokio::time::Instant;

pub use self::leases::{Duty, Renewal};
pub use builtin::native_accessor;
pub use capabilities::subject;
pub use cluster::cluster_id;
pub use cors::{CrossOrigin, cross_origin};
pub use documented::parameters;
pub use front::{Answer, Founded, Front, Question};
pub use loggers::Loggers;
pub use metrics::text as metrics_text;
use quotas::Quotas;
pub use quotas::{Asking, Leasing, Weighed};
use routes::{Endpoint, Routes};
pub use snapshot::{AfterRestore, Snapshots};
pub use version_history::note_version;
pub use wrapping::Wish;

/// System-wide time to live where neither mount nor request names one: 768 hours.
pub const LEASE_TTL: u64 = 768 * 3600;

/// Paths that belong to the token's own namespace, whatever the header says.
const EVERYWHERE: [&str; 6] = [
    "auth/token/lookup-self",
    "auth/token/renew-self",
    "auth/token/revoke-self",
    "sys/wrapping/lookup",
    "sys/wrapping/rewrap",
    "sys/wrapping/unwrap",
];

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
    audit: Arc<Audit>,
    snapshots: Snapshots,
    policies: Arc<Policies>,
    governing: Arc<::governing::Policies>,
    routes: Routes,
    meter: Meter,
    quotas: Quotas,
    configured: Value,
    loggers: Option<Arc<dyn Loggers>>,
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
    /// The body as it was sent: numbers may have more digits there.
    pub text: Option<String>,
    /// Who asks.
    pub admitted: &'a Admitted,
    /// Is told of each use of a managed key.
    pub witness: Option<Arc<dyn Witness>>,
    /// The token that was sent. Only the answer to its own holder may repeat it.
    pub token: Option<&'a SecretString>,
    /// The request's reads and writes.
    pub transaction: &'a mut Transaction,
    /// Asks auth methods.
    pub methods: &'a dyn AskMethod,
    /// When whatever is asked outside must have answered.
    pub deadline: Instant,
    /// Seconds since 1970.
    pub now: u64,
    /// The answer is to be wrapped, for so long.
    pub wrap_ttl: Option<Duration>,
    /// What is left to be done by whoever has the engines.
    pub duty: &'a mut Option<Duty>,
}

impl Call<'_> {
    /// What was sent, to be given back digit for digit.
    fn sent(&mut self) -> Result<Box<RawValue>, Fault> {
        let text = self.text.take().unwrap_or_else(|| Value::Object(self.body.clone()).to_string());
        RawValue::from_string(text).map_err(|e| Fault::internal(e.to_string()))
    }
}

/// Asks an auth method what it alone knows of a token that came of its login.
#[async_trait]
pub trait AskMethod: Send + Sync {
    /// Whether such a token may be renewed, and for how long from now on; a fault refuses.
    async fn renew_token(&self, login: &access::Login) -> Result<TokenWishes, Fault>;
}

/// The route of an endpoint: `mounts/{*path}`, below `sys/`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Template {
    pub(crate) room: &'static str,
    pub(crate) below: &'static str,
}

/// A native endpoint that a path matched.
pub struct Matched {
    endpoint: Endpoint,
    template: Template,
    capture: String,
}

impl System {
    /// The endpoints over these rooms, and the store as a whole.
    pub fn new(
        info: Info,
        (barrier, tokens): (Arc<Barrier>, Arc<Tokens>),
        catalog: Catalog,
        managed_keys: ManagedKeys,
        audit: Arc<Audit>,
        snapshots: Snapshots,
    ) -> Result<Self, Fault> {
        let (routes, meter, quotas) = (Routes::new()?, Meter::default(), Quotas::new());
        let policies = Arc::new(Policies::new());
        let configured = Value::Null;
        Ok(Self {
            info,
            barrier,
            tokens,
            catalog,
            managed_keys,
            audit,
            snapshots,
            policies,
            governing: Arc::default(),
            routes,
            meter,
            quotas,
            configured,
            loggers: None,
        })
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

    /// The same, with a log whose levels can be changed.
    #[must_use]
    pub fn logging(self, loggers: Arc<dyn Loggers>) -> Self {
        Self { loggers: Some(loggers), ..self }
    }

    /// The log, if it can be changed.
    fn loggers(&self) -> Result<&dyn Loggers, Fault> {
        let fixed = || Fault::new(Kind::NotFound, "the log of this process cannot be changed");
        self.loggers.as_deref().ok_or_else(fixed)
    }

    /// What people may do, for whoever decides.
    pub fn policies(&self) -> &Arc<Policies> {
        &self.policies
    }

    /// The policies that guests judge by, which the corridor shares.
    pub fn governing(&self) -> &Arc<::governing::Policies> {
        &self.governing
    }

    /// The endpoint at a path below `sys/` of a namespace, with what it demands of whoever asks.
    pub fn find(&self, namespace: &Namespace, path: &str) -> Option<(Matched, Demands)> {
        self.routes.find(path).filter(|(matched, _)| namespace.id == Id::nil() || !matched.endpoint.is_of_the_root())
    }

    /// The endpoint at a path below `auth/token/`.
    pub fn find_token(&self, path: &str) -> Option<(Matched, Demands)> {
        self.routes.find_token(path)
    }

    /// The endpoint at a path below `identity/`.
    pub fn find_identity(&self, path: &str) -> (Matched, Demands) {
        let template = Template { room: "identity/", below: "{*path}" };
        (Matched { endpoint: Endpoint::Identity, template, capture: path.to_owned() }, Demands::default())
    }

    /// The endpoint at a path below `cubbyhole/`: every path has one.
    pub fn find_cubbyhole(&self, path: &str) -> (Matched, Demands) {
        let template = Template { room: "cubbyhole/", below: "{*path}" };
        (Matched { endpoint: Endpoint::Cubbyhole, template, capture: path.to_owned() }, Demands::default())
    }

    /// Whether a path is answered in the token's own namespace whatever the header names, even one that does not exist:
    /// what a token asks about itself, what it was given wrapped, and what it keeps for itself.
    pub fn is_everywhere(path: &str) -> bool {
        EVERYWHERE.contains(&path) || path == "cubbyhole" || path.starts_with("cubbyhole/")
    }

    /// Whether a path asks about a wrapping token, which may be the very token that was sent. The endpoint itself uses it
    /// up, or not: that the token was sent is not counted.
    pub fn is_of_wrapping(path: &str) -> bool {
        ["sys/wrapping/lookup", "sys/wrapping/rewrap", "sys/wrapping/unwrap"].contains(&path)
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

    /// Explains a path that the host answers itself, or what is below it, instead of doing anything.
    pub fn explain(&self, path: &str) -> Result<Reply, Fault> {
        help::explain(path)
    }

    /// Answers a request that was admitted.
    pub async fn answer(&self, matched: &Matched, call: Call<'_>) -> Result<Reply, Fault> {
        let at = matched.capture.as_str();
        let managed_keys = match &call.witness {
            Some(witness) => self.managed_keys.witnessed(Arc::clone(witness)),
            None => self.managed_keys.clone(),
        };
        match matched.endpoint {
            Endpoint::Audit => audit::all(&self.audit, call).await,
            Endpoint::AuditDevice => audit::one(&self.audit, call, at).await,
            Endpoint::AuditHash => audit::hash(&self.audit, call, at).await,
            Endpoint::AuditHeaders => audit::headers(&self.audit, call).await,
            Endpoint::AuditHeader => audit::header(&self.audit, call, at).await,
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
            Endpoint::ExternalKeys => external_keys::at(&managed_keys, call, at).await,
            Endpoint::ManagedKeys => managed_keys::at(&managed_keys, call, at).await,
            Endpoint::Auth => mounts::all(self, call, MountClass::Auth).await,
            Endpoint::AuthMethod => mounts::one(self, call, MountClass::Auth, at).await,
            Endpoint::Mounts => mounts::all(self, call, MountClass::Secret).await,
            Endpoint::Mount => mounts::one(self, call, MountClass::Secret, at).await,
            Endpoint::LockedUsers => lockout::list(call).await,
            Endpoint::LockedUser => lockout::unlock(call, at).await,
            Endpoint::Pin => pins::one(call, at).await,
            Endpoint::Pins => pins::all(call).await,
            Endpoint::Plugin => catalog::at(self, call, at).await,
            Endpoint::Plugins => catalog::all(self, call).await,
            Endpoint::ReloadMounts => reload::backend(self, call).await,
            Endpoint::ReloadPlugin => reload::plugin(self, call, at).await,
            Endpoint::Remount => remount::start(self, &managed_keys, call).await,
            Endpoint::RemountStatus => remount::status(call, at).await,
            Endpoint::InFlight => metrics::in_flight(self, &call),
            Endpoint::Metrics => metrics::metrics(self, &call),
            Endpoint::Quotas => quotas::at(self, call, at).await,
            Endpoint::ConfigState => config_state::read(self, &call),
            Endpoint::Cors => cors::at(call).await,
            Endpoint::Loggers => loggers::all(self, &call),
            Endpoint::Logger => loggers::one(self, &call, at),
            Endpoint::UiHeaders => ui_headers::all(call).await,
            Endpoint::UiHeader => ui_headers::one(call, at).await,
            Endpoint::ResultantAcl => ui::resultant_acl(&call),
            Endpoint::FeatureFlags => ui::feature_flags(&call),
            Endpoint::VersionHistory => version_history::list(call).await,
            Endpoint::HaStatus => nodes::ha_status(self, &call),
            Endpoint::StepDown => nodes::step_down(&call),
            Endpoint::Replication => nodes::replication(&call, None),
            Endpoint::ReplicationOf => nodes::replication(&call, Some(at)),
            Endpoint::Experiments => nodes::experiments(&call),
            Endpoint::HostInfo => host_info::read(&call),
            Endpoint::OpenApi => openapi::document(self, &call),
            Endpoint::Namespaces => namespaces::all(&call),
            Endpoint::Namespace => namespaces::one(&self.tokens, call, at).await,
            Endpoint::Capabilities(whose) => capabilities::of(self, call, whose).await,
            Endpoint::PasswordPolicies => password_policies::all(call).await,
            Endpoint::PasswordPolicy => password_policies::one(call, at).await,
            Endpoint::Policies(dialect) => policies::all(self, call, dialect).await,
            Endpoint::Policy(dialect) => policies::one(self, call, dialect, at).await,
            Endpoint::Governing(sort) => governing::all(self, call, sort).await,
            Endpoint::GoverningOne(sort) => governing::one(self, call, sort, at).await,
            Endpoint::Evaluate => governing::evaluate(self, call).await,
            Endpoint::NamespaceLock => namespaces::lock(call, at).await,
            Endpoint::NamespaceUnlock => namespaces::unlock(call, at).await,
            Endpoint::UiNamespaces => namespaces::below(&call),
            Endpoint::Identity => identity::at(call, at).await,
            Endpoint::UiMounts => preflight::all(self, &call),
            Endpoint::UiMount => preflight::one(self, &call, at),
            Endpoint::Leases => leases::all(call).await,
            Endpoint::LeaseCount => leases::count(call).await,
            Endpoint::LeaseLookup => leases::lookup(call, at).await,
            Endpoint::LeaseRenew => leases::renew(call, at).await,
            Endpoint::LeaseRevoke => leases::revoke(&self.tokens, call, at).await,
            Endpoint::LeaseRevokePrefix => leases::revoke_below(&self.tokens, call, at, false).await,
            Endpoint::LeaseRevokeForce => leases::revoke_below(&self.tokens, call, at, true).await,
            Endpoint::LeaseTidy => leases::tidy(&call),
            Endpoint::Wrap => wrapping::wrap(call),
            Endpoint::Unwrap => wrapping::unwrap(&self.tokens, call).await,
            Endpoint::Rewrap => wrapping::rewrap(self, call).await,
            Endpoint::WrappingLookup => wrapping::lookup(&self.tokens, call).await,
            Endpoint::ToolsHash => tools::hash(&call, at),
            Endpoint::ToolsRandom => tools::random(&call, at),
            Endpoint::Token(what) => token::answer(self, call, what, at).await,
            Endpoint::Cubbyhole => cubbyhole::at(call, at).await,
            Endpoint::Root => Err(Fault::new(Kind::NotFound, "unsupported path")),
        }
    }
}

impl Matched {
    /// The route, as `sys/mounts/{*path}`: what matched it is not in it.
    pub fn template(&self) -> String {
        format!("{}{}", self.template.room, self.template.below)
    }

    /// Whether it is answered though the namespace's API is locked: it is what unlocks it.
    pub fn unlocks(&self) -> bool {
        matches!(self.endpoint, Endpoint::NamespaceUnlock)
    }

    /// Whether answering it may change what requests are recorded with. The answer is then recorded with the devices that
    /// there are afterwards, too.
    pub fn changes_audit(&self) -> bool {
        matches!(self.endpoint, Endpoint::AuditDevice)
    }

    /// Longest body, in bytes: components come in base64.
    pub fn body_max(&self) -> usize {
        match self.endpoint {
            Endpoint::Plugin => plugins::UPLOAD_MAX.div_ceil(3) * 4 + (1 << 20),
            _ => sandbox::BODY_MAX,
        }
    }

    /// Whether the node is to be sealed once this was answered.
    pub fn seals(&self) -> bool {
        matches!(self.endpoint, Endpoint::Seal)
    }

    /// Whether its answer is wrapped when that is asked for.
    pub fn is_wrappable(&self) -> bool {
        !matches!(self.endpoint, Endpoint::Unwrap | Endpoint::Rewrap | Endpoint::WrappingLookup)
    }
}

/// `sys/seal`: the corridor seals when this was admitted.
fn seal_up(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation == Operation::Update { Ok(Reply::nothing()) } else { Err(unsupported()) }
}

/// A fresh identifier.
pub fn fresh_id() -> Result<Id, Fault> {
    random().map(Id::from_random)
}

/// Random bytes.
pub fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Ok(bytes)
}

/// A time as clients read it.
fn rfc3339(seconds: u64) -> Result<String, Fault> {
    let second = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    second.map(|second| second.to_string()).ok_or_else(|| Fault::internal("a record has a time outside of time"))
}

fn unsupported() -> Fault {
    Fault::new(Kind::UnsupportedOperation, "unsupported operation")
}
