//! A PKCS#11 token of its own for one test: SoftHSM in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Folder;

/// The user PIN of every token that tests make.
pub const PIN: &str = "1234";

/// The token, and the library to reach it by. It ends with the value.
pub struct Token {
    folder: Folder,
    label: String,
    pin: String,
    library: PathBuf,
}

impl Token {
    /// Initialises a token with this label.
    pub fn new(label: &str) -> Self {
        Self::with_pin(label, PIN)
    }

    /// The same with a PIN of its own.
    pub fn with_pin(label: &str, pin: &str) -> Self {
        let folder = Folder::new();
        let tokens = folder.path().join("tokens");
        std::fs::create_dir(&tokens).expect("a folder for tokens can be made");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            tokens.display()
        );
        std::fs::write(folder.path().join("softhsm2.conf"), text).expect("SoftHSM can be configured");
        let library = installed("libsofthsm2.so", &["softhsm", "*/softhsm", "*/pkcs11", "*"]);
        let token = Self { folder, label: label.to_owned(), pin: pin.to_owned(), library };
        token
            .tool("softhsm2-util", &["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", pin]);
        token
    }

    /// The token's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The library's path.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// A `kms_library` stanza of the name `hsm`.
    pub fn stanza(&self) -> String {
        stanza("hsm", &self.library)
    }

    /// The same, with a spy before the library that writes down each call. See [`Self::calls`].
    pub fn spied_stanza(&self) -> String {
        stanza("hsm", &installed("pkcs11-spy.so", &["*", "*/pkcs11", "pkcs11"]))
    }

    /// What a server needs in its environment to reach the token.
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &Path| path.display().to_string();
        vec![
            ("SOFTHSM2_CONF".into(), text(&self.folder.path().join("softhsm2.conf"))),
            ("PKCS11SPY".into(), text(&self.library)),
            ("PKCS11SPY_OUTPUT".into(), text(&self.spy_log())),
        ]
    }

    /// How often the server called this function of the library, by what the spy wrote down.
    pub fn calls(&self, function: &str) -> usize {
        let log = std::fs::read_to_string(self.spy_log()).unwrap_or_default();
        log.lines().filter(|line| line.split(": ").nth(1) == Some(function)).count()
    }

    /// How many private keys the token holds.
    pub fn private_keys(&self) -> usize {
        let library = self.library.display().to_string();
        let arguments = ["--module", &library, "--token-label", &self.label, "--login", "--pin", &self.pin];
        let listed = self.tool("pkcs11-tool", &[&arguments[..], &["--list-objects", "--type", "privkey"]].concat());
        listed.lines().filter(|line| line.starts_with("Private Key Object")).count()
    }

    /// The serial number that the token has.
    pub fn serial(&self) -> String {
        let library = self.library.display().to_string();
        let listed = self.tool("pkcs11-tool", &["--module", &library, "--list-token-slots"]);
        let tokens = listed.split("token label").skip(1);
        let found =
            tokens.filter(|token| token.lines().next().is_some_and(|line| line.trim_end().ends_with(&self.label)));
        let line = found.flat_map(str::lines).find(|line| line.trim_start().starts_with("serial num"));
        let serial = line.and_then(|line| line.split_once(':')).map(|(_, serial)| serial.trim().to_owned());
        serial.unwrap_or_else(|| panic!("no serial number of {:?} in {listed}", self.label))
    }

    fn spy_log(&self) -> PathBuf {
        self.folder.path().join("spy.log")
    }

    fn tool(&self, program: &str, arguments: &[&str]) -> String {
        let command = Command::new(program).args(arguments).envs(self.environment()).output();
        let output = command.unwrap_or_else(|error| panic!("{program}: {error}: run `make setup`"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A `kms_library` stanza.
pub fn stanza(name: &str, library: &Path) -> String {
    format!("kms_library \"pkcs11\" {{\n  name = \"{name}\"\n  library = \"{}\"\n}}\n", library.display())
}

/// The path of a library in one of these folders below `/usr/lib`; `*` stands for any folder.
fn installed(file: &str, folders: &[&str]) -> PathBuf {
    let root = Path::new("/usr/lib");
    let below = || std::fs::read_dir(root).into_iter().flatten().flatten().map(|entry| entry.path());
    let candidates = folders.iter().flat_map(|folder| match folder.strip_prefix('*') {
        None => vec![root.join(folder)],
        Some(rest) => below().map(|found| found.join(rest.trim_start_matches('/'))).collect(),
    });
    let found = candidates.map(|folder| folder.join(file)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("there is no {file} below /usr/lib: run `make setup`"))
}
