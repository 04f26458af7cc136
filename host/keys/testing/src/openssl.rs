//! The second opinion: signatures are checked by the program `openssl`, which shares no code with this server.

use std::io::Write;
use std::process::{Command, Stdio};

use keys::{Curve, Hash, KeyType, Scheme};

/// Whether the signature over the message verifies with this public key (DER SubjectPublicKeyInfo).
pub fn verifies(public_key: &[u8], scheme: Scheme, message: &[u8], signature: &[u8]) -> bool {
    let dir = tempdir();
    let write = |name: &str, bytes: &[u8]| {
        let path = dir.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let (key, signed) = (write("key.der", public_key), write("signature", signature));
    let mut openssl = Command::new("openssl");
    match scheme {
        Scheme::Ed25519 => {
            let message = write("message", message);
            openssl.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey"]).arg(key);
            openssl.arg("-sigfile").arg(signed).arg("-in").arg(message);
        }
        Scheme::Pkcs1v15(hash) | Scheme::Pss(hash) | Scheme::Ecdsa(hash) => {
            openssl.args(["dgst", digest(hash), "-keyform", "DER", "-verify"]).arg(key).arg("-signature").arg(signed);
            if matches!(scheme, Scheme::Pss(_)) {
                openssl.args(["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"]);
            }
        }
    }
    let mut running = openssl.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    // It may have refused the key and hung up already.
    let _ = running.stdin.take().unwrap().write_all(message);
    running.wait().unwrap().success()
}

fn digest(hash: Hash) -> &'static str {
    match hash {
        Hash::Sha1 => "-sha1",
        Hash::Sha224 => "-sha224",
        Hash::Sha256 => "-sha256",
        Hash::Sha384 => "-sha384",
        Hash::Sha512 => "-sha512",
        Hash::Sha3_224 => "-sha3-224",
        Hash::Sha3_256 => "-sha3-256",
        Hash::Sha3_384 => "-sha3-384",
        Hash::Sha3_512 => "-sha3-512",
    }
}

/// A folder that goes when it is dropped.
pub struct Folder(pub std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A new folder of this process.
pub fn tempdir() -> Folder {
    static COUNT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("innkeeper-keys-{}-{count}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    Folder(path)
}

/// So many random bytes, in hex.
pub fn random(bytes: usize) -> String {
    String::from_utf8(run(&["rand", "-hex", &bytes.to_string()], b"")).unwrap().trim().to_owned()
}

/// A new RSA key of 2048 bits, PKCS #8 in PEM.
pub fn rsa_key() -> String {
    let made = run(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
    String::from_utf8(made).unwrap()
}

/// A new private key of this type, PKCS #8 in PEM.
pub fn private_key(key_type: KeyType) -> String {
    let (algorithm, option) = match key_type {
        KeyType::Rsa { bits } => ("RSA", Some(format!("rsa_keygen_bits:{bits}"))),
        KeyType::Ec(Curve::P256) => ("EC", Some("ec_paramgen_curve:P-256".into())),
        KeyType::Ec(Curve::P384) => ("EC", Some("ec_paramgen_curve:P-384".into())),
        KeyType::Ec(Curve::P521) => ("EC", Some("ec_paramgen_curve:P-521".into())),
        other => ("ED25519", None.filter(|_: &String| other.is_pair())),
    };
    let options = option.iter().flat_map(|option| ["-pkeyopt", option.as_str()]);
    let args: Vec<&str> = ["genpkey", "-quiet", "-algorithm", algorithm].into_iter().chain(options).collect();
    String::from_utf8(run(&args, b"")).unwrap()
}

/// HMAC of a message.
pub fn hmac(hash: Hash, key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = format!("hexkey:{}", hex(key));
    run(&["dgst", digest(hash), "-mac", "HMAC", "-macopt", &key, "-binary"], message)
}

/// Opens what was sealed with AES-256-CBC.
pub fn opens_cbc(key: &[u8], vector: &[u8], sealed: &[u8], padded: bool) -> Vec<u8> {
    let (key, vector) = (hex(key), hex(vector));
    let mut args = vec!["enc", "-d", "-aes-256-cbc", "-K", &key, "-iv", &vector];
    if !padded {
        args.push("-nopad");
    }
    run(&args, sealed)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The public half of a key, in PEM.
pub fn public_of(private_key: &str) -> String {
    String::from_utf8(run(&["pkey", "-pubout"], private_key.as_bytes())).unwrap()
}

/// A JWT (RFC 7519) by RS256.
pub fn jwt(header: &str, claims: &str, private_key: &str) -> String {
    let url = |bytes: &[u8]| {
        let text = String::from_utf8(run(&["base64", "-A"], bytes)).unwrap();
        text.trim().trim_end_matches('=').replace('+', "-").replace('/', "_")
    };
    let signed = format!("{}.{}", url(header.as_bytes()), url(claims.as_bytes()));
    let dir = tempdir();
    let key = dir.0.join("key.pem");
    std::fs::write(&key, private_key).unwrap();
    let signature = run(&["dgst", "-sha256", "-sign", key.to_str().unwrap()], signed.as_bytes());
    format!("{signed}.{}", url(&signature))
}

/// Runs the program and gives what it printed.
fn run(args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut openssl = Command::new("openssl");
    let mut running = openssl.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let _ = running.stdin.take().unwrap().write_all(input);
    let done = running.wait_with_output().unwrap();
    assert!(done.status.success(), "openssl {args:?}");
    done.stdout
}
