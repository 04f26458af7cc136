//! What secrets are hashed with: each device has a salt of its own.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use model::{Fault, Id};

/// Length of a salt, in bytes.
pub(crate) const SALT_LEN: usize = 32;
/// What every hash begins with.
const PREFIX: &str = "hmac-sha256:";
/// Length of a hash in text, in bytes.
const HASH_LEN: usize = PREFIX.len() + 64;

/// The key of a device's hashes.
pub(crate) struct Salt(hmac::Key);

impl Salt {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// `hmac-sha256:` and 64 hexadecimal digits. Nothing stays nothing, so that fields which are empty are left out.
    pub(crate) fn hash(&self, bytes: impl AsRef<[u8]>) -> String {
        let bytes = bytes.as_ref();
        if bytes.is_empty() {
            return String::new();
        }
        let mut out = Vec::with_capacity(HASH_LEN);
        self.hash_onto(bytes, &mut out);
        String::from_utf8(out).unwrap_or_default()
    }

    /// Appends the hash of these bytes, empty ones too.
    pub(crate) fn hash_onto(&self, bytes: &[u8], out: &mut Vec<u8>) {
        let tag = hmac::sign(&self.0, bytes);
        let at = out.len() + PREFIX.len();
        out.extend_from_slice(PREFIX.as_bytes());
        out.resize(at + 64, b'0');
        // It has just the room that it needs.
        let _ = hex::encode_to_slice(tag.as_ref(), &mut out[at..]);
    }
}

pub(crate) fn random<const N: usize>() -> Result<[u8; N], Fault> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Ok(bytes)
}

pub(crate) fn fresh_id() -> Result<Id, Fault> {
    random().map(Id::from_random)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_hmac_sha256_as_rfc_4231_computes_it() {
        let salt = Salt::new(b"Jefe");
        let expected = "hmac-sha256:5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(salt.hash("what do ya want for nothing?"), expected);
        assert_eq!(expected.len(), HASH_LEN);
        assert_eq!(salt.hash(""), "");
    }
}
