//! Signatures of others, under their public keys.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature as lc;
use aws_lc_rs::signature::{UnparsedPublicKey, VerificationAlgorithm};

use crate::{Curve, Error, Hash, Input, KeyType, Scheme, spki};

/// Longest signature that is looked at, in bytes: that of RSA-8192, with room for nothing more.
const SIGNATURE_MAX: usize = 1024;

/// Whether the signature over the input was made by the owner of this public key (DER SubjectPublicKeyInfo of at most
/// [`crate::SPKI_MAX`] bytes).
///
/// RSA keys have 1024 to 8192 bits, so that a caller can refuse a small key in its own words. SHA-1 is verified with
/// PKCS#1 v1.5 and ECDSA, for old requests. A scheme that is not of the key's type answers `false`;
/// [`Error::Unsupported`] is for what this library cannot tell.
pub fn verify(public_key: &[u8], scheme: Scheme, input: Input<'_>, signature: &[u8]) -> Result<bool, Error> {
    scheme.check(input)?;
    let key = spki::parse(public_key)?;
    if signature.len() > SIGNATURE_MAX {
        return Ok(false);
    }
    match (key.key_type, scheme) {
        (KeyType::Rsa { bits }, Scheme::Pkcs1v15(_) | Scheme::Pss(_)) => {
            verify_rsa(key.bytes, bits, scheme, input, signature)
        }
        (KeyType::Ec(curve), Scheme::Ecdsa(hash)) => {
            let (algorithm, digest) = (ecdsa_algorithm(curve), fit(curve, &input.digest(hash)?)?);
            Ok(UnparsedPublicKey::new(algorithm, key.bytes).verify_digest(&digest, signature).is_ok())
        }
        (KeyType::Ed25519, Scheme::Ed25519) => match input {
            Input::Message(message) => {
                Ok(UnparsedPublicKey::new(&lc::ED25519, key.bytes).verify(message, signature).is_ok())
            }
            Input::Digest(_) => Ok(false),
        },
        _ => Ok(false),
    }
}

fn verify_rsa(key: &[u8], bits: u32, scheme: Scheme, input: Input<'_>, signature: &[u8]) -> Result<bool, Error> {
    if !(1024..=spki::RSA_BITS_MAX).contains(&bits) {
        return Err(Error::Unsupported(format!("RSA keys of {bits} bits")));
    }
    let Some((algorithm, digest, least)) = rsa_algorithm(scheme) else {
        return Err(Error::Unsupported(format!("verifying {scheme}")));
    };
    if bits < least {
        return Err(Error::Unsupported(format!("verifying {scheme} with RSA keys < {least} bits")));
    }
    let key = UnparsedPublicKey::new(algorithm, key);
    let outcome = match input {
        Input::Message(message) => key.verify(message, signature),
        Input::Digest(bytes) => key.verify_digest(&import(bytes, digest)?, signature),
    };
    Ok(outcome.is_ok())
}

/// The verifier of an RSA scheme, its digest and the smallest key that it takes.
fn rsa_algorithm(scheme: Scheme) -> Option<(&'static dyn VerificationAlgorithm, &'static digest::Algorithm, u32)> {
    match scheme {
        Scheme::Pkcs1v15(Hash::Sha1) => {
            Some((&lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, &digest::SHA1_FOR_LEGACY_USE_ONLY, 1024))
        }
        Scheme::Pkcs1v15(Hash::Sha256) => {
            Some((&lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &digest::SHA256, 1024))
        }
        Scheme::Pkcs1v15(Hash::Sha384) => Some((&lc::RSA_PKCS1_2048_8192_SHA384, &digest::SHA384, 2048)),
        Scheme::Pkcs1v15(Hash::Sha512) => {
            Some((&lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, &digest::SHA512, 1024))
        }
        Scheme::Pss(Hash::Sha256) => Some((&lc::RSA_PSS_2048_8192_SHA256, &digest::SHA256, 2048)),
        Scheme::Pss(Hash::Sha384) => Some((&lc::RSA_PSS_2048_8192_SHA384, &digest::SHA384, 2048)),
        Scheme::Pss(Hash::Sha512) => Some((&lc::RSA_PSS_2048_8192_SHA512, &digest::SHA512, 2048)),
        _ => None,
    }
}

fn ecdsa_algorithm(curve: Curve) -> &'static dyn VerificationAlgorithm {
    match curve {
        Curve::P256 => &lc::ECDSA_P256_SHA256_ASN1,
        Curve::P384 => &lc::ECDSA_P384_SHA384_ASN1,
        Curve::P521 => &lc::ECDSA_P521_SHA512_ASN1,
    }
}

/// A digest of any hash as the curve's usual digest.
///
/// The library ties each curve to a few hashes, the standard does not: FIPS 186-5 section 6.4.1 makes the leftmost
/// bits of the digest, as many as the order has, a number. Cutting a long digest to the order's length on the right,
/// and padding a short one with zeroes on the left, gives the very same number.
pub(crate) fn fit(curve: Curve, digest: &[u8]) -> Result<Digest, Error> {
    let (algorithm, len) = match curve {
        Curve::P256 => (&digest::SHA256, 32),
        Curve::P384 => (&digest::SHA384, 48),
        Curve::P521 => (&digest::SHA512, 64),
    };
    let kept = &digest[..digest.len().min(len)];
    let mut fitted = vec![0; len - kept.len()];
    fitted.extend_from_slice(kept);
    import(&fitted, algorithm)
}

pub(crate) fn import(bytes: &[u8], algorithm: &'static digest::Algorithm) -> Result<Digest, Error> {
    Digest::import_less_safe(bytes, algorithm).map_err(|_| Error::invalid("the digest has a wrong length"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 section 7.1, test 2.
    #[test]
    fn the_ed25519_vector_of_the_rfc_verifies() {
        let key = hex::decode("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c").unwrap();
        let signature = hex::decode(concat!(
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da",
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ));
        let key = spki::ed25519(&key).unwrap();
        let signature = signature.unwrap();
        assert!(verify(&key, Scheme::Ed25519, Input::Message(&[0x72]), &signature).unwrap());
        assert!(!verify(&key, Scheme::Ed25519, Input::Message(&[0x73]), &signature).unwrap());
    }

    /// RFC 6979 appendix A.2.5: P-256, message "sample", with hashes shorter and longer than the order.
    #[test]
    fn ecdsa_vectors_with_short_and_long_hashes_verify() {
        let point = hex::decode(concat!(
            "0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
            "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"
        ));
        let key = spki::ec(Curve::P256, &point.unwrap()).unwrap();
        for (hash, r, s) in [
            (
                Hash::Sha1,
                "61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32",
                "6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb",
            ),
            (
                Hash::Sha224,
                "53b2fff5d1752b2c689df257c04c40a587fababb3f6fc2702f1343af7ca9aa3f",
                "b9afb64fdc03dc1a131c7d2386d11e349f070aa432a4acc918bea988bf75c74c",
            ),
            (
                Hash::Sha512,
                "8496a60b5e9b47c825488827e0495b0e3fa109ec4568fd3f8d1097678eb97f00",
                "2362ab1adbe2b8adf9cb9edab740ea6049c028114f2460f96554f61fae3302fe",
            ),
        ] {
            let number = |digits: &str| {
                let bytes = hex::decode(digits).unwrap();
                let sign = usize::from(bytes[0] & 0x80 != 0);
                let head = [2, u8::try_from(bytes.len() + sign).unwrap()];
                [&head[..], &vec![0; sign], &bytes].concat()
            };
            let body = [number(r), number(s)].concat();
            let signature = [&[0x30, u8::try_from(body.len()).unwrap()][..], &body].concat();
            let verdict = |message| verify(&key, Scheme::Ecdsa(hash), Input::Message(message), &signature).unwrap();
            assert!(verdict(b"sample"), "{}", hash.name());
            assert!(!verdict(b"test"), "{}", hash.name());
        }
    }

    #[test]
    fn small_rsa_keys_are_told_apart_from_bad_signatures() {
        let key = |bits: usize| spki::rsa(&vec![0xff; bits / 8], &[1, 0, 1]).unwrap();
        let verdict = |bits, scheme| verify(&key(bits), scheme, Input::Message(b"m"), &[1; 128]);
        assert!(!verdict(1024, Scheme::Pkcs1v15(Hash::Sha256)).unwrap());
        assert!(verdict(512, Scheme::Pkcs1v15(Hash::Sha256)).unwrap_err().public().contains("512"));
        assert!(verdict(1024, Scheme::Pss(Hash::Sha256)).unwrap_err().public().contains("2048"));
    }

    #[test]
    fn a_signature_over_the_bound_is_false_and_is_not_read() {
        let key = spki::ed25519(&[1; 32]).unwrap();
        assert!(!verify(&key, Scheme::Ed25519, Input::Message(b"m"), &[0; SIGNATURE_MAX + 1]).unwrap());
    }
}
