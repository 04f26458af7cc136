//! The words of AWS for what keys are and sign.

use aws_sdk_kms::types::{
    EncryptionAlgorithmSpec, KeyMetadata, KeySpec, KeyUsageType, MacAlgorithmSpec, SigningAlgorithmSpec,
};
use keys::registry::{AwsKmsKeyType, AwsKmsLocator};
use keys::{Curve, Description, Error, Hash, KeyType, Material, Scheme, Sealing};
use zeroize::Zeroizing;

/// Every scheme and its name, most usual first.
fn table() -> [(Scheme, SigningAlgorithmSpec); 10] {
    [
        (Scheme::Ecdsa(Hash::Sha256), SigningAlgorithmSpec::EcdsaSha256),
        (Scheme::Ecdsa(Hash::Sha384), SigningAlgorithmSpec::EcdsaSha384),
        (Scheme::Ecdsa(Hash::Sha512), SigningAlgorithmSpec::EcdsaSha512),
        (Scheme::Ed25519, SigningAlgorithmSpec::Ed25519Sha512),
        (Scheme::Pkcs1v15(Hash::Sha256), SigningAlgorithmSpec::RsassaPkcs1V15Sha256),
        (Scheme::Pkcs1v15(Hash::Sha384), SigningAlgorithmSpec::RsassaPkcs1V15Sha384),
        (Scheme::Pkcs1v15(Hash::Sha512), SigningAlgorithmSpec::RsassaPkcs1V15Sha512),
        (Scheme::Pss(Hash::Sha256), SigningAlgorithmSpec::RsassaPssSha256),
        (Scheme::Pss(Hash::Sha384), SigningAlgorithmSpec::RsassaPssSha384),
        (Scheme::Pss(Hash::Sha512), SigningAlgorithmSpec::RsassaPssSha512),
    ]
}

/// The name of a scheme.
pub(crate) fn name_of(scheme: Scheme) -> Result<SigningAlgorithmSpec, Error> {
    let found = table().into_iter().find(|(known, _)| *known == scheme);
    found.map(|(_, name)| name).ok_or_else(|| Error::Unsupported(format!("AWS KMS cannot sign {scheme}")))
}

/// The schemes that a key of this type has by these names. Names that are not known here are left out, and so are those
/// of another sort of key and, for a curve, those with another hash than its own: AWS has none.
pub(crate) fn schemes(key_type: KeyType, names: &[SigningAlgorithmSpec]) -> Vec<Scheme> {
    let fits = |scheme: Scheme| match (key_type, scheme) {
        (KeyType::Rsa { .. }, Scheme::Pkcs1v15(_) | Scheme::Pss(_)) => true,
        (KeyType::Ec(curve), Scheme::Ecdsa(hash)) => hash == curve.usual_hash(),
        (KeyType::Ed25519, Scheme::Ed25519) => true,
        _ => false,
    };
    let known = table().into_iter().filter(|(scheme, name)| fits(*scheme) && names.contains(name));
    known.map(|(scheme, _)| scheme).collect()
}

/// Refuses a scheme that no key of the record's type and curve has. What else a key cannot sign, AWS refuses.
pub(crate) fn check_scheme(locator: &AwsKmsLocator, scheme: Scheme) -> Result<(), Error> {
    let able = match (locator.key_type, locator.curve, scheme) {
        (AwsKmsKeyType::Rsa, _, Scheme::Pkcs1v15(_) | Scheme::Pss(_)) => true,
        (AwsKmsKeyType::Ecdsa, Some(curve), Scheme::Ecdsa(hash)) => hash == curve.usual_hash(),
        (AwsKmsKeyType::Ecdsa, None, Scheme::Ecdsa(_) | Scheme::Ed25519) => true,
        _ => false,
    };
    if able { Ok(()) } else { Err(Error::Unsupported(format!("the key in AWS KMS cannot sign {scheme}"))) }
}

/// What is to be made.
pub(crate) fn key_spec(locator: &AwsKmsLocator) -> Result<KeySpec, Error> {
    match (locator.key_type, locator.key_bits, locator.curve) {
        (AwsKmsKeyType::Rsa, Some(2048), _) => Ok(KeySpec::Rsa2048),
        (AwsKmsKeyType::Rsa, Some(3072), _) => Ok(KeySpec::Rsa3072),
        (AwsKmsKeyType::Rsa, Some(4096), _) => Ok(KeySpec::Rsa4096),
        (AwsKmsKeyType::Rsa, ..) => Err(Error::invalid("key_bits: is required to make an RSA key: 2048, 3072 or 4096")),
        (AwsKmsKeyType::Ecdsa, _, Some(Curve::P256)) => Ok(KeySpec::EccNistP256),
        (AwsKmsKeyType::Ecdsa, _, Some(Curve::P384)) => Ok(KeySpec::EccNistP384),
        (AwsKmsKeyType::Ecdsa, _, Some(Curve::P521)) => Ok(KeySpec::EccNistP521),
        (AwsKmsKeyType::Ecdsa, _, None) => {
            Err(Error::invalid("curve: is required to make an ECDSA key: P256, P384 or P521"))
        }
        (AwsKmsKeyType::Aes, ..) => Ok(KeySpec::SymmetricDefault),
        (AwsKmsKeyType::Hmac, Some(256), _) => Ok(KeySpec::Hmac256),
        (AwsKmsKeyType::Hmac, Some(384), _) => Ok(KeySpec::Hmac384),
        (AwsKmsKeyType::Hmac, Some(512), _) => Ok(KeySpec::Hmac512),
        (AwsKmsKeyType::Hmac, ..) => Err(Error::invalid("key_bits: is required to make an HMAC key: 256, 384 or 512")),
    }
}

/// What a key that is made is for, for ever.
pub(crate) fn key_usage(locator: &AwsKmsLocator) -> KeyUsageType {
    match locator.key_type {
        AwsKmsKeyType::Rsa if locator.decrypts => KeyUsageType::EncryptDecrypt,
        AwsKmsKeyType::Rsa | AwsKmsKeyType::Ecdsa => KeyUsageType::SignVerify,
        AwsKmsKeyType::Aes => KeyUsageType::EncryptDecrypt,
        AwsKmsKeyType::Hmac => KeyUsageType::GenerateVerifyMac,
    }
}

/// Whether the record's key is a symmetric one.
pub(crate) const fn is_symmetric(locator: &AwsKmsLocator) -> bool {
    matches!(locator.key_type, AwsKmsKeyType::Aes | AwsKmsKeyType::Hmac)
}

/// What a symmetric key is, by what AWS says of it.
pub(crate) fn symmetric(key: &KeyMetadata) -> Result<Description, Error> {
    let mac = |bits, hash| Ok(Description::symmetric(KeyType::Hmac { bits }, Vec::new(), vec![hash]));
    match &key.key_spec {
        Some(KeySpec::SymmetricDefault) => {
            Ok(Description::symmetric(KeyType::Aes { bits: 256 }, vec![Sealing::Home], Vec::new()))
        }
        Some(KeySpec::Hmac256) => mac(256, Hash::Sha256),
        Some(KeySpec::Hmac384) => mac(384, Hash::Sha384),
        Some(KeySpec::Hmac512) => mac(512, Hash::Sha512),
        Some(KeySpec::Hmac224) => Err(Error::Unsupported("HMAC_224 keys; use HMAC_256, 384 or 512".into())),
        _ => Err(Error::invalid("key_type: the key in AWS KMS is a key pair; use RSA or ECDSA")),
    }
}

/// What of a key from outside is handed over.
pub(crate) fn material(locator: &AwsKmsLocator, given: &Material) -> Result<Zeroizing<Vec<u8>>, Error> {
    let bits = u32::try_from(given.bytes.len() * 8).unwrap_or(u32::MAX);
    match (locator.key_type, given.key_type) {
        (AwsKmsKeyType::Rsa, _) => Err(Error::Unsupported("storing RSA keys in AWS KMS".into())),
        (AwsKmsKeyType::Ecdsa, Some(key_type @ KeyType::Ec(_))) => {
            check(locator, key_type)?;
            Ok(given.bytes.clone())
        }
        (AwsKmsKeyType::Ecdsa, _) => Err(Error::invalid("private_key: must be a key on the record's curve")),
        (AwsKmsKeyType::Aes, None) if bits == 256 => Ok(given.bytes.clone()),
        (AwsKmsKeyType::Aes, _) => Err(Error::invalid("secret_key: must be an AES key of 32 bytes")),
        (AwsKmsKeyType::Hmac, None) if locator.key_bits == Some(bits) => Ok(given.bytes.clone()),
        (AwsKmsKeyType::Hmac, _) => Err(Error::invalid("secret_key: must have as many bits as key_bits says")),
    }
}

/// The name of HMAC with this hash.
pub(crate) fn mac(hash: Hash) -> Result<MacAlgorithmSpec, Error> {
    match hash {
        Hash::Sha256 => Ok(MacAlgorithmSpec::HmacSha256),
        Hash::Sha384 => Ok(MacAlgorithmSpec::HmacSha384),
        Hash::Sha512 => Ok(MacAlgorithmSpec::HmacSha512),
        other => Err(Error::Unsupported(format!("HMAC with {} in AWS KMS", other.name()))),
    }
}

/// Whether two names are of one key: its id or its ARN.
pub(crate) fn is_same_key(one: &str, other: &str) -> bool {
    let id = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    id(one) == id(other)
}

/// Refuses a key that is not what its record says.
pub(crate) fn check(locator: &AwsKmsLocator, key_type: KeyType) -> Result<(), Error> {
    let wrong = |field: &str| Err(Error::invalid(format!("{field}: is not what the key in AWS KMS is: {key_type}")));
    match (locator.key_type, key_type) {
        (AwsKmsKeyType::Rsa, KeyType::Rsa { bits }) if locator.key_bits.is_some_and(|said| said != bits) => {
            wrong("key_bits")
        }
        (AwsKmsKeyType::Ecdsa, KeyType::Ec(curve)) if locator.curve.is_some_and(|said| said != curve) => wrong("curve"),
        (AwsKmsKeyType::Ecdsa, KeyType::Ed25519) if locator.curve.is_some() => wrong("curve"),
        (AwsKmsKeyType::Rsa, KeyType::Rsa { .. }) => Ok(()),
        (AwsKmsKeyType::Ecdsa, KeyType::Ec(_) | KeyType::Ed25519) => Ok(()),
        (AwsKmsKeyType::Hmac, KeyType::Hmac { bits }) if locator.key_bits.is_some_and(|said| said != bits) => {
            wrong("key_bits")
        }
        (AwsKmsKeyType::Aes, KeyType::Aes { .. }) | (AwsKmsKeyType::Hmac, KeyType::Hmac { .. }) => Ok(()),
        _ => wrong("key_type"),
    }
}

/// The name of OAEP with this hash.
pub(crate) fn oaep(hash: Hash) -> Result<EncryptionAlgorithmSpec, Error> {
    match hash {
        Hash::Sha1 => Ok(EncryptionAlgorithmSpec::RsaesOaepSha1),
        Hash::Sha256 => Ok(EncryptionAlgorithmSpec::RsaesOaepSha256),
        other => {
            Err(Error::Unsupported(format!("AWS KMS decrypts RSA-OAEP with sha1 and sha2-256, not {}", other.name())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lists_what_it_says_and_what_fits_its_type() {
        let all: Vec<_> = table().into_iter().map(|(_, name)| name).collect();
        assert_eq!(schemes(KeyType::Ec(Curve::P384), &all), [Scheme::Ecdsa(Hash::Sha384)]);
        assert_eq!(schemes(KeyType::Ec(Curve::P384), &[SigningAlgorithmSpec::EcdsaSha256]), []);
        assert_eq!(schemes(KeyType::Rsa { bits: 2048 }, &all).len(), 6);
        assert_eq!(schemes(KeyType::Ed25519, &all), [Scheme::Ed25519]);
        let unknown = [SigningAlgorithmSpec::from("RSASSA_PSS_SHA3_256"), SigningAlgorithmSpec::RsassaPssSha512];
        assert_eq!(schemes(KeyType::Rsa { bits: 2048 }, &unknown), [Scheme::Pss(Hash::Sha512)]);
    }
}
