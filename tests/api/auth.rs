use harness::{ROOT, Server};
use serde_json::{Value, json};

#[test]
fn the_token_method_is_listed_in_data_and_at_the_top_level() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    for namespace in ["", "a"] {
        let answer = server.call_in(namespace, "GET", "sys/auth", Value::Null);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json["data"]["token/"]["type"], "token");
        assert_eq!(answer.json["token/"]["accessor"], answer.json["data"]["token/"]["accessor"]);
    }
    assert_eq!(server.call("GET", "sys/auth/token", Value::Null).json["data"]["type"], "token");
    assert_eq!(server.call("GET", "sys/auth/token/tune", Value::Null).json["data"]["max_lease_ttl"], 768 * 3600);
}

#[test]
fn methods_that_are_not_there_are_refused_as_clients_expect() {
    let server = Server::start();
    for (method, path, body, status, says) in [
        ("GET", "sys/auth/x", Value::Null, 400, "No auth engine at x/"),
        ("POST", "sys/auth/x", json!({"type": "ldap"}), 400, "plugin not found in the catalog: ldap"),
        ("POST", "sys/auth/x", json!({}), 400, "type:"),
        ("POST", "sys/auth/token", json!({"type": "token"}), 400, "path is already in use at token/"),
        ("DELETE", "sys/auth/token", Value::Null, 400, "cannot be disabled"),
        ("POST", "sys/auth/token/tune", json!({"token_type": "batch"}), 400, "token_type"),
    ] {
        let answer = server.call(method, path, body);
        assert_eq!(answer.status, status, "{method} {path}");
        assert!(answer.json["errors"][0].as_str().unwrap().contains(says), "{path}: {}", answer.json);
    }
    assert_eq!(server.call("DELETE", "sys/auth/x", Value::Null).status, 204);
}

#[test]
fn lookup_self_tells_a_token_itself_and_nobody_else() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    for namespace in ["", "a", "not-there"] {
        let answer = server.call_in(namespace, "GET", "auth/token/lookup-self", Value::Null);
        assert_eq!(answer.json["data"]["id"], ROOT, "{}", answer.json);
        assert_eq!(answer.json["data"]["path"], "auth/token/root");
    }
    assert_eq!(server.call("POST", "auth/token/lookup-self", Value::Null).json["data"]["id"], ROOT);
    for method in ["DELETE", "LIST"] {
        assert_eq!(server.call(method, "auth/token/lookup-self", Value::Null).status, 405, "{method}");
    }
    assert_eq!(server.call("GET", "auth/token/unknown", Value::Null).status, 404);
}

#[test]
fn capabilities_of_the_root_token_are_root_on_every_path() {
    let server = Server::start();
    let one = server.call("POST", "sys/capabilities-self", json!({"path": "a/b"}));
    assert_eq!((&one.json["data"]["a/b"], &one.json["capabilities"]), (&json!(["root"]), &json!(["root"])));
    let two = server.call("POST", "sys/capabilities-self", json!({"paths": ["a", "b"]}));
    assert_eq!(two.json["data"], json!({"a": ["root"], "b": ["root"]}));
    assert_eq!(server.call("POST", "sys/capabilities-self", json!({})).status, 400);
    assert_eq!(server.call("GET", "sys/capabilities-self", Value::Null).status, 405);
}
