//! The second opinion: signatures are checked by the program `openssl`, which shares no code with this server.

use std::io::Write;
use std::process::{Command, Stdio};

use keys::{Hash, Scheme};

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
