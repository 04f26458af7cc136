//! Public keys, in PEM or as JSON Web Keys.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use der::asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef};
use der::{Decode, DecodePem, Encode, Sequence};
use innkeeper_guest::Fault;
use innkeeper_guest::serde_json::Value;
use serde::{Deserialize, Serialize};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoOwned, SubjectPublicKeyInfoRef};
use x509_cert::Certificate;

use crate::jws::ALGORITHMS;

/// Longest PEM of one key, in bytes.
const PEM_MAX: usize = 16 << 10;
/// Bits of an RSA key that signs tokens: no fewer (RFC 7518 sections 3.3 and 3.5), and no more than the host verifies with.
const RSA_BITS: std::ops::RangeInclusive<u32> = 2048..=8192;
/// RFC 8017 appendix A.1.
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// RFC 5480 section 2.1.1.
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
/// RFC 8410 section 3.
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
/// Curves of JSON Web Keys (RFC 7518 section 6.2.1.1), with the algorithm that each is for and its length in bytes.
const CURVES: [(&str, ObjectIdentifier, &str, usize); 3] = [
    ("P-256", ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"), "ES256", 32),
    ("P-384", ObjectIdentifier::new_unwrap("1.3.132.0.34"), "ES384", 48),
    ("P-521", ObjectIdentifier::new_unwrap("1.3.132.0.35"), "ES512", 66),
];

/// A key that tokens may be signed with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// Its name in its key set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The algorithm that it is kept for, if it says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    algorithm: Option<String>,
    /// SubjectPublicKeyInfo (RFC 5280 section 4.1), DER in base64.
    spki: String,
}

/// RFC 8017 appendix A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl PublicKey {
    /// Reads a public key or a certificate in PEM; the fault names the field.
    pub fn from_pem(field: &str, pem: &str) -> Result<Self, Fault> {
        let wrong = || Fault::invalid(format!("{field}: error parsing public key: must be PEM of a public key"));
        let useless = || {
            let right = "must be RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519";
            Fault::invalid(format!("{field}: error parsing public key: it signs no tokens; {right}"))
        };
        let pem = pem.trim();
        if pem.len() > PEM_MAX {
            return Err(wrong());
        }
        let spki = if pem.contains("BEGIN CERTIFICATE") {
            let certificate = Certificate::from_pem(pem).map_err(|_| wrong())?;
            certificate.tbs_certificate().subject_public_key_info().to_der().map_err(|_| wrong())?
        } else {
            SubjectPublicKeyInfoOwned::from_pem(pem).and_then(|spki| spki.to_der()).map_err(|_| wrong())?
        };
        let key = Self { id: None, algorithm: None, spki: STANDARD.encode(spki) };
        key.is_useful().then_some(key).ok_or_else(useless)
    }

    /// Reads a JSON Web Key; `None` for those that sign no tokens here.
    pub fn from_jwk(jwk: &Value) -> Option<Self> {
        let text = |field: &str| jwk.get(field).and_then(Value::as_str);
        if text("use").is_some_and(|usage| usage != "sig") {
            return None;
        }
        let number = |field: &str| URL_SAFE_NO_PAD.decode(text(field)?.trim_end_matches('=')).ok();
        let spki = match text("kty")? {
            "RSA" => rsa(&number("n")?, &number("e")?)?,
            "EC" => {
                let (_, curve, _, length) = CURVES.into_iter().find(|(name, ..)| Some(*name) == text("crv"))?;
                ec(curve, length, &number("x")?, &number("y")?)?
            }
            "OKP" if text("crv") == Some("Ed25519") => {
                let point = number("x").filter(|point| point.len() == 32)?;
                info(ED25519, None, &point)?
            }
            _ => return None,
        };
        let (id, algorithm) = (text("kid").map(str::to_owned), text("alg").map(str::to_owned));
        Some(Self { id, algorithm, spki: STANDARD.encode(spki) }).filter(Self::is_useful)
    }

    /// The key as the host takes it.
    pub fn der(&self) -> Vec<u8> {
        STANDARD.decode(&self.spki).unwrap_or_default()
    }

    /// Whether there are tokens that can have been signed with it.
    fn is_useful(&self) -> bool {
        ALGORITHMS.iter().any(|algorithm| self.signs(algorithm))
    }

    /// Whether a token with this algorithm can have been signed with it.
    pub fn signs(&self, algorithm: &str) -> bool {
        if self.algorithm.as_deref().is_some_and(|own| own != algorithm) {
            return false;
        }
        let der = self.der();
        let Ok(info) = SubjectPublicKeyInfoRef::from_der(&der) else { return false };
        match info.algorithm.oid {
            RSA => {
                let fits = rsa_bits(info.subject_public_key).is_some_and(|bits| RSA_BITS.contains(&bits));
                fits && (algorithm.starts_with("RS") || algorithm.starts_with("PS"))
            }
            ED25519 => algorithm == "EdDSA",
            EC => {
                let curve = info.algorithm.parameters.and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok());
                CURVES.iter().any(|(_, oid, signs, _)| Some(*oid) == curve && *signs == algorithm)
            }
            _ => false,
        }
    }
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let key = RsaPublicKey { modulus: UintRef::new(modulus).ok()?, exponent: UintRef::new(exponent).ok()? };
    info(RSA, Some(AnyRef::NULL), &key.to_der().ok()?)
}

fn rsa_bits(key: BitStringRef<'_>) -> Option<u32> {
    let key = RsaPublicKey::from_der(key.as_bytes()?).ok()?;
    let bytes = key.modulus.as_bytes();
    Some(u32::try_from(bytes.len()).ok()? * 8 - bytes.first()?.leading_zeros())
}

/// An uncompressed point (SEC 1 section 2.3.3).
fn ec(curve: ObjectIdentifier, length: usize, x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
    if x.len() != length || y.len() != length {
        return None;
    }
    let point = [&[4], x, y].concat();
    info(EC, Some(AnyRef::from(&curve)), &point)
}

fn info(oid: ObjectIdentifier, parameters: Option<AnyRef<'_>>, key: &[u8]) -> Option<Vec<u8>> {
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    let subject_public_key = BitStringRef::from_bytes(key).ok()?;
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().ok()
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::prelude::json;

    use super::*;

    /// The public keys of RFC 7517 appendix A.1 and RFC 8037 appendix A.2.
    fn examples() -> [Value; 2] {
        [
            json!({
                "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1",
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            }),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}),
        ]
    }

    #[test]
    fn json_web_keys_become_keys_of_the_host() {
        let [ec, ed] = examples();
        let key = PublicKey::from_jwk(&ec).unwrap();
        assert_eq!(key.id.as_deref(), Some("1"));
        assert!(key.signs("ES256") && !key.signs("ES384") && !key.signs("RS256"));
        let key = PublicKey::from_jwk(&ed).unwrap();
        assert!(key.signs("EdDSA") && !key.signs("ES256"));
        assert_eq!(key.der().len(), 44, "RFC 8410: 12 bytes and the point");
    }

    #[test]
    fn a_key_signs_nothing_but_what_it_is_kept_for() {
        let rsa = json!({"kty": "RSA", "alg": "PS256", "n": URL_SAFE_NO_PAD.encode([0xff; 256]), "e": "AQAB"});
        let key = PublicKey::from_jwk(&rsa).unwrap();
        assert!(key.signs("PS256") && !key.signs("RS256"));
    }

    fn pem(der: &[u8]) -> String {
        let body = STANDARD.encode(der);
        let lines: Vec<&str> = body.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn keys_that_sign_no_tokens_are_refused_with_what_would_be_right() {
        let [_, ed] = examples();
        assert!(PublicKey::from_pem("keys", &pem(&PublicKey::from_jwk(&ed).unwrap().der())).is_ok());
        let x25519 = info(ObjectIdentifier::new_unwrap("1.3.101.110"), None, &[9; 32]).unwrap();
        let small = rsa(&[0xff; 128], &[1, 0, 1]).unwrap();
        for der in [x25519, small] {
            let fault = PublicKey::from_pem("keys", &pem(&der)).unwrap_err();
            assert!(fault.messages[0].contains("must be RSA of 2048 to 8192 bits"), "{}", fault.messages[0]);
        }
    }

    #[test]
    fn rsa_keys_that_are_too_small_or_too_large_sign_nothing() {
        let key = |first: u8, bytes: usize| {
            let mut modulus = vec![0xff; bytes];
            modulus[0] = first;
            PublicKey::from_jwk(&json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(modulus), "e": "AQAB"}))
        };
        assert_eq!((key(0x7f, 256), key(0xff, 128), key(1, 1025)), (None, None, None));
        assert!(key(0x80, 256).is_some() && key(0xff, 1024).is_some());
    }

    #[test]
    fn keys_that_sign_nothing_are_left_out() {
        let [ec, _] = examples();
        for (field, value) in
            [("use", "enc"), ("crv", "P-192"), ("kty", "oct"), ("x", "AA"), ("y", "*"), ("alg", "ES384")]
        {
            let mut key = ec.clone();
            key[field] = json!(value);
            assert_eq!(PublicKey::from_jwk(&key), None, "{field}");
        }
    }
}
