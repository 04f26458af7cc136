//! Signs JSON Web Tokens as an identity provider does, with openssl: another implementation's opinion of what is right.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::{Folder, openssl};

/// Bytes of a number of P-256.
const P256: usize = 32;

/// A private key of its own that signs tokens.
pub struct Signer {
    folder: Folder,
    algorithm: &'static str,
    id: Option<String>,
    /// How often it has signed.
    signed: AtomicU64,
}

impl Signer {
    /// A new key for RS256, PS256, ES256 or EdDSA, without a name.
    pub fn new(algorithm: &'static str) -> Self {
        let options: &[&str] = match algorithm {
            "RS256" | "PS256" => &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
            "ES256" => &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
            "EdDSA" => &["-algorithm", "ED25519"],
            other => panic!("no tokens are signed with {other} here"),
        };
        let signer = Self { folder: Folder::new(), algorithm, id: None, signed: AtomicU64::new(0) };
        openssl(&[&["genpkey", "-out", &signer.file("key")][..], options].concat(), "");
        signer
    }

    /// The same with a name in its key set.
    pub fn named(algorithm: &'static str, id: &str) -> Self {
        Self { id: Some(id.to_owned()), ..Self::new(algorithm) }
    }

    /// Its public key in PEM.
    pub fn pem(&self) -> String {
        openssl(&["pkey", "-in", &self.file("key"), "-pubout"], "")
    }

    /// Its public key as a JSON Web Key (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut key = match self.algorithm {
            "RS256" | "PS256" => {
                let modulus = openssl(&["rsa", "-in", &self.file("key"), "-noout", "-modulus"], "");
                let modulus = hex::decode(modulus.trim().trim_start_matches("Modulus=")).expect("hexadecimal");
                json!({"kty": "RSA", "n": part(&modulus), "e": "AQAB"})
            }
            "ES256" => {
                let spki = self.spki();
                let (x, y) = spki[spki.len() - 2 * P256..].split_at(P256);
                json!({"kty": "EC", "crv": "P-256", "x": part(x), "y": part(y)})
            }
            _ => {
                let spki = self.spki();
                json!({"kty": "OKP", "crv": "Ed25519", "x": part(&spki[spki.len() - 32..])})
            }
        };
        if let Some(id) = &self.id {
            key["kid"] = json!(id);
        }
        key
    }

    /// A token with these claims.
    pub fn sign(&self, claims: &Value) -> String {
        let mut header = json!({"alg": self.algorithm, "typ": "JWT"});
        if let Some(id) = &self.id {
            header["kid"] = json!(id);
        }
        self.sign_as(&header, claims)
    }

    /// A token with this header, whatever it says.
    pub fn sign_as(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header.to_string().as_bytes()), part(claims.to_string().as_bytes()));
        format!("{signed}.{}", part(&self.signature(&signed)))
    }

    fn signature(&self, text: &str) -> Vec<u8> {
        // Several tests sign with one key at once.
        let turn = self.signed.fetch_add(1, Ordering::Relaxed);
        let message = self.folder.write(&format!("message-{turn}"), text);
        let (key, made) = (self.file("key"), self.file(&format!("signature-{turn}")));
        let digest = ["dgst", "-sha256", "-sign", &key, "-out", &made];
        let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"];
        match self.algorithm {
            "PS256" => openssl(&[&digest[..], &pss, &[&message]].concat(), ""),
            "EdDSA" => openssl(&["pkeyutl", "-sign", "-rawin", "-inkey", &key, "-in", &message, "-out", &made], ""),
            _ => openssl(&[&digest[..], &[&message]].concat(), ""),
        };
        if self.algorithm == "ES256" { numbers(&made) } else { std::fs::read(made).expect("openssl wrote it") }
    }

    fn spki(&self) -> Vec<u8> {
        let made = self.file("public");
        openssl(&["pkey", "-in", &self.file("key"), "-pubout", "-outform", "DER", "-out", &made], "");
        std::fs::read(made).expect("openssl wrote it")
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }
}

fn part(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The two numbers of an ECDSA signature side by side (RFC 7518 section 3.4), out of its DER.
fn numbers(file: &str) -> Vec<u8> {
    let read = openssl(&["asn1parse", "-inform", "DER", "-in", file], "");
    let lines = read.lines().filter(|line| line.contains("INTEGER"));
    let number = |line: &str| format!("{:0>64}", line.rsplit(':').next().unwrap_or_default());
    hex::decode(lines.map(number).collect::<String>()).expect("hexadecimal")
}
