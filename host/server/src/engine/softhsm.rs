//! A SoftHSM token for a test: its keys are used as those of an HSM are, through PKCS#11 in a worker process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::Error;
use crate::config::{Library, Settings};

/// The name of the library, and the label of the token.
const NAME: &str = "engine-test";
/// Of a token in a temporary folder of this user, which lives as long as the test.
const PIN: &str = "1234";
/// CKM_ECDSA.
const ECDSA: &str = "0x1041";
const MODULE: &str = "libsofthsm2.so";
/// Where systems put the module, below `/usr/lib` and its like; `*` stands for any folder.
const FOLDERS: [&str; 7] = [
    "/usr/lib/softhsm",
    "/usr/lib/*/softhsm",
    "/usr/lib64/pkcs11",
    "/usr/lib64/softhsm",
    "/usr/lib/pkcs11",
    "/usr/local/lib/softhsm",
    "/opt/homebrew/lib/softhsm",
];

/// The token; it goes with the value.
pub(super) struct SoftHsm {
    folder: TempDir,
    module: PathBuf,
}

impl SoftHsm {
    /// Makes a token in a temporary folder.
    pub(super) fn make() -> Result<Self, Error> {
        let missing = "managed-key: there is no SoftHSM here to make a key in: install it (`apt install softhsm2`), or leave \
                       -managed-key out and name a library of yours with -config";
        let module = installed().ok_or_else(|| Error::Wrong(missing.to_owned()))?;
        let failed = |error: std::io::Error| Error::Wrong(format!("managed-key: no token can be made: {error}"));
        let folder = tempfile::Builder::new().prefix("innkeeper-engine-").tempdir().map_err(failed)?;
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).map_err(failed)?;
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n", tokens.display());
        let made = Self { folder, module };
        std::fs::write(made.conf(), text).map_err(failed)?;
        let arguments = ["--init-token", "--free", "--label", NAME, "--so-pin", PIN, "--pin", PIN];
        let tool = Command::new("softhsm2-util").args(arguments).env("SOFTHSM2_CONF", made.conf()).output();
        let tool = tool.map_err(|error| Error::Wrong(format!("managed-key: softhsm2-util: {error}")))?;
        if !tool.status.success() {
            let said = String::from_utf8_lossy(&tool.stderr);
            return Err(Error::Wrong(format!("managed-key: softhsm2-util: {}", said.trim())));
        }
        Ok(made)
    }

    /// What the configuration says of it.
    pub(super) fn library(&self) -> Library {
        let environment = BTreeMap::from([("SOFTHSM2_CONF".to_owned(), self.conf().display().to_string())]);
        let settings = Settings { environment, ..Settings::default() };
        Library { name: NAME.to_owned(), path: self.module.clone(), namespaces: None, settings }
    }

    /// How a key of it is registered.
    pub(super) fn key(&self, name: &str) -> Value {
        json!({
            "library": NAME, "token_label": NAME, "pin": PIN, "key_label": name, "allow_generate_key": true,
            "mechanism": ECDSA, "curve": "P256",
        })
    }

    fn conf(&self) -> PathBuf {
        self.folder.path().join("softhsm2.conf")
    }
}

fn installed() -> Option<PathBuf> {
    FOLDERS.iter().flat_map(|folder| folders(folder)).map(|folder| folder.join(MODULE)).find(|file| file.is_file())
}

fn folders(pattern: &str) -> Vec<PathBuf> {
    let Some((above, below)) = pattern.split_once("/*/") else { return vec![PathBuf::from(pattern)] };
    let entries = std::fs::read_dir(Path::new(above)).into_iter().flatten().flatten();
    entries.map(|entry| entry.path().join(below)).collect()
}
