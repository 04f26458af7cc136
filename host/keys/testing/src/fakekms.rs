//! A double of Google Cloud KMS: a program of its own (`fakekms/`, in Go, over Google's message types) with real keys,
//! states, checksums and tokens, and with what is to go wrong.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use keys::Provider;
use keys::registry::GcpCkmsProvider;
use secrecy::SecretString;
use serde_json::{Value, json};

/// Longest wait for the program to say that it is ready.
const START: Duration = Duration::from_secs(30);

/// The project and the location of all rings.
const PLACE: &str = "projects/my-project-1/locations/europe-west3";

/// A program that runs, until this is dropped or the process ends.
pub struct FakeKms {
    child: Child,
    port: u16,
    control: String,
    agent: ureq::Agent,
}

impl Drop for FakeKms {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A service account, made now.
#[derive(Clone)]
pub struct Account {
    /// Its address.
    pub email: String,
    /// Its key file.
    pub file: Value,
}

impl FakeKms {
    /// Builds the program, if need be, and starts one with a ring of the name `ring`. It also ends by itself when this
    /// process does.
    pub fn start() -> Self {
        let control = crate::openssl::random(16);
        let mut child = Command::new(program())
            .args(["-control", &control])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("fakekms cannot be run");
        let port = port(&mut child);
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(60)))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into();
        let fake = Self { child, port, control, agent };
        assert_eq!(fake.get("/"), "fakekms", "another program answers at port {port}");
        fake
    }

    /// Its address, for the driver's settings.
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Makes a service account that may call these methods, or all of them.
    pub fn account(&self, may: Option<&[&str]>) -> Account {
        self.account_denied(may, "IAM_PERMISSION_DENIED")
    }

    /// The same; what it may not call is denied for this reason.
    pub fn account_denied(&self, may: Option<&[&str]>, reason: &str) -> Account {
        let account = Account::new();
        let public_key = crate::openssl::public_of(account.file["private_key"].as_str().unwrap());
        let added = json!({
            "email": account.email, "key_id": account.file["private_key_id"], "public_key": public_key,
            "may": may, "reason": reason,
        });
        self.post("/accounts", &added);
        account
    }

    /// Makes a ring, by this account.
    pub fn ring(&self, account: &Account, name: &str) {
        let made = self.rest(account, "POST", &format!("{PLACE}/keyRings?keyRingId={name}"), &json!({}));
        assert!(made["name"].is_string(), "{made}");
    }

    /// Calls the service itself as an administrator would, past the driver. The token is made by the program openssl.
    pub fn rest(&self, account: &Account, verb: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}/v1/{path}", self.endpoint());
        let token = format!("Bearer {}", account.token());
        let request = ureq::http::Request::builder().method(verb).uri(url).header("Authorization", token);
        let request = request.body(body.to_string()).unwrap();
        let text = self.agent.run(request).unwrap().into_body().read_to_string().unwrap();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Disables, enables or destroys a version of a key.
    pub fn set_state(&self, account: &Account, ring: &str, key: &str, state: &str) {
        let path = format!("{PLACE}/keyRings/{ring}/cryptoKeys/{key}/cryptoKeyVersions/1?updateMask=state");
        let answer = self.rest(account, "PATCH", &path, &json!({ "state": state }));
        assert!(answer["name"].is_string(), "{answer}");
    }

    /// Makes the next version of a key.
    pub fn new_version(&self, account: &Account, ring: &str, key: &str) {
        let path = format!("{PLACE}/keyRings/{ring}/cryptoKeys/{key}/cryptoKeyVersions");
        let answer = self.rest(account, "POST", &path, &json!({}));
        assert!(answer["name"].is_string(), "{answer}");
    }

    /// Says what goes wrong with the next calls: `method`, `name` (in the resource's name), `times`, and one of `code`
    /// with `message`, `http` with `body`, `delay` in milliseconds, `spoil`.
    pub fn fault(&self, fault: Value) {
        self.post("/faults", &fault);
    }

    /// How often a method was called for resources with this in their name.
    pub fn calls(&self, method: &str, name: &str) -> u64 {
        let counts: Value = serde_json::from_str(&self.get(&format!("/calls?name={name}"))).unwrap();
        counts[method].as_u64().unwrap_or(0)
    }

    fn get(&self, path: &str) -> String {
        let url = format!("{}/{}{path}", self.endpoint(), self.control);
        self.agent.get(&url).call().unwrap().into_body().read_to_string().unwrap()
    }

    fn post(&self, path: &str, body: &Value) {
        let url = format!("{}/{}{path}", self.endpoint(), self.control);
        let answer = self.agent.post(&url).send(body.to_string()).unwrap();
        assert!(answer.status().is_success(), "{path}: {:?}", answer.into_body().read_to_string());
    }
}

impl Account {
    /// An account that nobody knows yet.
    pub fn new() -> Self {
        let email = format!("svc-{}@my-project-1.iam.gserviceaccount.com", crate::openssl::random(4));
        let file = json!({
            "type": "service_account", "project_id": "my-project-1", "private_key_id": crate::openssl::random(20),
            "private_key": crate::openssl::rsa_key(), "client_email": email, "client_id": "1234567890",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        });
        Self { email, file }
    }

    /// The provider of a ring, with this account's key file.
    pub fn provider(&self, ring: &str) -> Provider {
        Provider::GcpCkms(GcpCkmsProvider {
            credentials: Some(SecretString::from(self.file.to_string())),
            project: "my-project-1".into(),
            region: "europe-west3".into(),
            key_ring: ring.into(),
        })
    }

    /// A token that it signs itself.
    fn token(&self) -> String {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let header = json!({ "alg": "RS256", "typ": "JWT", "kid": self.file["private_key_id"] });
        let claims = json!({
            "iss": self.email, "sub": self.email, "iat": now - 10, "exp": now + 600,
            "scope": "https://www.googleapis.com/auth/cloud-platform",
        });
        crate::openssl::jwt(&header.to_string(), &claims.to_string(), self.file["private_key"].as_str().unwrap())
    }
}

impl Default for Account {
    fn default() -> Self {
        Self::new()
    }
}

/// The program, built from its sources as they are.
fn program() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let done = Command::new(here.join("fakekms/build")).output().expect("fakekms/build cannot be run");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "fakekms cannot be built; tests/setup/install installs what it needs: {said}");
        here.join("../../../target/peers/fakekms")
    });
    built.clone()
}

/// Waits for the line that says the port.
fn port(child: &mut Child) -> u16 {
    let stdout = child.stdout.take().unwrap();
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let _ = BufReader::new(stdout).read_line(&mut line);
        let _ = say.send(line);
    });
    let started = Instant::now();
    let line = said.recv_timeout(START).unwrap_or_default();
    let port = line.trim().strip_prefix("ready ").and_then(|port| port.parse().ok());
    port.unwrap_or_else(|| {
        let _ = child.kill();
        panic!("fakekms said {line:?} after {:?}", started.elapsed())
    })
}
