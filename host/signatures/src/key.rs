//! Public keys.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, VerificationAlgorithm};
use spki::SubjectPublicKeyInfoOwned;
use spki::der::DecodePem;
use spki::der::asn1::ObjectIdentifier;

/// Longest public key, in bytes of PEM: one of these sorts has some 180.
pub const KEY_PEM_MAX: usize = 4096;

/// Keys on elliptic curves (RFC 5480), and the one curve of them that is taken.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// Ed25519 (RFC 8410).
const EDWARDS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// A public key that cannot be used; says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is no public key in PEM.
    #[error("must be one public key in PEM, as `openssl pkey -pubout` and cosign write it (BEGIN PUBLIC KEY)")]
    NoKey,
    /// It is one of another sort.
    #[error("must be a key on P-256 or of Ed25519: signatures of no other sort are checked")]
    OtherSort,
}

/// Reads a public key; one that is no point of its curve is none.
pub(crate) fn read(pem: &str) -> Result<ParsedPublicKey, Unreadable> {
    if pem.len() > KEY_PEM_MAX {
        return Err(Unreadable::NoKey);
    }
    let info = SubjectPublicKeyInfoOwned::from_pem(pem.trim()).map_err(|_| Unreadable::NoKey)?;
    let sort: &'static dyn VerificationAlgorithm = match info.algorithm.oid {
        EC => {
            let curve = info.algorithm.parameters.as_ref().map(|named| named.decode_as::<ObjectIdentifier>());
            if !matches!(curve, Some(Ok(P256))) {
                return Err(Unreadable::OtherSort);
            }
            &ECDSA_P256_SHA256_ASN1
        }
        EDWARDS => &ED25519,
        _ => return Err(Unreadable::OtherSort),
    };
    let bits = info.subject_public_key.as_bytes().ok_or(Unreadable::NoKey)?;
    ParsedPublicKey::new(sort, bits).map_err(|_| Unreadable::NoKey)
}
