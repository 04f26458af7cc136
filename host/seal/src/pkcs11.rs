//! `seal "pkcs11"`: the root key is encrypted to an RSA key whose private half stays in a token.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use keys::{Driver, Hash, KeyType, Locator, Provider};
use secrecy::SecretString;
use storage::barrier::SecretKey;
use tokio::time::Instant;

use crate::{Error, Wrapper};

/// CKM_RSA_PKCS_OAEP (PKCS #11 v3.1 section 6.1.8).
const RSA_PKCS_OAEP: u64 = 0x9;
/// Bits of a key that is made.
const KEY_BITS: u32 = 3072;
/// Longest wait for the token.
const TOKEN_TIME: Duration = Duration::from_secs(30);
/// Layout of a wrapped root key: this byte, then the ciphertext.
const WRAPPED_VERSION: u8 = 1;

/// What the configuration says of the token and the key.
#[derive(Clone, Debug)]
pub struct Pkcs11Seal {
    /// The name of the library, in the node's table.
    pub library: String,
    /// The token.
    pub token: TokenRef,
    /// The user's PIN.
    pub pin: SecretString,
    /// CKA_LABEL of the key.
    pub key_label: Option<String>,
    /// CKA_ID of the key, in hexadecimal digits.
    pub key_id: Option<String>,
    /// The hash of RSAES-OAEP (RFC 8017 section 7.1).
    pub hash: Hash,
    /// Whether a key that is absent is made.
    pub generate_key: bool,
    /// Whether sessions are opened read/write, as some tokens want.
    pub force_rw_session: bool,
}

/// The wrapper over a driver of keys.
pub struct Pkcs11 {
    driver: Arc<dyn Driver>,
    provider: Provider,
    locator: Locator,
    hash: Hash,
    generate_key: bool,
}

impl Pkcs11 {
    /// The wrapper. Nothing is asked of the token yet.
    pub fn new(driver: Arc<dyn Driver>, seal: Pkcs11Seal) -> Self {
        let provider = Pkcs11Provider {
            library: seal.library,
            token: seal.token,
            pin: seal.pin,
            force_rw_session: seal.force_rw_session,
            max_parallel: 1,
        };
        let locator = Pkcs11Locator {
            key_label: seal.key_label,
            key_id: seal.key_id,
            mechanism: Some(RSA_PKCS_OAEP),
            key_bits: Some(KEY_BITS),
            curve: None,
            rsa_oaep_hash: None,
            described: None,
        };
        Self {
            driver,
            provider: Provider::Pkcs11(provider),
            locator: Locator::Pkcs11(locator),
            hash: seal.hash,
            generate_key: seal.generate_key,
        }
    }
}

#[async_trait]
impl Wrapper for Pkcs11 {
    fn kind(&self) -> &'static str {
        "pkcs11"
    }

    async fn wrap(&self, root: &SecretKey) -> Result<Vec<u8>, Error> {
        let deadline = Instant::now() + TOKEN_TIME;
        let described = match self.driver.describe(&self.provider, &self.locator, deadline).await {
            Err(keys::Error::Absent) if self.generate_key => {
                tracing::info!("the seal's key is absent from the token and is made");
                self.driver.generate(&self.provider, &self.locator, deadline).await
            }
            described => described,
        }?;
        if !matches!(described.key_type, KeyType::Rsa { .. }) {
            let found = described.key_type;
            return Err(Error::invalid(format!("seal \"pkcs11\": the key is an {found} key; it must be an RSA key")));
        }
        let mut wrapped = vec![WRAPPED_VERSION];
        wrapped.extend(keys::encrypt_to(&described.public_key, self.hash, root.bytes())?);
        // What the token cannot open again must not become the only copy.
        if self.unwrap(&wrapped).await?.bytes() == root.bytes() {
            Ok(wrapped)
        } else {
            Err(Error::invalid("seal \"pkcs11\": the token decrypts another text than was encrypted to its key"))
        }
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<SecretKey, Error> {
        let damaged = |reason: &str| storage::Error::Damaged { key: "seal/root".into(), reason: reason.into() };
        let Some((&WRAPPED_VERSION, ciphertext)) = wrapped.split_first() else {
            return Err(damaged("is of a version that this server does not know").into());
        };
        let cipher =
            self.driver.cipher().ok_or_else(|| Error::invalid("seal \"pkcs11\": this build cannot decrypt"))?;
        let deadline = Instant::now() + TOKEN_TIME;
        let plain = cipher.decrypt(&self.provider, &self.locator, self.hash, ciphertext, deadline).await?;
        SecretKey::from_bytes(&plain).ok_or_else(|| damaged("holds no root key").into())
    }

    async fn rest(&self) {
        self.driver.forget(&self.provider).await;
    }
}
