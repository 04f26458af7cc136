//! What the tests of isolation share: one server with the guest that misbehaves, and a mount of it for each test.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use harness::{Answer, HOSTILE, Server};
use serde_json::{Value, json};

/// One server for all: what one test does to it, the others see. Its catalogue is compiled once.
static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let server = Server::with_guests(&[HOSTILE]);
    assert_eq!(server.call("POST", "sys/mounts/bystander", json!({"type": "echo"})).status, 204);
    server
});

/// How long an answer to a bystander may take while others misbehave, on a machine that tests keep busy.
const PATIENCE: Duration = Duration::from_secs(5);

/// A mount of the hostile guest.
pub struct Hostile {
    mount: &'static str,
}

impl Hostile {
    /// Mounts it here. Each test takes another path.
    pub fn at(mount: &'static str) -> Self {
        let hostile = Self { mount };
        assert_eq!(server().call("POST", &format!("sys/mounts/{mount}"), json!({"type": "hostile"})).status, 204);
        hostile
    }

    /// Lets it misbehave.
    pub fn ask(&self, route: &str, body: Value) -> Answer {
        self.call("POST", route, body)
    }

    pub fn call(&self, method: &str, route: &str, body: Value) -> Answer {
        server().call(method, &format!("{}/{route}", self.mount), body)
    }

    /// Lets it misbehave in a way that it answers.
    pub fn told(&self, route: &str, body: Value) -> Value {
        let answer = self.ask(route, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["data"].clone()
    }

    /// The note of this name, if one is kept.
    pub fn note(&self, name: &str) -> Option<String> {
        let answer = self.call("GET", &format!("notes/{name}"), Value::Null);
        assert!([200, 404].contains(&answer.status), "{}", answer.text);
        answer.json["data"]["text"].as_str().map(str::to_owned)
    }

    /// Keeps a note.
    pub fn keep(&self, name: &str, text: &str) {
        assert_eq!(self.told("write-then-read", json!({"name": name, "text": text}))["text"], text);
    }

    pub fn tune(&self, settings: Value) {
        assert_eq!(server().call("POST", &format!("sys/mounts/{}/tune", self.mount), settings).status, 204);
    }
}

pub fn server() -> &'static Server {
    &SERVER
}

/// Another mount of another guest is served, and soon.
pub fn a_bystander_is_served() {
    let start = Instant::now();
    let answer = server().call("POST", "bystander/say", json!({"text": "still here"}));
    assert_eq!((answer.status, &answer.json["data"]["text"]), (200, &json!("still here")));
    let took = start.elapsed();
    assert!(took < PATIENCE, "a bystander waited for {took:?}");
}

/// A guest that computes without end is ended when it has had its processor time; or, where a machine has none left for
/// guests that take much, when the request has had its time.
pub fn ended_by_time(answer: &Answer) {
    match answer.status {
        503 => assert!(answer.text.contains("the request took longer than"), "{}", answer.text),
        _ => drop(failed_with(answer, "took too long and was stopped")),
    }
}

/// The answer is a plain 500 that says this, names the request, and tells nothing of the inside. Gives the request's id.
pub fn failed_with(answer: &Answer, says: &str) -> String {
    assert_eq!(answer.status, 500, "{}", answer.text);
    let errors = answer.json["errors"].as_array().expect("a list of errors");
    assert_eq!(errors.len(), 1, "{}", answer.text);
    let error = errors[0].as_str().expect("a text");
    assert!(error.contains(says), "{error}");
    for inside in ["wasm", "backtrace", "unreachable", ".rs", "0x"] {
        assert!(!error.contains(inside), "{error}");
    }
    let id = error.split("(request id ").nth(1).and_then(|rest| rest.strip_suffix(')')).expect("the request's id");
    assert_eq!(id.len(), 36);
    id.to_owned()
}
