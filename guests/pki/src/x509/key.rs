//! Public keys: what a SubjectPublicKeyInfo holds, and the identifier made of it.

use std::fmt;

use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, Sequence};
use innkeeper_guest::keys::{Curve, KeyType};
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};
use sha1::{Digest, Sha1};
use spki::SubjectPublicKeyInfo;

use super::algorithm::plain;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

/// Longest SubjectPublicKeyInfo that is looked at; the host takes no longer one.
const SPKI_MAX: usize = 4096;

/// Refusal of short RSA keys.
pub(crate) const RSA_TOO_SHORT: &str = "RSA keys < 2048 bits are unsafe and not supported";

/// Kind and size of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyShape {
    /// RSA with this many bits.
    Rsa(u32),
    /// A NIST curve of this many bits.
    Ec(u32),
    /// Ed25519.
    Ed25519,
}

impl KeyShape {
    /// `rsa`, `ec` or `ed25519`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa",
            Self::Ec(_) => "ec",
            Self::Ed25519 => "ed25519",
        }
    }

    /// The size, 0 where there is only one.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Rsa(bits) | Self::Ec(bits) => bits,
            Self::Ed25519 => 0,
        }
    }

    /// The shape that `key_type` and `key_bits` ask for; 0 bits are the default of the type.
    pub(crate) fn wanted(key_type: &str, bits: u32) -> Result<Self, Fault> {
        match (key_type.to_ascii_lowercase().as_str(), bits) {
            ("rsa", 0) => Ok(Self::Rsa(2048)),
            ("rsa", 2048 | 3072 | 4096 | 8192) => Ok(Self::Rsa(bits)),
            ("rsa", 1..2048) => Err(Fault::invalid(RSA_TOO_SHORT)),
            ("rsa", _) => Err(Fault::invalid(format!("unsupported bit length for RSA key: {bits}"))),
            ("ec", 0) => Ok(Self::Ec(256)),
            ("ec", 256 | 384 | 521) => Ok(Self::Ec(bits)),
            ("ec", 224) => Err(Fault::invalid("unsupported bit length for EC key: 224 (P-224 is not supported here)")),
            ("ec", _) => Err(Fault::invalid(format!("unsupported bit length for EC key: {bits}"))),
            ("ed25519", _) => Ok(Self::Ed25519),
            (other, _) => Err(Fault::invalid(format!("unknown key type {other:?}: must be rsa, ec or ed25519"))),
        }
    }

    /// What the host takes to make such a key.
    pub(crate) fn key_type(self) -> KeyType {
        match self {
            Self::Rsa(bits) => KeyType::Rsa(bits),
            Self::Ec(384) => KeyType::Ec(Curve::P384),
            Self::Ec(521) => KeyType::Ec(Curve::P521),
            Self::Ec(_) => KeyType::Ec(Curve::P256),
            Self::Ed25519 => KeyType::Ed25519,
        }
    }

    /// The label of a private key in its traditional form (RFC 8017 appendix A.1.2, RFC 5915, RFC 8410 section 7).
    pub(crate) fn private_label(self) -> &'static str {
        match self {
            Self::Rsa(_) => "RSA PRIVATE KEY",
            Self::Ec(_) => "EC PRIVATE KEY",
            Self::Ed25519 => "PRIVATE KEY",
        }
    }
}

/// A public key, looked at once.
#[derive(Clone, Debug)]
pub(crate) struct PublicKey {
    /// The whole SubjectPublicKeyInfo in DER.
    pub(crate) der: Vec<u8>,
    /// Kind and size.
    pub(crate) shape: KeyShape,
    /// SHA-1 over the bits of the key (RFC 5280 section 4.2.1.2, method 1).
    pub(crate) identifier: [u8; 20],
}

/// Why a public key is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum KeyProblem {
    /// It is no SubjectPublicKeyInfo.
    Malformed,
    /// It is of a kind that is not supported.
    Unknown(String),
    /// It is RSA with too few bits.
    TooShort,
}

impl fmt::Display for KeyProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the public key is malformed"),
            Self::Unknown(kind) => write!(f, "Unknown key type: {kind}"),
            Self::TooShort => f.write_str(RSA_TOO_SHORT),
        }
    }
}

/// RSAPublicKey (RFC 8017 appendix A.1.1).
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl PublicKey {
    /// Looks at a SubjectPublicKeyInfo.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, KeyProblem> {
        if der.len() > SPKI_MAX {
            return Err(KeyProblem::Malformed);
        }
        let info =
            SubjectPublicKeyInfo::<AnyRef<'_>, BitStringRef<'_>>::from_der(der).map_err(|_| KeyProblem::Malformed)?;
        let bits = info.subject_public_key.as_bytes().ok_or(KeyProblem::Malformed)?;
        let parameters = info.algorithm.parameters;
        let shape = match info.algorithm.oid {
            RSA if plain(parameters) => rsa_shape(bits)?,
            EC => ec_shape(parameters, bits)?,
            ED25519 if parameters.is_none() && bits.len() == 32 => KeyShape::Ed25519,
            RSA | ED25519 => return Err(KeyProblem::Malformed),
            other => return Err(KeyProblem::Unknown(format!("algorithm {other}"))),
        };
        Ok(Self { der: der.to_vec(), shape, identifier: Sha1::digest(bits).into() })
    }

    /// The public half of a key that the host keeps.
    pub(crate) fn of(key: &Key) -> Result<Self, Fault> {
        Self::from_der(&key.public_key()?).map_err(|problem| match problem {
            KeyProblem::Malformed => Fault::internal("the host gave a malformed public key"),
            other => Fault::invalid(other.to_string()),
        })
    }
}

fn rsa_shape(bits: &[u8]) -> Result<KeyShape, KeyProblem> {
    let key = RsaPublicKey::from_der(bits).map_err(|_| KeyProblem::Malformed)?;
    let modulus = key.modulus.as_bytes();
    if key.exponent.is_empty() {
        return Err(KeyProblem::Malformed);
    }
    let leading = modulus.first().ok_or(KeyProblem::Malformed)?.leading_zeros();
    let length = u32::try_from(modulus.len()).map_err(|_| KeyProblem::Malformed)? * 8 - leading;
    if length < 2048 { Err(KeyProblem::TooShort) } else { Ok(KeyShape::Rsa(length)) }
}

fn ec_shape(parameters: Option<AnyRef<'_>>, point: &[u8]) -> Result<KeyShape, KeyProblem> {
    let curve = parameters.and_then(|any| any.decode_as::<ObjectIdentifier>().ok());
    let (bits, length) = match curve {
        Some(P256) => (256, 32),
        Some(P384) => (384, 48),
        Some(P521) => (521, 66),
        Some(other) => return Err(KeyProblem::Unknown(format!("elliptic curve {other}"))),
        None => return Err(KeyProblem::Unknown("elliptic curve given by parameters".into())),
    };
    // Uncompressed points only (RFC 5480 section 2.2 lets us refuse the others).
    if point.first() == Some(&4) && point.len() == 1 + 2 * length {
        Ok(KeyShape::Ec(bits))
    } else {
        Err(KeyProblem::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p256_key_is_recognised_and_identified_as_openssl_does() {
        // openssl ecparam -name prime256v1 -genkey: any point will do, only its form is looked at.
        let mut der = hex::decode("3059301306072a8648ce3d020106082a8648ce3d03010703420004").unwrap();
        der.extend([7; 64]);
        let key = PublicKey::from_der(&der).unwrap();
        assert_eq!(key.shape, KeyShape::Ec(256));
        let mut point = vec![4];
        point.extend([7; 64]);
        assert_eq!(key.identifier, <[u8; 20]>::from(Sha1::digest(&point)));
    }

    #[test]
    fn p224_and_garbage_are_refused_without_panic() {
        let mut der = hex::decode("304e301006072a8648ce3d020106052b81040021033a0004").unwrap();
        der.extend([7; 56]);
        assert!(matches!(PublicKey::from_der(&der), Err(KeyProblem::Unknown(_))));
        for length in 0..der.len() {
            assert!(PublicKey::from_der(&der[..length]).is_err());
        }
        assert_eq!(PublicKey::from_der(&[0x30; 5000]).unwrap_err(), KeyProblem::Malformed);
    }

    #[test]
    fn sizes_have_defaults_and_bounds() {
        assert_eq!(KeyShape::wanted("rsa", 0), Ok(KeyShape::Rsa(2048)));
        assert_eq!(KeyShape::wanted("ec", 0), Ok(KeyShape::Ec(256)));
        assert_eq!(KeyShape::wanted("ed25519", 0), Ok(KeyShape::Ed25519));
        for (key_type, bits) in [("rsa", 1024), ("rsa", 2049), ("ec", 224), ("ec", 255), ("dsa", 0), ("", 0)] {
            assert!(KeyShape::wanted(key_type, bits).is_err(), "{key_type} {bits}");
        }
    }
}
