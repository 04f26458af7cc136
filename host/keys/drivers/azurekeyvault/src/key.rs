//! Keys and algorithms between JSON Web Keys (RFC 7517, 7518) and the words of the model.

use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{CurveName, EncryptionAlgorithm, JsonWebKey, Key, SignatureAlgorithm};
use der::Encode;
use der::asn1::UintRef;
use keys::registry::AzureKeyVaultLocator;
use keys::{Curve, Description, Error, Hash, Input, KeyType, Scheme, SignRequest, key_type_of, spki};

/// Bits of RSA keys that are used.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;
/// Longest name of a version that a vault may give.
const VERSION_MAX: usize = 64;

/// The hashes that a vault signs over with RSA, most usual first.
const HASHES: [Hash; 3] = [Hash::Sha256, Hash::Sha384, Hash::Sha512];

/// What a vault says of a key. A key that is disabled, expired or not valid yet is refused, and so is one of another
/// type than the record names: who asked for an HSM shall not get a key in software.
pub(crate) fn describe(key: &Key, locator: &AzureKeyVaultLocator, now: i64) -> Result<Description, Error> {
    if let Some(state) = state(key, now) {
        return Err(Error::Unusable(state.into()));
    }
    let web_key = key.key.as_ref().ok_or_else(|| garbage("holds no key"))?;
    let found = web_key.kty.as_ref().map(ToString::to_string).unwrap_or_default();
    if found != locator.key_type {
        let known = ["RSA", "RSA-HSM", "EC", "EC-HSM", "oct", "oct-HSM"].into_iter().find(|known| *known == found);
        return Err(Error::invalid(format!(
            "key_type: the key in the vault is {}, not {}",
            known.unwrap_or("of another type"),
            locator.key_type
        )));
    }
    let public_key = if found.starts_with("RSA") { rsa(web_key)? } else { ec(web_key)? };
    let key_type = key_type_of(&public_key)?;
    if matches!(key_type, KeyType::Rsa { bits } if !RSA_BITS.contains(&bits)) {
        return Err(Error::Unsupported("RSA keys of fewer than 2048 or more than 8192 bits".into()));
    }
    let operations = web_key.key_ops.as_deref().unwrap_or_default();
    let schemes = if operations.iter().any(|operation| operation == "sign") { schemes(key_type) } else { Vec::new() };
    Ok(Description::pair(public_key, key_type, schemes).of_version(Some(version_of(key, locator)?)))
}

/// The version that a key of this name says it is.
fn version_of(key: &Key, locator: &AzureKeyVaultLocator) -> Result<String, Error> {
    let id = key.resource_id().map_err(|_| garbage("names no key"))?;
    if !id.name.eq_ignore_ascii_case(&locator.key_name) {
        return Err(garbage("is another key"));
    }
    version(id.version).ok_or_else(|| garbage("names no version"))
}

/// A version as it may become part of a URL.
pub(crate) fn version(text: Option<String>) -> Option<String> {
    text.filter(|text| (1..=VERSION_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Why a key may not be used now, if so.
pub(crate) fn state(key: &Key, now: i64) -> Option<&'static str> {
    let attributes = key.attributes.as_ref()?;
    let passed = |time: Option<azure_core::time::OffsetDateTime>| time.map(|time| time.unix_timestamp() <= now);
    if attributes.enabled == Some(false) {
        Some("disabled")
    } else if passed(attributes.expires) == Some(true) {
        Some("expired")
    } else if passed(attributes.not_before) == Some(false) {
        Some("not valid yet")
    } else {
        None
    }
}

fn rsa(key: &JsonWebKey) -> Result<Vec<u8>, Error> {
    match (&key.n, &key.e) {
        (Some(modulus), Some(exponent)) => spki::rsa(modulus, exponent),
        _ => Err(garbage("lacks its modulus or exponent")),
    }
}

fn ec(key: &JsonWebKey) -> Result<Vec<u8>, Error> {
    let curve = match key.crv.as_ref() {
        Some(CurveName::P256) => Curve::P256,
        Some(CurveName::P384) => Curve::P384,
        Some(CurveName::P521) => Curve::P521,
        _ => return Err(Error::Unsupported("this elliptic curve; use P-256, P-384 or P-521".into())),
    };
    let mut point = vec![4];
    for coordinate in [&key.x, &key.y] {
        let bytes = coordinate.as_deref().unwrap_or_default();
        // A service may leave leading zeros out.
        let padding =
            curve.field_len().checked_sub(bytes.len()).ok_or_else(|| garbage("has a point that is too long"))?;
        point.extend(std::iter::repeat_n(0, padding));
        point.extend_from_slice(bytes);
    }
    spki::ec(curve, &point)
}

fn schemes(key_type: KeyType) -> Vec<Scheme> {
    match key_type {
        KeyType::Rsa { .. } => HASHES.map(Scheme::Pkcs1v15).into_iter().chain(HASHES.map(Scheme::Pss)).collect(),
        // The hash is part of the algorithm's name (RFC 7518 section 3.4).
        KeyType::Ec(curve) => vec![Scheme::Ecdsa(curve.usual_hash())],
        KeyType::Ed25519 | KeyType::Aes { .. } | KeyType::Hmac { .. } => Vec::new(),
    }
}

/// The name of a scheme, and the digest. Refuses what no key of this type can do.
pub(crate) fn signature(
    locator: &AzureKeyVaultLocator,
    request: SignRequest<'_>,
) -> Result<(SignatureAlgorithm, Vec<u8>), Error> {
    use SignatureAlgorithm::{Es256, Es384, Es512, Ps256, Ps384, Ps512, Rs256, Rs384, Rs512};
    let rsa = locator.key_type.starts_with("RSA");
    let algorithm = match request.scheme {
        Scheme::Pkcs1v15(Hash::Sha256) if rsa => Rs256,
        Scheme::Pkcs1v15(Hash::Sha384) if rsa => Rs384,
        Scheme::Pkcs1v15(Hash::Sha512) if rsa => Rs512,
        Scheme::Pss(Hash::Sha256) if rsa => Ps256,
        Scheme::Pss(Hash::Sha384) if rsa => Ps384,
        Scheme::Pss(Hash::Sha512) if rsa => Ps512,
        Scheme::Ecdsa(Hash::Sha256) if !rsa => Es256,
        Scheme::Ecdsa(Hash::Sha384) if !rsa => Es384,
        Scheme::Ecdsa(Hash::Sha512) if !rsa => Es512,
        scheme => {
            let able = if rsa { schemes(KeyType::Rsa { bits: 2048 }) } else { HASHES.map(Scheme::Ecdsa).to_vec() };
            return Err(Error::UnsupportedScheme { scheme, able });
        }
    };
    request.scheme.check(request.input)?;
    match request.input {
        Input::Digest(digest) => Ok((algorithm, digest.to_vec())),
        Input::Message(_) => Err(Error::Internal("a message at the driver of vaults, which sends digests".into())),
    }
}

/// The signature as the model has it: of ECDSA, SEQUENCE { r, s } for the two halves that a vault gives.
pub(crate) fn finish(scheme: Scheme, raw: Vec<u8>) -> Result<Vec<u8>, Error> {
    let curve = match scheme {
        Scheme::Ecdsa(hash) => Curve::ALL.into_iter().find(|curve| curve.usual_hash() == hash),
        _ => return Ok(raw),
    };
    let len = curve.map(Curve::field_len).filter(|len| raw.len() == 2 * len);
    let (r, s) = raw.split_at(len.ok_or_else(|| garbage("is a signature of a wrong length"))?);
    let numbers = [UintRef::new(r), UintRef::new(s)].into_iter().collect::<Result<Vec<_>, _>>();
    numbers.and_then(|numbers| numbers.to_der()).map_err(|_| garbage("is no signature"))
}

/// The name of OAEP with this hash.
pub(crate) fn oaep(hash: Hash) -> Result<EncryptionAlgorithm, Error> {
    match hash {
        Hash::Sha1 => Ok(EncryptionAlgorithm::RsaOaep),
        Hash::Sha256 => Ok(EncryptionAlgorithm::RsaOaep256),
        other => Err(Error::Unsupported(format!("decrypting with {} in a vault; use sha2-256", other.name()))),
    }
}

pub(crate) fn garbage(what: &str) -> Error {
    Error::Internal(format!("the vault's answer {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_halves_of_a_signature_become_numbers() {
        let mut raw = vec![0; 64];
        (raw[31], raw[32]) = (1, 0x80);
        let der = finish(Scheme::Ecdsa(Hash::Sha256), raw).unwrap();
        assert_eq!(&der[..7], [0x30, 0x26, 2, 1, 1, 2, 33], "{der:x?}");
        assert!(finish(Scheme::Ecdsa(Hash::Sha384), vec![1; 64]).is_err());
    }

    #[test]
    fn a_version_that_is_no_word_is_none() {
        assert_eq!(version(Some("0a".into())).as_deref(), Some("0a"));
        for bad in ["", "a/b", "..", "a?b"] {
            assert_eq!(version(Some(bad.into())), None, "{bad:?}");
        }
    }
}
