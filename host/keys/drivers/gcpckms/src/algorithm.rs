//! The algorithms of versions: Cloud KMS's names for them, and what they are here.

use google_cloud_kms_v1::model::crypto_key::CryptoKeyPurpose;
use keys::{Curve, Description, Error, Hash, KeyType, Scheme, Sealing};

/// What a version does, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Power {
    /// It signs in this scheme.
    Sign(Scheme),
    /// It decrypts RSAES-OAEP with this hash.
    Decrypt(Hash),
    /// It seals and opens in the format of Cloud KMS.
    Seal,
    /// It authenticates with HMAC and this hash.
    Mac(Hash),
}

/// An algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    pub(crate) key_type: KeyType,
    pub(crate) power: Power,
}

const fn signs(name: &'static str, key_type: KeyType, scheme: Scheme) -> Algorithm {
    Algorithm { name, key_type, power: Power::Sign(scheme) }
}

const fn opens(name: &'static str, bits: u32, hash: Hash) -> Algorithm {
    Algorithm { name, key_type: KeyType::Rsa { bits }, power: Power::Decrypt(hash) }
}

/// A key of HMAC is as long as its hash.
const fn authenticates(name: &'static str, hash: Hash) -> Algorithm {
    #[expect(clippy::cast_possible_truncation, reason = "at most 64 bytes")]
    let bits = hash.len() as u32 * 8;
    Algorithm { name, key_type: KeyType::Hmac { bits }, power: Power::Mac(hash) }
}

const fn rsa(bits: u32) -> KeyType {
    KeyType::Rsa { bits }
}

const ALL: [Algorithm; 22] = [
    signs("EC_SIGN_P256_SHA256", KeyType::Ec(Curve::P256), Scheme::Ecdsa(Hash::Sha256)),
    signs("EC_SIGN_P384_SHA384", KeyType::Ec(Curve::P384), Scheme::Ecdsa(Hash::Sha384)),
    signs("EC_SIGN_ED25519", KeyType::Ed25519, Scheme::Ed25519),
    signs("RSA_SIGN_PSS_2048_SHA256", rsa(2048), Scheme::Pss(Hash::Sha256)),
    signs("RSA_SIGN_PSS_3072_SHA256", rsa(3072), Scheme::Pss(Hash::Sha256)),
    signs("RSA_SIGN_PSS_4096_SHA256", rsa(4096), Scheme::Pss(Hash::Sha256)),
    signs("RSA_SIGN_PSS_4096_SHA512", rsa(4096), Scheme::Pss(Hash::Sha512)),
    signs("RSA_SIGN_PKCS1_2048_SHA256", rsa(2048), Scheme::Pkcs1v15(Hash::Sha256)),
    signs("RSA_SIGN_PKCS1_3072_SHA256", rsa(3072), Scheme::Pkcs1v15(Hash::Sha256)),
    signs("RSA_SIGN_PKCS1_4096_SHA256", rsa(4096), Scheme::Pkcs1v15(Hash::Sha256)),
    signs("RSA_SIGN_PKCS1_4096_SHA512", rsa(4096), Scheme::Pkcs1v15(Hash::Sha512)),
    opens("RSA_DECRYPT_OAEP_2048_SHA256", 2048, Hash::Sha256),
    opens("RSA_DECRYPT_OAEP_3072_SHA256", 3072, Hash::Sha256),
    opens("RSA_DECRYPT_OAEP_4096_SHA256", 4096, Hash::Sha256),
    opens("RSA_DECRYPT_OAEP_4096_SHA512", 4096, Hash::Sha512),
    opens("RSA_DECRYPT_OAEP_2048_SHA1", 2048, Hash::Sha1),
    opens("RSA_DECRYPT_OAEP_3072_SHA1", 3072, Hash::Sha1),
    opens("RSA_DECRYPT_OAEP_4096_SHA1", 4096, Hash::Sha1),
    Algorithm { name: "GOOGLE_SYMMETRIC_ENCRYPTION", key_type: KeyType::Aes { bits: 256 }, power: Power::Seal },
    authenticates("HMAC_SHA256", Hash::Sha256),
    authenticates("HMAC_SHA384", Hash::Sha384),
    authenticates("HMAC_SHA512", Hash::Sha512),
];

impl Algorithm {
    /// The algorithm that a record names.
    pub(crate) fn of(name: &str) -> Result<Self, Error> {
        let found = ALL.into_iter().find(|algorithm| algorithm.name == name);
        found.ok_or_else(|| Error::invalid(format!("algorithm: {name:?} is not supported")))
    }

    /// The schemes that a key of it can sign.
    pub(crate) fn schemes(self) -> Vec<Scheme> {
        match self.power {
            Power::Sign(scheme) => vec![scheme],
            _ => Vec::new(),
        }
    }

    /// What a symmetric key of it is; `None` for key pairs.
    pub(crate) fn symmetric(self) -> Option<Description> {
        match self.power {
            Power::Seal => Some(Description::symmetric(self.key_type, vec![Sealing::Home], Vec::new())),
            Power::Mac(hash) => Some(Description::symmetric(self.key_type, Vec::new(), vec![hash])),
            Power::Sign(_) | Power::Decrypt(_) => None,
        }
    }

    /// What a key that is made is for.
    pub(crate) const fn purpose(self) -> CryptoKeyPurpose {
        match self.power {
            Power::Sign(_) => CryptoKeyPurpose::AsymmetricSign,
            Power::Decrypt(_) => CryptoKeyPurpose::AsymmetricDecrypt,
            Power::Seal => CryptoKeyPurpose::EncryptDecrypt,
            Power::Mac(_) => CryptoKeyPurpose::Mac,
        }
    }
}

#[cfg(test)]
mod tests {
    use google_cloud_kms_v1::model::crypto_key_version::CryptoKeyVersionAlgorithm;
    use keys::registry::GCPCKMS_ALGORITHMS;

    use super::*;

    #[test]
    fn every_algorithm_that_a_record_may_name_is_known_here_and_to_the_service() {
        assert_eq!(ALL.map(|algorithm| algorithm.name), GCPCKMS_ALGORITHMS);
        for algorithm in ALL {
            let sent = CryptoKeyVersionAlgorithm::from(algorithm.name);
            assert!(sent.value().is_some_and(|value| value > 0), "{}", algorithm.name);
        }
    }
}
