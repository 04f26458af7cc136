//! The keys that a mount made or imported itself, kept here in software.

pub(crate) mod import;
pub(crate) mod pair;

use std::sync::Arc;

use model::Id;
use quick_cache::sync::Cache;
use storage::{Drawer, Transaction};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::apart::Turns;
use crate::{Error, Hash, Input, KeyType, Scheme, Usage, Usages, random};
use pair::Pair;

/// Longest private key that is taken in, in bytes of DER.
pub const PRIVATE_DER_MAX: usize = 16 * 1024;
/// Parsed key pairs that are kept ready.
const CACHE_ITEMS: usize = 4096;
/// Layout of a stored key: this byte, the flags, then PKCS #8.
const RECORD_VERSION: u8 = 1;
const FLAG_EXPORTABLE: u8 = 1;

/// How an internal key is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether [`InternalKey::export`] may ever give the private key out.
    pub exportable: bool,
    /// Not stored at all: the key ends with the request.
    pub ephemeral: bool,
}

/// The form of an exported private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrivateFormat {
    /// PKCS #8 (RFC 5958) DER.
    Pkcs8,
    /// The type's own DER: PKCS #1 RSAPrivateKey, SEC 1 ECPrivateKey; PKCS #8 for Ed25519.
    Traditional,
}

/// The internal keys of all mounts. Each call names the drawer of the mount that it is for.
#[derive(Clone)]
pub struct InternalKeys(Arc<Inner>);

struct Inner {
    /// Parsed pairs by the version of their record, so that a warm signature parses nothing.
    ready: Cache<Slot, Arc<Pair>>,
    /// RSA keys take up to seconds of a core each: they are made apart, and do not hold up signatures.
    rsa_makers: Turns,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Slot {
    drawer: Drawer,
    id: Id,
    version: u64,
}

impl Default for InternalKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl InternalKeys {
    /// The service. One per process.
    pub fn new() -> Self {
        Self(Arc::new(Inner { ready: Cache::new(CACHE_ITEMS), rsa_makers: Turns::new() }))
    }

    /// Makes a key: RSA with 2048, 3072, 4096 or 8192 bits, EC on any [`crate::Curve`], or Ed25519. As many RSA keys
    /// are made at once as there are cores, and at most [`crate::APART_MAX`] are in the making or waiting for it.
    pub async fn generate(
        &self,
        transaction: &mut Transaction,
        drawer: &Drawer,
        key_type: KeyType,
        policy: Policy,
        deadline: Instant,
    ) -> Result<InternalKey, Error> {
        let pair = match key_type {
            KeyType::Rsa { bits } => {
                let size = pair::rsa_size(bits)?;
                self.0.rsa_makers.run(deadline, move || Pair::generate_rsa(size)).await?.0?
            }
            // Some 12 microseconds: not worth another thread.
            KeyType::Ec(curve) => Pair::generate_ec(curve)?,
            KeyType::Ed25519 => Pair::generate_ed25519()?,
            KeyType::Aes { .. } | KeyType::Hmac { .. } => {
                return Err(Error::Unsupported("symmetric keys of a mount's own; use a managed key".into()));
            }
        };
        keep(transaction, drawer, pair, policy)
    }

    /// Takes a private key in: DER of PKCS #8, PKCS #1 or SEC 1, at most [`PRIVATE_DER_MAX`] bytes.
    pub fn import(
        &self,
        transaction: &mut Transaction,
        drawer: &Drawer,
        der: &[u8],
        policy: Policy,
    ) -> Result<InternalKey, Error> {
        if der.len() > PRIVATE_DER_MAX {
            return Err(Error::invalid("a private key may have 16384 bytes of DER"));
        }
        keep(transaction, drawer, import::private_key(der)?, policy)
    }

    /// The key of this id in the drawer.
    pub async fn open(&self, transaction: &mut Transaction, drawer: &Drawer, id: &str) -> Result<InternalKey, Error> {
        let id = Id::parse(id).ok_or(Error::NoSuchKey)?;
        let stored = transaction.get_versioned(drawer, &id.to_string()).await?;
        let (record, version) = stored.ok_or(Error::NoSuchKey)?;
        let [RECORD_VERSION, flags, pkcs8 @ ..] = &record[..] else {
            return Err(Error::Internal(format!("the record of internal key {id} is of an unknown version")));
        };
        let exportable = flags & FLAG_EXPORTABLE != 0;
        let pair = match version {
            Some(version) => {
                let slot = Slot { drawer: drawer.clone(), id, version };
                match self.0.ready.get(&slot) {
                    Some(pair) => pair,
                    None => {
                        let pair = Arc::new(import::private_key(pkcs8)?);
                        self.0.ready.insert(slot, Arc::clone(&pair));
                        pair
                    }
                }
            }
            None => Arc::new(import::private_key(pkcs8)?),
        };
        Ok(InternalKey { pair, kept: Some((drawer.clone(), id)), exportable })
    }
}

/// Writes a new key into its drawer, unless it is ephemeral.
fn keep(transaction: &mut Transaction, drawer: &Drawer, pair: Pair, policy: Policy) -> Result<InternalKey, Error> {
    let kept = if policy.ephemeral {
        None
    } else {
        let id = random::id()?;
        let pkcs8 = pair.pkcs8()?;
        let mut record = Vec::with_capacity(2 + pkcs8.len());
        record.extend_from_slice(&[RECORD_VERSION, if policy.exportable { FLAG_EXPORTABLE } else { 0 }]);
        record.extend_from_slice(&pkcs8);
        transaction.put(drawer, &id.to_string(), record)?;
        Some((drawer.clone(), id))
    };
    Ok(InternalKey { pair: Arc::new(pair), kept, exportable: policy.exportable })
}

/// A key of a mount. Its methods keep the calling thread busy: see [`InternalKey::is_slow`].
#[derive(Clone)]
pub struct InternalKey {
    pair: Arc<Pair>,
    kept: Option<(Drawer, Id)>,
    exportable: bool,
}

impl InternalKey {
    /// What [`InternalKeys::open`] takes to find this key again. None for ephemeral keys.
    pub fn id(&self) -> Option<String> {
        self.kept.as_ref().map(|(_, id)| id.to_string())
    }

    /// What the key is.
    pub fn key_type(&self) -> KeyType {
        self.pair.key_type()
    }

    /// Whether a use of the private key takes a millisecond of a core or more, and so belongs [`crate::apart()`]: RSA
    /// keys larger than 2048 bits. The others take tens to hundreds of microseconds.
    pub fn is_slow(&self) -> bool {
        matches!(self.key_type(), KeyType::Rsa { bits } if bits > 2048)
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub fn public_key(&self) -> &[u8] {
        self.pair.public_key()
    }

    /// What the key can sign, most usual first.
    pub fn schemes(&self) -> Vec<Scheme> {
        match self.key_type() {
            KeyType::Rsa { .. } => {
                let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
                let mut schemes = Scheme::over(Scheme::Pkcs1v15, &hashes);
                schemes.extend(Scheme::over(Scheme::Pss, &hashes));
                schemes
            }
            KeyType::Ec(curve) => Scheme::ecdsa_on(curve),
            KeyType::Ed25519 => vec![Scheme::Ed25519],
            KeyType::Aes { .. } | KeyType::Hmac { .. } => Vec::new(),
        }
    }

    /// All that the key's type can.
    pub fn usages(&self) -> Usages {
        match self.key_type() {
            KeyType::Rsa { .. } => [Usage::Encrypt, Usage::Decrypt, Usage::Sign, Usage::Verify].into_iter().collect(),
            KeyType::Ec(_) | KeyType::Ed25519 => [Usage::Sign, Usage::Verify].into_iter().collect(),
            KeyType::Aes { .. } | KeyType::Hmac { .. } => Usages::default(),
        }
    }

    /// Signs; ECDSA signatures are DER.
    pub fn sign(&self, scheme: Scheme, input: Input<'_>) -> Result<Vec<u8>, Error> {
        scheme.check(input)?;
        let signed = self.pair.sign(scheme, input)?;
        signed.ok_or_else(|| Error::UnsupportedScheme { scheme, able: self.schemes() })
    }

    /// Whether the signature over the input is this key's.
    pub fn verify(&self, scheme: Scheme, input: Input<'_>, signature: &[u8]) -> Result<bool, Error> {
        crate::verify(self.public_key(), scheme, input, signature)
    }

    /// RSAES-OAEP (RFC 8017 section 7.1) with this hash, MGF1 with the same, an empty label.
    pub fn encrypt(&self, hash: Hash, plaintext: &[u8]) -> Result<Vec<u8>, Error> {
        pair::encrypt(self.public_key(), hash, plaintext)
    }

    /// The reverse of [`Self::encrypt`].
    pub fn decrypt(&self, hash: Hash, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.pair.decrypt(hash, ciphertext)
    }

    /// The private key in DER. [`Error::NotExportable`] unless it was made exportable.
    pub fn export(&self, format: PrivateFormat) -> Result<Zeroizing<Vec<u8>>, Error> {
        if !self.exportable {
            return Err(Error::NotExportable);
        }
        match format {
            PrivateFormat::Pkcs8 => self.pair.pkcs8(),
            PrivateFormat::Traditional => self.pair.traditional(),
        }
    }

    /// Removes the key from its drawer when the transaction commits.
    pub fn delete(&self, transaction: &mut Transaction) -> Result<(), Error> {
        match &self.kept {
            Some((drawer, id)) => Ok(transaction.delete(drawer, &id.to_string())?),
            None => Ok(()),
        }
    }
}

pub use pair::encrypt;

#[cfg(test)]
mod tests;
