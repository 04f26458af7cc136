//! What a home of keys must be able to do.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::registry::{Locator, Provider};
use crate::{Error, Hash, Input, KeyType, Material, Scheme, Sealing};

/// What is known of a key without its private half.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// DER SubjectPublicKeyInfo (RFC 5280 section 4.1); empty for a symmetric key.
    #[serde(with = "base64_bytes")]
    pub public_key: Vec<u8>,
    /// What the key is.
    pub key_type: KeyType,
    /// What it can sign, most usual first.
    pub schemes: Vec<Scheme>,
    /// Which version of the key this is, where its home keeps versions under one name (see [`Locator::pinned`]).
    #[serde(default)]
    pub version: Option<String>,
    /// How it seals texts, most usual first: none for a key pair.
    #[serde(default)]
    pub sealings: Vec<Sealing>,
    /// The hashes that it authenticates messages with, likewise.
    #[serde(default)]
    pub macs: Vec<Hash>,
}

impl Description {
    /// Of a key pair.
    pub const fn pair(public_key: Vec<u8>, key_type: KeyType, schemes: Vec<Scheme>) -> Self {
        Self { public_key, key_type, schemes, version: None, sealings: Vec::new(), macs: Vec::new() }
    }

    /// Of a symmetric key.
    pub const fn symmetric(key_type: KeyType, sealings: Vec<Sealing>, macs: Vec<Hash>) -> Self {
        Self { public_key: Vec::new(), key_type, schemes: Vec::new(), version: None, sealings, macs }
    }

    /// The same of this version.
    #[must_use]
    pub fn of_version(self, version: Option<String>) -> Self {
        Self { version, ..self }
    }
}

/// A text that is to be sealed, or is sealed and to be opened.
#[derive(Clone, Copy, Debug)]
pub struct SealRequest<'a> {
    /// How, one of the key's ways.
    pub sealing: Sealing,
    /// The plaintext of at most [`crate::PLAINTEXT_MAX`] bytes; to be opened, what sealing gave.
    pub text: &'a [u8],
    /// What is authenticated and not sealed, at most [`crate::ASSOCIATED_MAX`] bytes.
    pub associated: &'a [u8],
}

/// What stands in a key's place after it was put there.
#[derive(Clone, Copy, Debug)]
pub enum NewKey<'a> {
    /// A key that the home makes.
    Made,
    /// A key from outside.
    Given(&'a Material),
}

/// A signature that is wanted.
#[derive(Clone, Copy, Debug)]
pub struct SignRequest<'a> {
    /// The scheme, one of the key's.
    pub scheme: Scheme,
    /// The digest by the scheme's hash, for ECDSA cut to the length of the curve's order; the message itself for
    /// Ed25519.
    pub input: Input<'a>,
    /// The public half that the key had when it was described (DER SubjectPublicKeyInfo), where the caller knows it. A
    /// home that finds keys by name answers [`Error::Replaced`] when another key stands there now.
    pub public_key: Option<&'a [u8]>,
}

/// A home of keys: an HSM or a KMS.
///
/// Every call has a deadline, after which it answers [`Error::Timeout`]. A home that is too busy answers
/// [`Error::Busy`] at once. Calls must not block the async runtime.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// The public half and the abilities of a key. [`Error::Absent`] when there is no such key.
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error>;

    /// Makes the key if it is absent; one that is there is described and left alone.
    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error>;

    /// Signs. ECDSA signatures are DER.
    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error>;

    /// Whether the provider can be reached and takes the credentials.
    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error>;

    /// Forgets what is held for a provider, because its record was rewritten or deleted: sessions, handles, and that
    /// its credentials were refused.
    async fn forget(&self, provider: &Provider);

    /// Forgets what is held for all providers: the node is sealed, or stops.
    async fn forget_all(&self);

    /// The power to encrypt and decrypt, for drivers that have it.
    fn cipher(&self) -> Option<&dyn Cipher> {
        None
    }

    /// The powers of symmetric keys, for drivers that have them.
    fn symmetric(&self) -> Option<&dyn Symmetric> {
        None
    }

    /// The power to give random bytes, for drivers that have it.
    fn random(&self) -> Option<&dyn Random> {
        None
    }

    /// The power to take keys in and to put one in another's place, for drivers that have it.
    fn keeper(&self) -> Option<&dyn Keeper> {
        None
    }
}

/// What a symmetric key does in its home.
#[async_trait]
pub trait Symmetric: Send + Sync {
    /// Seals a text in the format that [`Sealing`] says.
    async fn seal(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error>;

    /// The reverse. [`crate::not_opened`] for what this key did not seal.
    async fn open(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error>;

    /// HMAC (RFC 2104) of a message of at most [`crate::MESSAGE_MAX`] bytes.
    async fn mac(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error>;
}

/// A home's own random generator.
#[async_trait]
pub trait Random: Send + Sync {
    /// So many bytes, at most [`crate::RANDOM_MAX`].
    async fn bytes(&self, provider: &Provider, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error>;
}

/// Keys are put into a home.
#[async_trait]
pub trait Keeper: Send + Sync {
    /// Puts a key where the locator says. One that is there is left alone and [`Error::Present`] answered, unless
    /// `replace` is set: then the new one stands in its place. No key is destroyed: the old one stays in its home under
    /// another name.
    async fn put(
        &self,
        provider: &Provider,
        locator: &Locator,
        key: NewKey<'_>,
        replace: bool,
        deadline: Instant,
    ) -> Result<Description, Error>;
}

/// RSAES-OAEP (RFC 8017 section 7.1), MGF1 with the same hash, an empty label.
#[async_trait]
pub trait Cipher: Send + Sync {
    /// Decrypts what was encrypted to the key's public half. (Encrypting needs no private key: it is done here.)
    async fn decrypt(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error>;
}

mod base64_bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}
