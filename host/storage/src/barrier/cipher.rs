//! One key and what is encrypted with it.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

use crate::Error;

/// Length of keys, in bytes.
pub(super) const KEY_LEN: usize = 32;
const TAG_LEN: usize = 16;
/// Bytes that encryption by the barrier adds to a value: version, term, nonce, tag.
pub const OVERHEAD: usize = 1 + 4 + NONCE_LEN + TAG_LEN;

/// A key of 256 bits, overwritten with zeros when it is let go.
#[derive(Clone)]
pub struct SecretKey(Zeroizing<[u8; KEY_LEN]>);

impl SecretKey {
    /// A random key.
    pub fn random() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0; KEY_LEN]);
        fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// A key of these bytes; none unless there are 32.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; KEY_LEN]);
        if bytes.len() != KEY_LEN {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The key itself.
    pub fn bytes(&self) -> &[u8] {
        &*self.0
    }

    /// Encrypts with a random nonce of 96 bits, which stands before the ciphertext. For the few records of the seal.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        Cipher::new(self)?.seal(&[], context, plain)
    }

    /// The reverse of [`Self::seal`]. None when key, context or ciphertext is not the right one: which of them, cannot
    /// be said.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Cipher::new(self).ok()?.open(context, sealed)
    }
}

/// A key, ready for use.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(key: &SecretKey) -> Result<Self, Error> {
        let unbound = UnboundKey::new(&AES_256_GCM, key.bytes()).map_err(|_| Error::NoRandomness)?;
        Ok(Self(LessSafeKey::new(unbound)))
    }

    /// The prefix, a nonce, the ciphertext and its tag.
    pub(super) fn seal(&self, prefix: &[u8], context: &[u8], plain: &[u8]) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE_LEN];
        fill(&mut nonce)?;
        let start = prefix.len() + NONCE_LEN;
        let mut sealed = Vec::with_capacity(start + plain.len() + TAG_LEN);
        sealed.extend_from_slice(prefix);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(context), &mut sealed[start..]);
        sealed.extend_from_slice(tag.map_err(|_| Error::TooLarge("a value cannot be encrypted"))?.as_ref());
        Ok(sealed)
    }

    /// Opens nonce, ciphertext and tag.
    pub(super) fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    SystemRandom::new().fill(bytes).map_err(|_| Error::NoRandomness)
}
