//! Namespaces.

use std::collections::BTreeMap;

use model::{Id, NamespacePath};
use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};

use crate::cache::{self, Note};
use crate::{Error, Tree};

/// Most entries of custom metadata.
const METADATA_MAX: usize = 64;
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
        Self { record: 1, id: Id::nil(), path: NamespacePath::root(), custom_metadata: BTreeMap::new() }
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
            let mut changed = Self::clone(existing);
            if let Some(metadata) = custom_metadata {
                changed.custom_metadata = metadata;
            }
            return changed.put(transaction).await;
        }
        let parent = path.parent().ok_or(Error::RootStays)?;
        let above = tree.namespace(&parent).ok_or(Error::NoParent(parent))?;
        let relative = path.last();
        if let Some(mount) = tree.mounts(above.id).find(|mount| mount.path.as_str().split('/').next() == Some(relative))
        {
            return Err(Error::InUse(mount.path.to_string()));
        }
        let new =
            Self { record: 1, id: fresh, path: path.clone(), custom_metadata: custom_metadata.unwrap_or_default() };
        new.put(transaction).await
    }

    /// Removes the namespace, its mounts, and in time everything they kept.
    pub async fn delete(transaction: &mut Transaction, tree: &Tree, path: &NamespacePath) -> Result<(), Error> {
        if path.is_root() {
            return Err(Error::RootStays);
        }
        let Some(namespace) = tree.namespace(path) else { return Ok(()) };
        if tree.children(path).next().is_some() {
            return Err(Error::HasChildren(path.clone()));
        }
        for mount in tree.mounts(namespace.id) {
            mount.delete(transaction).await?;
        }
        let id = namespace.id.to_string();
        transaction.delete(&cache::drawer(), &format!("namespaces/{id}"))?;
        transaction.put(&cache::drawer(), &format!("doomed/namespaces/{id}"), Vec::new())?;
        cache::note(transaction, Note::Namespace(namespace.id)).await
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
