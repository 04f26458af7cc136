//! What symmetric keys do: sealing and authenticating.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Error, Hash};

/// Longest text that is sealed, in bytes.
pub const PLAINTEXT_MAX: usize = 64 * 1024;
/// Longest sealed text that is opened, in bytes: a plaintext and what any way of sealing puts around it.
pub const SEALED_MAX: usize = PLAINTEXT_MAX + 1024;
/// Longest associated data, in bytes.
pub const ASSOCIATED_MAX: usize = 4096;
/// Most random bytes of one call.
pub const RANDOM_MAX: usize = 1024;
/// The sizes of AES keys, in bits.
pub const AES_BITS: [u32; 3] = [128, 192, 256];
/// The sizes of keys for HMAC that are made, in bits.
pub const HMAC_BITS: [u32; 5] = [128, 192, 256, 384, 512];
/// The hashes of HMAC.
pub const HMAC_HASHES: [Hash; 3] = [Hash::Sha256, Hash::Sha384, Hash::Sha512];

/// Bytes of AES-GCM's nonce (SP 800-38D section 8.2.2), drawn by chance for each text: a key should seal fewer than 2^32.
pub const GCM_NONCE_LEN: usize = 12;
/// Bytes of AES-GCM's tag.
pub const GCM_TAG_LEN: usize = 16;
/// Bytes of AES's block, and of CBC's initialisation vector.
pub const AES_BLOCK_LEN: usize = 16;

/// A way of sealing texts with a symmetric key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sealing {
    /// AES-GCM (SP 800-38D): 12 bytes of nonce, the ciphertext, 16 bytes of tag.
    AesGcm,
    /// AES-CBC with the padding of PKCS #7 (SP 800-38A): 16 bytes of initialisation vector, the ciphertext. What was
    /// changed on the way is not noticed, and there is no associated data.
    AesCbcPad,
    /// The same without padding, for texts of whole blocks.
    AesCbc,
    /// In the home's own format, which notices what was changed on the way.
    Home,
}

impl Sealing {
    /// The name for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AesGcm => "aes-gcm",
            Self::AesCbcPad => "aes-cbc-pad",
            Self::AesCbc => "aes-cbc",
            Self::Home => "home",
        }
    }

    /// Whether what is opened is surely what was sealed, with the same associated data.
    pub const fn is_authentic(self) -> bool {
        matches!(self, Self::AesGcm | Self::Home)
    }

    /// Refuses what is too long or cannot be sealed so.
    pub(crate) fn check(self, plaintext: &[u8], associated: &[u8]) -> Result<(), Error> {
        if plaintext.len() > PLAINTEXT_MAX {
            return Err(Error::invalid(format!(
                "plaintext: has at most {PLAINTEXT_MAX} bytes, not {}",
                plaintext.len()
            )));
        }
        if self == Self::AesCbc && !plaintext.len().is_multiple_of(AES_BLOCK_LEN) {
            return Err(Error::invalid("plaintext: AES-CBC without padding takes whole blocks of 16 bytes"));
        }
        self.check_associated(associated)
    }

    /// Refuses what no sealed text can be.
    pub(crate) fn check_sealed(self, sealed: &[u8], associated: &[u8]) -> Result<(), Error> {
        if sealed.len() > SEALED_MAX {
            return Err(Error::invalid(format!("ciphertext: has at most {SEALED_MAX} bytes, not {}", sealed.len())));
        }
        let body = match self {
            Self::AesGcm => sealed.len().checked_sub(GCM_NONCE_LEN + GCM_TAG_LEN).is_some(),
            Self::AesCbcPad => sealed.len() >= 2 * AES_BLOCK_LEN && sealed.len().is_multiple_of(AES_BLOCK_LEN),
            Self::AesCbc => sealed.len() >= AES_BLOCK_LEN && sealed.len().is_multiple_of(AES_BLOCK_LEN),
            Self::Home => !sealed.is_empty(),
        };
        if body { self.check_associated(associated) } else { Err(not_opened()) }
    }

    fn check_associated(self, associated: &[u8]) -> Result<(), Error> {
        if associated.len() > ASSOCIATED_MAX {
            let len = associated.len();
            return Err(Error::invalid(format!("associated data: has at most {ASSOCIATED_MAX} bytes, not {len}")));
        }
        if !associated.is_empty() && !self.is_authentic() {
            return Err(Error::invalid(format!("associated data: {self} authenticates nothing, so it takes none")));
        }
        Ok(())
    }
}

impl fmt::Display for Sealing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is said of every sealed text that does not open, whatever the reason.
pub fn not_opened() -> Error {
    Error::invalid("the ciphertext cannot be decrypted with this key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_bounds_from_both_sides() {
        let most = vec![0; PLAINTEXT_MAX + 1];
        assert!(Sealing::AesGcm.check(&most[1..], &[]).is_ok());
        assert!(Sealing::AesGcm.check(&most, &[]).is_err());
        assert!(Sealing::AesGcm.check(&[], &most[..ASSOCIATED_MAX]).is_ok());
        assert!(Sealing::AesGcm.check(&[], &most[..=ASSOCIATED_MAX]).is_err());
        assert!(Sealing::AesGcm.check_sealed(&[0; 28], &[]).is_ok());
        assert!(Sealing::AesGcm.check_sealed(&[0; 27], &[]).is_err());
        assert!(Sealing::Home.check_sealed(&[], &[]).is_err());
    }

    #[test]
    fn cbc_takes_whole_blocks_and_no_associated_data() {
        assert!(Sealing::AesCbc.check(&[0; 32], &[]).is_ok());
        assert!(Sealing::AesCbc.check(&[0; 31], &[]).is_err());
        assert!(Sealing::AesCbcPad.check(&[0; 31], &[]).is_ok());
        assert!(Sealing::AesCbcPad.check(&[0; 31], &[1]).is_err());
        assert!(Sealing::AesCbcPad.check_sealed(&[0; 32], &[]).is_ok());
        for cut in [0, 16, 31, 33] {
            assert!(Sealing::AesCbcPad.check_sealed(&vec![0; cut], &[]).is_err(), "{cut} bytes");
        }
    }
}
