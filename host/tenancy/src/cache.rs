//! The tree in storage and its cache in memory.

use std::sync::Arc;

use arc_swap::ArcSwap;
use model::Id;
use serde::{Deserialize, Serialize};
use storage::{Drawer, Store, Transaction};

use crate::{Error, Mount, Namespace, Tree};

/// How many notes of changes are kept. A node that missed more reads everything.
const NOTES_KEPT: u64 = 1000;

/// The cached tree. One per process.
pub struct Tenancy {
    tree: ArcSwap<Tree>,
}

/// What a change touched. Whoever reads it looks the record up again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Note {
    Namespace(Id),
    Mount(Id),
}

/// Where the records of tenancy lie: `namespaces/<id>`, `mounts/<id>`, `version`, `notes/<version>`, `doomed/…`.
pub(crate) fn drawer() -> Drawer {
    Drawer::new(&["tenancy"])
}

/// Numbers a change and notes it, in the transaction that makes it.
pub(crate) async fn note(transaction: &mut Transaction, note: Note) -> Result<(), Error> {
    let version = transaction.get_json::<u64>(&drawer(), "version").await?.unwrap_or(0) + 1;
    transaction.put_json(&drawer(), "version", &version)?;
    transaction.put_json(&drawer(), &format!("notes/{version}"), &note)?;
    if let Some(old) = version.checked_sub(NOTES_KEPT) {
        transaction.delete(&drawer(), &format!("notes/{old}"))?;
    }
    Ok(())
}

/// Writes the root namespace into a new store.
pub async fn found(transaction: &mut Transaction) -> Result<(), Error> {
    let root = Namespace::root();
    transaction.put_json(&drawer(), &format!("namespaces/{}", root.id), &root)?;
    note(transaction, Note::Namespace(root.id)).await
}

impl Tenancy {
    /// Opens what is stored.
    pub async fn open(store: &Store) -> Result<Self, Error> {
        let mut transaction = store.begin().await?;
        let tree = load(&mut transaction).await?;
        Ok(Self { tree: ArcSwap::from_pointee(tree) })
    }

    /// The tree at least as new as the transaction's snapshot. Costs one read when nothing changed.
    pub async fn tree(&self, transaction: &mut Transaction) -> Result<Arc<Tree>, Error> {
        let cached = self.tree.load_full();
        let (version, stamp) = stored_version(transaction).await?;
        let Some(stamp) = stamp else {
            // This transaction changed it itself: nobody else may see that yet.
            return Ok(Arc::new(catch_up(&cached, version, transaction).await?));
        };
        if stamp <= cached.stamp {
            return Ok(cached);
        }
        let mut newer = catch_up(&cached, version, transaction).await?;
        newer.stamp = stamp;
        let newer = Arc::new(newer);
        self.tree.rcu(|now| if now.stamp < newer.stamp { Arc::clone(&newer) } else { Arc::clone(now) });
        Ok(newer)
    }
}

fn parse(bytes: &[u8]) -> Option<u64> {
    serde_json::from_slice(bytes).ok()
}

/// The number of the last change, and the version of the record that says so: it grows with every write, also when an
/// older snapshot of the store was restored, which takes the number back.
async fn stored_version(transaction: &Transaction) -> Result<(u64, Option<u64>), Error> {
    let stored = transaction.peek_versioned(&drawer(), "version").await?;
    Ok(stored.map_or((0, Some(0)), |(bytes, stamp)| (parse(&bytes).unwrap_or(0), stamp)))
}

/// The cached tree with the changes up to `version` that it missed.
async fn catch_up(cached: &Tree, version: u64, transaction: &mut Transaction) -> Result<Tree, Error> {
    // The note of a change is written together with its number. If it was not, the store was restored meanwhile, and
    // what is cached belongs to another history.
    let last = transaction.peek_versioned(&drawer(), &format!("notes/{}", cached.version)).await?;
    let same_history = last.is_some_and(|(_, stamp)| stamp == Some(cached.stamp));
    if !same_history || version < cached.version || version - cached.version > NOTES_KEPT {
        return load(transaction).await;
    }
    let mut tree = cached.clone();
    for missed in cached.version + 1..=version {
        let stored = transaction.peek(&drawer(), &format!("notes/{missed}")).await?;
        match stored.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()) {
            Some(Note::Namespace(id)) => {
                tree.set_namespace(id, read(transaction, "namespaces", id).await?.map(|(n, _)| n))
            }
            Some(Note::Mount(id)) => tree.set_mount(id, read_mount(transaction, id).await?),
            None => return load(transaction).await,
        }
    }
    tree.version = version;
    Ok(tree)
}

/// The whole tree as the transaction's snapshot has it.
async fn load(transaction: &mut Transaction) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let (version, stamp) = stored_version(transaction).await?;
    (tree.version, tree.stamp) = (version, stamp.unwrap_or(0));
    let take_namespace = |key: &str, bytes: &[u8], _| {
        let namespace: Namespace = parsed(key, bytes)?;
        tree.set_namespace(namespace.id, Some(namespace));
        Ok::<_, Error>(())
    };
    transaction.peek_each(&drawer(), "namespaces/", take_namespace).await?;
    let take_mount = |key: &str, bytes: &[u8], version: Option<u64>| {
        let mount: Mount = parsed(key, bytes)?;
        tree.set_mount(mount.id, Some(Mount { version: version.unwrap_or(0), ..mount }));
        Ok::<_, Error>(())
    };
    transaction.peek_each(&drawer(), "mounts/", take_mount).await?;
    Ok(tree)
}

fn parsed<T: serde::de::DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| storage::Error::Damaged { key: key.to_owned(), reason: error.to_string() }.into())
}

async fn read_mount(transaction: &mut Transaction, id: Id) -> Result<Option<Mount>, Error> {
    let found: Option<(Mount, u64)> = read(transaction, "mounts", id).await?;
    Ok(found.map(|(mount, version)| Mount { version, ..mount }))
}

async fn read<T: serde::de::DeserializeOwned>(
    transaction: &mut Transaction,
    folder: &str,
    id: Id,
) -> Result<Option<(T, u64)>, Error> {
    let key = format!("{folder}/{id}");
    let Some((bytes, version)) = transaction.peek_versioned(&drawer(), &key).await? else { return Ok(None) };
    Ok(Some((parsed(&key, &bytes)?, version.unwrap_or(0))))
}
