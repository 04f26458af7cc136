//! Keys in Google Cloud KMS.
//!
//! **For:** the [`keys::Driver`] of type `gcpckms`. **Never:** lets a user name an endpoint, a file or a URL; hashes in
//! the cloud; takes an answer whose checksum or name is not the one that was asked for; or puts what the service wrote,
//! its address or a credential into a public text. **In, out:** the registry's records and digests in; public keys and
//! signatures out. **Meet first:** [`Driver`], [`Settings`]. **Errors:** [`keys::Error`]; what the service said goes to
//! the log, cut short, by the name of the method.
//!
//! Inside: a `Ring` is one key ring with one set of credentials: Google's client, a bounded queue, and what is known of
//! versions. `call` sends and sends again inside the deadline, `Failure` says what went wrong. A version can do one
//! thing for ever, so it is asked once what that is; a warm signature is one AsymmetricSign.
//!
//! Symmetric keys seal in the format of Cloud KMS (64 KiB, in an HSM 8 KiB) and authenticate (64 KiB, in an HSM 16 KiB);
//! random bytes are those of an HSM of the ring's location. Keys are not stored from outside, nor put in another's place:
//! Cloud KMS keeps versions for that, and a record names its version.
//!
//! Limits: messages for Ed25519 have [`MESSAGE_MAX`] bytes; RSA is 2048, 3072 or 4096 bits, curves are P-256, P-384 and
//! Ed25519; a key that is made has the version 1. Google's client keeps the private key of a service account and
//! plaintexts in memory that it does not wipe, does not bound the length of an answer, and writes answers into the log
//! when `GOOGLE_CLOUD_RUST_LOGGING` is set, which no server should have.
#![forbid(unsafe_code)]

mod algorithm;
mod call;
mod checksum;
mod decrypt;
mod failure;
mod make;
mod ring;
mod settings;
mod sign;
mod symmetric;
mod version;

use std::sync::Arc;

use async_trait::async_trait;
use keys::registry::{GcpCkmsLocator, GcpCkmsProvider};
use keys::{Cipher, Description, Error, Hash, Locator, Provider, Random, SealRequest, SignRequest, Symmetric};
use quick_cache::sync::Cache;
use tokio::time::Instant;
use zeroize::Zeroizing;

use ring::{Identity, Ring};
pub use settings::{NodeIdentity, Settings};
pub use sign::MESSAGE_MAX;

/// Key rings that are kept connected; the one that was used least recently goes first.
const RINGS_MAX: usize = 256;

/// The driver. Nobody is dialled until a key is first used.
pub struct Driver {
    settings: Settings,
    rings: Cache<Identity, Arc<Ring>>,
}

impl Driver {
    /// The driver with these settings. [`Error::Invalid`] for an endpoint that is none.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        Ok(Self { settings, rings: Cache::new(RINGS_MAX) })
    }

    /// The connected ring of a record.
    async fn ring(&self, provider: &Provider, deadline: Instant) -> Result<Arc<Ring>, Error> {
        let provider = own(provider)?;
        let identity = Identity::of(provider)?;
        let connected = self.rings.get_or_insert_async(&identity, async {
            Ok::<_, Error>(Arc::new(Ring::connect(&self.settings, provider).await?))
        });
        tokio::time::timeout_at(deadline, connected).await.map_err(|_| Error::Timeout)?
    }
}

#[async_trait]
impl keys::Driver for Driver {
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        let ring = self.ring(provider, deadline).await?;
        Ok(version::describe(&ring, key(locator)?, deadline).await?)
    }

    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        make::generate(&*self.ring(provider, deadline).await?, key(locator)?, deadline).await
    }

    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        sign::sign(&*self.ring(provider, deadline).await?, key(locator)?, request, deadline).await
    }

    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error> {
        self.ring(provider, deadline).await?.probe(deadline).await
    }

    async fn forget(&self, provider: &Provider) {
        if let Ok(identity) = own(provider).and_then(Identity::of) {
            self.rings.remove(&identity);
        }
    }

    async fn forget_all(&self) {
        self.rings.clear();
    }

    fn cipher(&self) -> Option<&dyn Cipher> {
        Some(self)
    }

    fn symmetric(&self) -> Option<&dyn Symmetric> {
        Some(self)
    }

    fn random(&self) -> Option<&dyn Random> {
        Some(self)
    }
}

#[async_trait]
impl Symmetric for Driver {
    async fn seal(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        symmetric::seal(&*self.ring(provider, deadline).await?, key(locator)?, request, deadline).await
    }

    async fn open(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        symmetric::open(&*self.ring(provider, deadline).await?, key(locator)?, request, deadline).await
    }

    async fn mac(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        symmetric::mac(&*self.ring(provider, deadline).await?, key(locator)?, hash, message, deadline).await
    }
}

#[async_trait]
impl Random for Driver {
    async fn bytes(&self, provider: &Provider, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        symmetric::random(&*self.ring(provider, deadline).await?, count, deadline).await
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
        decrypt::decrypt(&*self.ring(provider, deadline).await?, key(locator)?, hash, ciphertext, deadline).await
    }
}

fn own(provider: &Provider) -> Result<&GcpCkmsProvider, Error> {
    match provider {
        Provider::GcpCkms(provider) => Ok(provider),
        other => Err(Error::Internal(format!("a provider of type {} at the driver of gcpckms", other.kind().name()))),
    }
}

fn key(locator: &Locator) -> Result<&GcpCkmsLocator, Error> {
    match locator {
        Locator::GcpCkms(locator) => Ok(locator),
        _ => Err(Error::Internal("the locator of another type at the driver of gcpckms".into())),
    }
}
