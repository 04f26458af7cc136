//! How X.509 names signature algorithms (RFC 4055, RFC 5758, RFC 8410).

use der::asn1::Any;
use der::{Decode, Encode, Sequence};
use innkeeper_guest::Fault;
use innkeeper_guest::keys::{Hash, Scheme};
use spki::{AlgorithmIdentifierOwned, ObjectIdentifier};

const SHA1_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.5");
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");
const SHA384_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.12");
const SHA512_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.13");
const MGF1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.8");
const RSASSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");
const ECDSA_WITH_SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.2");
const ECDSA_WITH_SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.3");
const ECDSA_WITH_SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.4.3.4");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const SHA384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
const SHA512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

/// `RSASSA-PSS-params` (RFC 4055 section 3.1) with every field written but the trailer, whose default is the only
/// value there is.
#[derive(Sequence)]
struct PssParameters {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT")]
    hash: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT")]
    mask: AlgorithmIdentifierOwned,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT")]
    salt: u32,
}

/// Whether two schemes are the same.
pub fn same(one: &Scheme, other: &Scheme) -> bool {
    match (one, other) {
        (Scheme::Pkcs1v15(a), Scheme::Pkcs1v15(b))
        | (Scheme::Pss(a), Scheme::Pss(b))
        | (Scheme::Ecdsa(a), Scheme::Ecdsa(b)) => a == b,
        (Scheme::Ed25519, Scheme::Ed25519) => true,
        _ => false,
    }
}

/// The AlgorithmIdentifier of a scheme: NULL parameters for PKCS #1 v1.5 (RFC 4055 section 5), none for ECDSA
/// (RFC 5758 section 3.2) and Ed25519 (RFC 8410 section 3).
pub fn identifier(scheme: Scheme) -> Result<AlgorithmIdentifierOwned, Fault> {
    let oid = match scheme {
        Scheme::Pkcs1v15(Hash::Sha256) => SHA256_WITH_RSA,
        Scheme::Pkcs1v15(Hash::Sha384) => SHA384_WITH_RSA,
        Scheme::Pkcs1v15(Hash::Sha512) => SHA512_WITH_RSA,
        Scheme::Ecdsa(Hash::Sha256) => ECDSA_WITH_SHA256,
        Scheme::Ecdsa(Hash::Sha384) => ECDSA_WITH_SHA384,
        Scheme::Ecdsa(Hash::Sha512) => ECDSA_WITH_SHA512,
        Scheme::Ed25519 => ED25519,
        Scheme::Pss(hash) => return pss(hash),
        Scheme::Pkcs1v15(_) | Scheme::Ecdsa(_) => return Err(unnamed()),
    };
    let parameters = matches!(scheme, Scheme::Pkcs1v15(_)).then(Any::null);
    Ok(AlgorithmIdentifierOwned { oid, parameters })
}

fn pss(hash: Hash) -> Result<AlgorithmIdentifierOwned, Fault> {
    let (oid, salt) = match hash {
        Hash::Sha256 => (SHA256, 32),
        Hash::Sha384 => (SHA384, 48),
        Hash::Sha512 => (SHA512, 64),
        _ => return Err(unnamed()),
    };
    let hash = AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) };
    let mask = AlgorithmIdentifierOwned { oid: MGF1, parameters: Some(Any::encode_from(&hash).map_err(unencoded)?) };
    let parameters = Any::encode_from(&PssParameters { hash, mask, salt }).map_err(unencoded)?;
    Ok(AlgorithmIdentifierOwned { oid: RSASSA_PSS, parameters: Some(parameters) })
}

fn unnamed() -> Fault {
    Fault::invalid("the hash function is not supported in certificates: SHA-256, SHA-384 or SHA-512")
}

/// The scheme that an AlgorithmIdentifier names, to verify what somebody else signed.
pub fn scheme(identifier: &AlgorithmIdentifierOwned) -> Option<Scheme> {
    Some(match identifier.oid {
        SHA1_WITH_RSA => Scheme::Pkcs1v15(Hash::Sha1),
        SHA256_WITH_RSA => Scheme::Pkcs1v15(Hash::Sha256),
        SHA384_WITH_RSA => Scheme::Pkcs1v15(Hash::Sha384),
        SHA512_WITH_RSA => Scheme::Pkcs1v15(Hash::Sha512),
        ECDSA_WITH_SHA256 => Scheme::Ecdsa(Hash::Sha256),
        ECDSA_WITH_SHA384 => Scheme::Ecdsa(Hash::Sha384),
        ECDSA_WITH_SHA512 => Scheme::Ecdsa(Hash::Sha512),
        ED25519 => Scheme::Ed25519,
        RSASSA_PSS => {
            let bytes = identifier.parameters.as_ref()?.to_der().ok()?;
            // Only the hash is looked at: with another mask or salt the signature will not verify.
            let hash = PssParameters::from_der(&bytes).ok()?.hash.oid;
            Scheme::Pss(match hash {
                SHA256 => Hash::Sha256,
                SHA384 => Hash::Sha384,
                SHA512 => Hash::Sha512,
                _ => return None,
            })
        }
        _ => return None,
    })
}

/// The names of the reference for the algorithms, as `revocation_signature_algorithm` takes and shows them.
const NAMES: [(&str, Scheme); 10] = [
    ("SHA256WithRSA", Scheme::Pkcs1v15(Hash::Sha256)),
    ("SHA384WithRSA", Scheme::Pkcs1v15(Hash::Sha384)),
    ("SHA512WithRSA", Scheme::Pkcs1v15(Hash::Sha512)),
    ("SHA256WithRSAPSS", Scheme::Pss(Hash::Sha256)),
    ("SHA384WithRSAPSS", Scheme::Pss(Hash::Sha384)),
    ("SHA512WithRSAPSS", Scheme::Pss(Hash::Sha512)),
    ("ECDSAWithSHA256", Scheme::Ecdsa(Hash::Sha256)),
    ("ECDSAWithSHA384", Scheme::Ecdsa(Hash::Sha384)),
    ("ECDSAWithSHA512", Scheme::Ecdsa(Hash::Sha512)),
    ("Ed25519", Scheme::Ed25519),
];

/// `SHA256WithRSA` and so on; empty for what has no name.
pub fn label(scheme: Scheme) -> &'static str {
    NAMES.iter().find(|(_, other)| same(&scheme, other)).map_or("", |(name, _)| name)
}

/// The scheme with this name, in any case.
pub fn from_label(name: &str) -> Option<Scheme> {
    let plain: String = name.chars().filter(|c| *c != '-').collect();
    NAMES.iter().find(|(other, _)| other.eq_ignore_ascii_case(&plain)).map(|(_, scheme)| *scheme)
}

fn unencoded(error: der::Error) -> Fault {
    Fault::internal(format!("DER: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex_of(scheme: Scheme) -> String {
        hex::encode(identifier(scheme).unwrap().to_der().unwrap())
    }

    #[test]
    fn identifiers_are_those_that_openssl_writes() {
        assert_eq!(hex_of(Scheme::Pkcs1v15(Hash::Sha256)), "300d06092a864886f70d01010b0500");
        assert_eq!(hex_of(Scheme::Ecdsa(Hash::Sha384)), "300a06082a8648ce3d040303");
        assert_eq!(hex_of(Scheme::Ed25519), "300506032b6570");
        assert_eq!(
            hex_of(Scheme::Pss(Hash::Sha256)),
            "304106092a864886f70d01010a3034a00f300d06096086480165030402010500\
             a11c301a06092a864886f70d010108300d06096086480165030402010500a203020120"
        );
    }

    #[test]
    fn a_pss_identifier_is_read_back() {
        let identifier = identifier(Scheme::Pss(Hash::Sha512)).unwrap();
        assert!(matches!(scheme(&identifier), Some(Scheme::Pss(Hash::Sha512))));
    }

    #[test]
    fn labels_are_read_in_any_case() {
        assert_eq!(from_label("sha256-rsa").map(label), None);
        assert_eq!(from_label("ecdsawithsha384").map(label), Some("ECDSAWithSHA384"));
    }
}
