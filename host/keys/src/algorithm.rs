//! What keys are and what can be done with them, in the words of `wit/keys.wit`.

use std::fmt;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};

use crate::Error;

/// A named elliptic curve (FIPS 186-5, SP 800-186 section 3.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Curve {
    /// secp256r1.
    P256,
    /// secp384r1.
    P384,
    /// secp521r1.
    P521,
}

impl Curve {
    /// Every curve, smallest first.
    pub const ALL: [Self; 3] = [Self::P256, Self::P384, Self::P521];

    /// Reads `P256`, `P384` or `P521`, in any case and with or without a hyphen.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_uppercase().replace('-', "").as_str() {
            "P256" => Some(Self::P256),
            "P384" => Some(Self::P384),
            "P521" => Some(Self::P521),
            _ => None,
        }
    }

    /// The name that clients use: `P256`, `P384`, `P521`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::P256 => "P256",
            Self::P384 => "P384",
            Self::P521 => "P521",
        }
    }

    /// Bytes of a coordinate, and of `r` and `s` in a signature.
    pub const fn field_len(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    /// The hash that is as strong as the curve and is used with it everywhere.
    pub const fn usual_hash(self) -> Hash {
        match self {
            Self::P256 => Hash::Sha256,
            Self::P384 => Hash::Sha384,
            Self::P521 => Hash::Sha512,
        }
    }
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyType {
    /// RSA.
    Rsa {
        /// Bits of the modulus.
        bits: u32,
    },
    /// ECDSA on a named curve.
    Ec(Curve),
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// AES, a symmetric key.
    Aes {
        /// 128, 192 or 256.
        bits: u32,
    },
    /// A symmetric key for HMAC.
    Hmac {
        /// Bits of the key.
        bits: u32,
    },
}

impl KeyType {
    /// Whether there is a public half.
    pub const fn is_pair(self) -> bool {
        matches!(self, Self::Rsa { .. } | Self::Ec(_) | Self::Ed25519)
    }
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA-{bits}"),
            Self::Ec(curve) => write!(f, "EC {}", curve.name()),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Aes { bits } => write!(f, "AES-{bits}"),
            Self::Hmac { bits } => write!(f, "HMAC-{bits}"),
        }
    }
}

/// A hash function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hash {
    /// SHA-1: for old signatures only.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// SHA3-224.
    Sha3_224,
    /// SHA3-256.
    Sha3_256,
    /// SHA3-384.
    Sha3_384,
    /// SHA3-512.
    Sha3_512,
}

impl Hash {
    /// Every hash.
    pub const ALL: [Self; 9] = [
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
        Self::Sha3_224,
        Self::Sha3_256,
        Self::Sha3_384,
        Self::Sha3_512,
    ];

    /// Reads the names of the Vault API (`sha2-256`, `sha3-256`, `sha1`) and the short form `sha256`.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        Self::ALL.into_iter().find(|hash| {
            let name = hash.name();
            text == name || name.strip_prefix("sha2-").is_some_and(|size| text.strip_prefix("sha") == Some(size))
        })
    }

    /// The name in the Vault API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha2-224",
            Self::Sha256 => "sha2-256",
            Self::Sha384 => "sha2-384",
            Self::Sha512 => "sha2-512",
            Self::Sha3_224 => "sha3-224",
            Self::Sha3_256 => "sha3-256",
            Self::Sha3_384 => "sha3-384",
            Self::Sha3_512 => "sha3-512",
        }
    }

    /// Bytes of a digest.
    #[expect(clippy::len_without_is_empty, reason = "a digest is never empty")]
    pub const fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha224 | Self::Sha3_224 => 28,
            Self::Sha256 | Self::Sha3_256 => 32,
            Self::Sha384 | Self::Sha3_384 => 48,
            Self::Sha512 | Self::Sha3_512 => 64,
        }
    }

    /// The digest of a message. [`Error::Unsupported`] for SHA3-224, which the cryptographic library does not have.
    pub fn digest(self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha224 => &digest::SHA224,
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
            Self::Sha3_224 => return Err(Error::Unsupported("hashing with sha3-224".into())),
            Self::Sha3_256 => &digest::SHA3_256,
            Self::Sha3_384 => &digest::SHA3_384,
            Self::Sha3_512 => &digest::SHA3_512,
        };
        Ok(digest::digest(algorithm, message).as_ref().to_vec())
    }
}

/// A signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 section 8.2).
    Pkcs1v15(Hash),
    /// RSASSA-PSS (RFC 8017 section 8.1), MGF1 with the same hash, salt as long as the hash.
    Pss(Hash),
    /// ECDSA (FIPS 186-5); the signature is DER, SEQUENCE { r, s }.
    Ecdsa(Hash),
    /// Ed25519 (RFC 8032), over the message itself.
    Ed25519,
}

impl Scheme {
    /// The hash, none for Ed25519.
    pub const fn hash(self) -> Option<Hash> {
        match self {
            Self::Pkcs1v15(hash) | Self::Pss(hash) | Self::Ecdsa(hash) => Some(hash),
            Self::Ed25519 => None,
        }
    }

    /// The schemes over one of these hashes.
    pub(crate) fn over(make: fn(Hash) -> Self, hashes: &[Hash]) -> Vec<Self> {
        hashes.iter().copied().map(make).collect()
    }

    /// ECDSA with every hash, the curve's usual one first.
    pub fn ecdsa_on(curve: Curve) -> Vec<Self> {
        let rest = [Hash::Sha256, Hash::Sha384, Hash::Sha512, Hash::Sha224];
        let rest = rest.into_iter().chain([Hash::Sha3_256, Hash::Sha3_384, Hash::Sha3_512, Hash::Sha1]);
        let usual = curve.usual_hash();
        std::iter::once(usual).chain(rest.filter(|hash| *hash != usual)).map(Self::Ecdsa).collect()
    }

    /// Refuses a digest of a wrong length, and any digest for Ed25519.
    pub fn check(self, input: Input<'_>) -> Result<(), Error> {
        match (self.hash(), input) {
            (_, Input::Message(message)) if message.len() > MESSAGE_MAX => {
                Err(Error::Invalid("a message to sign may have 8 MiB".into()))
            }
            (None, Input::Digest(_)) => Err(Error::Unsupported("Ed25519 signs messages, not digests".into())),
            (Some(hash), Input::Digest(digest)) if digest.len() != hash.len() => {
                Err(Error::Invalid(format!("a {} digest has {} bytes, not {}", hash.name(), hash.len(), digest.len())))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pkcs1v15(hash) => write!(f, "RSA PKCS#1 v1.5 with {}", hash.name()),
            Self::Pss(hash) => write!(f, "RSA PSS with {}", hash.name()),
            Self::Ecdsa(hash) => write!(f, "ECDSA with {}", hash.name()),
            Self::Ed25519 => f.write_str("Ed25519"),
        }
    }
}

/// Longest message to sign or verify, in bytes.
pub const MESSAGE_MAX: usize = 8 * 1024 * 1024;

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A message of at most [`MESSAGE_MAX`] bytes; it is hashed here, never in a token.
    Message(&'a [u8]),
    /// The digest of one, by the scheme's hash.
    Digest(&'a [u8]),
}

impl Input<'_> {
    /// How many bytes it has.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Message(bytes) | Self::Digest(bytes) => bytes.len(),
        }
    }

    /// The digest by this hash. The input was checked by [`Scheme::check`].
    pub(crate) fn digest(self, hash: Hash) -> Result<Vec<u8>, Error> {
        match self {
            Self::Message(message) => hash.digest(message),
            Self::Digest(digest) => Ok(digest.to_vec()),
        }
    }
}

/// What a managed key may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// Encrypting data.
    Encrypt,
    /// Decrypting data.
    Decrypt,
    /// Signing.
    Sign,
    /// Verifying signatures.
    Verify,
    /// Wrapping keys.
    Wrap,
    /// Unwrapping keys.
    Unwrap,
    /// Giving random bytes.
    GenerateRandom,
    /// Message authentication codes.
    Mac,
}

impl Usage {
    /// Every usage, in the order of its number in the Vault API (1 to 8).
    pub const ALL: [Self; 8] = [
        Self::Encrypt,
        Self::Decrypt,
        Self::Sign,
        Self::Verify,
        Self::Wrap,
        Self::Unwrap,
        Self::GenerateRandom,
        Self::Mac,
    ];

    /// The name in the Vault API.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Wrap => "wrap",
            Self::Unwrap => "unwrap",
            Self::GenerateRandom => "generate_random",
            Self::Mac => "mac",
        }
    }

    /// Reads a name, the old spelling `random`, or a number from 1 to 8.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        if text == "random" {
            return Some(Self::GenerateRandom);
        }
        let number = text.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        let numbered = number.and_then(|at| Self::ALL.get(at).copied());
        numbered.or_else(|| Self::ALL.into_iter().find(|usage| usage.name() == text))
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of usages.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<Usage>", into = "Vec<Usage>")]
pub struct Usages(u8);

impl Usages {
    /// Every usage.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether this usage is in the set.
    pub const fn contains(self, usage: Usage) -> bool {
        self.0 & usage.bit() != 0
    }

    /// What is in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The usages in the set, in the order of [`Usage::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Usage> {
        Usage::ALL.into_iter().filter(move |usage| self.contains(*usage))
    }

    /// Whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Usage> for Usages {
    fn from_iter<T: IntoIterator<Item = Usage>>(usages: T) -> Self {
        Self(usages.into_iter().fold(0, |bits, usage| bits | usage.bit()))
    }
}

impl From<Vec<Usage>> for Usages {
    fn from(usages: Vec<Usage>) -> Self {
        usages.into_iter().collect()
    }
}

impl From<Usages> for Vec<Usage> {
    fn from(usages: Usages) -> Self {
        usages.iter().collect()
    }
}

impl fmt::Debug for Usages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_by_the_names_that_clients_send() {
        for (text, hash) in [
            ("sha1", Hash::Sha1),
            ("sha2-256", Hash::Sha256),
            ("SHA2-512", Hash::Sha512),
            ("sha384", Hash::Sha384),
            ("sha3-224", Hash::Sha3_224),
            ("sha3-512", Hash::Sha3_512),
        ] {
            assert_eq!(Hash::parse(text), Some(hash), "{text}");
        }
        for bad in ["", "sha", "sha2", "sha2-1", "md5", "sha3", "256"] {
            assert_eq!(Hash::parse(bad), None, "{bad:?} was accepted");
        }
    }

    #[test]
    fn usages_are_read_as_names_and_as_the_numbers_one_to_eight() {
        assert_eq!(Usage::parse("3"), Some(Usage::Sign));
        assert_eq!(Usage::parse("8"), Some(Usage::Mac));
        assert_eq!(Usage::parse("7"), Some(Usage::GenerateRandom));
        assert_eq!(Usage::parse("random"), Some(Usage::GenerateRandom));
        assert_eq!(Usage::parse("generate_random"), Some(Usage::GenerateRandom));
        for bad in ["0", "9", "", "signing"] {
            assert_eq!(Usage::parse(bad), None, "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_set_of_usages_keeps_what_was_put_in() {
        let usages: Usages = [Usage::Sign, Usage::Mac].into_iter().collect();
        assert!(usages.contains(Usage::Sign) && usages.contains(Usage::Mac));
        assert!(!usages.contains(Usage::Verify));
        let json = serde_json::to_string(&usages).unwrap();
        assert_eq!(json, r#"["sign","mac"]"#);
        assert_eq!(serde_json::from_str::<Usages>(&json).unwrap(), usages);
    }

    #[test]
    fn a_digest_of_a_wrong_length_is_refused_and_so_is_any_for_ed25519() {
        assert!(Scheme::Ecdsa(Hash::Sha256).check(Input::Digest(&[0; 32])).is_ok());
        assert!(Scheme::Ecdsa(Hash::Sha256).check(Input::Digest(&[0; 31])).is_err());
        assert!(Scheme::Ed25519.check(Input::Digest(&[0; 32])).is_err());
        assert!(Scheme::Ed25519.check(Input::Message(&vec![0; MESSAGE_MAX])).is_ok());
        assert!(Scheme::Ed25519.check(Input::Message(&vec![0; MESSAGE_MAX + 1])).is_err());
    }
}
