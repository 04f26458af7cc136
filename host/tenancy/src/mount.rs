//! Mounts.

use std::collections::BTreeMap;

use model::{Id, MountClass, MountPath};
use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};

use crate::cache::{self, Note};
use crate::{Error, Powers, Tree};

/// First segments that no secrets engine may have.
const RESERVED: [&str; 5] = ["sys/", AUTH, "cubbyhole/", "identity/", "audit/"];
/// Where the paths of auth methods begin, and only theirs.
pub const AUTH: &str = "auth/";
/// Where the token store answers in every namespace.
const TOKEN: &str = "auth/token/";
/// Mounts that were removed, as long as what they lent is not all taken back.
const LEAVING: &str = "leaving/mounts/";
/// Mounts that have nothing to take back any more, until everything they kept is cleared away.
pub(crate) const DOOMED_MOUNTS: &str = "doomed/mounts/";
/// Most options of a mount, as the contract bounds them.
const OPTIONS_MAX: usize = 64;

/// An engine at a path of a namespace.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Mount {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// Stays through remounts: grants of keys and the drawers hang on it.
    pub id: Id,
    /// What logs and audit call it.
    pub accessor: String,
    /// The namespace it is in.
    pub namespace: Id,
    /// Secrets engine or auth method. Records of before there were auth methods do not say it.
    #[serde(default)]
    pub class: MountClass,
    /// Inside the namespace; that of an auth method begins with [`AUTH`].
    pub path: MountPath,
    /// The name of the engine.
    pub kind: String,
    /// The registered component that it runs; none for a built-in engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// What operators noted.
    pub description: String,
    /// For the engine, for instance `version`.
    pub options: BTreeMap<String, String>,
    /// What can be tuned.
    pub config: MountConfig,
    /// Accepted and shown again; means nothing on one node.
    pub local: bool,
    /// Accepted and shown again; everything is behind the barrier anyway.
    pub seal_wrap: bool,
    /// Storage's version of this record when it was read.
    #[serde(skip)]
    pub(crate) version: u64,
}

/// A registered component that a mount runs. It changes only when the mount is reloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The version that it is registered with, with a `v`; empty for none.
    pub version: String,
    /// SHA-256 of the component, in lower-case hex.
    pub sha256: String,
}

/// What can be tuned on a mount. Times in seconds; 0 means the system's default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MountConfig {
    /// Time to live when nobody names one.
    pub default_lease_ttl: u64,
    /// Longest time to live.
    pub max_lease_ttl: u64,
    /// Names of managed keys of the namespace that this mount may use.
    pub allowed_managed_keys: Vec<String>,
    /// Response headers that the engine may set, in lower case.
    pub allowed_response_headers: Vec<String>,
    /// Request headers that the engine may see, in lower case.
    pub passthrough_request_headers: Vec<String>,
    /// Top-level request keys that audit shows in clear.
    pub audit_non_hmac_request_keys: Vec<String>,
    /// Top-level response keys that audit shows in clear.
    pub audit_non_hmac_response_keys: Vec<String>,
    /// Accessors of auth methods that the engine may let clients log in at. Kept and shown: no contract has such logins.
    pub delegated_auth_accessors: Vec<String>,
    /// Whether those without a token see the mount listed.
    pub listing_visibility: ListingVisibility,
    /// Accepted and shown again.
    pub force_no_cache: bool,
    /// The engine's version that was asked for.
    pub plugin_version: String,
    /// What the engine may use beside its own drawer.
    #[serde(skip_serializing_if = "Powers::is_default")]
    pub powers: Powers,
    /// What tokens logins get; for auth methods.
    pub token_type: TokenType,
    /// How often logins may fail; for auth methods.
    pub user_lockout: UserLockout,
}

/// What sort of token the logins of a mount get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TokenType {
    /// Service, unless the role says batch.
    #[default]
    DefaultService,
    /// Batch, unless the role says service.
    DefaultBatch,
    /// Service, whatever the role says.
    Service,
    /// Batch, whatever the role says.
    Batch,
}

impl TokenType {
    /// Reads the word of the API.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "default" | "default-service" => Some(Self::DefaultService),
            "default-batch" => Some(Self::DefaultBatch),
            "service" => Some(Self::Service),
            "batch" => Some(Self::Batch),
            _ => None,
        }
    }
}

/// How often logins may fail until the name is locked for a while. What is absent has its default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserLockout {
    /// Failures that lock.
    pub threshold: Option<u64>,
    /// Seconds for which a name is locked.
    pub duration: Option<u64>,
    /// Seconds after the last failure in which it is forgotten.
    pub counter_reset: Option<u64>,
    /// Never locks.
    pub disable: bool,
}

impl UserLockout {
    /// Failures that lock.
    pub fn threshold(&self) -> u64 {
        self.threshold.unwrap_or(5)
    }

    /// Seconds for which a name is locked.
    pub fn duration(&self) -> u64 {
        self.duration.unwrap_or(15 * 60)
    }

    /// Seconds after the last failure in which it is forgotten.
    pub fn counter_reset(&self) -> u64 {
        self.counter_reset.unwrap_or(15 * 60)
    }
}

/// Whether those without a token see a mount listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListingVisibility {
    /// Never chosen: hidden.
    #[default]
    #[serde(rename = "")]
    Unset,
    /// Listed.
    Unauth,
    /// Not listed.
    Hidden,
}

/// The drawer that the mount's guest reaches.
pub fn drawer(mount: Id) -> Drawer {
    Drawer::new(&["mount", &mount.to_string(), "guest"])
}

/// The drawer in which the host keeps the mount's internal keys. No guest reaches it.
pub fn keys_drawer(mount: Id) -> Drawer {
    Drawer::new(&["mount", &mount.to_string(), "keys"])
}

/// The drawer in which the host notes what it does for the mount. No guest reaches it.
pub fn host_drawer(mount: Id) -> Drawer {
    Drawer::new(&["mount", &mount.to_string(), "host"])
}

/// All drawers of a mount.
pub(crate) fn whole(mount: Id) -> Drawer {
    Drawer::new(&["mount", &mount.to_string()])
}

impl Mount {
    /// A new mount of a secrets engine, not yet written.
    pub fn new(id: Id, namespace: Id, path: MountPath, kind: &str) -> Self {
        Self::of(MountClass::Secret, id, namespace, path, kind)
    }

    /// A new mount, not yet written.
    pub fn of(class: MountClass, id: Id, namespace: Id, path: MountPath, kind: &str) -> Self {
        let sort = match class {
            MountClass::Secret => "",
            MountClass::Auth => "auth_",
        };
        Self {
            record: 1,
            id,
            accessor: format!("{sort}{kind}_{}", id.short()),
            namespace,
            class,
            path,
            kind: kind.to_owned(),
            running: None,
            description: String::new(),
            options: BTreeMap::new(),
            config: MountConfig::default(),
            local: false,
            seal_wrap: false,
            version: 0,
        }
    }

    /// The path as people write it: that of an auth method without [`AUTH`].
    pub fn shown_path(&self) -> &str {
        let path = self.path.as_str();
        match self.class {
            MountClass::Secret => path,
            MountClass::Auth => path.strip_prefix(AUTH).unwrap_or(path),
        }
    }

    /// Writes a mount that is new or was moved, after checking that its path is free.
    pub async fn place(&self, transaction: &mut Transaction, tree: &Tree) -> Result<(), Error> {
        let path = self.path.as_str();
        match self.class {
            MountClass::Secret => {
                if let Some(reserved) = RESERVED.iter().find(|reserved| path.starts_with(**reserved)) {
                    return Err(Error::Reserved(reserved));
                }
            }
            MountClass::Auth if path.starts_with(TOKEN) => return Err(Error::InUse("token/".to_owned())),
            MountClass::Auth if !path.starts_with(AUTH) || path == AUTH => return Err(Error::NotBelowAuth),
            MountClass::Auth => {}
        }
        let overlapping = tree.mounts(self.namespace).find(|other| {
            other.id != self.id && (other.path.as_str().starts_with(path) || path.starts_with(other.path.as_str()))
        });
        if let Some(other) = overlapping {
            return Err(Error::InUse(other.shown_path().to_owned()));
        }
        if let Some(namespace) = tree.namespace_by_id(self.namespace) {
            let below = format!("{}{path}", namespace.path);
            if tree.children(&namespace.path).any(|child| below.starts_with(child.path.as_str())) {
                return Err(Error::InUse(format!("the namespace of that name, {below}")));
            }
        }
        self.write(transaction).await
    }

    /// Writes a mount whose path has not changed.
    pub async fn write(&self, transaction: &mut Transaction) -> Result<(), Error> {
        if self.options.len() > OPTIONS_MAX {
            return Err(Error::TooMuch("options: at most 64"));
        }
        transaction.put_json(&cache::drawer(), &format!("mounts/{}", self.id), self)?;
        cache::note(transaction, Note::Mount(self.id)).await
    }

    /// Removes the mount: nothing leads to it from now on. What it kept stays until [`Self::doom`] is called, for the
    /// sake of what it lent.
    pub async fn delete(&self, transaction: &mut Transaction) -> Result<(), Error> {
        transaction.delete(&cache::drawer(), &format!("mounts/{}", self.id))?;
        transaction.put_json(&cache::drawer(), &format!("{LEAVING}{}", self.id), self)?;
        cache::note(transaction, Note::Mount(self.id)).await
    }

    /// Mounts that were removed and still keep what they kept, at most `limit` of them.
    pub async fn leaving(transaction: &mut Transaction, limit: usize) -> Result<Vec<Self>, Error> {
        let names = transaction.list(&cache::drawer(), LEAVING, None, limit).await?.names;
        let mut found = Vec::new();
        for name in names {
            found.extend(transaction.get_json(&cache::drawer(), &format!("{LEAVING}{name}")).await?);
        }
        Ok(found)
    }

    /// A mount that was removed and still keeps what it kept.
    pub async fn left(transaction: &mut Transaction, id: Id) -> Result<Option<Self>, Error> {
        Ok(transaction.get_json(&cache::drawer(), &format!("{LEAVING}{id}")).await?)
    }

    /// Lets everything go that a removed mount kept: the next [`crate::sweep`] clears it away.
    pub fn doom(&self, transaction: &mut Transaction) -> Result<(), Error> {
        transaction.delete(&cache::drawer(), &format!("{LEAVING}{}", self.id))?;
        Ok(transaction.put(&cache::drawer(), &format!("{DOOMED_MOUNTS}{}", self.id), Vec::new())?)
    }

    /// Expects, in this transaction, that the mount is still as it was read: a request that raced with its removal or
    /// a change of its grants is run again instead of being committed.
    pub fn expect(&self, transaction: &mut Transaction) -> Result<(), Error> {
        Ok(transaction.expect(&cache::drawer(), &format!("mounts/{}", self.id), self.version)?)
    }
}
