//! Keys of operators, made and used by GnuPG.
//!
//! **For:** a [`Gnupg`] of one's own: keys in a temporary folder, without passwords. Its agent ends and its folder goes
//! when the value is dropped. **Never:** touches the keys of whoever runs the tests; needs only the programs (Debian:
//! `gnupg`). **Errors:** panics with what was missing; it is for tests only.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "for tests only")]

use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A home of GnuPG.
pub struct Gnupg {
    home: PathBuf,
}

impl Gnupg {
    /// An empty one.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Short: the path of a socket has at most 108 bytes.
        let name = format!("ik-gpg-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let home = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&home);
        std::fs::DirBuilder::new().mode(0o700).create(&home).expect("a folder for keys");
        Self { home }
    }

    /// Makes a key as `gpg --quick-generate-key` does; answers its fingerprint, in lower case. `future-default` is
    /// Ed25519 with a subkey on Curve25519.
    pub fn key(&self, name: &str, algorithm: &str, usage: &str, expires: &str) -> String {
        self.run(&["--quick-generate-key", name, algorithm, usage, expires], b"");
        self.fingerprint(name)
    }

    /// Adds a subkey to a key.
    pub fn subkey(&self, fingerprint: &str, algorithm: &str, usage: &str) {
        self.run(&["--quick-add-key", fingerprint, algorithm, usage, "never"], b"");
    }

    /// Revokes a key.
    pub fn revoke(&self, fingerprint: &str) {
        let file = self.home.join("openpgp-revocs.d").join(format!("{}.rev", fingerprint.to_uppercase()));
        let text = std::fs::read_to_string(file).expect("GnuPG keeps a revocation for each key");
        self.run(&["--import"], text.replace(":-----BEGIN", "-----BEGIN").as_bytes());
    }

    /// Public keys: binary, one after the other.
    pub fn public(&self, fingerprints: &[&str]) -> Vec<u8> {
        self.run(&[&["--export"], fingerprints].concat(), b"")
    }

    /// A public key in ASCII armour.
    pub fn armoured(&self, fingerprint: &str) -> String {
        String::from_utf8(self.run(&["--armor", "--export", fingerprint], b"")).expect("ASCII armour")
    }

    /// A private key: binary.
    pub fn private(&self, fingerprint: &str) -> Vec<u8> {
        self.run(&["--export-secret-keys", fingerprint], b"")
    }

    /// What a message says.
    pub fn decrypt(&self, message: &[u8]) -> String {
        String::from_utf8(self.run(&["--decrypt"], message)).expect("a text")
    }

    /// The folder.
    pub fn home(&self) -> &std::path::Path {
        &self.home
    }

    fn fingerprint(&self, name: &str) -> String {
        let listed = String::from_utf8(self.run(&["--with-colons", "--list-keys", name], b"")).expect("a text");
        let line = listed.lines().find(|line| line.starts_with("fpr:")).expect("a fingerprint");
        line.split(':').nth(9).expect("a fingerprint").to_lowercase()
    }

    fn run(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let mut command = Command::new("gpg");
        command.arg("--homedir").arg(&self.home).args(["--batch", "--yes", "--pinentry-mode", "loopback"]);
        command.args(["--passphrase", "", "--trust-model", "always"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut process = command.spawn().expect("there is no gpg (Debian: gnupg): run tests/setup/install");
        let mut pipe = process.stdin.take().expect("its input is piped");
        let input = input.to_vec();
        // It may end without reading everything.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let output = process.wait_with_output().expect("gpg ends");
        writer.join().expect("the input is written");
        assert!(output.status.success(), "gpg {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

impl Default for Gnupg {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Gnupg {
    fn drop(&mut self) {
        let _ = Command::new("gpgconf").arg("--homedir").arg(&self.home).args(["--kill", "all"]).output();
        let _ = std::fs::remove_dir_all(&self.home);
    }
}
