//! The service of managed keys: the registry, the grants, and the use of keys through their drivers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use model::{Id, NamespacePath};
use quick_cache::sync::Cache;
use serde_json::{Map, Value};
use storage::{Page, Transaction};
use tokio::sync::Mutex;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::registry::{self, Provider, ProviderType, Record};
use crate::{
    Description, Driver, Error, Hash, Input, KeyType, Libraries, Scheme, SignRequest, Usage, Usages, internal, random,
    verify,
};

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
}

/// What `test/sign` is to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TestSign {
    /// PSS rather than PKCS#1 v1.5, for RSA keys.
    pub use_pss: bool,
    /// The hash; Ed25519 has its own.
    pub hash: Hash,
}

impl TestSign {
    /// Reads `use_pss` (default false) and `hash_algorithm` (default `sha2-256`).
    pub fn from_params(fields: &Map<String, Value>) -> Result<Self, Error> {
        let use_pss = match fields.get("use_pss") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(value)) => *value,
            Some(Value::String(text)) if text.is_empty() => false,
            Some(Value::String(text)) => {
                text.parse().map_err(|_| Error::invalid("use_pss: is not a boolean; use true or false"))?
            }
            Some(_) => return Err(Error::invalid("use_pss: is not a boolean; use true or false")),
        };
        let wrong = || {
            let names: Vec<&str> = Hash::ALL.into_iter().map(Hash::name).collect();
            Error::invalid(format!("hash_algorithm: is not a known hash; use one of {}", names.join(", ")))
        };
        let hash = match fields.get("hash_algorithm") {
            None | Some(Value::Null) => Hash::Sha256,
            Some(Value::String(text)) if text.is_empty() => Hash::Sha256,
            Some(Value::String(text)) => Hash::parse(text).ok_or_else(wrong)?,
            Some(_) => return Err(wrong()),
        };
        Ok(Self { use_pss, hash })
    }
}

/// The credentials of a record that was replaced or removed.
#[must_use = "the driver holds sessions for it until ManagedKeys::forget"]
#[derive(Debug)]
pub struct Replaced(Option<Provider>);

/// The service. Cloning shares it.
#[derive(Clone)]
pub struct ManagedKeys(Arc<Inner>);

struct Inner {
    libraries: Arc<Libraries>,
    drivers: HashMap<ProviderType, Arc<dyn Driver>>,
    /// Parsed records by their stored version.
    records: Cache<(Id, String, u64), Arc<Record>>,
    /// Descriptions by the version of their record, which may not be stored with them yet.
    descriptions: Cache<(Id, u64), Arc<Description>>,
    /// Keys that are being made, so that two requests do not make two keys of one name.
    making: Lock<HashMap<Id, Arc<Mutex<()>>>>,
}

impl ManagedKeys {
    /// The service over the node's libraries and the drivers that were built in.
    pub fn new(libraries: Arc<Libraries>, drivers: impl IntoIterator<Item = (ProviderType, Arc<dyn Driver>)>) -> Self {
        Self(Arc::new(Inner {
            libraries,
            drivers: drivers.into_iter().collect(),
            records: Cache::new(CACHE_ITEMS),
            descriptions: Cache::new(CACHE_ITEMS),
            making: Lock::default(),
        }))
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
        registry::write(transaction, &self.0.libraries, place, kind, name, fields).await.map(Replaced)
    }

    /// The read-back of a managed key, without its secrets. `None` when there is none of this name and type.
    pub async fn read(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        kind: ProviderType,
        name: &str,
    ) -> Result<Option<Map<String, Value>>, Error> {
        Ok(registry::find(transaction, namespace, kind, name).await?.map(|record| record.to_fields()))
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

    /// Signs random bytes with the key and verifies them with its public half. A key that is absent is made if its
    /// record allows it.
    pub async fn test_sign(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
        test: TestSign,
        deadline: Instant,
    ) -> Result<(), Error> {
        let key = self.by_type(transaction, place, kind, name).await?;
        key.may(Usage::Sign)?;
        key.may(Usage::Verify)?;
        let scheme = match key.key_type(transaction, deadline).await? {
            KeyType::Rsa { .. } if test.use_pss => Scheme::Pss(test.hash),
            KeyType::Rsa { .. } => Scheme::Pkcs1v15(test.hash),
            KeyType::Ec(_) => Scheme::Ecdsa(test.hash),
            KeyType::Ed25519 => Scheme::Ed25519,
        };
        let message = random::bytes::<32>()?;
        let input = Input::Message(&message);
        let signature = key.sign(transaction, scheme, input, deadline).await?;
        if key.verify(transaction, scheme, input, &signature, deadline).await? {
            return Ok(());
        }
        Err(Error::Internal("the signature does not verify with the key's public half".into()).of(name))
    }

    /// Whether the key's provider can be reached and takes the credentials.
    pub async fn health(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
        deadline: Instant,
    ) -> Result<(), Error> {
        let key = self.by_type(transaction, place, kind, name).await?;
        key.driver()?.health(&key.record.provider, deadline).await.map_err(|error| error.of(name))
    }

    /// Lends a key to a mount, by the key's name or UUID. Checks, in this order: the key is in the mount's namespace,
    /// it is granted to the mount, and its library is open to the namespace. Nothing is asked of the token.
    pub async fn open(
        &self,
        transaction: &mut Transaction,
        caller: &Caller<'_>,
        reference: &str,
    ) -> Result<ManagedKey, Error> {
        let key = match self.load(transaction, caller.namespace, reference).await? {
            Some(key) => Some(key),
            None => match registry::name_of(transaction, caller.namespace, reference).await? {
                Some(name) => self.load(transaction, caller.namespace, &name).await?,
                None => None,
            },
        };
        let key = key.ok_or_else(|| Error::NotInNamespace(shown(reference)))?;
        if !key.record.any_mount && !caller.allowed_managed_keys.iter().any(|name| *name == key.record.name) {
            return Err(Error::NotGranted(key.record.name.clone()));
        }
        key.check_library(caller.path)?;
        Ok(key)
    }

    async fn by_type(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        kind: ProviderType,
        name: &str,
    ) -> Result<ManagedKey, Error> {
        let key = self.load(transaction, place.namespace, name).await?;
        let key = key.filter(|key| key.record.provider.kind() == kind);
        let key = key.ok_or_else(|| Error::NotInNamespace(shown(name)))?;
        key.check_library(place.path)?;
        Ok(key)
    }

    async fn load(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        name: &str,
    ) -> Result<Option<ManagedKey>, Error> {
        let Some(stored) = registry::stored(transaction, namespace, name).await? else { return Ok(None) };
        let slot = stored.version.map(|version| (namespace, name.to_owned(), version));
        let record = match slot.as_ref().and_then(|slot| self.0.records.get(slot)) {
            Some(record) => record,
            None => {
                let record = Arc::new(registry::decode(namespace, name, &stored.record)?);
                if let Some(slot) = slot {
                    self.0.records.insert(slot, Arc::clone(&record));
                }
                record
            }
        };
        Ok(Some(ManagedKey { service: Arc::clone(&self.0), namespace, record, version: stored.version }))
    }
}

/// A reference as it may be repeated in an error.
fn shown(reference: &str) -> String {
    reference.chars().take(model::NAME_MAX).collect()
}

/// A managed key that is lent to a mount for one request.
#[derive(Clone)]
pub struct ManagedKey {
    service: Arc<Inner>,
    namespace: Id,
    record: Arc<Record>,
    version: Option<u64>,
}

impl ManagedKey {
    /// The name.
    pub fn name(&self) -> &str {
        &self.record.name
    }

    /// The UUID, which outlives updates of the record.
    pub fn uuid(&self) -> Id {
        self.record.uuid
    }

    /// What the key may be used for.
    pub fn usages(&self) -> Usages {
        self.record.usages
    }

    /// Refuses a use that is not among the key's usages. Every use is checked so; this is for callers who have work to
    /// do before it.
    pub fn may(&self, usage: Usage) -> Result<(), Error> {
        if self.record.usages.contains(usage) {
            return Ok(());
        }
        Err(Error::UsageDenied { key: self.record.name.clone(), usage })
    }

    /// The public half and the abilities of the key. Asked of the token once; afterwards the record knows them. A key
    /// that is absent is made if its record allows it.
    pub async fn describe(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Arc<Description>, Error> {
        let slot = self.version.map(|version| (self.record.uuid, version));
        if let Some(description) = slot.and_then(|slot| self.service.descriptions.get(&slot)) {
            return Ok(description);
        }
        if let Some(description) = &self.record.description {
            let description = Arc::new(description.clone());
            if let Some(slot) = slot {
                self.service.descriptions.insert(slot, Arc::clone(&description));
            }
            return Ok(description);
        }
        let description = Arc::new(self.ask(deadline).await.map_err(|error| error.of(self.name()))?);
        if let Some(slot) = slot {
            self.service.descriptions.insert(slot, Arc::clone(&description));
        }
        // A checkpoint may lie between the opening and this: a record that was rewritten meanwhile stays as it is.
        let stored = registry::stored(transaction, self.namespace, self.name()).await?;
        if stored.is_some_and(|stored| stored.version == self.version) {
            let record = Record { description: Some((*description).clone()), ..(*self.record).clone() };
            registry::put(transaction, self.namespace, &record)?;
        }
        Ok(description)
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub async fn public_key(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Vec<u8>, Error> {
        Ok(self.describe(transaction, deadline).await?.public_key.clone())
    }

    /// What the key is.
    pub async fn key_type(&self, transaction: &mut Transaction, deadline: Instant) -> Result<KeyType, Error> {
        Ok(self.describe(transaction, deadline).await?.key_type)
    }

    /// What the key can sign, most usual first.
    pub async fn schemes(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Vec<Scheme>, Error> {
        Ok(self.describe(transaction, deadline).await?.schemes.clone())
    }

    /// Signs in the key's home; the hashing is done here. ECDSA signatures are DER.
    pub async fn sign(
        &self,
        transaction: &mut Transaction,
        scheme: Scheme,
        input: Input<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.may(Usage::Sign)?;
        scheme.check(input).map_err(|error| error.of(self.name()))?;
        let description = self.describe(transaction, deadline).await?;
        if !description.schemes.contains(&scheme) {
            return Err(Error::UnsupportedScheme { scheme, able: description.schemes.clone() }.of(self.name()));
        }
        let mut digest = match scheme.hash() {
            Some(hash) => Some(input.digest(hash).map_err(|error| error.of(self.name()))?),
            None => None,
        };
        if let (Some(digest), KeyType::Ec(curve)) = (&mut digest, description.key_type) {
            // ECDSA begins with this cut (FIPS 186-5 section 6.4.1), and not every token takes a longer digest.
            digest.truncate(curve.field_len());
        }
        let (input, public_key) = (digest.as_deref().map_or(input, Input::Digest), Some(&description.public_key[..]));
        let request = SignRequest { scheme, input, public_key };
        let signed = self.driver()?.sign(&self.record.provider, &self.record.locator, request, deadline).await;
        signed.map_err(|error| error.of(self.name()))
    }

    /// Whether the signature over the input is this key's. Done here with the public half.
    pub async fn verify(
        &self,
        transaction: &mut Transaction,
        scheme: Scheme,
        input: Input<'_>,
        signature: &[u8],
        deadline: Instant,
    ) -> Result<bool, Error> {
        self.may(Usage::Verify)?;
        let description = self.describe(transaction, deadline).await?;
        verify(&description.public_key, scheme, input, signature).map_err(|error| error.of(self.name()))
    }

    /// RSAES-OAEP with this hash, MGF1 with the same, an empty label. Done here with the public half.
    pub async fn encrypt(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        plaintext: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.may(Usage::Encrypt)?;
        let description = self.describe(transaction, deadline).await?;
        internal::encrypt(&description.public_key, hash, plaintext).map_err(|error| error.of(self.name()))
    }

    /// The reverse of [`Self::encrypt`], in the key's home.
    pub async fn decrypt(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.may(Usage::Decrypt)?;
        if let KeyType::Rsa { bits } = self.describe(transaction, deadline).await?.key_type
            && ciphertext.len() != bits.div_ceil(8) as usize
        {
            return Err(Error::invalid("the ciphertext cannot be decrypted with this key").of(self.name()));
        }
        let driver = self.driver()?;
        let cipher = driver.cipher().ok_or_else(|| Error::Unsupported("decrypting".into()).of(self.name()))?;
        let (provider, locator) = (&self.record.provider, &self.record.locator);
        let opened = cipher.decrypt(provider, locator, hash, ciphertext, deadline).await;
        opened.map_err(|error| error.of(self.name()))
    }

    fn check_library(&self, namespace: &NamespacePath) -> Result<(), Error> {
        match self.record.provider.library() {
            Some(library) if !self.service.libraries.is_open(library, namespace) => {
                Err(Error::LibraryClosed { key: self.record.name.clone(), library: library.to_owned() })
            }
            _ => Ok(()),
        }
    }

    fn driver(&self) -> Result<&Arc<dyn Driver>, Error> {
        let kind = self.record.provider.kind();
        let missing = || Error::Unsupported(format!("managed keys of type {} in this build", kind.name()));
        self.service.drivers.get(&kind).ok_or_else(|| missing().of(self.name()))
    }

    /// Asks the driver for the key, and makes it if it is absent and may be made.
    async fn ask(&self, deadline: Instant) -> Result<Description, Error> {
        let driver = self.driver()?;
        let (provider, locator) = (&self.record.provider, &self.record.locator);
        match driver.describe(provider, locator, deadline).await {
            Err(Error::Absent) if self.record.allow_generate_key => {}
            other => return other,
        }
        let turn = self.service.turn(self.record.uuid);
        let made = match tokio::time::timeout_at(deadline, turn.lock()).await {
            Ok(_turn) => driver.generate(provider, locator, deadline).await,
            Err(_) => Err(Error::Timeout),
        };
        self.service.end_turn(self.record.uuid, &turn);
        if let Ok(made) = &made {
            tracing::info!(key = self.name(), key_type = %made.key_type, "a managed key was absent and has been made");
        }
        made
    }
}

impl Inner {
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
