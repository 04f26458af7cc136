//! Symmetric keys: what a configured CKM_ number means for sealing and authenticating.

use cryptoki::mechanism::Mechanism;
use keys::registry::Pkcs11Locator;
use keys::{AES_BITS, Error, HMAC_BITS, HMAC_HASHES, Hash, KeyType, Sealing};

use crate::mechanism::Plan;

/// CKM_AES_CBC (PKCS#11 3.1 section 6.10.5).
const AES_CBC: u64 = 0x1082;
/// CKM_AES_CBC_PAD (section 6.10.6).
const AES_CBC_PAD: u64 = 0x1085;
/// CKM_AES_GCM (section 6.13.2).
const AES_GCM: u64 = 0x1087;
/// CKM_SHA256_HMAC (section 6.20.3) and its like.
const SHA256_HMAC: u64 = 0x251;
const SHA384_HMAC: u64 = 0x261;
const SHA512_HMAC: u64 = 0x271;

/// Whether keys of this mechanism are secret keys, and not pairs.
pub(crate) const fn is_symmetric(mechanism: u64) -> bool {
    sealing(mechanism).is_some() || hash(mechanism).is_some()
}

const fn sealing(mechanism: u64) -> Option<Sealing> {
    match mechanism {
        AES_GCM => Some(Sealing::AesGcm),
        AES_CBC_PAD => Some(Sealing::AesCbcPad),
        AES_CBC => Some(Sealing::AesCbc),
        _ => None,
    }
}

const fn hash(mechanism: u64) -> Option<Hash> {
    match mechanism {
        SHA256_HMAC => Some(Hash::Sha256),
        SHA384_HMAC => Some(Hash::Sha384),
        SHA512_HMAC => Some(Hash::Sha512),
        _ => None,
    }
}

/// Refuses a way of sealing that the key is not configured for, before the token is asked.
pub(crate) fn can_seal(key: &Pkcs11Locator, wanted: Sealing) -> Result<(), Error> {
    match key.mechanism {
        None if wanted == Sealing::AesGcm => Ok(()),
        Some(mechanism) if sealing(mechanism) == Some(wanted) => Ok(()),
        _ => Err(unfit(wanted.name(), key)),
    }
}

/// The same of HMAC with a hash.
pub(crate) fn can_mac(key: &Pkcs11Locator, wanted: Hash) -> Result<(), Error> {
    match key.mechanism {
        None if HMAC_HASHES.contains(&wanted) => Ok(()),
        Some(mechanism) if hash(mechanism) == Some(wanted) => Ok(()),
        _ => Err(unfit(&format!("HMAC with {}", wanted.name()), key)),
    }
}

fn unfit(what: &str, key: &Pkcs11Locator) -> Error {
    let mechanism =
        key.mechanism.map_or_else(|| "the key's type".to_owned(), |number| format!("mechanism {number:#x}"));
    Error::Unsupported(format!("{what} with a key of {mechanism}"))
}

/// What a symmetric key can do. The configured mechanism decides; where there is none, an AES key seals with AES-GCM and
/// any other authenticates with every hash.
pub(crate) fn abilities(mechanism: Option<u64>, key_type: KeyType) -> Result<(Vec<Sealing>, Vec<Hash>), Error> {
    let (sealing, hash) = (mechanism.and_then(sealing), mechanism.and_then(hash));
    match (mechanism, key_type) {
        (None, KeyType::Aes { .. }) => Ok((vec![Sealing::AesGcm], Vec::new())),
        (None, KeyType::Hmac { .. }) => Ok((Vec::new(), HMAC_HASHES.to_vec())),
        (Some(_), KeyType::Aes { .. }) if hash.is_none() => Ok((sealing.into_iter().collect(), Vec::new())),
        (Some(_), KeyType::Hmac { .. }) if sealing.is_none() => Ok((Vec::new(), hash.into_iter().collect())),
        (Some(mechanism), other) => Err(Error::invalid(format!(
            "mechanism: {mechanism:#x} is not for {other} keys, and the token's key is one"
        ))),
        (None, other) => Err(Error::Internal(format!("{other} is no symmetric key"))),
    }
}

/// What to make for a record, or why nothing can be made.
pub(crate) fn generation(key: &Pkcs11Locator) -> Result<Plan, Error> {
    let mechanism = key.mechanism.unwrap_or_default();
    let (known, plan): (&[u32], fn(u32) -> Plan) = match sealing(mechanism) {
        Some(_) => (&AES_BITS, |bits| Plan::Aes { bits }),
        None => (&HMAC_BITS, |bits| Plan::Hmac { bits }),
    };
    match key.key_bits.filter(|bits| known.contains(bits)) {
        Some(bits) => Ok(plan(bits)),
        None => {
            let known: Vec<String> = known.iter().map(u32::to_string).collect();
            let known = known.join(", ");
            Err(Error::invalid(format!(
                "key_bits: is required to generate a key for mechanism {mechanism:#x}: one of {known}"
            )))
        }
    }
}

/// What a symmetric key of so many bytes, which is given, is for.
pub(crate) fn plan(key: &Pkcs11Locator, len: usize) -> Result<Plan, Error> {
    let Some(mechanism) = key.mechanism else {
        return Err(Error::invalid("mechanism: is required to store a symmetric key: it says what the key is for"));
    };
    let bits = u32::try_from(len * 8).unwrap_or(u32::MAX);
    match (sealing(mechanism), hash(mechanism)) {
        (Some(_), _) if AES_BITS.contains(&bits) => Ok(Plan::Aes { bits }),
        (Some(_), _) => Err(Error::invalid(format!("secret_key: an AES key has 16, 24 or 32 bytes, not {len}"))),
        (None, Some(_)) => Ok(Plan::Hmac { bits }),
        (None, None) => Err(Error::invalid(format!("secret_key: mechanism {mechanism:#x} is for key pairs"))),
    }
}

/// The mechanism of HMAC.
pub(crate) fn hmac(hash: Hash) -> Result<Mechanism<'static>, Error> {
    match hash {
        Hash::Sha256 => Ok(Mechanism::Sha256Hmac),
        Hash::Sha384 => Ok(Mechanism::Sha384Hmac),
        Hash::Sha512 => Ok(Mechanism::Sha512Hmac),
        other => Err(Error::Unsupported(format!("HMAC with {}", other.name()))),
    }
}
