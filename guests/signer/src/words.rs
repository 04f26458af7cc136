//! The words of the API for schemes and hashes.

use innkeeper_guest::keys::{Hash, Key, KeyType, Scheme, Sealing};
use innkeeper_guest::prelude::*;

use crate::bytes;

/// Every hash and its name.
const HASHES: [(&str, Hash); 9] = [
    ("sha1", Hash::Sha1),
    ("sha2-224", Hash::Sha224),
    ("sha2-256", Hash::Sha256),
    ("sha2-384", Hash::Sha384),
    ("sha2-512", Hash::Sha512),
    ("sha3-224", Hash::Sha3224),
    ("sha3-256", Hash::Sha3256),
    ("sha3-384", Hash::Sha3384),
    ("sha3-512", Hash::Sha3512),
];

/// Every way of sealing and its name.
const SEALINGS: [(&str, Sealing); 4] = [
    ("aes-gcm", Sealing::AesGcm),
    ("aes-cbc-pad", Sealing::AesCbcPad),
    ("aes-cbc", Sealing::AesCbc),
    ("home", Sealing::Home),
];

pub(crate) fn sealing_name(sealing: Sealing) -> &'static str {
    SEALINGS.iter().find(|(_, known)| *known == sealing).map_or("", |(name, _)| name)
}

/// The way of sealing that a request names, else the key's usual one.
pub(crate) fn sealing(key: &Key, name: &str) -> Result<Sealing, Fault> {
    let able = key.sealings()?;
    if able.is_empty() {
        return Err(Fault::invalid("the key neither encrypts nor decrypts: it is no RSA or AES key"));
    }
    let names = || able.iter().copied().map(sealing_name).collect::<Vec<_>>().join(", ");
    let wanted = |sealing: &&Sealing| name.is_empty() || sealing_name(**sealing) == name;
    able.iter().find(wanted).copied().ok_or_else(|| Fault::invalid(format!("sealing: this key seals with {}", names())))
}

/// The hash of a code: the one that a request names, else the key's usual one.
pub(crate) fn mac_hash(key: &Key, name: &str) -> Result<Hash, Fault> {
    if !name.is_empty() {
        return hash(name);
    }
    let able = key.macs()?;
    able.first().copied().ok_or_else(|| Fault::invalid("the key makes no message authentication codes"))
}

/// The hash of OAEP: the one that a request names, else that of the key's record, else SHA-256.
pub(crate) fn oaep_hash(key: &Key, name: &str) -> Result<Hash, Fault> {
    if name.is_empty() { Ok(key.oaep_hash().unwrap_or(Hash::Sha256)) } else { hash(name) }
}

/// What is to be signed.
pub(crate) enum Input {
    Message(Vec<u8>),
    Digest(Vec<u8>),
}

impl Input {
    /// One of the two must be there.
    pub(crate) fn read(message: Option<String>, digest: Option<String>) -> Result<Self, Fault> {
        match (message, digest) {
            (Some(message), None) => Ok(Self::Message(bytes("input", &message)?)),
            (None, Some(digest)) => Ok(Self::Digest(bytes("digest", &digest)?)),
            _ => Err(Fault::invalid("input or digest: give one of them")),
        }
    }
}

/// Reads the name of a hash.
pub(crate) fn hash(name: &str) -> Result<Hash, Fault> {
    let found = HASHES.iter().find(|(known, _)| *known == name).map(|(_, hash)| *hash);
    found.ok_or_else(|| {
        let names: Vec<&str> = HASHES.iter().map(|(name, _)| *name).collect();
        Fault::invalid(format!("hash_algorithm: is not a known hash; use one of {}", names.join(", ")))
    })
}

pub(crate) fn hash_name(hash: Hash) -> &'static str {
    HASHES.iter().find(|(_, known)| *known == hash).map_or("", |(name, _)| name)
}

/// The name of a scheme's hash; Ed25519 has its own.
pub(crate) fn hash_of(scheme: Scheme) -> &'static str {
    match scheme {
        Scheme::Pkcs1v15(hash) | Scheme::Pss(hash) | Scheme::Ecdsa(hash) => hash_name(hash),
        Scheme::Ed25519 => "",
    }
}

/// The name of a scheme: `pss/sha2-256` and its like.
pub(crate) fn name(scheme: Scheme) -> String {
    match scheme {
        Scheme::Pkcs1v15(hash) => format!("pkcs1v15/{}", hash_name(hash)),
        Scheme::Pss(hash) => format!("pss/{}", hash_name(hash)),
        Scheme::Ecdsa(hash) => format!("ecdsa/{}", hash_name(hash)),
        Scheme::Ed25519 => "ed25519".to_owned(),
    }
}

/// The scheme that a request wants; what it leaves open is as the key usually has it.
pub(crate) fn scheme(key: &Key, hash_name: &str, padding: &str) -> Result<Scheme, Fault> {
    let able = key.schemes()?;
    let fits_padding = |scheme: &Scheme| match padding {
        "" => true,
        "pss" => matches!(scheme, Scheme::Pss(_)),
        _ => matches!(scheme, Scheme::Pkcs1v15(_)),
    };
    if !["", "pss", "pkcs1v15"].contains(&padding) {
        return Err(Fault::invalid("signature_algorithm: use pss or pkcs1v15"));
    }
    let is_rsa = matches!(key.key_type()?, KeyType::Rsa(_));
    if !padding.is_empty() && !is_rsa {
        return Err(Fault::invalid("signature_algorithm: is for RSA keys only"));
    }
    if !hash_name.is_empty() {
        hash(hash_name)?;
    }
    let wanted = |scheme: &&Scheme| {
        fits_padding(scheme)
            && (hash_name.is_empty() || matches!(scheme, Scheme::Ed25519) || hash_of(**scheme) == hash_name)
    };
    able.iter().find(wanted).copied().ok_or_else(|| {
        let names: Vec<String> = able.iter().copied().map(name).collect();
        Fault::invalid(format!("the key cannot sign so; it can sign {}", names.join(", ")))
    })
}
