//! The records of a namespace and the indexes over them.

use std::collections::BTreeMap;

use aws_lc_rs::digest;
use model::{Fault, Id};
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::{Drawer, Transaction};

/// Most pairs of metadata of an entity, alias or group.
pub const METADATA_MAX: usize = 64;
/// Longest name or value in metadata, and longest name of an alias, in bytes.
pub const TEXT_MAX: usize = 512;
/// Longest name of an entity or a group, in bytes.
pub const NAME_MAX: usize = 128;
/// Most policies of an entity or a group.
pub const POLICIES_MAX: usize = 256;

/// Everybody that a namespace knows.
///
/// Kept are `entity/<id>`, `entity-name/<name>`, `alias/<id>`, `alias-of/<accessor>/<hash of the name>`, `group/<id>`,
/// `group-name/<name>`, `group-alias-of/<accessor>/<hash>`, `group-alias/<id>`, `member/<entity>/<group>` and
/// `inside/<group>/<group above>`.
#[derive(Clone, Debug)]
pub struct Directory {
    pub(crate) drawer: Drawer,
}

impl Directory {
    /// The directory of a namespace.
    pub fn of(namespace: Id) -> Self {
        Self { drawer: tenancy::namespace_drawer(namespace, "identity") }
    }

    pub(crate) async fn read<T: DeserializeOwned>(&self, tx: &mut Transaction, key: &str) -> Result<Option<T>, Fault> {
        tx.get_json(&self.drawer, key).await.map_err(Fault::from)
    }

    pub(crate) fn write<T: Serialize>(&self, tx: &mut Transaction, key: &str, record: &T) -> Result<(), Fault> {
        tx.put_json(&self.drawer, key, record).map_err(Fault::from)
    }

    pub(crate) fn remove(&self, tx: &mut Transaction, key: &str) -> Result<(), Fault> {
        tx.delete(&self.drawer, key).map_err(Fault::from)
    }

    /// All names directly below a prefix.
    pub(crate) async fn names(&self, tx: &mut Transaction, prefix: &str) -> Result<Vec<String>, Fault> {
        tx.names(&self.drawer, prefix).await.map_err(Fault::from)
    }

    /// The identifier that an index has for the alias of this name.
    pub(crate) async fn alias_in(
        &self,
        tx: &mut Transaction,
        index: &str,
        (accessor, name): (&str, &str),
    ) -> Result<Option<Id>, Fault> {
        let (key, exact) = (alias_key(index, accessor, name), exact_alias_key(index, accessor, name));
        match self.found(tx, &exact).await? {
            None if exact != key => self.found(tx, &key).await,
            found => Ok(found),
        }
    }

    /// Where to enter the alias of this name for whoever has this identifier; none where it is another's.
    pub(crate) async fn alias_place(
        &self,
        tx: &mut Transaction,
        index: &str,
        (accessor, name): (&str, &str),
        id: Id,
    ) -> Result<Option<String>, Fault> {
        let (key, exact) = (alias_key(index, accessor, name), exact_alias_key(index, accessor, name));
        if self.found(tx, &key).await?.is_none_or(|found| found == id) {
            return Ok(Some(key));
        }
        // Two that differed by case before may stay, each where it is.
        let stays = exact != key && self.found(tx, &exact).await? == Some(id);
        Ok(stays.then_some(exact))
    }

    /// Takes the alias of this name out of an index, as far as it is this one's.
    pub(crate) async fn forget_in(
        &self,
        tx: &mut Transaction,
        index: &str,
        (accessor, name): (&str, &str),
        id: Id,
    ) -> Result<(), Fault> {
        for key in [alias_key(index, accessor, name), exact_alias_key(index, accessor, name)] {
            if self.found(tx, &key).await? == Some(id) {
                self.remove(tx, &key)?;
            }
        }
        Ok(())
    }

    /// The identifier that an index has under a key.
    pub(crate) async fn found(&self, tx: &mut Transaction, index: &str) -> Result<Option<Id>, Fault> {
        self.read(tx, index).await
    }
}

/// Where the alias of this name lies in an index. Names of aliases are the same in upper and lower case.
pub(crate) fn alias_key(index: &str, accessor: &str, name: &str) -> String {
    exact_alias_key(index, accessor, &name.to_lowercase())
}

/// Where it lies if it was written when case still told aliases apart.
pub(crate) fn exact_alias_key(index: &str, accessor: &str, name: &str) -> String {
    format!("{index}/{accessor}/{}", hex::encode(digest::digest(&digest::SHA256, name.as_bytes())))
}

/// Names of entities and groups are the same in upper and lower case.
pub(crate) fn name_key(index: &str, name: &str) -> String {
    format!("{index}/{}", name.to_lowercase())
}

/// Checks the name of an entity or a group.
pub(crate) fn check_name(name: &str) -> Result<(), Fault> {
    let bad = name.is_empty()
        || name.len() > NAME_MAX
        || name.chars().any(|letter| letter.is_control() || letter == '/')
        || matches!(name, "." | "..");
    if bad {
        return Err(Fault::invalid("name: must have 1 to 128 bytes, without '/' and control characters"));
    }
    Ok(())
}

/// Checks the name of an alias: whatever an auth method calls somebody.
pub(crate) fn check_alias(name: &str, accessor: &str) -> Result<(), Fault> {
    if name.is_empty() || name.len() > TEXT_MAX {
        return Err(Fault::invalid("name: an alias must have 1 to 512 bytes"));
    }
    if model::name(accessor).is_err() {
        return Err(Fault::invalid("mount_accessor: must be the accessor of an auth method"));
    }
    Ok(())
}

pub(crate) fn check_metadata(field: &str, metadata: &BTreeMap<String, String>) -> Result<(), Fault> {
    let long = |(name, value): (&String, &String)| name.is_empty() || name.len() > TEXT_MAX || value.len() > TEXT_MAX;
    if metadata.len() > METADATA_MAX || metadata.iter().any(long) {
        return Err(Fault::invalid(format!("{field}: at most 64 pairs of at most 512 bytes each")));
    }
    Ok(())
}

/// Checks and tidies a list of policies: lower case, no empty ones, each once. Nobody is root by who they are.
pub(crate) fn check_policies(policies: Vec<String>) -> Result<Vec<String>, Fault> {
    let mut tidy: Vec<String> = policies.iter().map(|name| name.trim().to_lowercase()).collect();
    tidy.retain(|name| !name.is_empty());
    tidy.sort_unstable();
    tidy.dedup();
    if tidy.len() > POLICIES_MAX || tidy.iter().any(|name| name.len() > NAME_MAX) {
        return Err(Fault::invalid("policies: at most 256 names of at most 128 bytes each"));
    }
    if tidy.iter().any(|name| name == "root") {
        return Err(Fault::invalid("policies: cannot contain root"));
    }
    Ok(tidy)
}
