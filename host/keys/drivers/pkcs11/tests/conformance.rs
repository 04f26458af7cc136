//! The suite that every driver passes, against several tokens, each in a worker process. What each signed, checked by
//! openssl, is the table in host/keys/README.md.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use keys::{Curve, Driver, Hash, Libraries, Library, Locator, Provider, Scheme, Sealing};
use keys_testing::conformance::{self, Home, Row, Sort};
use keys_testing::kryoptic::Kryoptic;
use keys_testing::openssl::{Folder, tempdir};
use keys_testing::softhsm::{self, LIBRARY, PIN, Token};
use keys_testing::tpm::{self, Tpm};
use pkcs11::{Process, Program, Settings};

/// A library and a token in it.
struct Tokens {
    library: PathBuf,
    label: String,
    pin: String,
    settings: Settings,
    sorts: fn(Sort) -> bool,
    signs: fn(Scheme) -> bool,
    crowd: usize,
    one_for_all: bool,
}

impl Tokens {
    fn with_pin(&self, pin: &str) -> Provider {
        softhsm::provider("hsm", &self.label, pin, 4)
    }
}

impl Home for Tokens {
    fn driver(&self) -> Arc<dyn Driver> {
        let hsm = Library { name: "hsm".into(), path: self.library.clone(), namespaces: None };
        let libraries = Arc::new(Libraries::new([hsm]).unwrap());
        let driver = pkcs11::Driver::new(libraries, [("hsm".to_owned(), self.settings.clone())]);
        Arc::new(driver.with_program(Program(env!("CARGO_BIN_EXE_pkcs11-worker").into())))
    }

    fn provider(&self) -> Provider {
        self.with_pin(&self.pin)
    }

    fn stranger(&self) -> Option<Provider> {
        Some(self.with_pin("wrong-pin"))
    }

    fn locator(&self, sort: Sort, name: &str) -> Option<Locator> {
        (sort != Sort::Seal(Sealing::Home) && (self.sorts)(sort)).then(|| softhsm::locator(sort, name))
    }

    fn signs(&self, scheme: Scheme) -> bool {
        (self.signs)(scheme)
    }

    fn is_one_for_all_nodes(&self) -> bool {
        self.one_for_all
    }

    fn crowd(&self) -> usize {
        self.crowd
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn softhsm_keeps_every_promise() {
    let token = Token::new("conformance");
    let settings = Settings { environment: token.environment(), ..Settings::default() };
    let home = Tokens {
        library: LIBRARY.into(),
        label: "conformance".into(),
        pin: PIN.into(),
        settings,
        sorts: |_| true,
        signs: |_| true,
        crowd: 64,
        // Each process reads the folder when it pleases: two that look at once both find nothing.
        one_for_all: false,
    };
    is_as_written("SoftHSM", &conformance::all(&home).await);
}

/// SoftHSM in this very process. A process has one driver, as a server has: two would end each other's sessions.
struct InProcess(Arc<pkcs11::Driver>);

impl Home for InProcess {
    fn driver(&self) -> Arc<dyn Driver> {
        Arc::clone(&self.0) as Arc<dyn Driver>
    }

    fn provider(&self) -> Provider {
        softhsm::provider("hsm", "in-process", PIN, 4)
    }

    /// A PIN is compared with the login that is there (see `another_pin_gains_nothing_from_a_login_that_is_there`).
    fn stranger(&self) -> Option<Provider> {
        None
    }

    fn locator(&self, sort: Sort, name: &str) -> Option<Locator> {
        (sort != Sort::Seal(Sealing::Home)).then(|| softhsm::locator(sort, name))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn softhsm_keeps_every_promise_in_the_servers_own_process_too() {
    let token = Token::new("in-process");
    for (name, value) in token.environment() {
        // SAFETY: SoftHSM is loaded into this process by this test alone, after this; workers get their own environment.
        #[expect(unsafe_code, reason = "SoftHSM is configured through the environment only")]
        unsafe {
            std::env::set_var(name, value);
        }
    }
    let hsm = Library { name: "hsm".into(), path: LIBRARY.into(), namespaces: None };
    let libraries = Arc::new(Libraries::new([hsm]).unwrap());
    let settings = Settings { process: Process::InProcess, ..Settings::default() };
    let driver = Arc::new(pkcs11::Driver::new(libraries, [("hsm".to_owned(), settings)]));
    is_as_written("SoftHSM", &conformance::all(&InProcess(Arc::clone(&driver))).await);
    assert_eq!(driver.status()[0].starts, 0, "a worker was started");
}

/// A database of NSS, which is a token.
fn nss(folder: &Folder) -> String {
    let (database, password) = (format!("sql:{}", folder.0.display()), folder.0.join("password"));
    std::fs::write(&password, "nss-password").unwrap();
    let made = Command::new("certutil").args(["-N", "-d", &database, "-f"]).arg(&password).output();
    let made = made.expect("certutil: run tests/setup/install");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    format!("configdir='{database}' certPrefix='' keyPrefix='' secmod='secmod.db' flags= ")
}

#[tokio::test(flavor = "multi_thread")]
async fn nss_keeps_every_promise() {
    let folder = tempdir();
    let settings = Settings { parameters: Some(nss(&folder)), ..Settings::default() };
    let home = Tokens {
        library: "/usr/lib/x86_64-linux-gnu/libsoftokn3.so".into(),
        label: "NSS Certificate DB".into(),
        pin: "nss-password".into(),
        settings,
        sorts: |sort| sort != Sort::Ed25519,
        signs: |_| true,
        crowd: 16,
        one_for_all: true,
    };
    is_as_written("NSS softokn", &conformance::all(&home).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn kryoptic_keeps_every_promise() {
    let token = Kryoptic::new("kryoptic");
    let settings = Settings { environment: token.environment(), ..Settings::default() };
    let home = Tokens {
        library: Kryoptic::library(),
        label: "kryoptic".into(),
        pin: PIN.into(),
        settings,
        sorts: |sort| sort != Sort::Ed25519,
        signs: |_| true,
        crowd: 64,
        // Of two processes that write its database at once one is told that the token has no memory.
        one_for_all: false,
    };
    is_as_written("kryoptic", &conformance::all(&home).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tpm_keeps_every_promise() {
    let tpm = Tpm::start("tpm");
    let settings = Settings { environment: tpm.environment(), keys_for_every_use: true, ..Settings::default() };
    let home = Tokens {
        library: tpm::LIBRARY.into(),
        label: "tpm".into(),
        pin: PIN.into(),
        settings,
        // Its P-521 keys cannot be used, and it makes no secret keys.
        sorts: |sort| !matches!(sort, Sort::Ed25519 | Sort::Ec(Curve::P521) | Sort::Seal(_) | Sort::Mac(_)),
        // It tells hashes by the length of their digests, and knows none of 28 bytes.
        signs: |scheme| !matches!(scheme, Scheme::Ecdsa(Hash::Sha224 | Hash::Sha3_224)),
        crowd: 8,
        one_for_all: false,
    };
    is_as_written("tpm2-pkcs11, swtpm", &conformance::all(&home).await);
}

const BEGIN: &str = "<!-- tokens: begin -->";
const END: &str = "<!-- tokens: end -->";

/// Compares what a token did with its rows in the README; with `UPDATE_TABLES` set, writes them.
fn is_as_written(token: &str, rows: &[Row]) {
    static FILE: Mutex<()> = Mutex::new(());
    let _turn = FILE.lock().unwrap_or_else(PoisonError::into_inner);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (head, rest) = text.split_once(BEGIN).expect("the README has the marker of the table");
    let (table, tail) = rest.split_once(END).expect("the README has the end of the table");
    let key = |line: &str| line.split('|').take(3).collect::<Vec<_>>().join("|");
    let written = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut all: BTreeMap<String, String> = written.map(|line| (key(line), line.to_owned())).collect();
    let before = all.clone();
    for row in rows.iter().filter(|row| row.sort != Sort::Seal(Sealing::Home)) {
        let schemes: Vec<String> = row.schemes.iter().map(Scheme::to_string).collect();
        let did = [schemes, row.symmetric.clone()].concat();
        let did = if did.is_empty() { "not in this token".to_owned() } else { did.join(", ") };
        let line = format!("| {token} | {} | {did} |", name(row.sort));
        all.insert(key(&line), line);
    }
    if all != before && std::env::var_os("UPDATE_TABLES").is_some() {
        let lines: Vec<String> = all.into_values().collect();
        let table =
            format!("\n| token | key | did, signatures checked by openssl |\n|---|---|---|\n{}\n", lines.join("\n"));
        std::fs::write(&path, format!("{head}{BEGIN}{table}{END}{tail}")).unwrap();
        return;
    }
    assert_eq!(all, before, "the table in host/keys/README.md is not what {token} does: run with UPDATE_TABLES=1");
}

fn name(sort: Sort) -> String {
    match sort {
        Sort::RsaPkcs1(bits) => format!("RSA-{bits}, CKM_RSA_PKCS"),
        Sort::RsaPss(bits) => format!("RSA-{bits}, CKM_RSA_PKCS_PSS"),
        Sort::Ec(curve) => format!("{}, CKM_ECDSA", curve.name()),
        Sort::Ed25519 => "Ed25519, CKM_EDDSA".into(),
        Sort::Seal(Sealing::AesCbc) => "AES-256, CKM_AES_CBC".into(),
        Sort::Seal(Sealing::AesCbcPad) => "AES-256, CKM_AES_CBC_PAD".into(),
        Sort::Seal(_) => "AES-256, CKM_AES_GCM".into(),
        Sort::Mac(hash) => format!("generic secret, CKM_{}_HMAC", hash.name().replace("sha2-", "SHA")),
    }
}
