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
//! with a curve AWS signs one hash only, its usual one. No session tokens in records. Keys are made with the usage
//! SIGN_VERIFY: a KMS key has one usage for ever, and a record's locator does not say which its mounts want, so a key
//! that decrypts (RSAES-OAEP with SHA-1 or SHA-256, MGF1 with the same) is made with AWS's own tools. A node that dies
//! between making a key and naming it leaves a key without alias behind; its description says whose it was to be.
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
mod using;

use std::sync::Arc;

use async_trait::async_trait;
use keys::registry::{AwsKmsLocator, AwsKmsProvider};
use keys::{Cipher, Description, Error, Hash, Locator, Provider, SignRequest};
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
            Err(failure) => Err(client.error(failure, &locator.kms_key, deadline).await),
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
