//! Signed tokens in compact form (RFC 7515 section 3.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use der::asn1::UintRef;
use der::{Encode, Sequence};
use innkeeper_guest::keys::{Hash, Scheme};
use innkeeper_guest::serde_json::{self, Value};
use innkeeper_guest::{Fault, Map};

/// Longest token, in bytes.
pub const TOKEN_MAX: usize = 64 << 10;
/// The algorithms that are known (RFC 7518 section 3.1, RFC 8037), asymmetric ones only.
pub const ALGORITHMS: [&str; 10] =
    ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"];

/// A token, taken apart and not yet believed.
#[derive(Debug)]
pub struct Jws {
    /// One of [`ALGORITHMS`].
    pub algorithm: &'static str,
    /// Which key it says it was signed with.
    pub key_id: Option<String>,
    /// What was signed.
    pub signed: Vec<u8>,
    /// In the form in which the host verifies it.
    pub signature: Vec<u8>,
    /// What it claims.
    pub claims: Map,
}

/// An ECDSA signature (RFC 3279 section 2.2.3).
#[derive(Sequence)]
struct EcdsaSignature<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn malformed(why: &str) -> Fault {
    Fault::invalid(format!("error parsing token: {why}"))
}

impl Jws {
    /// Takes a token apart. Nothing in it is believed yet.
    pub fn parse(token: &str) -> Result<Self, Fault> {
        if token.len() > TOKEN_MAX {
            return Err(malformed("longer than 65536 bytes"));
        }
        let parts: Vec<&str> = token.split('.').collect();
        let [header, payload, signature] = parts.as_slice() else {
            return Err(malformed("a signed token has three parts, separated by dots"));
        };
        let header = object(header, "header")?;
        if header.contains_key("crit") {
            return Err(malformed("its header has critical extensions, which are not known here"));
        }
        let named = header.get("alg").and_then(Value::as_str).unwrap_or_default();
        let algorithm = ALGORITHMS.into_iter().find(|known| *known == named);
        let algorithm = algorithm.ok_or_else(|| malformed("its algorithm is none, symmetric or not known"))?;
        let key_id = header.get("kid").and_then(Value::as_str).map(str::to_owned);
        let claims = object(payload, "payload")?;
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("its signature is not base64url"))?;
        let signature = if algorithm.starts_with("ES") { ecdsa(&signature, algorithm)? } else { signature };
        let end = token.rfind('.').unwrap_or(token.len());
        Ok(Self { algorithm, key_id, signed: token.as_bytes()[..end].to_vec(), signature, claims })
    }

    /// How the signature is verified.
    pub fn scheme(&self) -> Scheme {
        let hash = match self.algorithm.trim_start_matches(|c: char| c.is_ascii_alphabetic()) {
            "384" => Hash::Sha384,
            "512" => Hash::Sha512,
            _ => Hash::Sha256,
        };
        match self.algorithm.get(..2) {
            Some("RS") => Scheme::Pkcs1v15(hash),
            Some("PS") => Scheme::Pss(hash),
            Some("ES") => Scheme::Ecdsa(hash),
            _ => Scheme::Ed25519,
        }
    }
}

fn object(part: &str, what: &str) -> Result<Map, Fault> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| malformed(&format!("its {what} is not base64url")))?;
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        _ => Err(malformed(&format!("its {what} is not a JSON object"))),
    }
}

/// Two numbers of the curve's length side by side (RFC 7518 section 3.4), as DER.
fn ecdsa(signature: &[u8], algorithm: &str) -> Result<Vec<u8>, Fault> {
    let length = match algorithm {
        "ES256" => 32,
        "ES384" => 48,
        _ => 66,
    };
    let wrong = || malformed("its signature is not of its algorithm's length");
    let (r, s) = signature.split_at_checked(length).filter(|(_, s)| s.len() == length).ok_or_else(wrong)?;
    let number = |bytes| UintRef::new(bytes).map_err(|_| wrong());
    EcdsaSignature { r: number(r)?, s: number(s)? }.to_der().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::prelude::json;

    use super::*;

    fn token(header: Value, payload: &str, signature: &[u8]) -> String {
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}.{}", part(header.to_string().as_bytes()), part(payload.as_bytes()), part(signature))
    }

    #[test]
    fn a_token_is_taken_apart() {
        let text = token(json!({"alg": "ES256", "kid": "k1"}), r#"{"sub":"ann"}"#, &[0x80; 64]);
        let jws = Jws::parse(&text).unwrap();
        assert_eq!((jws.algorithm, jws.key_id.as_deref()), ("ES256", Some("k1")));
        assert_eq!(jws.claims["sub"], "ann");
        assert!(matches!(jws.scheme(), Scheme::Ecdsa(Hash::Sha256)));
        assert!(text.as_bytes().starts_with(&jws.signed) && !jws.signed.contains(&b'='));
        // SEQUENCE of two INTEGERs of 33 bytes each, because their first bit is set.
        assert_eq!(jws.signature[..4], [0x30, 70, 0x02, 33]);
    }

    #[test]
    fn tokens_that_cannot_be_verified_are_refused() {
        let signed = |header| token(header, "{}", &[1; 64]);
        for bad in [
            signed(json!({"alg": "none"})),
            signed(json!({"alg": "HS256"})),
            signed(json!({"alg": "es256"})),
            signed(json!({})),
            signed(json!({"alg": "RS256", "crit": ["b64"]})),
            token(json!({"alg": "ES256"}), "{}", &[1; 63]),
            token(json!({"alg": "ES512"}), "{}", &[1; 64]),
            token(json!({"alg": "RS256"}), "[]", &[1; 64]),
            token(json!({"alg": "RS256"}), "x", &[1; 64]),
            "a.b".to_owned(),
            "a.b.c.d".to_owned(),
            "a.b.c".to_owned(),
            "x".repeat(TOKEN_MAX + 1),
        ] {
            let fault = Jws::parse(&bad).unwrap_err();
            assert!(fault.messages[0].starts_with("error parsing token: "), "{bad}");
        }
    }
}
