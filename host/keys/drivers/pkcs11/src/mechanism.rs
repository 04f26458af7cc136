//! Mechanisms: what a configured CKM_ number means for schemes, data and generation.

use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::mechanism::rsa::{PkcsMgfType, PkcsOaepParams, PkcsOaepSource, PkcsPssParams};
use cryptoki::mechanism::{Mechanism, MechanismType};
use cryptoki::types::Ulong;
use der::Encode;
use der::asn1::UintRef;
use keys::registry::Pkcs11Locator;
use keys::{Curve, Error, Hash, Input, KeyType, Scheme, SignRequest};
use serde::{Deserialize, Serialize};

use crate::secret;
use crate::wire::bytes;

/// CKM_RSA_PKCS (PKCS#11 3.1 section 6.1.6).
const RSA_PKCS: u64 = 0x1;
/// CKM_RSA_PKCS_OAEP (section 6.1.8).
const RSA_PKCS_OAEP: u64 = 0x9;
/// CKM_RSA_PKCS_PSS (section 6.1.10).
const RSA_PKCS_PSS: u64 = 0xd;
/// CKM_ECDSA (section 6.3.12).
const ECDSA: u64 = 0x1041;
/// CKM_EDDSA (section 6.3.15).
const EDDSA: u64 = 0x1057;

/// A signature, as the token is to make it.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    scheme: Scheme,
    /// What goes into C_Sign.
    #[serde(with = "bytes")]
    pub(crate) data: Vec<u8>,
}

impl Operation {
    /// The mechanism with its parameters.
    pub(crate) fn mechanism(&self) -> Result<Mechanism<'static>, Error> {
        Ok(match self.scheme {
            Scheme::Pkcs1v15(_) => Mechanism::RsaPkcs,
            Scheme::Ecdsa(_) => Mechanism::Ecdsa,
            Scheme::Ed25519 => Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure)),
            Scheme::Pss(hash) => {
                let (hash_alg, mgf) = mgf(hash)?;
                let s_len = Ulong::try_from(hash.len()).map_err(|_| Error::Internal("a salt's length".into()))?;
                Mechanism::RsaPkcsPss(PkcsPssParams { hash_alg, mgf, s_len })
            }
        })
    }

    /// Whether a signature, as the token gave it, is over the data and by this key. `None` where that cannot be told
    /// here, because the cryptographic library lacks the hash.
    pub(crate) fn is_signed_by(&self, public_key: &[u8], signature: &[u8]) -> Option<bool> {
        // A token's garbage is nobody's signature.
        let Ok(signature) = finish(self.scheme, signature) else { return Some(false) };
        let digest = match self.scheme {
            Scheme::Ed25519 => {
                return keys::verify(public_key, self.scheme, Input::Message(&self.data), &signature).ok();
            }
            // DigestInfo ends with the digest.
            Scheme::Pkcs1v15(hash) => self.data[self.data.len().saturating_sub(hash.len())..].to_vec(),
            // A digest that was cut to the curve's length is filled up again: what is behind the cut does not count.
            Scheme::Pss(hash) | Scheme::Ecdsa(hash) => {
                let mut digest = self.data.clone();
                digest.resize(hash.len(), 0);
                digest
            }
        };
        keys::verify(public_key, self.scheme, Input::Digest(&digest), &signature).ok()
    }
}

/// What the token is to sign for a request.
pub(crate) fn signature(request: SignRequest<'_>) -> Result<Operation, Error> {
    let data = match (request.scheme, request.input) {
        (Scheme::Ed25519, Input::Message(message)) => message.to_vec(),
        (Scheme::Pkcs1v15(hash), Input::Digest(digest)) => digest_info(hash, digest),
        (Scheme::Ecdsa(_) | Scheme::Pss(_), Input::Digest(digest)) => digest.to_vec(),
        _ => return Err(Error::Internal("a driver was given a message where it wants a digest".into())),
    };
    Ok(Operation { scheme: request.scheme, data })
}

/// What a token's signature looks like outside: ECDSA's r and s become DER (RFC 3279 section 2.2.3).
pub(crate) fn finish(scheme: Scheme, signature: &[u8]) -> Result<Vec<u8>, Error> {
    let Scheme::Ecdsa(_) = scheme else { return Ok(signature.to_vec()) };
    let malformed = || Error::Internal("the token gave a malformed ECDSA signature".into());
    if signature.is_empty() || !signature.len().is_multiple_of(2) {
        return Err(malformed());
    }
    let (r, s) = signature.split_at(signature.len() / 2);
    let numbers = [UintRef::new(r), UintRef::new(s)].into_iter().collect::<Result<Vec<_>, _>>();
    numbers.and_then(|numbers| numbers.to_der()).map_err(|_| malformed())
}

/// DigestInfo (RFC 8017 section 9.2, appendix B.1): CKM_RSA_PKCS pads but does not name the hash.
fn digest_info(hash: Hash, digest: &[u8]) -> Vec<u8> {
    const SHA1: [u8; 5] = [0x2b, 0x0e, 0x03, 0x02, 0x1a];
    let nist = |last: u8| vec![0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    let oid = match hash {
        Hash::Sha1 => SHA1.to_vec(),
        Hash::Sha256 => nist(1),
        Hash::Sha384 => nist(2),
        Hash::Sha512 => nist(3),
        Hash::Sha224 => nist(4),
        Hash::Sha3_224 => nist(7),
        Hash::Sha3_256 => nist(8),
        Hash::Sha3_384 => nist(9),
        Hash::Sha3_512 => nist(10),
    };
    // All lengths are below 128: one byte each. Truncation cannot happen.
    let byte = |len: usize| u8::try_from(len).unwrap_or(u8::MAX);
    let algorithm = [&[0x06, byte(oid.len())][..], &oid, &[0x05, 0x00]].concat();
    let value = [&[0x04, byte(digest.len())][..], digest].concat();
    let head = [0x30, byte(2 + algorithm.len() + value.len()), 0x30, byte(algorithm.len())];
    [&head[..], &algorithm, &value].concat()
}

fn mgf(hash: Hash) -> Result<(MechanismType, PkcsMgfType), Error> {
    Ok(match hash {
        Hash::Sha1 => (MechanismType::SHA1, PkcsMgfType::MGF1_SHA1),
        Hash::Sha224 => (MechanismType::SHA224, PkcsMgfType::MGF1_SHA224),
        Hash::Sha256 => (MechanismType::SHA256, PkcsMgfType::MGF1_SHA256),
        Hash::Sha384 => (MechanismType::SHA384, PkcsMgfType::MGF1_SHA384),
        Hash::Sha512 => (MechanismType::SHA512, PkcsMgfType::MGF1_SHA512),
        other => return Err(Error::Unsupported(format!("RSA masks with {}", other.name()))),
    })
}

/// RSAES-OAEP with an empty label.
pub(crate) fn oaep(hash: Hash) -> Result<Mechanism<'static>, Error> {
    let (hash_alg, mgf) = mgf(hash)?;
    Ok(Mechanism::RsaPkcsOaep(PkcsOaepParams::new(hash_alg, mgf, PkcsOaepSource::empty())))
}

/// Refuses a decryption that the key is not configured for, or whose hash has no mask, before the token is asked.
pub(crate) fn can_decrypt(key: &Pkcs11Locator, hash: Hash) -> Result<(), Error> {
    match key.mechanism {
        None | Some(RSA_PKCS_OAEP) => mgf(hash).map(drop),
        Some(other) => Err(Error::Unsupported(format!("decrypting with a key of mechanism {other:#x}"))),
    }
}

/// Refuses a scheme that the key is not configured for, before the token is asked: tokens would do it.
pub(crate) fn can_sign(key: &Pkcs11Locator, scheme: Scheme) -> Result<(), Error> {
    let wanted = match scheme {
        Scheme::Pkcs1v15(_) => RSA_PKCS,
        Scheme::Pss(_) => RSA_PKCS_PSS,
        Scheme::Ecdsa(_) => ECDSA,
        Scheme::Ed25519 => EDDSA,
    };
    match key.mechanism.filter(|own| *own != wanted) {
        None => Ok(()),
        Some(own) => Err(Error::Unsupported(format!("{scheme} with a key of mechanism {own:#x}"))),
    }
}

/// What a key can sign. The configured mechanism decides, not what the token could do besides: an operator who wants PSS
/// only configures PSS. Mechanisms that do not sign give none. Where none is configured, the key's type decides, and PSS
/// comes before PKCS #1 v1.5.
pub(crate) fn schemes(mechanism: Option<u64>, key_type: KeyType) -> Result<Vec<Scheme>, Error> {
    let strong = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let pkcs1 = || strong.into_iter().chain([Hash::Sha224, Hash::Sha1]).map(Scheme::Pkcs1v15);
    let pss = || strong.into_iter().map(Scheme::Pss);
    match (mechanism, key_type) {
        (None | Some(ECDSA), KeyType::Ec(curve)) => Ok(Scheme::ecdsa_on(curve)),
        (None | Some(EDDSA), KeyType::Ed25519) => Ok(vec![Scheme::Ed25519]),
        (None, KeyType::Rsa { .. }) => Ok(pss().chain(pkcs1()).collect()),
        (Some(RSA_PKCS), KeyType::Rsa { .. }) => Ok(pkcs1().collect()),
        (Some(RSA_PKCS_PSS), KeyType::Rsa { .. }) => Ok(pss().collect()),
        (Some(RSA_PKCS_OAEP), KeyType::Rsa { .. }) => Ok(Vec::new()),
        (Some(mechanism @ (ECDSA | EDDSA | RSA_PKCS | RSA_PKCS_PSS | RSA_PKCS_OAEP)), other) => Err(Error::invalid(
            format!("mechanism: {mechanism:#x} is not for {other} keys, and the token's key is one"),
        )),
        _ => Ok(Vec::new()),
    }
}

/// A key that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plan {
    Rsa { bits: u32, decrypts: bool },
    Ec(Curve),
    Ed25519,
    Aes { bits: u32 },
    Hmac { bits: u32 },
}

impl Plan {
    /// What a key that is given, and not made, is for: one of this type, or a secret of so many bytes.
    pub(crate) fn of_given(key: &Pkcs11Locator, key_type: Option<KeyType>, len: usize) -> Result<Self, Error> {
        let Some(key_type) = key_type.filter(|key_type| key_type.is_pair()) else { return secret::plan(key, len) };
        if key.mechanism.is_some_and(secret::is_symmetric) {
            return Err(Error::invalid("private_key: the record's mechanism is for symmetric keys; give secret_key"));
        }
        // Refuses a type that the mechanism is not for.
        schemes(key.mechanism, key_type).map_err(|_| {
            let mechanism = key.mechanism.unwrap_or_default();
            Error::invalid(format!("private_key: mechanism {mechanism:#x} is not for {key_type} keys"))
        })?;
        match key_type {
            KeyType::Rsa { bits } => Ok(Self::Rsa { bits, decrypts: key.mechanism == Some(RSA_PKCS_OAEP) }),
            KeyType::Ec(curve) => Ok(Self::Ec(curve)),
            _ => Ok(Self::Ed25519),
        }
    }
}

/// What to make for a record, or why nothing can be made.
pub(crate) fn generation(key: &Pkcs11Locator) -> Result<Plan, Error> {
    let mechanism = key.mechanism.unwrap_or_default();
    match mechanism {
        ECDSA => key.curve.map(Plan::Ec).ok_or_else(|| {
            Error::invalid("curve: is required to generate a key for mechanism 0x1041: P256, P384 or P521")
        }),
        RSA_PKCS | RSA_PKCS_PSS | RSA_PKCS_OAEP => {
            let bits = key.key_bits.ok_or_else(|| {
                Error::invalid(format!(
                    "key_bits: is required to generate a key for mechanism {mechanism:#x}: 2048, 3072 or 4096"
                ))
            });
            bits.map(|bits| Plan::Rsa { bits, decrypts: mechanism == RSA_PKCS_OAEP })
        }
        EDDSA => Ok(Plan::Ed25519),
        other if secret::is_symmetric(other) => secret::generation(key),
        other => Err(Error::invalid(format!("cannot generate a key for mechanism {other:#x}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_info_is_the_one_of_rfc_8017() {
        let info = digest_info(Hash::Sha256, &[0xab; 32]);
        let prefix = hex::decode("3031300d060960864801650304020105000420").unwrap();
        assert_eq!(info, [&prefix[..], &[0xab; 32]].concat());
        let info = digest_info(Hash::Sha1, &[0xab; 20]);
        assert_eq!(info, [&hex::decode("3021300906052b0e03021a05000414").unwrap()[..], &[0xab; 20]].concat());
        let info = digest_info(Hash::Sha512, &[0; 64]);
        assert_eq!(&info[..19], &hex::decode("3051300d060960864801650304020305000440").unwrap()[..]);
    }

    #[test]
    fn r_and_s_become_der_numbers_that_are_positive_and_short() {
        let scheme = Scheme::Ecdsa(Hash::Sha256);
        assert_eq!(finish(scheme, &[0x80, 0x01]).unwrap(), [0x30, 7, 2, 2, 0, 0x80, 2, 1, 1]);
        assert_eq!(finish(scheme, &[0, 1, 0, 2]).unwrap(), [0x30, 6, 2, 1, 1, 2, 1, 2]);
        for bad in [&[][..], &[1], &[1, 2, 3]] {
            assert!(finish(scheme, bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(finish(Scheme::Ed25519, &[1, 2, 3]).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn what_another_key_signed_and_garbage_are_nobodys_signatures() {
        let request =
            SignRequest { scheme: Scheme::Ecdsa(Hash::Sha256), input: Input::Digest(&[7; 32]), public_key: None };
        let operation = signature(request).unwrap();
        let point = hex::decode(concat!(
            "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
        ));
        let public_key = keys::spki::ec(Curve::P256, &point.unwrap()).unwrap();
        for garbage in [&[][..], &[1], &[9; 64], &[0; 64], &[7; 65_536]] {
            assert_eq!(operation.is_signed_by(&public_key, garbage), Some(false), "{} bytes", garbage.len());
        }
    }

    #[test]
    fn the_configured_mechanism_decides_what_a_key_signs() {
        let rsa = KeyType::Rsa { bits: 2048 };
        assert!(schemes(Some(RSA_PKCS_PSS), rsa).unwrap().iter().all(|scheme| matches!(scheme, Scheme::Pss(_))));
        assert!(schemes(Some(RSA_PKCS), rsa).unwrap().iter().all(|scheme| matches!(scheme, Scheme::Pkcs1v15(_))));
        assert_eq!(schemes(Some(ECDSA), KeyType::Ec(Curve::P384)).unwrap()[0], Scheme::Ecdsa(Hash::Sha384));
        assert!(schemes(Some(RSA_PKCS_OAEP), rsa).unwrap().is_empty());
        assert!(schemes(Some(0x210), rsa).unwrap().is_empty());
        let unsaid = schemes(None, rsa).unwrap();
        assert_eq!(unsaid[0], Scheme::Pss(Hash::Sha256));
        assert!(unsaid.contains(&Scheme::Pkcs1v15(Hash::Sha256)));
        assert!(schemes(Some(ECDSA), rsa).unwrap_err().public().contains("0x1041"));
    }

    #[test]
    fn keys_are_made_only_for_mechanisms_that_tell_their_type() {
        let key = |mechanism, key_bits, curve| Pkcs11Locator {
            key_label: Some("k".into()),
            key_id: None,
            mechanism: Some(mechanism),
            key_bits,
            curve,
            rsa_oaep_hash: None,
            described: None,
        };
        assert_eq!(generation(&key(ECDSA, None, Some(Curve::P256))).unwrap(), Plan::Ec(Curve::P256));
        assert!(generation(&key(ECDSA, None, None)).unwrap_err().public().contains("curve"));
        assert!(generation(&key(RSA_PKCS, None, None)).unwrap_err().public().contains("key_bits"));
        let text = generation(&key(0x210, Some(2048), None)).unwrap_err().public();
        assert_eq!(text, "cannot generate a key for mechanism 0x210");
        assert_eq!(generation(&key(0x1087, Some(256), None)).unwrap(), Plan::Aes { bits: 256 });
        assert_eq!(generation(&key(0x261, Some(384), None)).unwrap(), Plan::Hmac { bits: 384 });
        for (mechanism, bits) in [(0x1087, None), (0x1087, Some(384)), (0x251, Some(2048)), (0x251, None)] {
            assert!(generation(&key(mechanism, bits, None)).unwrap_err().public().contains("key_bits"), "{bits:?}");
        }
    }
}
