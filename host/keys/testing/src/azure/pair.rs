//! Key pairs, in the hands of the program `openssl`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::vault::encode;

/// A key pair in a file.
#[derive(Clone, Debug)]
pub(crate) struct Pair {
    file: PathBuf,
    pub(crate) sort: Sort,
}

/// What a pair is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sort {
    Rsa(u64),
    Ec(&'static str, usize),
}

impl Sort {
    pub(crate) fn curve(name: &str) -> Option<Self> {
        let curves = [Self::Ec("P-256", 32), Self::Ec("P-384", 48), Self::Ec("P-521", 66)];
        curves.into_iter().find(|sort| matches!(sort, Self::Ec(known, _) if *known == name))
    }
}

impl Pair {
    pub(crate) fn make(sort: Sort, file: PathBuf) -> Self {
        let option = match sort {
            Sort::Rsa(bits) => format!("rsa_keygen_bits:{bits}"),
            Sort::Ec(curve, _) => format!("ec_paramgen_curve:{curve}"),
        };
        let algorithm = if matches!(sort, Sort::Rsa(_)) { "RSA" } else { "EC" };
        let args = ["genpkey", "-algorithm", algorithm, "-pkeyopt", &option, "-out"];
        run(Command::new("openssl").args(args).arg(&file), b"").expect("openssl makes a key");
        Self { file, sort }
    }

    /// The public half as the fields of a JSON Web Key.
    pub(crate) fn public(&self) -> Value {
        let public = self.openssl(&["pkey", "-pubout", "-outform", "DER", "-in"], b"").unwrap();
        match self.sort {
            Sort::Rsa(_) => {
                let text = self.openssl(&["rsa", "-noout", "-modulus", "-in"], b"").unwrap();
                let text = String::from_utf8(text).unwrap();
                let hex = text.trim().strip_prefix("Modulus=").unwrap();
                let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
                let modulus: Vec<u8> = (0..hex.len()).step_by(2).map(byte).collect();
                json!({ "n": encode(&modulus), "e": "AQAB" })
            }
            Sort::Ec(curve, len) => {
                let (x, y) = public[public.len() - 2 * len..].split_at(len);
                json!({ "crv": curve, "x": encode(x), "y": encode(y) })
            }
        }
    }

    /// Signs a digest. `None` when algorithm and key do not fit together.
    pub(crate) fn sign(&self, algorithm: &str, digest: &[u8]) -> Option<Vec<u8>> {
        let hash = format!("digest:sha{}", algorithm.get(2..)?);
        let sign = ["pkeyutl", "-sign", "-pkeyopt", &hash];
        let pss = ["-pkeyopt", "rsa_padding_mode:pss", "-pkeyopt", "rsa_pss_saltlen:digest"];
        match (self.sort, algorithm) {
            (Sort::Rsa(_), "RS256" | "RS384" | "RS512") => self.openssl(&[&sign[..], &["-inkey"]].concat(), digest),
            (Sort::Rsa(_), "PS256" | "PS384" | "PS512") => {
                self.openssl(&[&sign[..], &pss[..], &["-inkey"]].concat(), digest)
            }
            (Sort::Ec("P-256", len), "ES256")
            | (Sort::Ec("P-384", len), "ES384")
            | (Sort::Ec("P-521", len), "ES512") => {
                Some(halves(&self.openssl(&["pkeyutl", "-sign", "-inkey"], digest)?, len))
            }
            _ => None,
        }
    }

    pub(crate) fn decrypt(&self, algorithm: &str, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let hash = match (self.sort, algorithm) {
            (Sort::Rsa(_), "RSA-OAEP") => "sha1",
            (Sort::Rsa(_), "RSA-OAEP-256") => "sha256",
            _ => return None,
        };
        let (oaep, mgf1) = (format!("rsa_oaep_md:{hash}"), format!("rsa_mgf1_md:{hash}"));
        let padding = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", &oaep, "-pkeyopt", &mgf1];
        self.openssl(&[&["pkeyutl", "-decrypt"], &padding[..], &["-inkey"]].concat(), ciphertext)
    }

    fn openssl(&self, args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
        run(Command::new("openssl").args(args).arg(Path::new(&self.file)), input)
    }
}

fn run(command: &mut Command, input: &[u8]) -> Option<Vec<u8>> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut running = piped.spawn().expect("openssl runs");
    // It may have refused its arguments and hung up already.
    let _ = running.stdin.take().unwrap().write_all(input);
    let output = running.wait_with_output().unwrap();
    output.status.success().then_some(output.stdout)
}

/// The two numbers of an ECDSA signature in DER, each of so many bytes.
fn halves(der: &[u8], len: usize) -> Vec<u8> {
    let mut at = if der[1] & 0x80 == 0 { 2 } else { 3 };
    let mut raw = Vec::new();
    for _ in 0..2 {
        let size = usize::from(der[at + 1]);
        let number = &der[at + 2..at + 2 + size];
        let number = number.strip_prefix(&[0]).unwrap_or(number);
        raw.extend(std::iter::repeat_n(0, len - number.len()));
        raw.extend_from_slice(number);
        at += 2 + size;
    }
    raw
}
