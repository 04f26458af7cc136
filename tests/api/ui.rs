//! What user interfaces and their operators ask.

use harness::Server;
use serde_json::{Value, json};

#[test]
fn a_header_of_a_user_interface_is_written_read_listed_and_removed() {
    let server = Server::start();
    let at = "sys/config/ui/headers";
    assert_eq!(server.call("LIST", at, Value::Null).status, 404);
    let written = server.call("PUT", &format!("{at}/X-Custom"), json!({"values": ["one, two", "three"]}));
    assert_eq!(written.status, 204, "{}", written.text);
    let read = |path: &str| server.call("GET", path, Value::Null).json["data"].clone();
    assert_eq!(read(&format!("{at}/x-custom")), json!({"value": "one, two"}));
    assert_eq!(read(&format!("{at}/X-Custom?multivalue=true")), json!({"values": ["one, two", "three"]}));
    assert_eq!(server.call("LIST", at, Value::Null).json["data"]["keys"], json!(["X-Custom"]));
    for (name, body, says) in [
        ("X-Vault-Token", json!({"values": ["x"]}), "X-Vault headers cannot be set"),
        ("x-vault-anything", json!({"values": ["x"]}), "X-Vault headers cannot be set"),
        ("a%20b", json!({"values": ["x"]}), "header:"),
        ("a%0Ab", json!({"values": ["x"]}), "control characters"),
        ("A", json!({}), "values:"),
        ("A", json!({"values": []}), "values:"),
        ("A", json!({"values": [""]}), "values:"),
        ("A", json!({"values": ["x\r\nSet-Cookie: y"]}), "values:"),
        ("A", json!({"values": {"a": 1}}), "values:"),
        ("A", json!({"values": [1]}), "values:"),
        ("A", json!({"values": ["x".repeat(4097)]}), "values:"),
        ("A", json!({"values": vec!["x"; 17]}), "values:"),
    ] {
        let refused = server.call("POST", &format!("{at}/{name}"), body);
        assert!(refused.status == 400 && refused.text.contains(says), "{name}: {}", refused.text);
    }
    assert_eq!(server.call("DELETE", &format!("{at}/X-CUSTOM"), Value::Null).status, 204);
    assert_eq!(server.call("GET", &format!("{at}/X-Custom"), Value::Null).status, 404);
    server.call("POST", "sys/namespaces/team", Value::Null);
    assert_eq!(server.call_in("team", "LIST", at, Value::Null).status, 404);
}

#[test]
fn headers_of_a_user_interface_demand_sudo() {
    let server = Server::start();
    let rule = "path \"sys/config/ui/headers/*\" { capabilities = [\"read\", \"update\", \"list\"] }";
    server.call("POST", "sys/policies/acl/some", json!({"policy": rule}));
    let made = server.call("POST", "auth/token/create", json!({"policies": ["some"]}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    let headers = [("X-Vault-Token", token)];
    let write = server.send("PUT", "sys/config/ui/headers/A", &headers, json!({"values": ["x"]}));
    assert_eq!(write.status, 403);
}

#[test]
fn the_resultant_acl_says_what_the_callers_policies_say() {
    let server = Server::start();
    let root = server.call("GET", "sys/internal/ui/resultant-acl", Value::Null).json["data"].clone();
    assert_eq!((&root["root"], &root["exact_paths"], &root["glob_paths"]), (&json!(true), &json!({}), &json!({})));
    let rule = "path \"kv/data/a\" { capabilities = [\"read\", \"list\"] }\n\
                path \"pki/*\" { capabilities = [\"create\", \"update\"] }\n\
                path \"team/+/x\" { capabilities = [\"deny\"] }";
    server.call("POST", "sys/policies/acl/some", json!({"policy": rule}));
    let made = server.call("POST", "auth/token/create", json!({"policies": ["some"]}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    let told = server.send("GET", "sys/internal/ui/resultant-acl", &[("X-Vault-Token", token)], Value::Null);
    assert_eq!(told.status, 200, "the default policy lets everybody ask: {}", told.text);
    let told = &told.json["data"];
    assert_eq!(told["root"], false);
    assert_eq!(told["exact_paths"]["kv/data/a"], json!({"capabilities": ["read", "list"]}));
    assert_eq!(told["glob_paths"]["pki/"], json!({"capabilities": ["update", "create"]}));
    assert_eq!(told["glob_paths"]["team/+/x"], json!({"capabilities": ["deny"]}));
    assert_eq!(server.send("GET", "sys/internal/ui/resultant-acl", &[], Value::Null).status, 403);
}

#[test]
fn no_feature_flags_are_told_to_anybody() {
    let server = Server::start();
    let told = server.send("GET", "sys/internal/ui/feature-flags", &[], Value::Null);
    assert_eq!((told.status, &told.json["data"]), (200, &json!({"feature_flags": []})));
}
