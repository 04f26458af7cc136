//! Nothing crosses: every token tries every operation in every namespace, and what it may is told by one sentence.

use harness::{Answer, Server};
use serde_json::{Value, json};

/// From the root down. Each has a kv mount, a policy `all` that permits everything by its words, and `readers`.
const NAMESPACES: [&str; 4] = ["", "a", "a/b", "c"];

const ALL: &str = r#"path "*" { capabilities = ["create", "read", "update", "delete", "list", "patch", "sudo"] }"#;
const READERS: &str = r#"path "kv/*" { capabilities = ["read"] }"#;

/// What is tried: method, path, body, whether it only reads from kv.
fn operations() -> Vec<(&'static str, &'static str, Value, bool)> {
    vec![
        ("GET", "kv/seed", Value::Null, true),
        ("POST", "kv/more", json!({"x": "1"}), false),
        ("LIST", "kv", Value::Null, false),
        ("DELETE", "kv/more", Value::Null, false),
        ("GET", "sys/mounts", Value::Null, false),
        ("GET", "sys/mounts/kv/tune", Value::Null, false),
        ("POST", "sys/mounts/kv/tune", json!({"description": "x"}), false),
        ("GET", "sys/policies/acl/all", Value::Null, false),
        ("POST", "sys/policies/acl/tried", json!({"policy": READERS}), false),
        ("POST", "auth/token/create-orphan", json!({"policies": ["all"], "ttl": "10m"}), false),
        ("LIST", "auth/token/accessors", Value::Null, false),
        ("LIST", "sys/namespaces", Value::Null, false),
        ("POST", "identity/entity", json!({}), false),
        ("LIST", "sys/managed-keys/pkcs11", Value::Null, false),
        ("POST", "sys/capabilities-self", json!({"path": "kv/seed"}), false),
    ]
}

/// A token, the namespace it is of, and what its policies permit there and below.
struct Holder {
    name: String,
    token: String,
    namespace: Option<&'static str>,
    permits: Permits,
}

#[derive(Clone, Copy, PartialEq)]
enum Permits {
    Everything,
    Reading,
    Nothing,
}

fn token(server: &Server, namespace: &str, policy: &str) -> String {
    let made =
        server.call_in(namespace, "POST", "auth/token/create-orphan", json!({"policies": [policy], "ttl": "1h"}));
    assert_eq!(made.status, 200, "{namespace}: {}", made.text);
    made.json["auth"]["client_token"].as_str().unwrap().to_owned()
}

fn holders(server: &Server) -> Vec<Holder> {
    let mut holders = vec![Holder {
        name: "the root token".into(),
        token: harness::ROOT.into(),
        namespace: Some(""),
        permits: Permits::Everything,
    }];
    for namespace in NAMESPACES {
        for (policy, permits) in
            [("all", Permits::Everything), ("readers", Permits::Reading), ("none", Permits::Nothing)]
        {
            let name = format!("{policy} of {namespace:?}");
            holders.push(Holder { name, token: token(server, namespace, policy), namespace: Some(namespace), permits });
        }
    }
    let revoked = token(server, "", "all");
    assert_eq!(server.call("POST", "auth/token/revoke", json!({"token": revoked})).status, 204);
    for (name, token) in [("revoked", revoked), ("never made", "hvs.nobody".to_owned()), ("none", String::new())] {
        holders.push(Holder { name: name.into(), token, namespace: None, permits: Permits::Nothing });
    }
    holders
}

/// The one sentence: a live token acts in its own namespace and below, as far as its policies permit; the words of a
/// policy are read from its own namespace, so that `kv/*` does not reach a mount of a namespace below.
fn may(holder: &Holder, namespace: &str, reads_kv: bool, path: &str) -> bool {
    let Some(own) = holder.namespace else { return false };
    let below = own.is_empty() || namespace == own || namespace.starts_with(&format!("{own}/"));
    let by_policy = match holder.permits {
        Permits::Everything => true,
        Permits::Reading => reads_kv && namespace == own,
        Permits::Nothing => false,
    };
    // Everybody who is somebody may ask about themselves: the policy `default`, in its own namespace.
    let by_default = path == "sys/capabilities-self" && namespace == own;
    below && (by_policy || by_default)
}

fn ask(server: &Server, holder: &Holder, namespace: &str, method: &str, path: &str, body: &Value) -> Answer {
    let mut headers = vec![("X-Vault-Namespace", namespace)];
    if !holder.token.is_empty() {
        headers.push(("X-Vault-Token", holder.token.as_str()));
    }
    server.send(method, path, &headers, body.clone())
}

#[test]
fn no_token_reaches_beyond_its_namespace_and_policies() {
    let server = Server::start();
    for namespace in NAMESPACES {
        if !namespace.is_empty() {
            assert_eq!(server.call("POST", &format!("sys/namespaces/{namespace}"), Value::Null).status, 200);
        }
        assert_eq!(server.call_in(namespace, "POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
        assert_eq!(server.call_in(namespace, "POST", "kv/seed", json!({"of": namespace})).status, 204);
        for (name, policy) in [("all", ALL), ("readers", READERS)] {
            let path = format!("sys/policies/acl/{name}");
            assert_eq!(server.call_in(namespace, "POST", &path, json!({"policy": policy})).status, 204);
        }
    }
    let holders = holders(&server);
    let mut wrong = Vec::new();
    for holder in &holders {
        for namespace in NAMESPACES {
            for (method, path, body, reads_kv) in operations() {
                let answer = ask(&server, holder, namespace, method, path, &body);
                let expected = may(holder, namespace, reads_kv, path);
                if (answer.status == 403) == expected || answer.status >= 500 {
                    wrong.push(format!("{} in {namespace:?}: {method} {path}: {}", holder.name, answer.status));
                }
                if answer.status == 403 {
                    assert!(answer.text.contains("permission denied"), "{}", answer.text);
                    assert!(answer.json["data"].is_null());
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} crossings or refusals:\n{}", wrong.len(), wrong.join("\n"));
}

/// A user of `userpass` in the root namespace who may do everything, logged in: the token.
fn ann(server: &Server) -> String {
    assert_eq!(server.call("POST", "sys/auth/people", json!({"type": "userpass"})).status, 204);
    server.policy("", "all", ALL);
    let user = json!({"password": "correct horse", "token_policies": "all"});
    assert_eq!(server.call("POST", "auth/people/users/ann", user).status, 204);
    let login = server.send("POST", "auth/people/login/ann", &[], json!({"password": "correct horse"}));
    login.json["auth"]["client_token"].as_str().unwrap().to_owned()
}

fn looks_itself_up(server: &Server, token: &str) -> u16 {
    server.call_as(token, "GET", "auth/token/lookup-self", Value::Null).status
}

#[test]
fn who_may_do_nothing_is_refused_before_anything_they_sent_is_read() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call("POST", "sys/mounts/kv", json!({"type": "kv"}));
    server.policy("a", "all", ALL);
    let outsider = token(&server, "a", "all");
    for headers in [&[][..], &[("X-Vault-Token", outsider.as_str())][..]] {
        for path in ["sys/policies/acl/x", "kv/x"] {
            let refused = server.send_bytes("POST", path, headers, b"{no JSON".to_vec());
            assert_eq!(refused.status, 403, "{path}: {}", refused.text);
        }
    }
    server.call("POST", "sys/namespaces/api-lock/lock/a", Value::Null);
    let refused = server.send("GET", "sys/mounts", &[("X-Vault-Namespace", "a")], Value::Null);
    assert_eq!(refused.status, 403, "a stranger does not learn that it is locked: {}", refused.text);
}

#[test]
fn a_token_that_somebody_makes_in_a_namespace_below_is_alive() {
    let server = Server::start();
    let ann = ann(&server);
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.policy("a", "all", ALL);
    let headers = [("X-Vault-Token", ann.as_str()), ("X-Vault-Namespace", "a")];
    let made = server.send("POST", "auth/token/create", &headers, json!({"policies": ["all"]}));
    let below = made.json["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("{}", made.text));
    assert_eq!(looks_itself_up(&server, below), 200);
}

#[test]
fn tokens_below_a_login_leave_at_once_with_the_auth_method_and_when_it_moves() {
    let server = Server::start();
    let child_of = |ann: &str| {
        let made = server.call_as(ann, "POST", "auth/token/create", json!({}));
        made.json["auth"]["client_token"].as_str().unwrap().to_owned()
    };
    let first = ann(&server);
    let first_child = child_of(&first);
    let moved = server.call("POST", "sys/remount", json!({"from": "auth/people", "to": "auth/folk"}));
    assert_eq!(moved.status, 200, "{}", moved.text);
    assert_eq!((looks_itself_up(&server, &first), looks_itself_up(&server, &first_child)), (403, 403));
    let ann = ann(&server);
    let child = child_of(&ann);
    assert_eq!((looks_itself_up(&server, &ann), looks_itself_up(&server, &child)), (200, 200));
    assert_eq!(server.call("DELETE", "sys/auth/people", Value::Null).status, 204);
    assert_eq!((looks_itself_up(&server, &ann), looks_itself_up(&server, &child)), (403, 403));
    let asked = json!({"token": child, "path": "sys/mounts"});
    assert_ne!(server.call("POST", "sys/capabilities", asked).status, 200, "nor is it said what it could do");
}
