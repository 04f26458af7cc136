//! `cubbyhole/`.

use harness::{ROOT, Server};
use serde_json::{Value, json};

fn token(server: &Server, body: Value) -> String {
    let answer = server.call("POST", "auth/token/create", body);
    answer.json["auth"]["client_token"].as_str().unwrap().to_owned()
}

#[test]
fn an_entry_is_written_read_listed_and_removed() {
    let server = Server::start();
    assert_eq!(server.call("LIST", "cubbyhole", Value::Null).status, 404);
    assert_eq!(server.call("GET", "cubbyhole/a", Value::Null).status, 404);
    assert_eq!(server.call("POST", "cubbyhole/a", json!({"n": 1.50, "list": ["x"]})).status, 204);
    assert_eq!(server.call("PUT", "cubbyhole/deep/er/b", json!({"x": "y"})).status, 204);
    let read = server.call("GET", "cubbyhole/a", Value::Null);
    assert_eq!((read.status, &read.json["data"]), (200, &json!({"n": 1.50, "list": ["x"]})));
    assert_eq!(server.call("LIST", "cubbyhole", Value::Null).json["data"]["keys"], json!(["a", "deep/"]));
    assert_eq!(server.call("LIST", "cubbyhole/deep/er/", Value::Null).json["data"]["keys"], json!(["b"]));
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "cubbyhole/a", Value::Null).status, 204);
    }
    let gone = server.call("GET", "cubbyhole/a", Value::Null);
    assert_eq!((gone.status, &gone.json), (404, &json!({"errors": []})));
}

#[test]
fn numbers_come_back_with_all_their_digits() {
    let server = Server::start();
    let value = r#"{"a":123456789012345678901,"b":[1.10,-0,3.141592653589793238462643]}"#;
    let send = |path: &str, more: &[(&str, &str)]| {
        let headers = [&[("X-Vault-Token", ROOT)], more].concat();
        server.send_bytes("POST", path, &headers, value.to_owned().into_bytes())
    };
    assert_eq!(send("cubbyhole/x", &[]).status, 204);
    let read = server.call("GET", "cubbyhole/x", Value::Null);
    assert!(read.text.contains(value), "{}", read.text);
    let wrapped = send("sys/wrapping/wrap", &[("X-Vault-Wrap-TTL", "60")]);
    let token = &wrapped.json["wrap_info"]["token"];
    let unwrapped = server.call("POST", "sys/wrapping/unwrap", json!({ "token": token }));
    assert!(unwrapped.text.contains(value), "{}", unwrapped.text);
}

#[test]
fn bad_entries_are_refused_by_name() {
    let server = Server::start();
    for (method, path, body, status, text) in [
        ("POST", "cubbyhole/a".to_owned(), json!({}), 400, "missing data fields"),
        ("POST", "cubbyhole/a".to_owned(), Value::Null, 400, "missing data fields"),
        ("POST", "cubbyhole".to_owned(), json!({"a": 1}), 400, "missing path"),
        ("GET", "cubbyhole".to_owned(), Value::Null, 400, "missing path"),
        ("POST", format!("cubbyhole/{}", "x".repeat(256)), json!({"a": 1}), 400, "path: must have at most 500 bytes"),
        ("POST", format!("cubbyhole/{}z", "x/".repeat(260)), json!({"a": 1}), 400, "path: must have at most 500 bytes"),
        (
            "POST",
            "cubbyhole/a".to_owned(),
            json!({"a": "x".repeat(600_000)}),
            413,
            "an entry of a cubbyhole has at most",
        ),
    ] {
        let answer = server.call(method, &path, body);
        let said = answer.error();
        assert_eq!(answer.status, status, "{method} {path:.40}: {}", answer.text);
        assert!(said.starts_with(text), "{method} {path:.40}: {}", answer.text);
    }
    assert_eq!(server.call("LIST", "cubbyhole", Value::Null).status, 404);
}

#[test]
fn nobody_reaches_what_another_token_keeps_and_it_goes_with_the_token() {
    let server = Server::start();
    let one = token(&server, json!({"policies": "root", "ttl": "1h"}));
    let other = token(&server, json!({"policies": "root", "ttl": "1h"}));
    assert_eq!(server.call_as(&one, "POST", "cubbyhole/a", json!({"of": "one"})).status, 204);
    for stranger in [other.as_str(), harness::ROOT] {
        assert_eq!(server.call_as(stranger, "GET", "cubbyhole/a", Value::Null).status, 404);
    }
    // Whatever the namespace, it is the token's own.
    server.call("POST", "sys/namespaces/a", Value::Null);
    let headers = [("X-Vault-Token", one.as_str()), ("X-Vault-Namespace", "a")];
    assert_eq!(server.send("GET", "cubbyhole/a", &headers, Value::Null).json["data"]["of"], "one");
    assert_eq!(server.call_as(&one, "GET", "a/cubbyhole/a", Value::Null).json["data"]["of"], "one");
    assert_eq!(server.send("GET", "cubbyhole/a", &[], Value::Null).status, 403);
    assert_eq!(server.call_as(&one, "POST", "auth/token/revoke-self", Value::Null).status, 204);
    assert_eq!(server.call_as(&one, "GET", "cubbyhole/a", Value::Null).status, 403);
}
