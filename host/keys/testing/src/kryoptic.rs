//! kryoptic: tokens in databases that tests make.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use crate::openssl::{Folder, tempdir};
use crate::softhsm::PIN;

/// A token in a folder of its own. It ends with the value.
pub struct Kryoptic {
    folder: Folder,
}

impl Kryoptic {
    /// Makes a token of this label.
    pub fn new(label: &str) -> Self {
        let token = Self { folder: tempdir() };
        let database = token.folder.0.join("token.sql");
        let slot = format!("[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n", database.display());
        std::fs::write(token.folder.0.join("kryoptic.conf"), slot).unwrap();
        token.tool(&["--init-token", "--slot=1", "--label", label, "--so-pin=12345678"]);
        token.tool(&["--login", "--login-type=so", "--so-pin=12345678", "--init-pin", "--pin", PIN]);
        token
    }

    /// The library, where tests/setup/install builds it.
    pub fn library() -> PathBuf {
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../../.toolchains/kryoptic/libkryoptic_pkcs11.so").into()
    }

    /// What a process needs in its environment to see this token.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let conf = self.folder.0.join("kryoptic.conf").display().to_string();
        BTreeMap::from([("KRYOPTIC_CONF".to_owned(), conf)])
    }

    fn tool(&self, arguments: &[&str]) {
        let mut tool = Command::new("pkcs11-tool");
        let output = tool.arg("--module").arg(Self::library()).args(arguments).envs(self.environment()).output();
        let output = output.unwrap_or_else(|error| panic!("pkcs11-tool: {error}: run tests/setup/install"));
        assert!(output.status.success(), "run tests/setup/install: {}", String::from_utf8_lossy(&output.stderr));
    }
}
