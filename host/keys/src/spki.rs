//! Public keys as DER SubjectPublicKeyInfo (RFC 5280 section 4.1.2.7).

use const_oid::ObjectIdentifier;
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Encode, Reader, SliceReader};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};

use crate::{Curve, Error, KeyType};

/// Longest SubjectPublicKeyInfo that is read, in bytes.
pub const SPKI_MAX: usize = 4096;
/// Largest RSA modulus, in bits.
pub const RSA_BITS_MAX: u32 = 8192;

pub(crate) const RSA_ENCRYPTION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
pub(crate) const EC_PUBLIC_KEY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const P224: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.33");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");

impl Curve {
    /// The curve's object identifier (RFC 5480 section 2.1.1.1).
    pub const fn oid(self) -> ObjectIdentifier {
        match self {
            Self::P256 => P256,
            Self::P384 => P384,
            Self::P521 => P521,
        }
    }

    /// The curve of an object identifier; a curve that is known but not supported is named.
    pub fn from_oid(oid: ObjectIdentifier) -> Result<Self, Error> {
        match oid {
            P256 => Ok(Self::P256),
            P384 => Ok(Self::P384),
            P521 => Ok(Self::P521),
            P224 => Err(Error::Unsupported("the curve P-224; use P-256, P-384 or P-521".into())),
            other => Err(Error::Unsupported(format!("the curve {other}; use P-256, P-384 or P-521"))),
        }
    }
}

/// A public key, taken apart.
pub(crate) struct PublicKey<'a> {
    /// What it is.
    pub key_type: KeyType,
    /// RSAPublicKey in DER, the curve's point, or the 32 bytes of Ed25519.
    pub bytes: &'a [u8],
}

/// Takes a SubjectPublicKeyInfo of at most [`SPKI_MAX`] bytes apart.
pub(crate) fn parse(spki: &[u8]) -> Result<PublicKey<'_>, Error> {
    if spki.len() > SPKI_MAX {
        return Err(Error::invalid("a public key may have 4096 bytes of DER"));
    }
    let info = SubjectPublicKeyInfoRef::from_der(spki)
        .map_err(|error| Error::invalid(format!("the public key is not a SubjectPublicKeyInfo in DER: {error}")))?;
    let bytes = info.subject_public_key.as_bytes().ok_or_else(|| Error::invalid("the public key has unused bits"))?;
    let key_type = match info.algorithm.oid {
        RSA_ENCRYPTION | RSASSA_PSS => KeyType::Rsa { bits: rsa_bits(bytes)? },
        EC_PUBLIC_KEY => KeyType::Ec(curve_of(info.algorithm.parameters)?),
        ED25519 if bytes.len() == 32 => KeyType::Ed25519,
        ED25519 => return Err(Error::invalid("an Ed25519 public key has 32 bytes")),
        other => return Err(Error::Unsupported(format!("public keys of the algorithm {other}"))),
    };
    Ok(PublicKey { key_type, bytes })
}

/// What the public key is. The key itself (a point on its curve, for instance) is checked when it is used.
pub fn key_type_of(spki: &[u8]) -> Result<KeyType, Error> {
    parse(spki).map(|key| key.key_type)
}

fn curve_of(parameters: Option<AnyRef<'_>>) -> Result<Curve, Error> {
    let oid = parameters.and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
    Curve::from_oid(oid.ok_or_else(|| Error::Unsupported("elliptic curves that are not named".into()))?)
}

/// The bits of the modulus of an RSAPublicKey (RFC 8017 appendix A.1.1).
fn rsa_bits(public_key: &[u8]) -> Result<u32, Error> {
    let malformed = |_: der::Error| Error::invalid("the RSA public key is not an RSAPublicKey in DER");
    let mut reader = SliceReader::new(public_key).map_err(malformed)?;
    reader
        .sequence(|body| {
            let modulus = UintRef::decode(body)?;
            UintRef::decode(body)?;
            Ok(bits_of(modulus.as_bytes()))
        })
        .map_err(malformed)
}

/// The bit length of a big-endian number.
pub(crate) fn bits_of(number: &[u8]) -> u32 {
    let significant = number.iter().position(|byte| *byte != 0).map_or(&[][..], |at| &number[at..]);
    let leading = significant.first().map_or(0, |first| first.leading_zeros());
    u32::try_from(significant.len()).map_or(u32::MAX, |len| len.saturating_mul(8)) - leading
}

/// The public key as a PEM `PUBLIC KEY` block (RFC 7468 section 13), with a newline at its end.
pub fn pem(spki: &[u8]) -> Result<String, Error> {
    let document = der::Document::try_from(spki).map_err(|_| Error::invalid("public key: is no DER"))?;
    document
        .to_pem("PUBLIC KEY", der::pem::LineEnding::LF)
        .map_err(|_| Error::Internal("a public key does not fit into PEM".into()))
}

/// The SubjectPublicKeyInfo of an RSA key from its modulus and exponent, big-endian (RFC 3279 section 2.3.1).
pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Vec<u8>, Error> {
    let body = [UintRef::new(modulus), UintRef::new(exponent)].into_iter().collect::<Result<Vec<_>, _>>();
    let public_key = body.and_then(|numbers| numbers.to_der()).map_err(|_| malformed("RSA"))?;
    encode(RSA_ENCRYPTION, Some(AnyRef::NULL), &public_key)
}

/// The SubjectPublicKeyInfo of a point on a curve, uncompressed (RFC 5480 section 2).
pub fn ec(curve: Curve, point: &[u8]) -> Result<Vec<u8>, Error> {
    if point.len() != 1 + 2 * curve.field_len() || point.first() != Some(&4) {
        return Err(malformed(curve.name()));
    }
    let oid = curve.oid();
    encode(EC_PUBLIC_KEY, Some(AnyRef::from(&oid)), point)
}

/// The SubjectPublicKeyInfo of an Ed25519 key (RFC 8410 section 4).
pub fn ed25519(public_key: &[u8]) -> Result<Vec<u8>, Error> {
    if public_key.len() != 32 {
        return Err(malformed("Ed25519"));
    }
    encode(ED25519, None, public_key)
}

fn encode(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Result<Vec<u8>, Error> {
    let subject_public_key = BitStringRef::from_bytes(key).map_err(|_| malformed("encoded"))?;
    let info = SubjectPublicKeyInfo { algorithm: AlgorithmIdentifier { oid, parameters }, subject_public_key };
    info.to_der().map_err(|_| malformed("encoded"))
}

fn malformed(what: &str) -> Error {
    Error::Internal(format!("the token gave a malformed {what} public key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_modulus_counts_its_significant_bits() {
        assert_eq!(bits_of(&[0x80, 0]), 16);
        assert_eq!(bits_of(&[0, 1, 0]), 9);
        assert_eq!(bits_of(&[]), 0);
    }

    #[test]
    fn built_public_keys_are_read_back() {
        let rsa_key = rsa(&[0xff; 256], &[1, 0, 1]).unwrap();
        assert_eq!(key_type_of(&rsa_key).unwrap(), KeyType::Rsa { bits: 2048 });
        for curve in Curve::ALL {
            let mut point = vec![4; 1 + 2 * curve.field_len()];
            assert_eq!(key_type_of(&ec(curve, &point).unwrap()).unwrap(), KeyType::Ec(curve));
            point.pop();
            assert!(ec(curve, &point).is_err());
        }
        assert_eq!(key_type_of(&ed25519(&[7; 32]).unwrap()).unwrap(), KeyType::Ed25519);
    }

    #[test]
    fn a_public_key_over_the_bound_is_refused_before_it_is_read() {
        let text = key_type_of(&[0; SPKI_MAX + 1]).unwrap_err().public();
        assert!(text.contains("4096"), "{text}");
        assert!(key_type_of(&[0; SPKI_MAX]).unwrap_err().public().contains("DER"));
    }

    #[test]
    fn p224_is_refused_by_name() {
        let parameters = AnyRef::from(&P224);
        let spki = encode(EC_PUBLIC_KEY, Some(parameters), &[4; 57]).unwrap();
        assert!(key_type_of(&spki).unwrap_err().public().contains("P-224"));
    }
}
