//! SoftHSM 2: tokens in folders that tests make.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;

use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use keys::{Curve, Hash, Locator, Provider, Sealing};
use secrecy::SecretString;

use crate::conformance::Sort;
use crate::openssl::{Folder, tempdir};

/// The library, where Debian has it.
pub const LIBRARY: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The user PIN of every token that tests make.
pub const PIN: &str = "1234";

/// A token in a folder of its own. It ends with the value.
pub struct Token {
    folder: Folder,
    label: String,
}

impl Token {
    /// Makes a token of this label.
    pub fn new(label: &str) -> Self {
        let folder = tempdir();
        let tokens = folder.0.join("tokens");
        std::fs::create_dir(&tokens).unwrap();
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            tokens.display()
        );
        std::fs::write(folder.0.join("softhsm2.conf"), text).unwrap();
        let token = Self { folder, label: label.to_owned() };
        token.initialise("--free");
        token
    }

    /// Initialises the token again, in its slot: its keys are gone.
    pub fn initialise_again(&self) {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (label, arguments) = (self.label.as_str(), ["--so-pin", "12345678", "--pin", PIN]);
        self.tool("softhsm2-util", &[&["--init-token", "--token", label, "--label", label], &arguments[..]].concat());
    }

    fn initialise(&self, slot: &str) {
        let arguments = ["--init-token", slot, "--label", &self.label, "--so-pin", "12345678", "--pin", PIN];
        self.tool("softhsm2-util", &arguments);
    }

    /// Runs a program that sees this token. Panics unless it succeeds.
    pub fn tool(&self, program: &str, arguments: &[&str]) -> Output {
        let output = Command::new(program).args(arguments).envs(self.environment()).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}: run tests/setup/install"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// What a process needs in its environment to see this token.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let conf = self.folder.0.join("softhsm2.conf").display().to_string();
        BTreeMap::from([("SOFTHSM2_CONF".to_owned(), conf)])
    }

    /// A folder that ends with the token.
    pub fn folder(&self) -> &Path {
        &self.folder.0
    }

    /// A path in that folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.0.join(name)
    }

    /// The token in a library of this name.
    pub fn provider(&self, library: &str, pin: &str, max_parallel: u32) -> Provider {
        provider(library, &self.label, pin, max_parallel)
    }
}

/// A token in a library.
pub fn provider(library: &str, label: &str, pin: &str, max_parallel: u32) -> Provider {
    Provider::Pkcs11(Pkcs11Provider {
        library: library.into(),
        token: TokenRef::Label(label.into()),
        pin: SecretString::from(pin),
        force_rw_session: false,
        max_parallel,
    })
}

/// A key of a sort in a token, which can be made.
pub fn locator(sort: Sort, name: &str) -> Locator {
    let (mechanism, key_bits, curve): (u64, Option<u32>, Option<Curve>) = match sort {
        Sort::RsaPkcs1(bits) => (0x1, Some(bits), None),
        Sort::RsaPss(bits) => (0xd, Some(bits), None),
        Sort::Ec(curve) => (0x1041, None, Some(curve)),
        Sort::Ed25519 => (0x1057, None, None),
        Sort::Seal(Sealing::AesCbc) => (0x1082, Some(256), None),
        Sort::Seal(Sealing::AesCbcPad) => (0x1085, Some(256), None),
        Sort::Seal(Sealing::AesGcm | Sealing::Home) => (0x1087, Some(256), None),
        Sort::Mac(Hash::Sha384) => (0x261, Some(384), None),
        Sort::Mac(Hash::Sha512) => (0x271, Some(512), None),
        Sort::Mac(_) => (0x251, Some(256), None),
    };
    Locator::Pkcs11(Pkcs11Locator {
        key_label: Some(name.into()),
        key_id: None,
        mechanism: Some(mechanism),
        key_bits,
        curve,
        rsa_oaep_hash: None,
        described: None,
    })
}
