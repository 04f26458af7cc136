//! The driver against SoftHSM 2, through the service that guests use. Tests that need SoftHSM, softhsm2-util or the
//! tools of OpenSC fail without them: `apt-get install softhsm2 opensc`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use keys::{
    Caller, Curve, Driver as _, Error, Hash, Input, KeyType, Libraries, Library, Locator, ManagedKey, ManagedKeys,
    Place, Provider, ProviderType, Reason, Scheme, TestSign, Usages,
};
use model::{Id, NamespacePath};
use pkcs11::{Process, Program, Settings};
use secrecy::SecretString;
use serde_json::{Value, json};
use storage::memory::Memory;
use storage::{Store, Transaction};
use tokio::time::Instant;

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
const PIN: &str = "1234";

/// The tokens of this run.
struct Tokens {
    dir: PathBuf,
    spy_log: PathBuf,
}

/// Makes the directory of tokens and points SoftHSM and the spy at it, before any library is loaded.
fn tokens() -> &'static Tokens {
    static TOKENS: OnceLock<Tokens> = OnceLock::new();
    TOKENS.get_or_init(|| {
        let dir = std::env::temp_dir().join(format!("innkeeper-softhsm-{}", std::process::id()));
        std::fs::create_dir_all(dir.join("tokens")).unwrap();
        let conf = dir.join("softhsm2.conf");
        let text = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n",
            dir.join("tokens").display()
        );
        std::fs::write(&conf, text).unwrap();
        let spy_log = dir.join("spy.log");
        // SAFETY: the variables are set once, under the lock of the OnceLock, before this process loads a library that
        // reads them; Rust's own readers of the environment take the standard library's lock.
        #[expect(unsafe_code, reason = "SoftHSM and the spy are configured through the environment only")]
        unsafe {
            std::env::set_var("SOFTHSM2_CONF", &conf);
            std::env::set_var("PKCS11SPY", SOFTHSM);
            std::env::set_var("PKCS11SPY_OUTPUT", &spy_log);
        }
        Tokens { dir, spy_log }
    })
}

/// A token of its own in a copy of the library of its own, so that tests do not share a process-wide login.
struct Bench {
    library: PathBuf,
    label: String,
    driver: Arc<pkcs11::Driver>,
    keys: ManagedKeys,
    store: Store,
}

static ROOT: NamespacePath = NamespacePath::root();

fn place() -> Place<'static> {
    Place { namespace: Id::nil(), path: &ROOT }
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn make_token(label: &str) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let made = Command::new("softhsm2-util")
        .args(["--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", PIN])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A copy of SoftHSM that is a library of its own for the dynamic linker.
fn copied(label: &str) -> PathBuf {
    let library = tokens().dir.join(format!("{label}.so"));
    std::fs::copy(SOFTHSM, &library).unwrap();
    library
}

impl Bench {
    fn new(label: &str) -> Self {
        Self::over(&copied(label), label)
    }

    fn over(library: &Path, label: &str) -> Self {
        Self::running(library, label, Process::Worker)
    }

    fn running(library: &Path, label: &str, process: Process) -> Self {
        tokens();
        make_token(label);
        let hsm = Library { name: "HSM".into(), path: library.into(), namespaces: None };
        let libraries = Arc::new(Libraries::new([hsm]).unwrap());
        let settings = [("hsm".to_owned(), Settings { process, ..Settings::default() })];
        let program = Program(env!("CARGO_BIN_EXE_pkcs11-worker").into());
        let driver = Arc::new(pkcs11::Driver::new(Arc::clone(&libraries), settings).with_program(program));
        let keys = ManagedKeys::new(libraries, [(ProviderType::Pkcs11, Arc::clone(&driver) as Arc<dyn keys::Driver>)]);
        Self { library: library.into(), label: label.into(), driver, keys, store: Store::new(Memory::new()) }
    }

    async fn begin(&self) -> Transaction {
        self.store.begin().await.unwrap()
    }

    /// Registers a key, with these fields over the usual ones.
    async fn register(&self, name: &str, fields: Value) {
        let mut all = json!({
            "library": "hsm", "token_label": self.label, "pin": PIN, "key_label": name, "any_mount": true,
            "allow_generate_key": true, "mechanism": "0x1041", "curve": "P256",
        });
        let over = fields.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(over);
        let mut transaction = self.begin().await;
        let fields = all.as_object().unwrap();
        let replaced = self.keys.write(&mut transaction, place(), ProviderType::Pkcs11, name, fields).await.unwrap();
        transaction.commit().await.unwrap();
        self.keys.forget(replaced).await;
    }

    async fn open(&self, transaction: &mut Transaction, name: &str) -> ManagedKey {
        let caller = Caller {
            namespace: Id::nil(),
            path: &ROOT,
            mount: Id::nil(),
            allowed_managed_keys: &[],
            usages: Usages::ALL,
            above: &[],
        };
        self.keys.open(transaction, &caller, name).await.unwrap()
    }

    async fn sign(&self, name: &str, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut transaction = self.begin().await;
        let key = self.open(&mut transaction, name).await;
        let signature = key.sign(&mut transaction, scheme, Input::Message(message), deadline()).await?;
        // Two first users may race to write the description: the loser's signature is as good.
        let _ = transaction.commit().await;
        Ok(signature)
    }

    /// Signs with every scheme of the key and verifies with its public half, here and by the service's own test.
    async fn check(&self, name: &str, expected: KeyType) {
        let mut transaction = self.begin().await;
        let key = self.open(&mut transaction, name).await;
        let description = key.describe(&mut transaction, deadline()).await.unwrap();
        assert_eq!(description.key_type, expected);
        assert!(!description.schemes.is_empty());
        transaction.commit().await.unwrap();
        for scheme in &description.schemes {
            let signature = self.sign(name, *scheme, b"a message").await.unwrap();
            let verdict = |message| keys::verify(&description.public_key, *scheme, Input::Message(message), &signature);
            match verdict(b"a message") {
                Ok(good) => assert!(good, "{name}: {scheme} does not verify"),
                // RSA with SHA-224 can be made but not checked here.
                Err(error) => assert_eq!(error.reason(), Reason::Unsupported, "{scheme}: {error}"),
            }
            assert!(!verdict(b"another").unwrap_or(false), "{name}: {scheme} verifies anything");
        }
    }

    fn provider(&self, pin: &str) -> Provider {
        Provider::Pkcs11(Pkcs11Provider {
            library: "hsm".into(),
            token: TokenRef::Label(self.label.clone()),
            pin: SecretString::from(pin),
            force_rw_session: false,
            max_parallel: 1,
        })
    }
}

fn locator(label: &str) -> Locator {
    Locator::Pkcs11(Pkcs11Locator {
        key_label: Some(label.into()),
        key_id: None,
        mechanism: Some(0x1041),
        key_bits: None,
        curve: Some(Curve::P256),
        rsa_oaep_hash: None,
        described: None,
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn ec_keys_are_made_and_sign_with_every_hash() {
    let bench = Bench::new("ec");
    for curve in Curve::ALL {
        bench.register(curve.name(), json!({ "curve": curve.name() })).await;
        bench.check(curve.name(), KeyType::Ec(curve)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rsa_keys_sign_as_their_mechanism_says() {
    let bench = Bench::new("rsa");
    bench.register("pkcs1", json!({ "mechanism": "0x1", "key_bits": "2048" })).await;
    bench.check("pkcs1", KeyType::Rsa { bits: 2048 }).await;
    bench.register("pss", json!({ "mechanism": 13, "key_bits": 2048 })).await;
    bench.check("pss", KeyType::Rsa { bits: 2048 }).await;

    let refused = bench.sign("pss", Scheme::Pkcs1v15(Hash::Sha256), b"m").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported);
    assert!(refused.public().contains("PSS"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn ed25519_keys_sign_messages() {
    let bench = Bench::new("ed25519");
    bench.register("ed", json!({ "mechanism": "0x1057" })).await;
    bench.check("ed", KeyType::Ed25519).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_of_the_api_signs_and_verifies() {
    let bench = Bench::new("test-sign");
    bench.register("pss", json!({ "mechanism": "0xd", "key_bits": 2048 })).await;
    let kind = ProviderType::Pkcs11;
    let mut transaction = bench.begin().await;
    let test = TestSign { use_pss: true, hash: Some(Hash::Sha384) };
    bench.keys.test_sign(&mut transaction, place(), kind, "pss", test, deadline()).await.unwrap();
    let test = TestSign { use_pss: false, hash: Some(Hash::Sha256) };
    let refused = bench.keys.test_sign(&mut transaction, place(), kind, "pss", test, deadline()).await.unwrap_err();
    assert!(refused.public().contains("PSS"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn oaep_keys_decrypt_what_was_encrypted_to_them() {
    let bench = Bench::new("oaep");
    // SoftHSM 2.6 does OAEP with SHA-1 only.
    let fields = json!({ "mechanism": "0x9", "key_bits": 2048, "usages": "encrypt,decrypt" });
    bench.register("oaep", fields).await;
    let mut transaction = bench.begin().await;
    let key = bench.open(&mut transaction, "oaep").await;
    let sealed = key.encrypt(&mut transaction, Hash::Sha1, b"secret", deadline()).await.unwrap();
    let opened = key.decrypt(&mut transaction, Hash::Sha1, &sealed, deadline()).await.unwrap();
    assert_eq!(&opened[..], b"secret");
    let refused = key.sign(&mut transaction, Scheme::Pss(Hash::Sha256), Input::Message(b"m"), deadline()).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::UsageDenied);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_key_is_not_made_unless_the_record_allows_it() {
    let bench = Bench::new("missing");
    bench.register("absent", json!({ "allow_generate_key": false })).await;
    let refused = bench.sign("absent", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::NotFound);
    let text = refused.public();
    assert!(text.contains("\"absent\"") && text.contains("allow_generate_key"), "{text}");
    assert!(!list_private_keys(&bench).contains("absent"));

    bench.register("nothing-to-make", json!({ "mechanism": "0x210" })).await;
    let refused = bench.sign("nothing-to-make", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap_err();
    assert!(refused.public().contains("cannot generate a key for mechanism 0x210"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_made_never_leaves_the_token() {
    let bench = Bench::new("sensitive");
    bench.register("made", json!({})).await;
    bench.sign("made", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap();
    let listed = list_private_keys(&bench);
    assert!(listed.contains("made"), "{listed}");
    let access = listed.lines().find(|line| line.trim_start().starts_with("Access:")).unwrap();
    for expected in ["sensitive", "always sensitive", "never extractable", "local"] {
        assert!(access.contains(expected), "{access}");
    }
    let id = listed.lines().find(|line| line.trim_start().starts_with("ID:")).unwrap();
    assert_eq!(id.trim().len(), "ID:".len() + 9 + 32, "{id}");
}

fn list_private_keys(bench: &Bench) -> String {
    let listed = Command::new("pkcs11-tool")
        .args(["--module", SOFTHSM, "--token-label", &bench.label, "--login", "--pin", PIN, "-O", "--type", "privkey"])
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
    String::from_utf8(listed.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn many_first_users_make_one_key() {
    let bench = Arc::new(Bench::new("race"));
    bench.register("once", json!({ "max_parallel": 8 })).await;
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let bench = Arc::clone(&bench);
        signers.spawn(async move { bench.sign("once", Scheme::Ecdsa(Hash::Sha256), b"m").await.map(drop) });
    }
    for signed in signers.join_all().await {
        signed.unwrap();
    }
    assert_eq!(list_private_keys(&bench).matches("Private Key Object").count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_of_one_label_are_refused_until_an_id_tells_them_apart() {
    let bench = Bench::new("twins");
    for id in ["01", "02"] {
        let made = Command::new("pkcs11-tool")
            .args(["--module", SOFTHSM, "--token-label", &bench.label, "--login", "--pin", PIN])
            .args(["--keypairgen", "--key-type", "EC:prime256v1", "--label", "twin", "--id", id])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    bench.register("twin", json!({ "allow_generate_key": false })).await;
    let refused = bench.sign("twin", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap_err();
    assert!(refused.public().contains("key_id"), "{}", refused.public());
    bench.register("twin", json!({ "allow_generate_key": false, "key_id": "02" })).await;
    bench.check("twin", KeyType::Ec(Curve::P256)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_signers_share_two_sessions() {
    let bench = Arc::new(Bench::new("parallel"));
    bench.register("shared", json!({ "max_parallel": 2 })).await;
    let first = bench.sign("shared", Scheme::Ecdsa(Hash::Sha256), b"m").await;
    first.unwrap();
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let bench = Arc::clone(&bench);
        signers.spawn(async move {
            for _ in 0..4 {
                bench.sign("shared", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap();
            }
        });
    }
    signers.join_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_at_once_and_says_when_to_come_back() {
    let bench = Arc::new(Bench::new("overflow"));
    bench.register("slow", json!({ "mechanism": "0x1", "key_bits": 4096 })).await;
    let scheme = Scheme::Pkcs1v15(Hash::Sha256);
    bench.sign("slow", scheme, b"m").await.unwrap();
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..600 {
        let bench = Arc::clone(&bench);
        signers.spawn(async move { bench.sign("slow", scheme, b"m").await });
    }
    let outcomes = signers.join_all().await;
    let refused: Vec<&Error> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert!(!refused.is_empty() && refused.len() < outcomes.len(), "{} refused", refused.len());
    for error in refused {
        assert_eq!(error.reason(), Reason::Unavailable, "{error}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(1)));
    }
    bench.sign("slow", scheme, b"m").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_has_passed_is_a_timeout() {
    let bench = Bench::new("timeout");
    let provider = bench.provider(PIN);
    let late = bench.driver.describe(&provider, &locator("k"), Instant::now()).await.unwrap_err();
    assert_eq!(late.reason(), Reason::Timeout);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_token_is_unavailable_and_names_no_token() {
    let bench = Bench::new("unknown-token");
    bench.register("lost", json!({ "token_label": "no-such-token" })).await;
    let refused = bench.sign("lost", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unavailable);
    assert!(!refused.public().contains("no-such-token"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_lost_its_state_is_started_again_by_the_next_signature() {
    let bench = Bench::running(&copied("restart"), "restart", Process::InProcess);
    bench.register("k", json!({ "max_parallel": 2 })).await;
    let scheme = Scheme::Ecdsa(Hash::Sha256);
    bench.sign("k", scheme, b"m").await.unwrap();
    // The same file is the same library for the dynamic linker: this ends it behind the driver's back.
    cryptoki::context::Pkcs11::new(&bench.library).unwrap().finalize().unwrap();
    bench.sign("k", scheme, b"m").await.unwrap();
    bench.check("k", KeyType::Ec(Curve::P256)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_pin_gains_nothing_from_a_login_that_is_there() {
    let bench = Bench::new("two-pins");
    bench.register("good", json!({})).await;
    bench.sign("good", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap();
    bench.register("thief", json!({ "pin": "9999", "key_label": "good", "allow_generate_key": false })).await;
    let refused = bench.sign("thief", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap_err();
    assert!(refused.public().contains("different PIN"), "{}", refused.public());
    assert!(!refused.to_string().contains("9999"));
    bench.sign("good", Scheme::Ecdsa(Hash::Sha256), b"m").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn health_tells_a_good_pin_from_a_bad_one() {
    let bench = Bench::new("health");
    bench.driver.health(&bench.provider(PIN), deadline()).await.unwrap();
    bench.driver.forget(&bench.provider(PIN)).await;
    // The worker of the forgotten pool logs out in its own time.
    let mut refused = None;
    for _ in 0..100 {
        let error = bench.driver.health(&bench.provider("0000"), deadline()).await.unwrap_err();
        if matches!(error, Error::Login(_)) {
            refused = Some(error);
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused.is_some());
    bench.driver.forget(&bench.provider("0000")).await;
    bench.driver.health(&bench.provider(PIN), deadline()).await.unwrap();
}

/// What is called in the library, seen by OpenSC's spy. In one test, because the spy has one log.
#[tokio::test(flavor = "multi_thread")]
async fn a_warm_signature_is_sign_init_and_sign_and_a_wrong_pin_is_tried_once() {
    let bench = Bench::over(Path::new(SPY), "spied");
    let scheme = Scheme::Ecdsa(Hash::Sha256);

    // A wrong PIN, many times over.
    bench.register("wrong", json!({ "pin": "0000", "max_parallel": 4 })).await;
    for _ in 0..10 {
        let refused = bench.sign("wrong", scheme, b"m").await.unwrap_err();
        assert!(refused.public().contains("refused the login"), "{}", refused.public());
    }
    assert_eq!(calls(0).iter().filter(|call| *call == "C_Login").count(), 1);

    // Written anew with the right one, it works.
    bench.register("wrong", json!({ "pin": PIN })).await;
    bench.sign("wrong", scheme, b"m").await.unwrap();
    assert_eq!(calls(0).iter().filter(|call| *call == "C_Login").count(), 2);

    // Warm: nothing is looked up.
    let before = calls(0).len();
    bench.sign("wrong", scheme, b"another message").await.unwrap();
    let mut warm = calls(before);
    // The binding asks C_Sign for the length first (PKCS#11 section 5.2): the operation is still one.
    warm.dedup();
    assert_eq!(warm, ["C_SignInit", "C_Sign"]);
    assert!(!std::fs::read_to_string(&tokens().spy_log).unwrap().is_empty());
}

/// The functions in the spy's log, from this one on.
fn calls(from: usize) -> Vec<String> {
    let log = std::fs::read(&tokens().spy_log).unwrap();
    let log = String::from_utf8_lossy(&log);
    let names = log.lines().filter_map(|line| line.split_once(": C_").map(|(_, name)| format!("C_{}", name.trim())));
    names.skip(from).collect()
}

#[test]
fn a_record_reads_back_without_its_pin() {
    let provider = Pkcs11Provider {
        library: "hsm".into(),
        token: TokenRef::Slot(0),
        pin: SecretString::from("top-secret"),
        force_rw_session: false,
        max_parallel: 1,
    };
    assert!(!format!("{provider:?}").contains("top-secret"));
}
