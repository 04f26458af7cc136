//! The tree of namespaces and mounts, at one moment.

use std::ops::Bound;
use std::sync::Arc;

use imbl::OrdMap;
use model::{Id, NamespacePath};
use storage::Transaction;

use crate::{Error, Mount, Namespace, cache};

/// All namespaces and mounts at one moment. Cloning shares.
#[derive(Clone, Default)]
pub struct Tree {
    /// The number of the last change.
    pub(crate) version: u64,
    /// The version of the record that holds this number.
    pub(crate) stamp: u64,
    namespaces: OrdMap<NamespacePath, Arc<Namespace>>,
    /// How many namespaces are locked: mostly none, and then nobody needs to look.
    locked: usize,
    paths: imbl::HashMap<Id, NamespacePath>,
    mounts: OrdMap<(Id, String), Arc<Mount>>,
    mount_paths: imbl::HashMap<Id, (Id, String)>,
}

/// Where a path leads.
#[derive(Clone, Debug)]
pub struct Place {
    /// The namespace.
    pub namespace: Arc<Namespace>,
    /// What answers there.
    pub target: Target,
    /// The path below the namespace.
    pub path: String,
    /// The path below the target, without a leading `/`.
    pub rest: String,
}

/// What answers at a path.
#[derive(Clone, Debug)]
pub enum Target {
    /// The host itself, below `sys/`.
    System,
    /// The token store, below `auth/token/`.
    Token,
    /// The directory of entities and groups, below `identity/`.
    Identity,
    /// What the token keeps that the request comes with, below `cubbyhole/`: whatever the namespace, it is the token's.
    Cubbyhole,
    /// An engine.
    Mount(Arc<Mount>),
}

impl Tree {
    /// Reads a path: first the namespace (the header's, then as many segments of the path as name namespaces below
    /// it), then what is mounted there.
    pub fn resolve(&self, header: &NamespacePath, path: &str) -> Result<Place, Error> {
        let found = self.namespace(header).filter(live).ok_or_else(|| Error::NoNamespace(header.clone()))?;
        let (namespace, rest) = self.descend(found, path);
        let (namespace, path) = (Arc::clone(namespace), rest.to_owned());
        let native = [
            ("sys/", Target::System),
            ("auth/token/", Target::Token),
            ("identity/", Target::Identity),
            ("cubbyhole/", Target::Cubbyhole),
        ];
        for (prefix, target) in native {
            if let Some(rest) = strip(&path, prefix) {
                let rest = rest.to_owned();
                return Ok(Place { namespace, target, path, rest });
            }
        }
        match self.mount_above(namespace.id, &path) {
            Some((mount, below)) => {
                let rest = below.to_owned();
                Ok(Place { namespace, target: Target::Mount(mount), path, rest })
            }
            None => Err(Error::NoRoute(path)),
        }
    }

    /// The namespace that a path leads into from another one, as deep as there are any, and the path below it.
    pub fn descend<'a>(&'a self, from: &'a Arc<Namespace>, path: &'a str) -> (&'a Arc<Namespace>, &'a str) {
        let (mut namespace, mut rest) = (from, path);
        while let Some(slash) = rest.find('/') {
            let below = format!("{}{}", namespace.path.as_str(), &rest[..=slash]);
            let Some(deeper) = self.namespaces.get(below.as_str()).filter(live) else { break };
            namespace = deeper;
            rest = &rest[slash + 1..];
        }
        (namespace, rest)
    }

    /// The mount that a path of this namespace leads to, and the path below it.
    pub fn mount_above<'a>(&self, namespace: Id, path: &'a str) -> Option<(Arc<Mount>, &'a str)> {
        let mut ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at + 1).collect();
        if !path.ends_with('/') {
            ends.push(path.len());
        }
        ends.into_iter().rev().find_map(|end| {
            let mut candidate = path[..end].to_owned();
            if !candidate.ends_with('/') {
                candidate.push('/');
            }
            self.mounts.get(&(namespace, candidate)).map(|mount| (Arc::clone(mount), &path[end..]))
        })
    }

    /// The namespace at a path.
    pub fn namespace(&self, path: &NamespacePath) -> Option<&Arc<Namespace>> {
        self.namespaces.get(path)
    }

    /// The namespace with an id.
    pub fn namespace_by_id(&self, id: Id) -> Option<&Arc<Namespace>> {
        self.namespaces.get(self.paths.get(&id)?)
    }

    /// Refuses when the API of a namespace, or of one above it, is locked.
    pub fn expect_unlocked(&self, namespace: &Namespace) -> Result<(), Error> {
        if self.locked == 0 {
            return Ok(());
        }
        let mut path = Some(namespace.path.clone());
        while let Some(at) = path {
            if self.namespaces.get(&at).is_some_and(|found| found.locked.is_some()) {
                let name = if at.is_root() { "root".to_owned() } else { at.to_string() };
                return Err(Error::Locked(name));
            }
            path = at.parent();
        }
        Ok(())
    }

    /// The namespaces directly below one, in order.
    pub fn children<'a>(&'a self, path: &'a NamespacePath) -> impl Iterator<Item = &'a Arc<Namespace>> {
        let depth = path.as_str().matches('/').count() + 1;
        self.namespaces
            .range::<_, str>((Bound::Excluded(path.as_str()), Bound::Unbounded))
            .take_while(move |(below, _)| below.as_str().starts_with(path.as_str()))
            .filter(move |(below, _)| below.as_str().matches('/').count() == depth)
            .map(|(_, namespace)| namespace)
    }

    /// The namespaces above one, nearest first.
    pub fn above(&self, path: &NamespacePath) -> Vec<(Id, NamespacePath)> {
        let mut found = Vec::new();
        let mut next = path.parent();
        while let Some(path) = next {
            next = path.parent();
            if let Some(namespace) = self.namespaces.get(&path) {
                found.push((namespace.id, path));
            }
        }
        found
    }

    /// The mounts of a namespace and of all below it, each with the path that leads to it from there.
    pub fn mounts_within<'a>(&'a self, path: &'a NamespacePath) -> impl Iterator<Item = (String, &'a Arc<Mount>)> {
        self.namespaces
            .range::<_, str>((Bound::Included(path.as_str()), Bound::Unbounded))
            .take_while(move |(within, _)| within.as_str().starts_with(path.as_str()))
            .flat_map(move |(within, namespace)| {
                let way = &within.as_str()[path.as_str().len()..];
                self.mounts(namespace.id).map(move |mount| (format!("{way}{}", mount.path), mount))
            })
    }

    /// The mounts of a namespace, in order of their paths.
    pub fn mounts(&self, namespace: Id) -> impl Iterator<Item = &Arc<Mount>> {
        self.mounts
            .range((namespace, String::new())..)
            .take_while(move |((owner, _), _)| *owner == namespace)
            .map(|(_, mount)| mount)
    }

    /// Whether all these mounts are there.
    pub fn has_mounts(&self, ids: &[Id]) -> bool {
        ids.iter().all(|id| self.mount_by_id(*id).is_some())
    }

    /// The mount with an id, wherever it is.
    pub fn mount_by_id(&self, id: Id) -> Option<&Arc<Mount>> {
        self.mounts.get(self.mount_paths.get(&id)?)
    }

    /// The mounts of all namespaces.
    pub fn all_mounts(&self) -> impl Iterator<Item = &Arc<Mount>> {
        self.mounts.values()
    }

    /// How many mounts there are in all.
    pub fn mount_count(&self) -> usize {
        self.mounts.len()
    }

    /// Takes a namespace as it now is in storage; `None` when it is gone.
    pub(crate) fn set_namespace(&mut self, id: Id, now: Option<Namespace>) {
        if let Some(path) = self.paths.remove(&id) {
            let before = self.namespaces.remove(&path);
            self.locked -= usize::from(before.is_some_and(|before| before.locked.is_some()));
        }
        if let Some(namespace) = now {
            self.locked += usize::from(namespace.locked.is_some());
            self.paths.insert(id, namespace.path.clone());
            self.namespaces.insert(namespace.path.clone(), Arc::new(namespace));
        }
    }

    /// Takes a mount as it now is in storage; `None` when it is gone.
    pub(crate) fn set_mount(&mut self, id: Id, now: Option<Mount>) {
        if let Some(key) = self.mount_paths.remove(&id) {
            self.mounts.remove(&key);
        }
        if let Some(mount) = now {
            let key = (mount.namespace, mount.path.as_str().to_owned());
            self.mount_paths.insert(id, key.clone());
            self.mounts.insert(key, Arc::new(mount));
        }
    }

    /// Expects, in this transaction, that no namespace and no mount has changed when it commits: for a decision on what
    /// is not in the tree. It fails at once, at commit, when the tree is newer than the transaction's snapshot.
    pub async fn expect(&self, transaction: &mut Transaction) -> Result<(), Error> {
        transaction.get(&cache::drawer(), "version").await?;
        Ok(())
    }
}

/// Whether anything leads to a namespace.
fn live(namespace: &&Arc<Namespace>) -> bool {
    !namespace.tainted
}

/// The path below a prefix that ends in `/`; the prefix without its `/` is the place itself.
fn strip<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.strip_prefix(prefix).or_else(|| (Some(path) == prefix.strip_suffix('/')).then_some(""))
}
