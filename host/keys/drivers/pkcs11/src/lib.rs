//! Keys in PKCS#11 tokens.
//!
//! **For:** the [`keys::Driver`] of type `pkcs11`, over whatever libraries the node's configuration names.
//! **Never:** loads a library that is not in that table, loads one twice, logs a PIN, tries a refused PIN again, calls a
//! library from an async thread, or hashes in the token. **In, out:** the registry's records and digests in; public
//! keys and signatures out. **Meet first:** [`Driver`]. **Errors:** [`keys::Error`]; what the library said goes to the
//! log, by the name of its stanza.
//!
//! Inside: a `Module` is one loaded library with its generation (from C_Initialize to C_Finalize); a `Pool` is one
//! token with one PIN, a bounded queue and worker threads; a `Worker` owns a session and serves the queue. A warm
//! signature is C_SignInit and C_Sign.
//!
//! Limits: keys with CKA_ALWAYS_AUTHENTICATE are not served; a library that crashes takes the process with it; a
//! library that hangs holds its workers, whose users are told that it did not answer.
#![forbid(unsafe_code)]

mod failure;
mod login;
mod mechanism;
mod module;
mod objects;
mod pool;
mod worker;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use keys::{Cipher, Description, Error, Hash, Libraries, Locator, Provider, SignRequest};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use zeroize::Zeroizing;

use module::Module;
use pool::{Answer, Pool, Work};

/// Longest wait for running calls when the driver is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// The driver. Nothing is loaded until a key is first used.
pub struct Driver {
    libraries: Arc<Libraries>,
    modules: Mutex<HashMap<PathBuf, Arc<Module>>>,
    pools: Mutex<HashMap<Identity, Arc<Pool>>>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.close();
    }
}

/// What makes two records share their sessions. The PIN is part of it, so that a wrong PIN in one record neither uses
/// nor blocks the sessions of another.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    path: PathBuf,
    token: TokenRef,
    pin: Vec<u8>,
    read_write: bool,
}

impl Driver {
    /// The driver over the libraries of this node.
    pub fn new(libraries: Arc<Libraries>) -> Self {
        Self { libraries, modules: Mutex::default(), pools: Mutex::default() }
    }

    /// Ends all sessions and finalises the libraries, waiting for calls that are running, [`CLOSE_WAIT`] at most.
    /// To be called (or the driver dropped) before the process ends: libraries free their memory then, and a thread
    /// that is still in one would find it gone. Blocks the calling thread.
    pub fn close(&self) {
        let deadline = std::time::Instant::now() + CLOSE_WAIT;
        let pools: Vec<_> = lock(&self.pools).drain().map(|(_, pool)| pool.close()).collect();
        while !pools.iter().all(|pool| pool.is_deserted()) && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        for module in lock(&self.modules).values() {
            module.stop(deadline);
        }
    }

    fn identity(&self, provider: &Pkcs11Provider) -> Result<Identity, Error> {
        let missing = || Error::Unavailable {
            detail: format!("library {:?} is not configured on this node", provider.library),
            retry_after: Duration::from_secs(60),
        };
        Ok(Identity {
            path: self.libraries.path(&provider.library).ok_or_else(missing)?.to_owned(),
            token: provider.token.clone(),
            // The digest, so that the map holds no second copy of the PIN.
            pin: Hash::Sha256.digest(provider.pin.expose_secret().as_bytes())?,
            read_write: provider.force_rw_session,
        })
    }

    fn pool(&self, provider: &Provider) -> Result<Arc<Pool>, Error> {
        let provider = own(provider)?;
        let identity = self.identity(provider)?;
        let mut pools = lock(&self.pools);
        if let Some(pool) = pools.get(&identity) {
            pool.allow(provider.max_parallel);
            return Ok(Arc::clone(pool));
        }
        let module = self.module(&identity.path, &provider.library);
        let pool = Arc::new(Pool::new(module, provider));
        pools.insert(identity, Arc::clone(&pool));
        Ok(pool)
    }

    fn module(&self, path: &Path, name: &str) -> Arc<Module> {
        // Two names of one file, a symbolic link among them, must not initialise it twice.
        let file = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let mut modules = lock(&self.modules);
        let made = || Arc::new(Module::new(name.to_ascii_lowercase(), path.to_owned()));
        Arc::clone(modules.entry(file).or_insert_with(made))
    }

    async fn described(&self, provider: &Provider, work: Work, deadline: Instant) -> Result<Description, Error> {
        match self.pool(provider)?.submit(work, deadline).await? {
            Answer::Description(description) => Ok(description),
            _ => Err(mixed_up()),
        }
    }
}

#[async_trait]
impl keys::Driver for Driver {
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        self.described(provider, Work::Describe(key(locator)?), deadline).await
    }

    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        self.described(provider, Work::Generate(key(locator)?), deadline).await
    }

    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let work = Work::Sign { key: key(locator)?, operation: mechanism::signature(request)? };
        match self.pool(provider)?.submit(work, deadline).await? {
            Answer::Bytes(signature) => mechanism::finish(request.scheme, &signature),
            _ => Err(mixed_up()),
        }
    }

    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error> {
        self.pool(provider)?.submit(Work::Probe, deadline).await.map(drop)
    }

    async fn forget(&self, provider: &Provider) {
        if let Ok(identity) = own(provider).and_then(|provider| self.identity(provider)) {
            lock(&self.pools).remove(&identity);
        }
    }

    async fn forget_all(&self) {
        lock(&self.pools).clear();
    }

    fn cipher(&self) -> Option<&dyn Cipher> {
        Some(self)
    }
}

#[async_trait]
impl Cipher for Driver {
    async fn decrypt(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = key(locator)?;
        mechanism::can_decrypt(&key, hash)?;
        let work = Work::Decrypt { key, hash, ciphertext: ciphertext.to_vec() };
        match self.pool(provider)?.submit(work, deadline).await? {
            Answer::Bytes(plaintext) => Ok(plaintext),
            _ => Err(mixed_up()),
        }
    }
}

fn own(provider: &Provider) -> Result<&Pkcs11Provider, Error> {
    match provider {
        Provider::Pkcs11(provider) => Ok(provider),
        other => Err(Error::Internal(format!("a provider of type {} at the driver of tokens", other.kind().name()))),
    }
}

fn key(locator: &Locator) -> Result<Arc<Pkcs11Locator>, Error> {
    match locator {
        Locator::Pkcs11(locator) => Ok(Arc::new(locator.clone())),
        _ => Err(Error::Internal("the locator of another type at the driver of tokens".into())),
    }
}

fn mixed_up() -> Error {
    Error::Internal("a worker answered another question".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
