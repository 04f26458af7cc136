//! Namespaces.

use std::collections::BTreeMap;

use model::{Id, NamespacePath};
use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};

use crate::cache::{self, Note};
use crate::{Error, Tree};

/// Most entries of custom metadata.
const METADATA_MAX: usize = 64;
/// Where removed namespaces lie until everything they kept is cleared away.
pub(crate) const DOOMED: &str = "doomed/namespaces/";
/// Most mounts that are removed in one transaction.
pub(crate) const MOUNTS_AT_ONCE: usize = 256;
/// Longest key or value of custom metadata, in bytes.
const METADATA_TEXT_MAX: usize = 512;

/// A namespace: a tenant with its own mounts, keys, policies and tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Namespace {
    /// Version of this record's shape.
    pub(crate) record: u8,
    /// Stays through everything; the root's is nil.
    pub id: Id,
    /// From the root down.
    pub path: NamespacePath,
    /// What operators noted.
    pub custom_metadata: BTreeMap<String, String>,
    /// Set while the API is locked, here and in all namespaces below: hash of the key that unlocks it, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<String>,
    /// Being deleted: nothing leads here any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tainted: bool,
}

/// The drawer of a namespace for one room of the host, such as `managed-keys`.
pub fn drawer(id: Id, room: &str) -> Drawer {
    Drawer::new(&["ns", &id.to_string(), room])
}

/// The whole drawer of a namespace.
pub(crate) fn whole(id: Id) -> Drawer {
    Drawer::new(&["ns", &id.to_string()])
}

impl Namespace {
    pub(crate) fn root() -> Self {
        Self::new(Id::nil(), NamespacePath::root(), BTreeMap::new())
    }

    fn new(id: Id, path: NamespacePath, custom_metadata: BTreeMap<String, String>) -> Self {
        Self { record: 1, id, path, custom_metadata, locked: None, tainted: false }
    }

    /// The identifier that clients see: `root` for the root.
    pub fn public_id(&self) -> String {
        if self.path.is_root() { "root".to_owned() } else { self.id.short() }
    }

    /// Creates the namespace at this path, or gives the existing one other metadata. `fresh` is its id if it is new.
    pub async fn write(
        transaction: &mut Transaction,
        tree: &Tree,
        path: &NamespacePath,
        custom_metadata: Option<BTreeMap<String, String>>,
        fresh: Id,
    ) -> Result<Self, Error> {
        if custom_metadata.as_ref().is_some_and(too_much) {
            return Err(Error::TooMuch("custom_metadata: at most 64 entries of at most 512 bytes each"));
        }
        if let Some(existing) = tree.namespace(path) {
            if existing.tainted {
                return Err(Error::BeingDeleted(path.clone()));
            }
            let mut changed = Self::clone(existing);
            if let Some(metadata) = custom_metadata {
                changed.custom_metadata = metadata;
            }
            return changed.put(transaction).await;
        }
        let parent = path.parent().ok_or(Error::RootStays)?;
        let above = tree.namespace(&parent).ok_or_else(|| Error::NoParent(parent.clone()))?;
        let relative = path.last();
        if let Some(mount) = tree.mounts(above.id).find(|mount| mount.path.as_str().split('/').next() == Some(relative))
        {
            return Err(Error::InUse(mount.path.to_string()));
        }
        if above.tainted {
            return Err(Error::BeingDeleted(parent));
        }
        Self::new(fresh, path.clone(), custom_metadata.unwrap_or_default()).put(transaction).await
    }

    /// Locks the API of the namespace and of all below it, or unlocks it.
    pub async fn lock(transaction: &mut Transaction, existing: &Self, locked: Option<String>) -> Result<(), Error> {
        Self { locked, ..existing.clone() }.put(transaction).await.map(drop)
    }

    /// Removes the namespace, its mounts, and in time everything they kept. One with many mounts is tainted first, which
    /// no request passes; [`crate::sweep`] removes its mounts in steps, and then itself.
    pub async fn delete(transaction: &mut Transaction, tree: &Tree, path: &NamespacePath) -> Result<(), Error> {
        if path.is_root() {
            return Err(Error::RootStays);
        }
        let Some(namespace) = tree.namespace(path) else { return Ok(()) };
        if tree.children(path).next().is_some() {
            return Err(Error::HasChildren(path.clone()));
        }
        transaction.put_json(&cache::drawer(), &format!("{DOOMED}{}", namespace.id), &**namespace)?;
        if tree.mounts(namespace.id).nth(MOUNTS_AT_ONCE).is_some() {
            return Self { tainted: true, ..Self::clone(namespace) }.put(transaction).await.map(drop);
        }
        for mount in tree.mounts(namespace.id) {
            mount.delete(transaction).await?;
        }
        Self::remove(transaction, namespace.id).await
    }

    /// A namespace that was removed and whose mounts may still have to take back what they lent.
    pub async fn left(transaction: &mut Transaction, id: Id) -> Result<Option<Self>, Error> {
        let stored = transaction.get(&cache::drawer(), &format!("{DOOMED}{id}")).await?;
        // Earlier ones left nothing but their identifier.
        Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()))
    }

    /// Removes the record of a namespace that has no mounts any more.
    pub(crate) async fn remove(transaction: &mut Transaction, id: Id) -> Result<(), Error> {
        transaction.delete(&cache::drawer(), &format!("namespaces/{id}"))?;
        cache::note(transaction, Note::Namespace(id)).await
    }

    async fn put(self, transaction: &mut Transaction) -> Result<Self, Error> {
        transaction.put_json(&cache::drawer(), &format!("namespaces/{}", self.id), &self)?;
        cache::note(transaction, Note::Namespace(self.id)).await?;
        Ok(self)
    }
}

fn too_much(metadata: &BTreeMap<String, String>) -> bool {
    metadata.len() > METADATA_MAX
        || metadata.iter().any(|(key, value)| key.len() > METADATA_TEXT_MAX || value.len() > METADATA_TEXT_MAX)
}
