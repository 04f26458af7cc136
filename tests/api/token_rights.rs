//! `auth/token`, as those see it who may not do everything.

use harness::Server;
use serde_json::{Value, json};

fn token(server: &Server, body: Value) -> String {
    let made = server.call("POST", "auth/token/create", body);
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// May ask for tokens in every way, without `sudo`.
const MAKER: &str = r#"
path "auth/token/*" { capabilities = ["create", "read", "update", "delete", "list"] }
path "a/auth/token/*" { capabilities = ["create", "read", "update", "delete", "list"] }
"#;

#[test]
fn who_has_no_sudo_gets_no_more_than_they_have() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.policy("", "maker", MAKER);
    let maker = token(&server, json!({"policies": ["maker", "web"], "ttl": "1h"}));
    server.call("POST", "auth/token/roles/r", json!({"allowed_policies": "db", "token_period": "1h"}));
    for (path, body, text) in [
        ("auth/token/create", json!({"policies": ["db"]}), "child policies must be subset of parent"),
        ("auth/token/create", json!({"policies": ["root"]}), "child policies must be subset of parent"),
        ("auth/token/create", json!({"period": "1h"}), "root or sudo privileges required to create periodic token"),
        ("auth/token/create", json!({"no_parent": true}), "root or sudo privileges required to create orphan token"),
        ("auth/token/create", json!({"id": "own"}), "root or sudo privileges required to specify token id"),
        ("auth/token/create/r", json!({"policies": ["web"]}), "token policies ([\"default\" \"web\"]) must be subset"),
        (
            "a/auth/token/create",
            json!({"policies": ["x"]}),
            "root or sudo privileges required to directly generate a token in a child namespace",
        ),
    ] {
        let refused = server.call_as(&maker, "POST", path, body.clone());
        assert_eq!(refused.status, 400, "{path} {body}: {}", refused.text);
        assert!(refused.error().starts_with(text), "{path} {body}: {}", refused.text);
    }
    for (path, body, policies) in [
        ("auth/token/create", json!({}), json!(["default", "maker", "web"])),
        ("auth/token/create", json!({"policies": ["web"]}), json!(["default", "web"])),
        ("auth/token/create", json!({"policies": ["web"], "no_default_policy": true}), json!(["web"])),
        ("auth/token/create-orphan", json!({"policies": ["web"]}), json!(["default", "web"])),
        ("auth/token/create/r", json!({}), json!(["db", "default"])),
    ] {
        let made = server.call_as(&maker, "POST", path, body.clone());
        assert_eq!(made.json["auth"]["policies"], policies, "{path} {body}: {}", made.text);
    }
    for (method, path) in [("LIST", "auth/token/accessors"), ("POST", "auth/token/revoke-orphan")] {
        assert_eq!(server.call_as(&maker, method, path, json!({"token": "x"})).status, 403, "{path} needs sudo");
    }
}

#[test]
fn sudo_on_the_path_makes_more_but_no_root_token() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.policy("", "chief", &MAKER.replace("\"list\"", "\"list\", \"sudo\""));
    let chief = token(&server, json!({"policies": ["chief"], "ttl": "1h"}));
    for (path, body) in [
        ("auth/token/create", json!({"policies": ["db"]})),
        ("auth/token/create", json!({"period": "1h"})),
        ("auth/token/create", json!({"no_parent": true})),
        ("auth/token/create", json!({"id": "own"})),
        ("a/auth/token/create", json!({"policies": ["x"]})),
    ] {
        let made = server.call_as(&chief, "POST", path, body.clone());
        assert_eq!(made.status, 200, "{path} {body}: {}", made.text);
    }
    let refused = server.call_as(&chief, "POST", "auth/token/create", json!({"policies": "root"}));
    assert_eq!(refused.error(), "root tokens may not be created without parent token being root");
    assert_eq!(server.call_as(&chief, "LIST", "auth/token/accessors", Value::Null).status, 200);
}

#[test]
fn the_default_policy_lets_a_token_look_after_itself_and_nothing_else() {
    let server = Server::start();
    let own = token(&server, json!({"policies": "web", "ttl": "1h"}));
    let other = token(&server, json!({"policies": "web", "ttl": "1h"}));
    assert_eq!(server.call_as(&own, "GET", "auth/token/lookup-self", Value::Null).json["data"]["id"], own.as_str());
    assert_eq!(
        server.call_as(&own, "POST", "auth/token/renew-self", Value::Null).json["auth"]["client_token"],
        own.as_str()
    );
    assert_eq!(server.call_as(&own, "POST", "cubbyhole/a", json!({"x": 1})).status, 204);
    for path in ["create", "lookup", "renew", "revoke", "roles/r"] {
        let refused = server.call_as(&own, "POST", &format!("auth/token/{path}"), json!({"token": other}));
        assert_eq!(refused.status, 403, "{path}: {}", refused.text);
    }
    assert_eq!(server.call_as(&own, "POST", "auth/token/revoke-self", Value::Null).status, 204);
    assert_eq!(server.call_as(&own, "GET", "auth/token/lookup-self", Value::Null).status, 403);
}

#[test]
fn a_token_is_used_as_often_as_it_may_be_and_makes_no_others() {
    let server = Server::start();
    server.policy("", "maker", MAKER);
    let limited = token(&server, json!({"policies": "maker", "num_uses": 4}));
    let made = server.call_as(&limited, "POST", "auth/token/create", json!({}));
    assert_eq!((made.status, made.error()), (400, "restricted use token cannot generate child tokens"));
    assert_eq!(server.call_as(&limited, "GET", "sys/mounts", Value::Null).status, 403, "a refusal is a use too");
    let shown = server.call_as(&limited, "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!((shown.status, &shown.json["data"]["type"]), (200, &json!("service")));
    assert_eq!(server.call_as(&limited, "POST", "cubbyhole/a", json!({"x": 1})).status, 204);
    let spent = server.call_as(&limited, "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(spent.status, 403, "{}", spent.text);
    let gone = server.call("POST", "auth/token/lookup", json!({"token": limited}));
    assert_eq!((gone.status, gone.error()), (403, "bad token"));
}

#[test]
fn a_batch_token_does_what_its_policies_say_and_makes_and_keeps_nothing() {
    let server = Server::start();
    server.policy("", "maker", MAKER);
    let batch = token(&server, json!({"type": "batch", "policies": "maker", "ttl": "1h"}));
    assert_eq!(server.call_as(&batch, "GET", "auth/token/lookup-self", Value::Null).json["data"]["type"], "batch");
    for (method, path, text) in [
        ("POST", "auth/token/create", "batch tokens cannot create more tokens"),
        ("POST", "auth/token/renew-self", "batch tokens cannot be renewed"),
        ("POST", "auth/token/revoke-self", "batch tokens cannot be revoked"),
        ("GET", "cubbyhole/a", "cubbyhole operations are only supported by \"service\" type tokens"),
    ] {
        let refused = server.call_as(&batch, method, path, Value::Null);
        assert_eq!((refused.status, refused.error()), (400, text), "{path}");
    }
}

#[test]
fn a_token_acts_in_its_namespace_and_below_and_nowhere_else() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call("POST", "sys/namespaces/b", Value::Null);
    server.call_in("a", "POST", "sys/namespaces/c", Value::Null);
    server.policy("a", "all", r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }"#);
    let made = server.call_in("a", "POST", "auth/token/create", json!({"policies": "all"}));
    let own = made.json["auth"]["client_token"].as_str().unwrap().to_owned();
    for (namespace, status) in [("a", 200), ("a/c", 200), ("", 403), ("b", 403)] {
        let headers = [("X-Vault-Token", own.as_str()), ("X-Vault-Namespace", namespace)];
        let answer = server.send("GET", "sys/mounts", &headers, Value::Null);
        assert_eq!(answer.status, status, "{namespace}: {}", answer.text);
    }
    // What is about itself follows the token.
    for namespace in ["", "b", "a/c"] {
        let headers = [("X-Vault-Token", own.as_str()), ("X-Vault-Namespace", namespace)];
        let shown = server.send("GET", "auth/token/lookup-self", &headers, Value::Null);
        assert_eq!(shown.json["data"]["namespace_path"], "a/", "{namespace}: {}", shown.text);
    }
    let root = server.call("GET", "auth/token/lookup-self", Value::Null).json["data"]["accessor"].clone();
    let headers = [("X-Vault-Token", own.as_str()), ("X-Vault-Namespace", "a")];
    for path in ["lookup-accessor", "renew-accessor"] {
        let refused = server.send("POST", &format!("auth/token/{path}"), &headers, json!({"accessor": root}));
        assert_eq!((refused.status, refused.error()), (400, "invalid accessor"), "{path}");
    }
}

#[test]
fn a_role_makes_tokens_of_the_entity_of_an_alias_that_it_allows() {
    let server = Server::start();
    server.call("POST", "auth/token/roles/r", json!({"allowed_entity_aliases": "web-*", "allowed_policies": "web"}));
    let make = |alias: &str| server.call("POST", "auth/token/create/r", json!({"entity_alias": alias}));
    let (one, same, other) = (make("web-1"), make("web-1"), make("web-2"));
    let entity = one.json["auth"]["entity_id"].as_str().unwrap();
    assert_eq!(entity.len(), 36, "{}", one.text);
    assert_eq!(same.json["auth"]["entity_id"], entity);
    assert_ne!(other.json["auth"]["entity_id"], entity);
    let refused = make("db-1");
    assert_eq!((refused.status, refused.error()), (400, "invalid 'entity_alias' value"));
}
