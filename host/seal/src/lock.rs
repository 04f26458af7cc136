//! The lock of one node: closed at first, opened by enough shares or by the wrapper.

use std::sync::Arc;

use model::Id;
use storage::barrier::{Barrier, SecretKey, clear_drawer};
use storage::{Driver, Store};
use tokio::sync::Mutex;

use crate::record::{self, Config, SHAMIR};
use crate::shares::{self, Share};
use crate::{Error, Founding, Quorum, Wrapper, proof};

/// The lock. One per process.
pub struct Lock {
    below: Arc<dyn Driver>,
    wrapper: Option<Arc<dyn Wrapper>>,
    /// The wrapper is there to be left: the store goes back to shares.
    leaving: bool,
    attempt: Mutex<Attempt>,
}

/// Shares that came so far. They are the node's own: each node is unsealed by itself.
#[derive(Default)]
struct Attempt {
    nonce: String,
    shares: Vec<Share>,
}

/// What anybody may know of the lock.
#[derive(Clone, Debug)]
pub struct Status {
    /// The type: `shamir`, or a wrapper's.
    pub kind: String,
    /// Whether the store was founded.
    pub initialized: bool,
    /// The quorum; none before the store was founded.
    pub quorum: Option<Quorum>,
    /// How many shares came so far.
    pub progress: usize,
    /// Names the attempt; empty when there is none.
    pub nonce: String,
    /// Whether the operators' shares make up a recovery key.
    pub recovery_seal: bool,
    /// Whether the next unsealing is to change the type of the seal.
    pub migration: bool,
}

impl Lock {
    /// The lock of a store. `leaving`: the wrapper is only there to migrate away from it.
    pub fn new(below: Arc<dyn Driver>, wrapper: Option<Arc<dyn Wrapper>>, leaving: bool) -> Self {
        Self { below, wrapper, leaving, attempt: Mutex::default() }
    }

    /// The store below the barrier.
    pub fn below(&self) -> &Arc<dyn Driver> {
        &self.below
    }

    /// What anybody may know. Reads the stored configuration: another node may have changed it.
    pub async fn status(&self) -> Result<Status, Error> {
        let attempt = self.attempt.lock().await;
        let (progress, nonce) = (attempt.shares.len(), attempt.nonce.clone());
        drop(attempt);
        let config = Config::read(&*self.below).await?;
        let migration = match &config {
            Some(config) => self.migrates(config)?,
            None => false,
        };
        let wanted = self.wanted().map_or(SHAMIR, |wrapper| wrapper.kind());
        Ok(Status {
            kind: config.as_ref().map_or(wanted, |config| &config.kind).to_owned(),
            initialized: config.is_some(),
            quorum: config.as_ref().map(|config| config.quorum),
            progress,
            nonce,
            recovery_seal: config.as_ref().is_some_and(|config| !config.is_shamir()),
            migration,
        })
    }

    /// Begins to found the store, by the wrapper if there is one. `now` in seconds since 1970.
    pub async fn found(&self, quorum: Quorum, now: u64) -> Result<Founding, Error> {
        if Config::read(&*self.below).await?.is_some() {
            return Err(Error::AlreadyInitialized);
        }
        Founding::begin(Arc::clone(&self.below), self.wanted(), quorum, now).await
    }

    /// Whether the store unseals itself.
    pub fn is_automatic(&self) -> bool {
        self.wanted().is_some()
    }

    /// Opens the store by the wrapper; none while there is nothing to open, or a migration waits for shares.
    pub async fn open_by_wrapper(&self) -> Result<Option<Arc<Barrier>>, Error> {
        let Some(config) = Config::read(&*self.below).await? else { return Ok(None) };
        if self.wanted().is_none() || self.migrates(&config)? {
            return Ok(None);
        }
        Ok(Some(self.barrier(self.root_by_wrapper().await?).await?))
    }

    async fn barrier(&self, root: SecretKey) -> Result<Arc<Barrier>, Error> {
        match Barrier::open(Arc::clone(&self.below), root).await {
            Ok(barrier) => Ok(Arc::new(barrier)),
            // The root key is the right one: it was authenticated when it was decrypted.
            Err(storage::Error::Sealed) => {
                let reason = "does not open with the root key; if another node was just rekeyed, try again".to_owned();
                Err(storage::Error::Damaged { key: storage::barrier::KEYRING.to_owned(), reason }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Forgets the shares that came so far.
    pub async fn reset(&self) {
        *self.attempt.lock().await = Attempt::default();
    }

    /// Takes a share. With enough of them: the open barrier. With wrong ones all that came are forgotten. `migrate`:
    /// the operators agree to a change of the seal's type.
    pub async fn unseal(&self, share: Share, migrate: bool) -> Result<Option<Arc<Barrier>>, Error> {
        let config = Config::read(&*self.below).await?.ok_or(Error::NotInitialized)?;
        match (self.migrates(&config)?, migrate) {
            (true, false) => {
                return Err(Error::invalid(
                    "migrate: the configured seal is another than the stored one; unseal with migrate set to true",
                ));
            }
            (false, true) => {
                return Err(Error::invalid(
                    "migrate: the configured seal is the stored one; there is nothing to migrate",
                ));
            }
            _ => {}
        }
        let mut attempt = self.attempt.lock().await;
        if attempt.shares.iter().any(|known| known.is(&share)) {
            return Ok(None);
        }
        if attempt.shares.is_empty() {
            attempt.nonce = nonce()?;
        }
        attempt.shares.push(share);
        if attempt.shares.len() < usize::from(config.quorum.threshold) {
            return Ok(None);
        }
        let Attempt { shares, .. } = std::mem::take(&mut *attempt);
        let held = shares::combine(&shares, config.quorum.threshold).ok_or(Error::WrongKey)?;
        drop(shares);
        self.open(&config, &held).await.map(Some)
    }

    async fn open(&self, config: &Config, held: &SecretKey) -> Result<Arc<Barrier>, Error> {
        let root = if config.is_shamir() {
            proof::unwrap(held, &record::wrapped_root(&*self.below).await?)?
        } else {
            self.root_by_wrapper().await?
        };
        let barrier = self.barrier(root.clone()).await?;
        let mut transaction = Store::new(Arc::clone(&barrier)).begin().await?;
        if !config.is_shamir() && !proof::is_recovery(&mut transaction, held).await? {
            return Err(Error::WrongKey);
        }
        if self.migrates(config)? {
            // The shares stay the operators': of the unseal key they become those of the recovery key, or the reverse.
            let wrapped = match self.wanted() {
                Some(wrapper) => {
                    proof::write_recovery(&mut transaction, held)?;
                    wrapper.wrap(&root).await?
                }
                None => {
                    proof::forget_recovery(&mut transaction)?;
                    proof::wrap(held, &root)?
                }
            };
            let kind = self.wanted().map_or(SHAMIR, Wrapper::kind);
            Config::expect(&mut transaction).await?;
            Config::new(kind, config.quorum).write(&mut transaction)?;
            transaction.put(&clear_drawer(), record::ROOT, wrapped)?;
            transaction.commit().await?;
            tracing::info!(from = config.kind, to = kind, "the seal was migrated");
        }
        Ok(barrier)
    }

    async fn root_by_wrapper(&self) -> Result<SecretKey, Error> {
        let wrapped = record::wrapped_root(&*self.below).await?;
        let wrapper = self.wrapper.as_ref().ok_or_else(|| Error::invalid("no seal is configured"))?;
        let root = wrapper.unwrap(&wrapped).await;
        wrapper.rest().await;
        root
    }

    /// The wrapper that the store is to have.
    fn wanted(&self) -> Option<&dyn Wrapper> {
        self.wrapper.as_deref().filter(|_| !self.leaving)
    }

    /// Whether the stored seal is another than the configured one.
    fn migrates(&self, config: &Config) -> Result<bool, Error> {
        let able = config.is_shamir() || self.wrapper.as_ref().is_some_and(|wrapper| wrapper.kind() == config.kind);
        if !able {
            return Err(Error::invalid(format!(
                "the store is sealed with {kind}; the configuration needs its stanza seal {kind:?}, with disabled = \
                 true to migrate away from it",
                kind = config.kind
            )));
        }
        Ok(self.wanted().map_or(SHAMIR, Wrapper::kind) != config.kind)
    }
}

/// A fresh name for an attempt.
pub(crate) fn nonce() -> Result<String, Error> {
    let random = SecretKey::random()?;
    let bytes = random.bytes().first_chunk::<16>().copied().unwrap_or_default();
    Ok(Id::from_random(bytes).to_string())
}

#[cfg(test)]
mod tests;
