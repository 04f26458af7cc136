//! Libraries that crash, hang and lie, and tokens that go away. Each library is in a worker process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::collections::BTreeMap;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use keys::{Curve, Driver as _, Error, Hash, Input, Libraries, Library, Locator, Provider, Reason};
use keys::{Scheme, SignRequest};
use keys_testing::conformance::Sort;
use keys_testing::softhsm::{LIBRARY, PIN, Token, locator};
use pkcs11::{Bounds, Program, Settings, Status};
use tokio::time::Instant;

const SPY: &str = "/usr/lib/x86_64-linux-gnu/pkcs11-spy.so";
const P11_KIT: &str = "/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so";
const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);
const DIGEST: [u8; 32] = [7; 32];

/// A token with a key, and a driver over two libraries that lead to it: `good` is SoftHSM, `bad` what a test is about.
struct Bench {
    token: Token,
    driver: Arc<pkcs11::Driver>,
    key: Locator,
    public_key: Vec<u8>,
}

/// The shim, compiled once.
fn shim() -> &'static Path {
    static SHIM: OnceLock<PathBuf> = OnceLock::new();
    SHIM.get_or_init(|| {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/modules/shim.c");
        let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
        let output = Command::new("cc").args(["-shared", "-fPIC", "-O1", source, "-ldl", "-o"]).arg(&built).output();
        let output = output.expect("cc: run tests/setup/install");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        built
    })
}

fn driver(token: &Token, library: &Path, extra: &[(&str, String)]) -> Arc<pkcs11::Driver> {
    driver_within(token, library, extra, Bounds::default())
}

fn driver_within(token: &Token, library: &Path, extra: &[(&str, String)], bounds: Bounds) -> Arc<pkcs11::Driver> {
    let good: BTreeMap<String, String> = token.environment();
    let mut bad = good.clone();
    bad.insert("SHIM_LIBRARY".into(), LIBRARY.into());
    bad.insert("SHIM_FLAG".into(), token.path("flag").display().to_string());
    bad.insert("SHIM_LOG".into(), token.path("logins").display().to_string());
    bad.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let named = |name: &str, path: &Path| Library { name: name.into(), path: path.into(), namespaces: None };
    let libraries = Libraries::new([named("good", Path::new(LIBRARY)), named("bad", library)]).unwrap();
    let run =
        |name: &str, environment, bounds| (name.to_owned(), Settings { environment, bounds, ..Settings::default() });
    let settings = [run("good", good, Bounds::default()), run("bad", bad, bounds)];
    let driver = pkcs11::Driver::new(Arc::new(libraries), settings);
    Arc::new(driver.with_program(Program(env!("CARGO_BIN_EXE_pkcs11-worker").into())))
}

impl Bench {
    async fn shimmed(label: &str, behaviour: &str) -> Self {
        Self::over(label, shim(), &[("SHIM_BEHAVIOUR", behaviour.to_owned())]).await
    }

    async fn over(label: &str, library: &Path, extra: &[(&str, String)]) -> Self {
        let token = Token::new(label);
        let driver = driver(&token, library, extra);
        let key = locator(Sort::Ec(Curve::P256), "key");
        let made = driver.generate(&token.provider("good", PIN, 4), &key, within(20)).await.unwrap();
        Self { token, driver, key, public_key: made.public_key }
    }

    async fn sign(&self, library: &str, seconds: u64) -> Result<(), Error> {
        self.sign_with(&self.token.provider(library, PIN, 4), seconds).await
    }

    /// Signs, and verifies what was signed.
    async fn sign_with(&self, provider: &Provider, seconds: u64) -> Result<(), Error> {
        let request = SignRequest { scheme: SCHEME, input: Input::Digest(&DIGEST), public_key: Some(&self.public_key) };
        let signature = self.driver.sign(provider, &self.key, request, within(seconds)).await?;
        assert!(keys::verify(&self.public_key, SCHEME, Input::Digest(&DIGEST), &signature).unwrap(), "a bad signature");
        Ok(())
    }

    /// How the bad library is.
    fn status(&self) -> Status {
        self.driver.status().into_iter().find(|status| status.library == "bad").expect("the bad library was used")
    }

    fn misbehave(&self) {
        std::fs::write(self.token.path("flag"), "").unwrap();
    }

    fn behave(&self) {
        let _ = std::fs::remove_file(self.token.path("flag"));
    }

    /// Waits until the bad library signs again. Every refusal until then must say when to come back.
    async fn recovers_within(&self, time: Duration) {
        let until = Instant::now() + time;
        while let Err(error) = self.sign("bad", 5).await {
            assert!(Instant::now() < until, "not within {time:?}: {error}");
            assert!(matches!(error.reason(), Reason::Unavailable | Reason::Timeout), "{error}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
}

fn within(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_crashes_refuses_its_own_users_and_nobody_else() {
    let bench = Bench::shimmed("crash", "crash").await;
    bench.sign("bad", 10).await.unwrap();
    bench.misbehave();
    for _ in 0..6 {
        let refused = bench.sign("bad", 10).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Unavailable, "{refused}");
        assert!(refused.retry_after().is_some(), "{refused}");
        bench.sign("good", 10).await.unwrap();
    }
    bench.behave();
    bench.recovers_within(Duration::from_secs(20)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_costs_the_requests_that_run_no_more_than_a_second_try() {
    let bench = Arc::new(Bench::shimmed("once", "crash-once").await);
    bench.sign("bad", 10).await.unwrap();
    bench.misbehave();
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let bench = Arc::clone(&bench);
        signers.spawn(async move { bench.sign("bad", 20).await });
    }
    for signed in signers.join_all().await {
        signed.unwrap();
    }
    assert!(!bench.token.path("flag").exists(), "the library did not crash");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_that_hangs_is_killed_and_started_again() {
    let bench = Bench::shimmed("hang", "hang").await;
    let provider = bench.token.provider("bad", PIN, 1);
    bench.sign_with(&provider, 10).await.unwrap();
    bench.misbehave();
    let late = bench.sign_with(&provider, 1).await.unwrap_err();
    assert_eq!(late.reason(), Reason::Timeout, "{late}");
    bench.sign("good", 10).await.unwrap();
    bench.behave();
    // The call still hangs: only another process can sign.
    bench.recovers_within(Duration::from_secs(15)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_stopped_costs_its_users_their_deadline_and_is_killed_and_replaced() {
    let bench = Bench::shimmed("stopped", "").await;
    bench.sign("bad", 10).await.unwrap();
    let before = bench.status();
    let process = before.process.expect("a worker runs");
    assert_eq!((before.starts, before.waiting), (1, 0));
    let stopped = Command::new("kill").args(["-STOP", &process.to_string()]).status().unwrap();
    assert!(stopped.success());
    let began = Instant::now();
    let waiting = tokio::spawn({
        let (driver, provider, key) =
            (Arc::clone(&bench.driver), bench.token.provider("bad", PIN, 4), bench.key.clone());
        async move {
            let request = SignRequest { scheme: SCHEME, input: Input::Digest(&DIGEST), public_key: None };
            driver.sign(&provider, &key, request, within(2)).await
        }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(bench.status().waiting, 1);
    for _ in 0..20 {
        let one = Instant::now();
        bench.sign("good", 10).await.unwrap();
        assert!(one.elapsed() < Duration::from_secs(1), "another library waits for it");
    }
    let late = waiting.await.unwrap().unwrap_err();
    assert_eq!(late.reason(), Reason::Timeout, "{late}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    bench.recovers_within(Duration::from_secs(25)).await;
    let after = bench.status();
    assert!(after.starts > before.starts && after.process.is_some_and(|new| new != process), "{after:?}");
    assert!(!Path::new(&format!("/proc/{process}")).exists(), "the old worker still lives");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_keeps_failing_is_kept_away_from_and_the_status_says_so() {
    let bench = Bench::shimmed("kept", "crash").await;
    bench.sign("bad", 10).await.unwrap();
    let token = |status: Status| status.tokens.into_iter().next().expect("a token was asked for");
    let before = token(bench.status());
    assert_eq!((before.failures, before.is_kept_away_from), (0, false));
    bench.misbehave();
    let until = Instant::now() + Duration::from_secs(30);
    while !token(bench.status()).is_kept_away_from {
        assert!(Instant::now() < until, "it is never kept away from");
        bench.sign("bad", 2).await.unwrap_err();
    }
    assert!(bench.status().starts > 1);
    bench.behave();
    bench.recovers_within(Duration::from_secs(40)).await;
    assert!(!token(bench.status()).is_kept_away_from);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_gets_no_more_memory_and_files_than_the_operator_says() {
    for (behaviour, bounds) in
        [("memory", Bounds { memory: Some(1 << 30), files: None }), ("files", Bounds { memory: None, files: Some(64) })]
    {
        let extra = [("SHIM_BEHAVIOUR", behaviour.to_owned())];
        let free = Bench::over(&format!("free-{behaviour}"), shim(), &extra).await;
        free.misbehave();
        free.sign("bad", 10).await.unwrap();
        let driver = driver_within(&free.token, shim(), &extra, bounds);
        let bound = Bench { driver, ..free };
        let refused = bound.sign("bad", 10).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Unavailable, "{behaviour}: {refused}");
        bound.sign("good", 10).await.unwrap();
        bound.behave();
        bound.recovers_within(Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_a_library_missed_while_it_started_is_looked_for_once_more() {
    let bench = Bench::shimmed("missed", "away-once").await;
    bench.misbehave();
    bench.sign("bad", 10).await.unwrap();
    assert!(!bench.token.path("flag").exists(), "the token was not hidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn lengths_and_bytes_that_cannot_be_are_errors_and_no_signatures() {
    for behaviour in ["huge", "long", "none", "garbage"] {
        let bench = Bench::shimmed(&format!("lies-{behaviour}"), behaviour).await;
        bench.misbehave();
        match bench.sign("bad", 10).await {
            Err(_) => {}
            // More is announced than there was room for: the bytes that are there are the signature.
            Ok(()) => assert_eq!(behaviour, "long"),
        }
        bench.sign("good", 10).await.unwrap();
        bench.behave();
        bench.driver.forget(&bench.token.provider("bad", PIN, 4)).await;
        bench.recovers_within(Duration::from_secs(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_signers_share_the_two_sessions_of_a_small_token() {
    let bench = Arc::new(Bench::over("small", shim(), &[("SHIM_SESSIONS", "2".into())]).await);
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let bench = Arc::clone(&bench);
        signers.spawn(async move { bench.sign("bad", 20).await });
    }
    for signed in signers.join_all().await {
        signed.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_of_the_same_label_is_not_signed_with() {
    let bench = Bench::shimmed("replaced", "").await;
    bench.sign("bad", 10).await.unwrap();
    bench.token.initialise_again();
    let another = driver(&bench.token, shim(), &[]);
    let made = another.generate(&bench.token.provider("good", PIN, 1), &bench.key, within(20)).await.unwrap();
    assert_ne!(made.public_key, bench.public_key);
    // By a process that used the old key, and by one that starts now.
    for driver in [&bench.driver, &another] {
        let request =
            SignRequest { scheme: SCHEME, input: Input::Digest(&DIGEST), public_key: Some(&bench.public_key) };
        let refused = driver.sign(&bench.token.provider("bad", PIN, 4), &bench.key, request, within(10)).await;
        assert!(matches!(refused, Err(Error::Replaced)), "{refused:?}");
        let request = SignRequest { public_key: Some(&made.public_key), ..request };
        driver.sign(&bench.token.provider("bad", PIN, 4), &bench.key, request, within(10)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_pin_is_tried_once_however_often_the_worker_is_started_again() {
    let bench = Bench::shimmed("pin", "crash-once").await;
    let wrong = bench.token.provider("bad", "0000", 4);
    for _ in 0..3 {
        for _ in 0..3 {
            let refused = bench.sign_with(&wrong, 10).await.unwrap_err();
            assert!(matches!(refused, Error::Login(_)), "{refused}");
        }
        bench.misbehave();
        bench.sign("bad", 10).await.unwrap();
        assert!(!bench.token.path("flag").exists(), "the library did not crash");
    }
    let log = std::fs::read_to_string(bench.token.path("logins")).unwrap();
    // CKR_PIN_INCORRECT.
    assert_eq!(log.lines().filter(|line| *line == "login 160").count(), 1, "{log}");
}

/// p11-kit's server in front of a token: the far side of a library.
struct Far {
    server: Child,
    socket: PathBuf,
}

impl Far {
    fn start(token: &Token, label: &str) -> Self {
        let socket = token.path("far");
        let _ = std::fs::remove_file(&socket);
        let server = Command::new("/usr/libexec/p11-kit/p11-kit-server")
            .args(["-f", "-n", socket.to_str().unwrap(), "--provider", LIBRARY, &format!("pkcs11:token={label}")])
            .envs(token.environment())
            .stdout(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("p11-kit-server: run tests/setup/install");
        let until = std::time::Instant::now() + Duration::from_secs(10);
        while !socket.exists() && std::time::Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { server, socket }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        // It has a process for each client: the group goes.
        let group = format!("-{}", self.server.id());
        let _ = Command::new("kill").args(["-9", "--", &group]).status();
        let _ = self.server.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_go_on_within_two_seconds_after_the_far_side_of_a_library_is_back() {
    let spied = "spied";
    let token = Token::new(spied);
    let far = Far::start(&token, spied);
    let log = token.path("spy.log");
    let extra = [
        ("P11_KIT_SERVER_ADDRESS", format!("unix:path={}", far.socket.display())),
        ("PKCS11SPY", P11_KIT.to_owned()),
        ("PKCS11SPY_OUTPUT", log.display().to_string()),
    ];
    let driver = driver(&token, Path::new(SPY), &extra);
    let key = locator(Sort::Ec(Curve::P256), "key");
    let made = driver.generate(&token.provider("good", PIN, 1), &key, within(20)).await.unwrap();
    let bench = Arc::new(Bench { token, driver, key, public_key: made.public_key });
    bench.sign("bad", 10).await.unwrap();
    let end = Instant::now() + Duration::from_secs(12);
    let mut signers = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let bench = Arc::clone(&bench);
        signers.spawn(async move {
            let mut outcomes = Vec::new();
            while Instant::now() < end {
                let signed = bench.sign("bad", 5).await;
                outcomes.push((Instant::now(), signed));
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            outcomes
        });
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    drop(far);
    tokio::time::sleep(Duration::from_secs(5)).await;
    bench.sign("good", 10).await.unwrap();
    let _far = Far::start(&bench.token, spied);
    let back = Instant::now();
    let outcomes: Vec<_> = signers.join_all().await.into_iter().flatten().collect();
    assert!(outcomes.iter().any(|(_, signed)| signed.is_err()), "nobody noticed");
    for (at, signed) in &outcomes {
        if let Err(error) = signed {
            assert_eq!(error.reason(), Reason::Unavailable, "{error}");
            assert!(error.retry_after().is_some(), "{error}");
            assert!(*at < back + Duration::from_secs(2), "{error}, {:?} after the return", *at - back);
        }
    }
    assert!(outcomes.iter().any(|(at, signed)| *at > back && signed.is_ok()), "nobody signs again");
    let log = String::from_utf8_lossy(&std::fs::read(log).unwrap()).into_owned();
    let calls = |name: &str| log.lines().filter(|line| line.ends_with(&format!(": {name}"))).count();
    assert_eq!(calls("C_Login"), 2, "one login per generation that had a token");
}
