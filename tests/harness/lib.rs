//! Starts a whole server, as a process or inside the test's own, and talks to it as a client would.
#![forbid(unsafe_code)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on should say so and stop"
)]

mod answer;
mod config;
mod folder;
mod inside;
mod log;
mod node;
mod openssl;
mod peer;
mod process;
mod signer;
mod token;
mod wait;
mod walk;

pub use answer::Answer;
pub use config::{file_storage, plain_listener};
pub use folder::Folder;
pub use node::{Keys, Node, try_call};
pub use openssl::{openssl, try_openssl};
pub use peer::{Peer, Reply};
pub use process::{Process, curl, run, run_with};
pub use signer::Signer;
pub use wait::wait_until;
pub use walk::walk;

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub use log::lines as log_lines;
pub use token::{PIN, Token, stanza};

/// The root token of every server that tests start.
pub const ROOT: &str = "test-root";

/// Longest wait for a server that was asked to stop.
const STOP_MAX: Duration = Duration::from_secs(40);

/// A server of its own for one test; it ends with the value.
pub struct Server {
    running: Running,
    address: String,
    /// Holds its configuration.
    _folder: Option<Folder>,
}

/// Ends the server when it is dropped.
enum Running {
    Process(Child),
    Inside { _stop: inside::Stop },
}

/// The component of the guests that misbehave.
pub const HOSTILE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/hostile.component.wasm"));
/// The component of a secrets engine that asks for more than it may have.
pub const OVERREACH: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/overreach.component.wasm"));
/// The component of an auth method that says whatever it is told.
pub const PORTER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/porter.component.wasm"));
/// An engine built against version 0.1 of the contract alone.
pub const FROZEN: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/frozen.component.wasm"));
/// Longest time that a test waits for one answer: longer than a server lets a request take.
const ANSWER_MAX: Duration = Duration::from_secs(120);

/// Largest answer that a test reads, in bytes.
const BODY_MAX: u64 = 256 << 20;

impl Server {
    /// Starts `innkeeper server -dev` on a free port and waits until it says where it listens.
    pub fn start() -> Self {
        Self::launch(&mut development(), None)
    }

    /// The same with the text of a configuration file, and with more environment variables.
    pub fn start_with(config: &str, environment: &[(String, String)]) -> Self {
        let folder = Folder::new();
        let file = folder.path().join("innkeeper.hcl");
        std::fs::write(&file, config).expect("the configuration can be written");
        let mut command = development();
        command.arg(format!("-config={}", file.display()));
        command.envs(environment.iter().map(|(name, value)| (name, value)));
        Self::launch(&mut command, Some(folder))
    }

    fn launch(command: &mut Command, folder: Option<Folder>) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the server starts");
        let lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
        let mut address = None;
        for line in lines.map_while(Result::ok) {
            if let Some((_, rest)) = line.split_once("VAULT_ADDR='") {
                address = Some(rest.trim_end_matches('\'').to_owned());
            }
            if line.starts_with("==> Ready") {
                break;
            }
        }
        let address = address.expect("the server says where it listens");
        Self { running: Running::Process(process), address, _folder: folder }
    }

    /// Starts a server inside this process that has these guests beside the built-in ones. Its log is kept for
    /// [`log_lines`].
    pub fn with_guests(guests: &'static [&'static [u8]]) -> Self {
        let (address, stop) = inside::start(guests);
        Self { running: Running::Inside { _stop: stop }, address, _folder: None }
    }

    /// The number of its process.
    pub fn pid(&self) -> u32 {
        match &self.running {
            Running::Process(process) => process.id(),
            Running::Inside { .. } => std::process::id(),
        }
    }

    /// Two such servers over one store in memory; they end together, with the first.
    pub fn two_with_guests(guests: &'static [&'static [u8]]) -> [Self; 2] {
        let (mut addresses, stop) = inside::start_nodes(guests, 2);
        let (second, first) = (addresses.remove(1), addresses.remove(0));
        let server = |address, stop| Self { running: Running::Inside { _stop: stop }, address, _folder: None };
        [server(first, stop.clone()), server(second, stop)]
    }

    /// Where it listens, for instance `http://127.0.0.1:34567`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Sends it a signal of this name.
    pub fn signal(&self, name: &str) {
        let Running::Process(process) = &self.running else { panic!("only a process gets signals") };
        process::signal(process.id(), name);
    }

    /// Asks the server to stop, as a service manager does, and waits until it has; says whether it ended well.
    pub fn stop(mut self) -> bool {
        let Running::Process(process) = &mut self.running else { panic!("only a process is stopped by a signal") };
        process::signal(process.id(), "TERM");
        let late = Instant::now() + STOP_MAX;
        loop {
            match process.try_wait().expect("the server can be waited for") {
                Some(status) => return status.success(),
                None if Instant::now() > late => return false,
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
    }

    /// A request with the root token in the root namespace. A `Null` body sends none.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call_as(ROOT, method, path, body)
    }

    /// The same with this token.
    pub fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("X-Vault-Token", token)], body)
    }

    /// The same with the root token in a namespace.
    pub fn call_in(&self, namespace: &str, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("X-Vault-Token", ROOT), ("X-Vault-Namespace", namespace)], body)
    }

    /// Writes a policy of this name and text in a namespace.
    #[track_caller]
    pub fn policy(&self, namespace: &str, name: &str, text: &str) {
        let written = self.call_in(namespace, "POST", &format!("sys/policies/acl/{name}"), json!({"policy": text}));
        assert_eq!(written.status, 204, "{}", written.text);
    }

    /// A request with just these headers.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send_bytes(method, path, headers, bytes)
    }

    /// A request with a body of any bytes.
    pub fn send_bytes(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        ask(&self.address, method, path, headers, body).expect("the server answers")
    }
}

/// A request with just these headers; nothing when no answer comes.
pub fn try_send(address: &str, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Option<Answer> {
    ask(address, method, path, headers, body).ok()
}

/// A request to a server; an error when no answer comes.
pub(crate) fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Result<Answer, ureq::Error> {
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .allow_non_standard_methods(true)
        .timeout_global(Some(ANSWER_MAX))
        .build();
    let mut request = ureq::http::Request::builder().method(method).uri(format!("{address}/v1/{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let agent = ureq::Agent::new_with_config(config);
    let mut response = if body.is_empty() {
        agent.run(request.body(()).expect("a valid request"))?
    } else {
        agent.run(request.body(body).expect("a valid request"))?
    };
    let status = response.status().as_u16();
    let readable = |value: &ureq::http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), readable(value))).collect();
    let bytes = response.body_mut().with_config().limit(BODY_MAX).read_to_vec()?;
    let text = String::from_utf8(bytes.clone()).unwrap_or_default();
    Ok(Answer { status, json: serde_json::from_str(&text).unwrap_or(Value::Null), text, bytes, headers })
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Running::Process(process) = &mut self.running {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn development() -> Command {
    let mut command = Command::new(binary());
    command
        .args(["server", "-dev", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0"])
        .arg(format!("-dev-root-token-id={ROOT}"));
    command
}

/// The binary under test, beside the test's own: `cargo build --release --workspace` puts it there.
pub fn binary() -> PathBuf {
    let here = std::env::current_exe().expect("a test knows where it is");
    let folder = here.parent().and_then(|deps| deps.parent()).expect("tests lie in target/<profile>/deps");
    let binary = folder.join("innkeeper");
    assert!(binary.is_file(), "there is no {}: run `make build` first", binary.display());
    binary
}
