//! How much a node logs. In a process of its own, since a process has one log.

use harness::{Process, ROOT};
use serde_json::{Value, json};

fn start() -> Process {
    let options = ["-dev", "-dev-no-store-token", "-dev-root-token-id=test-root", "-dev-listen-address=127.0.0.1:0"];
    Process::launch(&options)
}

fn call(server: &Process, method: &str, path: &str, body: Value) -> (u16, Value) {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = harness::try_send(server.address(), method, path, &[("X-Vault-Token", ROOT)], body).unwrap();
    (answer.status, answer.json)
}

#[test]
fn the_level_of_one_logger_or_of_all_is_changed_and_given_back() {
    let server = start();
    let level = |name: &str| call(&server, "GET", "sys/loggers", Value::Null).1["data"][name].clone();
    assert_eq!((level("gateway"), level("storage")), (json!("info"), json!("info")));
    assert_eq!(call(&server, "POST", "sys/loggers/gateway", json!({"level": "warning"})).0, 204);
    assert_eq!((level("gateway"), level("storage")), (json!("warn"), json!("info")));
    let one = call(&server, "GET", "sys/loggers/gateway", Value::Null).1;
    assert_eq!(one["data"], json!({"gateway": "warn"}));
    assert_eq!(call(&server, "DELETE", "sys/loggers/gateway", Value::Null).0, 204);
    assert_eq!(level("gateway"), "info");
    assert_eq!(call(&server, "POST", "sys/loggers", json!({"level": "ERR"})).0, 204);
    assert_eq!((level("gateway"), level("storage")), (json!("error"), json!("error")));
    assert_eq!(call(&server, "DELETE", "sys/loggers", Value::Null).0, 204);
    assert_eq!(level("storage"), "info");
    for (path, body, says) in [
        ("sys/loggers", json!({}), "level:"),
        ("sys/loggers", json!({"level": "loud"}), "level:"),
        ("sys/loggers", json!({"level": "debug,hyper=trace"}), "level:"),
        ("sys/loggers/gateway", json!({"level": 5}), "level:"),
        ("sys/loggers/hyper", json!({"level": "debug"}), "name:"),
    ] {
        let (status, answer) = call(&server, "POST", path, body);
        assert!(status == 400 && answer["errors"][0].as_str().unwrap().starts_with(says), "{path}: {answer}");
    }
}

#[test]
fn what_is_below_the_chosen_level_is_not_logged() {
    let server = start();
    let says = "the level of a logger is changed";
    call(&server, "POST", "sys/loggers/keys", json!({"level": "debug"}));
    let before = server.log().matches(says).count();
    assert_eq!(before, 1, "{}", server.log());
    call(&server, "POST", "sys/loggers/system", json!({"level": "error"}));
    call(&server, "POST", "sys/loggers/keys", json!({"level": "debug"}));
    assert_eq!(server.log().matches(says).count(), before, "{}", server.log());
}
