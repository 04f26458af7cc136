//! Keys in AWS KMS.
//!
//! **For:** the [`keys::Driver`] of type `awskms`, over AWS's own SDK. **Never:** sends a message where a digest will do,
//! assumes what a key can sign, lends the node's credentials to an endpoint that a record names (unless its operator
//! says so), logs or repeats a credential, or deletes a key that it did not just make itself. **In, out:** the
//! registry's records and digests in; public keys, signatures and plaintexts out. **Meet first:** [`Driver`],
//! [`Settings`]. **Errors:** [`keys::Error`]; codes and texts of AWS go to the log, cut.
//!
//! Inside: a `Client` is one account, region and endpoint, its connections, and a gate that bounds how many ask at once
//! and how many wait. Every call ends with its deadline. A request that AWS throttles is sent again after growing pauses
//! until then; one that failed in passing (no connection, 500, an answer that cannot be read) three times, if sending it
//! twice does no harm. A signature is one request, Sign with a digest.
//!
//! Limits: RSA keys, P-256, P-384, P-521 and Ed25519 (messages of at most 4096 bytes, because AWS hashes them itself);
//! with a curve AWS signs one hash only, its usual one; symmetric keys that seal at most 4096 bytes in AWS's own format
//! (associated data goes into the encryption context, and so into AWS's audit log), and keys for HMAC with SHA-256, 384
//! and 512 of at most 4096 bytes. No session tokens in records. A KMS key has one usage for ever: an RSA key is made for
//! decrypting (RSAES-OAEP with SHA-1 or SHA-256) when the usages of its record name encrypting or decrypting and neither
//! signing nor verifying. Symmetric and ECDSA keys can be stored, RSA keys cannot. An alias that points at another key
//! than was described is noticed by the name of the key that did the work, and refused. A node that dies between making
//! a key and naming it leaves a key without alias behind; its description says whose it was to be.
//! Aliases are eventually consistent: for some seconds after a key was made, other requests may not find it. What a
//! decryption gives is zeroised here, but not in the buffers of the SDK.
#![forbid(unsafe_code)]

mod algorithm;
mod bounded;
mod client;
mod failure;
mod gate;
mod making;
mod settings;
mod symmetric;
mod using;

use std::sync::Arc;

use async_trait::async_trait;
use keys::registry::{AwsKmsLocator, AwsKmsProvider};
use keys::{
    Cipher, Description, Error, Hash, Keeper, Locator, NewKey, Provider, Random, SealRequest, SignRequest, Symmetric,
};
use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use client::{Client, Identity};
pub use settings::Settings;

/// Most clients that are held; the one that was not used for longest is forgotten first.
const CLIENTS_MAX: usize = 128;

/// The driver. Nobody is asked until a key is first used.
pub struct Driver {
    settings: Settings,
    clients: Cache<Identity, Arc<Client>>,
}

impl Driver {
    /// The driver with what the operator allows.
    pub fn new(settings: Settings) -> Self {
        Self { settings, clients: Cache::new(CLIENTS_MAX) }
    }

    /// The client of a provider. Two first users may both make one; both get the one that was kept.
    async fn client(&self, provider: &Provider, deadline: Instant) -> Result<Arc<Client>, Error> {
        let provider = own(provider)?;
        self.settings.check(provider)?;
        let identity = Identity::of(provider)?;
        if let Some(client) = self.clients.get(&identity) {
            return Ok(client);
        }
        let made = Arc::new(match (&provider.access_key, &provider.secret_key) {
            (Some(access), Some(secret)) => Client::explicit(provider, access.expose_secret(), secret.expose_secret()),
            _ => timeout_at(deadline, Client::ambient(provider)).await.map_err(|_| Error::Timeout)?,
        });
        self.clients.get_or_insert_with(&identity, || Ok(made))
    }
}

#[async_trait]
impl keys::Driver for Driver {
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        match client.describe(&locator.kms_key, locator, deadline).await {
            Ok(description) => Ok(description),
            Err(failure) => Err(client.error(failure, &locator.kms_key, deadline).await),
        }
    }

    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        client.generate(locator, deadline).await
    }

    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        match client.sign(locator, request, deadline).await {
            Ok(signature) => Ok(signature),
            Err(failure) => Err(client.error(failure, &locator.kms_key, deadline).await),
        }
    }

    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error> {
        self.client(provider, deadline).await?.health(deadline).await
    }

    async fn forget(&self, provider: &Provider) {
        if let Ok(identity) = own(provider).and_then(Identity::of) {
            self.clients.remove(&identity);
        }
    }

    async fn forget_all(&self) {
        self.clients.clear();
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

    fn keeper(&self) -> Option<&dyn Keeper> {
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
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        match client.seal(locator, request, deadline).await {
            Ok(sealed) => Ok(sealed),
            Err(failure) => Err(client.error(failure, &locator.kms_key, deadline).await),
        }
    }

    async fn open(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        match client.open(locator, request, deadline).await {
            Ok(opened) => Ok(opened),
            Err(failure) => Err(client.error_of_opening(failure, locator, deadline).await),
        }
    }

    async fn mac(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        match client.mac(locator, hash, message, deadline).await {
            Ok(code) => Ok(code),
            Err(failure) => Err(client.error(failure, &locator.kms_key, deadline).await),
        }
    }
}

#[async_trait]
impl Random for Driver {
    async fn bytes(&self, provider: &Provider, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        let client = self.client(provider, deadline).await?;
        client.random(count, deadline).await.map_err(failure::Failure::into_error)
    }
}

#[async_trait]
impl Keeper for Driver {
    async fn put(
        &self,
        provider: &Provider,
        locator: &Locator,
        new: NewKey<'_>,
        replace: bool,
        deadline: Instant,
    ) -> Result<Description, Error> {
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        let given = match new {
            NewKey::Made => None,
            NewKey::Given(material) => Some(algorithm::material(locator, material)?),
        };
        client.put(locator, given, replace, deadline).await
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
        let (client, locator) = (self.client(provider, deadline).await?, key(locator)?);
        client.check(locator)?;
        match client.decrypt(locator, hash, ciphertext, deadline).await {
            Ok(plaintext) => Ok(plaintext),
            Err(failure) => Err(client.error_of_opening(failure, locator, deadline).await),
        }
    }
}

fn own(provider: &Provider) -> Result<&AwsKmsProvider, Error> {
    match provider {
        Provider::AwsKms(provider) => Ok(provider),
        other => Err(Error::Internal(format!("a provider of type {} at the driver of AWS KMS", other.kind().name()))),
    }
}

fn key(locator: &Locator) -> Result<&AwsKmsLocator, Error> {
    match locator {
        Locator::AwsKms(locator) => Ok(locator),
        _ => Err(Error::Internal("the locator of another type at the driver of AWS KMS".into())),
    }
}
