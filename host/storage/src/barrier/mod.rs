//! The barrier: what lies below it is ciphertext.
//!
//! A [`Barrier`] is a [`Driver`] over another. Values are encrypted with AES-256-GCM (NIST SP 800-38D) under the active
//! term of a [`Keyring`], with their full key as associated data, so that a value that was moved to another key does not
//! open. Keys stay readable, because listings are ordered by them: no secret may be part of one. Only what lies below
//! [`CLEAR`] passes as it is: the seal's own records, which are public or protected by other means.
//!
//! Every batch expects that the keyring is still the one that encrypted it. A node that missed a rotation, or a restore
//! of an older snapshot, conflicts, reads the keyring anew, and the request runs again.

mod cipher;
mod keyring;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use async_trait::async_trait;

use crate::driver::{Batch, Driver, Expectation, Listing, Page, Record, Records, Snapshot};
use crate::{Drawer, Error, Transaction, Value};

pub use cipher::{OVERHEAD, SecretKey};
pub use keyring::{Keyring, Term};

/// Below here nothing is encrypted by the barrier.
pub const CLEAR: &str = "seal/";
/// Where the keyring lies, encrypted with the root key.
pub const KEYRING: &str = "seal/keyring";
/// Where the root key lies, encrypted like everything else, for nodes that miss a change of it.
const ROOT: &str = "core/root-key";

/// The drawer of the seal: its records are not encrypted by the barrier.
pub fn clear_drawer() -> Drawer {
    Drawer::new(&["seal"])
}

/// A driver whose values are encrypted.
pub struct Barrier {
    below: Arc<dyn Driver>,
    /// None: sealed.
    keys: ArcSwapOption<Keys>,
    /// Encryptions under the active term since they were last counted in storage.
    encryptions: AtomicU64,
}

struct Keys {
    root: SecretKey,
    ring: Keyring,
    /// The version of the keyring's record; none while it is not stored yet.
    version: Option<u64>,
}

impl Barrier {
    /// A barrier that is not yet stored: the first transaction over it must be one that called [`Self::write_keys`].
    pub fn found(below: Arc<dyn Driver>, root: SecretKey, ring: Keyring) -> Self {
        Self::with(below, Keys { root, ring, version: None })
    }

    /// Opens the barrier of a store with its root key. [`Error::Sealed`] when the key does not open the keyring or
    /// there is none.
    pub async fn open(below: Arc<dyn Driver>, root: SecretKey) -> Result<Self, Error> {
        let keys = stored_keys(&*below.snapshot().await?, root).await?;
        Ok(Self::with(below, keys))
    }

    fn with(below: Arc<dyn Driver>, keys: Keys) -> Self {
        Self { below, keys: ArcSwapOption::from_pointee(keys), encryptions: AtomicU64::new(0) }
    }

    /// Writes a keyring or a root key that is new. The transaction is one over the barrier that they are for; they are
    /// in use once it has committed.
    pub fn write_keys(transaction: &mut Transaction, root: &SecretKey, ring: &Keyring) -> Result<(), Error> {
        transaction.put(&clear_drawer(), "keyring", ring.seal(root)?)?;
        transaction.put(&Drawer::new(&["core"]), "root-key", root.bytes().to_vec())
    }

    /// Forgets the keys. Whatever still holds the barrier can read and write nothing any more.
    pub fn close(&self) {
        self.keys.store(None);
    }

    /// The store below: ciphertext.
    pub fn below(&self) -> &Arc<dyn Driver> {
        &self.below
    }

    /// The keyring in use. [`Error::Sealed`] when closed.
    pub fn keyring(&self) -> Result<Keyring, Error> {
        Ok(self.keys()?.ring.clone())
    }

    /// The root key in use. For the seal only. [`Error::Sealed`] when closed.
    pub fn root_key(&self) -> Result<SecretKey, Error> {
        Ok(self.keys()?.root.clone())
    }

    /// How many values were encrypted with the active term since the last call.
    pub fn take_encryptions(&self) -> u64 {
        self.encryptions.swap(0, Ordering::Relaxed)
    }

    /// Takes back what [`Self::take_encryptions`] gave, when it could not be noted.
    pub fn give_back(&self, encryptions: u64) {
        self.encryptions.fetch_add(encryptions, Ordering::Relaxed);
    }

    /// How many values were encrypted with the active term since [`Self::take_encryptions`] was called.
    pub fn encryptions(&self) -> u64 {
        self.encryptions.load(Ordering::Relaxed)
    }

    fn keys(&self) -> Result<Arc<Keys>, Error> {
        self.keys.load_full().ok_or(Error::Sealed)
    }

    /// Reads the keyring anew if the stored one is not the one that is in use: another node changed it. Whether it was
    /// another. Reading and writing do this by themselves when they must.
    pub async fn refresh(&self) -> Result<bool, Error> {
        let keys = self.keys()?;
        let snapshot = self.below.snapshot().await?;
        let now = snapshot.get(KEYRING).await?;
        if now.as_ref().map(|record| record.version) == keys.version {
            return Ok(false);
        }
        let newer = match stored_keys(&*snapshot, keys.root.clone()).await {
            Ok(newer) => newer,
            // The root key was changed by another node, which left the new one where the old keyring still reads it.
            Err(Error::Sealed) => {
                let record = snapshot.get(ROOT).await?.ok_or(Error::Sealed)?;
                let root = SecretKey::from_bytes(&keys.ring.open(ROOT, &record.value)?).ok_or(Error::Sealed)?;
                stored_keys(&*snapshot, root).await?
            }
            Err(error) => return Err(error),
        };
        // A store that was just founded has its first keyring, and nothing was changed.
        if keys.version.is_some() {
            tracing::info!(term = newer.ring.active(), "the keyring was changed and has been read anew");
        }
        // Closed meanwhile: closed it stays.
        let swapped = self.keys.compare_and_swap(&keys, Some(Arc::new(newer)));
        if swapped.is_none() { Err(Error::Sealed) } else { Ok(true) }
    }

    fn encrypt(&self, writes: BTreeMap<String, Option<Value>>) -> Result<(Batch, Option<u64>), Error> {
        let keys = self.keys()?;
        let mut batch = Batch::default();
        for (key, value) in writes {
            let value = match value {
                Some(value) if !is_clear(&key) => {
                    self.encryptions.fetch_add(1, Ordering::Relaxed);
                    Some(keys.ring.encrypt(&key, &value)?.into())
                }
                other => other,
            };
            batch.writes.insert(key, value);
        }
        Ok((batch, keys.version))
    }
}

async fn stored_keys(snapshot: &dyn Snapshot, root: SecretKey) -> Result<Keys, Error> {
    let record = snapshot.get(KEYRING).await?.ok_or(Error::Sealed)?;
    Ok(Keys { ring: Keyring::open_sealed(&root, &record.value)?, root, version: Some(record.version) })
}

fn is_clear(key: &str) -> bool {
    key.starts_with(CLEAR)
}

#[async_trait]
impl Driver for Arc<Barrier> {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        self.keys()?;
        Ok(Box::new(Veiled { below: self.below.snapshot().await?, barrier: Arc::clone(self) }))
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let (mut encrypted, version) = Barrier::encrypt(self, batch.writes)?;
        let changes_keyring = encrypted.writes.contains_key(KEYRING);
        encrypted.expectations = batch.expectations;
        encrypted.expectations.push(Expectation::Key { key: KEYRING.to_owned(), version });
        let done = self.below.commit(encrypted).await;
        let founding = version.is_none();
        match done {
            // What was committed holds, and its answer may be all that there is of new shares. With old keys the next commit
            // conflicts, and refreshes then.
            Ok(()) if changes_keyring => {
                if let Err(error) = self.refresh().await {
                    tracing::warn!(%error, "the keyring has changed and was not read again yet");
                }
            }
            Err(Error::Conflict) if !founding => drop(self.refresh().await?),
            _ => {}
        }
        done
    }

    /// Refused: a store is replaced as it is, below the barrier.
    async fn replace(&self, _: Box<dyn Records>) -> Result<(), Error> {
        Err(Error::Unavailable("a store is replaced below its barrier only".into()))
    }
}

/// A snapshot through the barrier. It holds no keys: what is sealed meanwhile can no longer be read.
struct Veiled {
    below: Box<dyn Snapshot>,
    barrier: Arc<Barrier>,
}

impl Veiled {
    async fn decrypt(&self, key: &str, value: Value) -> Result<Value, Error> {
        if is_clear(key) {
            return Ok(value);
        }
        match self.barrier.keys()?.ring.open(key, &value) {
            Err(Error::UnknownTerm(_)) if self.barrier.refresh().await? => {
                Ok(self.barrier.keys()?.ring.open(key, &value)?.into())
            }
            opened => Ok(opened?.into()),
        }
    }

    async fn decrypt_all(&self, found: &mut [(String, Record)]) -> Result<(), Error> {
        for (key, record) in found {
            record.value = self.decrypt(key, record.value.clone()).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Snapshot for Veiled {
    async fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        match self.below.get(key).await? {
            Some(Record { value, version }) => Ok(Some(Record { value: self.decrypt(key, value).await?, version })),
            None => Ok(None),
        }
    }

    async fn list(&self, listing: &Listing) -> Result<Page, Error> {
        self.barrier.keys()?;
        self.below.list(listing).await
    }

    async fn scan_versioned(&self, after: Option<&str>) -> Result<Vec<(String, Record)>, Error> {
        let mut found = self.below.scan_versioned(after).await?;
        self.decrypt_all(&mut found).await?;
        Ok(found)
    }

    /// What a scan reaches behind the prefix is not decrypted: most prefixes have little below them.
    async fn scan_below(&self, prefix: &str, after: &str) -> Result<(Vec<(String, Record)>, bool), Error> {
        let (mut found, ended) = self.below.scan_below(prefix, after).await?;
        self.decrypt_all(&mut found).await?;
        Ok((found, ended))
    }
}

#[cfg(test)]
mod tests;
