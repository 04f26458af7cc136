//! A server with a configuration: it starts sealed, keeps its state, and may be killed and started again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::{Answer, Process, ask, plain_listener};

/// Longest wait for a node that unseals itself.
const OPEN_MAX: Duration = Duration::from_secs(30);

/// A running node; it ends with the value, killed.
pub struct Node {
    /// Its process.
    pub process: Process,
    token: String,
}

/// What founding a store gave.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Unseal keys, or recovery keys, in hexadecimal digits.
    pub shares: Vec<String>,
    /// The first root token.
    pub root_token: String,
}

impl Node {
    /// Starts a node with this configuration beside its listener.
    pub fn start(config: &str, environment: &[(String, String)]) -> Self {
        let process = Process::configured_with(&(plain_listener("") + config), &[], environment);
        Self { process, token: String::new() }
    }

    /// Starts a node with a store in memory and a listener with these further lines.
    pub fn listening(lines: &str) -> Self {
        let config = plain_listener(lines) + "storage \"inmem\" {}\n";
        Self { process: Process::configured_with(&config, &[], &[]), token: String::new() }
    }

    /// The same on a disk that may become full: see [`Process::limit_files`].
    pub fn on_a_small_disk(config: &str) -> Self {
        let process = Process::on_a_small_disk(&(plain_listener("") + config));
        Self { process, token: String::new() }
    }

    /// Founds its store with so many shares of an unseal key.
    pub fn init(&mut self, shares: u8, threshold: u8) -> Keys {
        let body = json!({"secret_shares": shares, "secret_threshold": threshold});
        let made = self.send("PUT", "sys/init", &[], body);
        assert_eq!(made.status, 200, "{}", made.text);
        self.founded(&made, "keys")
    }

    /// Founds its store where it unseals itself, with so many shares of a recovery key, and waits until it is open.
    pub fn init_automatic(&mut self, shares: u8, threshold: u8) -> Keys {
        let body = json!({"recovery_shares": shares, "recovery_threshold": threshold});
        let made = self.send("PUT", "sys/init", &[], body);
        assert_eq!(made.status, 200, "{}", made.text);
        self.wait_until_open();
        self.founded(&made, "recovery_keys")
    }

    fn founded(&mut self, made: &Answer, shares: &str) -> Keys {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let shares = made.json[shares].as_array().expect("shares").iter().map(text).collect();
        let keys = Keys { shares, root_token: text(&made.json["root_token"]) };
        self.token.clone_from(&keys.root_token);
        keys
    }

    /// Unseals it with as many shares as it asks for, and uses the root token from then on.
    pub fn unseal(&mut self, keys: &Keys) {
        self.token.clone_from(&keys.root_token);
        let needed = self.status()["t"].as_u64().expect("a threshold") as usize;
        for share in &keys.shares[..needed] {
            let answer = self.send("PUT", "sys/unseal", &[], json!({"key": share}));
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        assert_eq!(self.status()["sealed"], false);
    }

    /// Uses this token from then on.
    pub fn use_token(&mut self, token: &str) {
        token.clone_into(&mut self.token);
    }

    /// What `sys/seal-status` says.
    pub fn status(&self) -> Value {
        self.send("GET", "sys/seal-status", &[], Value::Null).json
    }

    /// Waits until a node that unseals itself has done so.
    pub fn wait_until_open(&self) {
        let until = Instant::now() + OPEN_MAX;
        while self.status()["sealed"] != false {
            assert!(Instant::now() < until, "it stays sealed: {}", self.process.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What it has written to its log so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        self.process.address()
    }

    /// A request with the root token. A `Null` body sends none.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.send(method, path, &[("X-Vault-Token", &self.token)], body)
    }

    /// A request with just these headers.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
        let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        ask(self.address(), method, path, headers, bytes).expect("the node answers")
    }

    /// The root token.
    pub fn token(&self) -> &str {
        &self.token
    }
}

/// A request to a node at an address that may be killed meanwhile: nothing then.
pub fn try_call(address: &str, token: &str, method: &str, path: &str, body: Value) -> Option<Answer> {
    let bytes = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    ask(address, method, path, &[("X-Vault-Token", token)], bytes).ok()
}
