//! What is kept of a token, and who asks with one.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ipnet::IpNet;
use model::{Auth, Id, TokenKind};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::cidr;

/// What is kept of a token. Times are seconds since 1970, durations seconds; 0 always means: none.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// Version of this record's shape.
    #[serde(default = "first")]
    pub(crate) record: u8,
    /// Names the token without being it; empty for batch tokens.
    pub accessor: String,
    /// The key of the token that this one ends with; none: an orphan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The namespace that it belongs to; the root's is nil.
    #[serde(default = "Id::nil")]
    pub namespace: Id,
    /// The token's own policies, in order.
    pub policies: Vec<String>,
    /// The path of the request that made it.
    #[serde(default = "root_path")]
    pub path: String,
    /// What its maker noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<String, String>,
    /// What people call it.
    pub display_name: String,
    /// How often it could be used when it was made; how often still, [`Principal::num_uses`] says.
    #[serde(default, rename = "num_uses")]
    pub uses_given: u64,
    /// When it was made.
    pub creation_time: u64,
    /// How long it was to live then.
    #[serde(default)]
    pub creation_ttl: u64,
    /// Each renewal extends it by this.
    #[serde(default)]
    pub period: u64,
    /// No renewal extends it beyond this, from when it was made: what the login method said.
    #[serde(default)]
    pub max_ttl: u64,
    /// The same, and nothing that is tuned later extends it.
    #[serde(default)]
    pub explicit_max_ttl: u64,
    /// The role of `auth/token` that it was made by; empty: none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub role: String,
    /// The networks that it may be used from; none: from everywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bound_cidrs: Vec<IpNet>,
    /// Whose it is; empty: nobody's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub entity_id: String,
    /// Its sort.
    #[serde(default)]
    pub kind: TokenKind,
    /// When it ends; none: never by itself.
    #[serde(default)]
    pub expire_time: Option<u64>,
    /// When it was last renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_renewal: Option<u64>,
    /// Whether it can be renewed.
    #[serde(default)]
    pub renewable: bool,
    /// The auth method that it came of, which is asked before it is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<Login>,
}

/// The login that a token came of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Login {
    /// The mount of the auth method.
    pub mount: Id,
    /// What the method wants back when it is asked whether the token may be renewed.
    pub internal: String,
}

fn first() -> u8 {
    1
}

/// Records that say nothing of it are of root tokens.
fn root_path() -> String {
    "auth/token/root".to_owned()
}

impl Record {
    /// Whether it has ended.
    pub(crate) fn is_over(&self, now: u64) -> bool {
        self.expire_time.is_some_and(|end| end <= now)
    }

    /// Whether it has no parent.
    pub fn is_orphan(&self) -> bool {
        self.parent.is_none()
    }

    /// Whether it may do everything.
    pub fn is_root(&self) -> bool {
        self.kind == TokenKind::Service && self.policies.iter().any(|policy| policy == "root")
    }

    /// Seconds until it ends; 0: it never does.
    pub fn ttl(&self, now: u64) -> u64 {
        self.expire_time.map_or(0, |end| end.saturating_sub(now))
    }
}

/// Who asks: a token that is alive. Derefs to what is kept of it.
#[derive(Clone, Debug)]
pub struct Principal {
    key: String,
    record: Arc<Record>,
    /// How often it can still be used, as far as the transaction saw that looked it up. 0 for tokens that can be used
    /// without bound, and for one whose last use is under way.
    pub num_uses: u64,
    methods: Vec<Id>,
}

impl Principal {
    pub(crate) fn new(key: String, record: Record, num_uses: u64) -> Self {
        let methods = record.login.iter().map(|login| login.mount).collect();
        Self { key, record: Arc::new(record), num_uses, methods }
    }

    /// The same below tokens that came of these auth methods.
    pub(crate) fn below(mut self, methods: Vec<Id>) -> Self {
        self.methods.extend(methods);
        self
    }

    /// The mounts of the auth methods that it came of, itself or by a token above it. It is alive only while they are
    /// there, which is for the caller to say, who has the tree.
    pub fn methods(&self) -> &[Id] {
        &self.methods
    }

    /// A keyed hash of the token: its name in storage, in leases and for its cubbyhole.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether its uses are counted.
    pub fn is_limited(&self) -> bool {
        self.record.uses_given > 0
    }

    /// Whether it may be used from this address. Where its networks are bound and nobody knows whence it came, not.
    pub fn admits(&self, peer: Option<IpAddr>) -> bool {
        cidr::admit(&self.record.bound_cidrs, peer)
    }

    /// What an answer says of it that gives it out, or that renewed it. `identity_policies` come with its entity.
    pub fn shown(&self, token: SecretString, identity_policies: Vec<String>, now: u64) -> Auth {
        let mut policies = self.policies.clone();
        policies.extend(identity_policies.iter().cloned());
        policies.sort_unstable();
        policies.dedup();
        Auth {
            client_token: token,
            accessor: self.accessor.clone(),
            display_name: self.display_name.clone(),
            policies,
            token_policies: self.policies.clone(),
            identity_policies,
            metadata: self.meta.clone(),
            lease_duration: self.ttl(now),
            renewable: self.renewable,
            entity_id: self.entity_id.clone(),
            token_type: self.kind,
            orphan: self.is_orphan(),
            num_uses: self.num_uses,
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.record
    }
}

impl Deref for Principal {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.record
    }
}
