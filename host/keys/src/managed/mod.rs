//! The service of managed keys: the registry, the grants, and the use of keys through their drivers.

mod acts;
mod external;
mod key;
mod making;
mod putting;
mod symmetric;

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use model::{Fault, Id, NamespacePath};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use storage::{Page, Store, Transaction};
use tokio::sync::Mutex;

use crate::registry::{self, Home, Provider, ProviderType, Record};
use crate::{Act, Description, Driver, Error, Libraries, Limits, Usages, Used, Witness};

pub use acts::{Health, TestSign};
pub use key::ManagedKey;

/// Records and descriptions that are kept ready.
const CACHE_ITEMS: usize = 4096;

/// A namespace.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// Its identifier.
    pub namespace: Id,
    /// Its path; libraries are open or closed to it.
    pub path: &'a NamespacePath,
}

/// The mount that wants to use a key.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// The mount's namespace.
    pub namespace: Id,
    /// That namespace's path.
    pub path: &'a NamespacePath,
    /// The mount's identifier, which outlives a move.
    pub mount: Id,
    /// The names of the keys that are lent to the mount.
    pub allowed_managed_keys: &'a [String],
    /// What the mount may do with them, of what they may be used for.
    pub usages: Usages,
    /// The namespaces above, nearest first: their keys that are inherited may be used too.
    pub above: &'a [(Id, NamespacePath)],
}

/// The credentials of a record that was replaced or removed.
#[must_use = "the driver holds sessions for it until ManagedKeys::forget"]
#[derive(Debug)]
pub struct Replaced(Option<Provider>);

/// The service. Cloning shares it.
#[derive(Clone)]
pub struct ManagedKeys(Arc<Inner>, Option<Arc<dyn Witness>>);

/// A key's record and its provider.
#[derive(Clone)]
struct Entry {
    record: Arc<Record>,
    provider: Arc<Provider>,
}

/// A record as it is kept ready.
#[derive(Clone)]
struct Parsed {
    record: Arc<Record>,
    /// Its provider, when that is its own.
    own: Option<Arc<Provider>>,
}

impl Parsed {
    fn new(record: Record) -> Self {
        let own = match &record.home {
            Home::Provider(provider) => Some(Arc::new(provider.clone())),
            Home::Config(_) => None,
        };
        Self { record: Arc::new(record), own }
    }
}

/// What a record was read from: the namespace, the name, and the version it was stored with.
type Slot = (Id, String, u64);

struct Inner {
    limits: Limits,
    drivers: HashMap<ProviderType, Arc<dyn Driver>>,
    records: Cache<Slot, Parsed>,
    providers: Cache<Slot, Arc<Provider>>,
    /// Descriptions by the version of their record, which may not be stored with them yet.
    descriptions: Cache<(Id, u64), Arc<Description>>,
    /// Keys that are being made, so that two requests do not make two keys of one name.
    making: Lock<HashMap<Id, Arc<Mutex<()>>>>,
    /// Where nodes say to each other that they are making a key.
    claims: Option<Store>,
}

impl ManagedKeys {
    /// The service over the node's libraries and the drivers that were built in.
    pub fn new(libraries: Arc<Libraries>, drivers: impl IntoIterator<Item = (ProviderType, Arc<dyn Driver>)>) -> Self {
        Self::with_limits(Limits::new(libraries, []), drivers, None)
    }

    /// The same, with the operator's limits on what namespaces may register and use, and with the store that nodes share:
    /// then no two of them make one key at once.
    pub fn with_limits(
        limits: Limits,
        drivers: impl IntoIterator<Item = (ProviderType, Arc<dyn Driver>)>,
        claims: Option<Store>,
    ) -> Self {
        let inner = Inner {
            limits,
            drivers: drivers.into_iter().collect(),
            records: Cache::new(CACHE_ITEMS),
            providers: Cache::new(CACHE_ITEMS),
            descriptions: Cache::new(CACHE_ITEMS),
            making: Lock::default(),
            claims,
        };
        Self(Arc::new(inner), None)
    }

    /// The same service, which tells this witness of each use of its keys.
    #[must_use]
    pub fn witnessed(&self, witness: Arc<dyn Witness>) -> Self {
        Self(Arc::clone(&self.0), Some(witness))
    }

    /// Creates or updates a managed key. An update keeps the UUID and every field that is not given. Nothing is asked
    /// of the token. What it answers is for [`Self::forget`], after the transaction was committed.
    pub async fn write(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
        fields: &Map<String, Value>,
    ) -> Result<Replaced, Error> {
        registry::write(transaction, &self.0.limits, place, kind, name, fields).await.map(Replaced)
    }

    /// The read-back of a managed key, without its secrets. `None` when there is none of this name and type.
    pub async fn read(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        kind: ProviderType,
        name: &str,
    ) -> Result<Option<Map<String, Value>>, Error> {
        Ok(registry::find(transaction, namespace, kind, name)
            .await?
            .map(|found| found.record.to_fields(&found.provider)))
    }

    /// The names of a type, those after `after`, at most `limit` (0 for [`storage::LIST_LIMIT_MAX`]).
    pub async fn list(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        kind: ProviderType,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        registry::list(transaction, namespace, kind, after, limit).await
    }

    /// Removes a managed key, never the key in its token. Refused while mounts (`used_by`) list its name. What it
    /// answers is for [`Self::forget`], after the transaction was committed.
    pub async fn delete(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        kind: ProviderType,
        name: &str,
        used_by: &[String],
    ) -> Result<Replaced, Error> {
        registry::delete(transaction, namespace, kind, name, used_by).await.map(Replaced)
    }

    /// Lets the driver forget what it holds for a record that was replaced or removed: sessions, and that its
    /// credentials were refused. To be called after the commit: before it, another request would bring it all back.
    pub async fn forget(&self, replaced: Replaced) {
        if let Some(provider) = replaced.0
            && let Some(driver) = self.0.drivers.get(&provider.kind())
        {
            driver.forget(&provider).await;
        }
    }

    /// Lets all drivers forget what they hold: the node is sealed.
    pub async fn forget_all(&self) {
        for driver in self.0.drivers.values() {
            driver.forget_all().await;
        }
    }

    /// Lends a key to a mount, by the key's name (`name` or `config:key`) or UUID. Checks, in this order: the key is in
    /// the mount's namespace, or inherited from one above; it is granted to the mount; its type and library are open to
    /// the namespace that it is registered in. Nothing is asked of the token.
    pub async fn open(
        &self,
        transaction: &mut Transaction,
        caller: &Caller<'_>,
        reference: &str,
    ) -> Result<ManagedKey, Error> {
        let mut found = None;
        let opened = self.find(transaction, caller, reference, &mut found).await;
        if let (Err(error), Some(witness)) = (&opened, &self.1)
            && !matches!(error, Error::Storage(_))
        {
            let named = shown(reference);
            let used = match &found {
                Some(key) => key.use_of(Act::Open),
                None => Used::new(Act::Open, &named),
            };
            witness.used(Used { error: Some(error), ..used }).await.map_err(|fault| unwitnessed(&fault))?;
        }
        opened?;
        found.ok_or_else(|| Error::NotInNamespace(shown(reference)))
    }

    /// The UUID of the key that a mount of this namespace means by a name: one of the namespace, else one that is inherited
    /// from those above it, nearest first. Whether it may use the key is not asked.
    pub async fn seen_from(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        above: &[Id],
        name: &str,
    ) -> Result<Option<Id>, Error> {
        for at in std::iter::once(&namespace).chain(above) {
            let key = self.load(transaction, *at, name).await?;
            if let Some(key) = key.filter(|key| *at == namespace || key.entry.record.inherits) {
                return Ok(Some(key.uuid()));
            }
        }
        Ok(None)
    }

    /// Leaves the key in `found` even if the caller may not use it.
    async fn find(
        &self,
        transaction: &mut Transaction,
        caller: &Caller<'_>,
        reference: &str,
        found: &mut Option<ManagedKey>,
    ) -> Result<(), Error> {
        let own = (caller.namespace, caller.path);
        let above = caller.above.iter().map(|(namespace, path)| (*namespace, path));
        let mut place = None;
        for (namespace, path) in std::iter::once(own).chain(above) {
            let key = self.by_reference(transaction, namespace, reference).await?;
            let key = key.map(|key| ManagedKey { lent_for: caller.usages, ..key });
            let seen = key.filter(|key| namespace == caller.namespace || key.entry.record.inherits);
            if let Some(key) = seen {
                place = Some((found.insert(key), path));
                break;
            }
        }
        let (key, path) = place.ok_or_else(|| Error::NotInNamespace(shown(reference)))?;
        let is_lent = |name: &String| registry::canonical(name) == Some(key.name());
        if !key.entry.record.any_mount && !caller.allowed_managed_keys.iter().any(is_lent) {
            return Err(Error::NotGranted(key.name().to_owned()));
        }
        self.0.limits.check_use(key.name(), &key.entry.provider, path)
    }

    /// The key of this name, else of this UUID: a name wins.
    async fn by_reference(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        reference: &str,
    ) -> Result<Option<ManagedKey>, Error> {
        if let Some(key) = self.load(transaction, namespace, reference).await? {
            return Ok(Some(key));
        }
        match registry::name_of(transaction, namespace, reference).await? {
            Some(name) => self.load(transaction, namespace, &name).await,
            None => Ok(None),
        }
    }

    async fn load(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        name: &str,
    ) -> Result<Option<ManagedKey>, Error> {
        let Some(name) = registry::canonical(name) else { return Ok(None) };
        let Some(stored) = registry::stored(transaction, namespace, name).await? else { return Ok(None) };
        let slot = stored.version.map(|version| (namespace, name.to_owned(), version));
        let parsed = match slot.as_ref().and_then(|slot| self.0.records.get(slot)) {
            Some(parsed) => parsed,
            None => {
                let parsed = Parsed::new(registry::decode(namespace, name, &stored.record)?);
                remember(&self.0.records, slot, &parsed);
                parsed
            }
        };
        let provider = match &parsed.record.home {
            Home::Provider(_) => parsed.own.clone(),
            Home::Config(config) => Some(self.shared(transaction, namespace, config).await?),
        };
        let provider = provider.ok_or_else(|| Error::Internal("a key without a provider".into()))?;
        let entry = Entry { record: parsed.record, provider };
        let (service, witness) = (Arc::clone(&self.0), self.1.clone());
        Ok(Some(ManagedKey { service, witness, namespace, entry, lent_for: Usages::ALL, version: stored.version }))
    }

    /// The provider of a config.
    async fn shared(&self, transaction: &mut Transaction, namespace: Id, config: &str) -> Result<Arc<Provider>, Error> {
        let stored = registry::stored_config(transaction, namespace, config).await?;
        let stored = stored.ok_or_else(|| Error::Internal(format!("the config {config:?} of a key is missing")))?;
        let slot = stored.version.map(|version| (namespace, config.to_owned(), version));
        if let Some(provider) = slot.as_ref().and_then(|slot| self.0.providers.get(slot)) {
            return Ok(provider);
        }
        let provider = Arc::new(registry::decode_config(namespace, config, &stored.record)?.provider);
        remember(&self.0.providers, slot, &provider);
        Ok(provider)
    }
}

/// Keeps what was read from storage; what the transaction wrote itself has no version yet.
fn remember<T: Clone>(cache: &Cache<Slot, T>, slot: Option<Slot>, value: &T) {
    if let Some(slot) = slot {
        cache.insert(slot, value.clone());
    }
}

/// A reference as it may be repeated in an error.
fn shown(reference: &str) -> String {
    reference.chars().take(model::NAME_MAX).collect()
}

/// A use of which nobody took note: what came of it stays here.
fn unwitnessed(fault: &Fault) -> Error {
    Error::Internal(format!("the use of the key was not recorded: {fault}"))
}

impl Inner {
    fn driver(&self, provider: &Provider) -> Result<&Arc<dyn Driver>, Error> {
        let kind = provider.kind();
        let missing = || Error::Unsupported(format!("managed keys of type {} in this build", kind.name()));
        self.drivers.get(&kind).ok_or_else(missing)
    }

    fn turn(&self, uuid: Id) -> Arc<Mutex<()>> {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(making.entry(uuid).or_default())
    }

    fn end_turn(&self, uuid: Id, turn: &Arc<Mutex<()>>) {
        let mut making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        // Two: the map's and the caller's. Whoever waits holds a third.
        if Arc::strong_count(turn) == 2 {
            making.remove(&uuid);
        }
    }
}

#[cfg(test)]
mod tests;
