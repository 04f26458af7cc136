//! What those may do who may not do everything.

use harness::{Answer, Server};
use serde_json::{Value, json};

const REFUSED: &str = "1 error occurred:\n\t* permission denied\n\n";

fn token(server: &Server, namespace: &str, policies: &[&str]) -> String {
    let body = json!({"policies": policies, "ttl": "1h", "no_default_policy": true});
    let made = server.call_in(namespace, "POST", "auth/token/create", body);
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// A server with `secret/` of version 1 in the root namespace, and a token with this one policy.
fn with_policy(text: &str) -> (Server, String) {
    let server = Server::start();
    let mounted = server.call("POST", "sys/mounts/secret", json!({"type": "kv", "options": {"version": "1"}}));
    assert_eq!(mounted.status, 204, "{}", mounted.text);
    server.policy("", "p", text);
    let token = token(&server, "", &["p"]);
    (server, token)
}

fn refused(answer: &Answer) -> bool {
    assert!(answer.status != 403 || answer.json["errors"] == json!([REFUSED]), "{}", answer.text);
    answer.status == 403
}

#[test]
fn the_rule_that_fits_best_decides_alone() {
    let text = r#"
        path "secret/*" { capabilities = ["create", "read", "update", "list"] }
        path "secret/team/*" { capabilities = ["read"] }
        path "secret/team/private" { capabilities = ["deny"] }
        path "secret/+/open" { capabilities = ["delete"] }
        path "secret/fixed" { capabilities = ["create", "update"] denied_parameters = { "k" = ["bad*"] } }
        path "secret/needs" { capabilities = ["create", "update"] required_parameters = ["k"] allowed_parameters = { "k" = ["a", "b"] } }
    "#;
    let (server, token) = with_policy(text);
    for (method, path, body, wanted) in [
        ("PUT", "secret/a", json!({"k": "v"}), true),
        ("GET", "secret/a", Value::Null, true),
        ("LIST", "secret", Value::Null, true),
        ("LIST", "secret/", Value::Null, true),
        ("DELETE", "secret/a", Value::Null, false),
        ("GET", "secret/team/a", Value::Null, true),
        ("PUT", "secret/team/a", json!({"k": "v"}), false),
        ("LIST", "secret/team", Value::Null, true),
        ("LIST", "secret/team/below", Value::Null, false),
        ("GET", "secret/team/private", Value::Null, false),
        ("DELETE", "secret/x/open", Value::Null, true),
        ("GET", "secret/x/open", Value::Null, false),
        ("PUT", "secret/fixed", json!({"k": "good"}), true),
        ("PUT", "secret/fixed", json!({"k": "bad one"}), false),
        ("PUT", "secret/fixed", json!({"K": "bad one"}), false),
        ("PUT", "secret/needs", json!({"k": "a"}), true),
        ("PUT", "secret/needs", json!({"k": ["a", "b"]}), true),
        ("PUT", "secret/needs", json!({"k": "c"}), false),
        ("PUT", "secret/needs", json!({"k": "a", "other": 1}), false),
        ("PUT", "secret/needs", json!({"j": "a"}), false),
        ("GET", "sys/mounts", Value::Null, false),
        ("GET", "auth/token/lookup-self", Value::Null, false),
    ] {
        let answer = server.call_as(&token, method, path, body.clone());
        assert_eq!(!refused(&answer), wanted, "{method} {path} {body}: {}", answer.text);
    }
}

#[test]
fn a_changed_policy_counts_from_the_next_request_on() {
    let (server, token) = with_policy(r#"path "secret/a" { capabilities = ["read"] }"#);
    let reads = || !refused(&server.call_as(&token, "GET", "secret/a", Value::Null));
    assert!(reads());
    server.policy("", "p", r#"path "secret/a" { capabilities = ["list"] }"#);
    assert!(!reads());
    server.policy("", "p", r#"path "secret/a" { capabilities = ["read"] }"#);
    assert!(reads());
    server.call("DELETE", "sys/policies/acl/p", Value::Null);
    assert!(!reads());
}

#[test]
fn protected_routes_want_sudo_beside_the_capability() {
    let (server, token) = with_policy(
        r#"path "sys/auth/*" { capabilities = ["create", "read", "update"] }
           path "sys/remount" { capabilities = ["update", "sudo"] }"#,
    );
    assert!(refused(&server.call_as(&token, "GET", "sys/auth/token", Value::Null)));
    assert!(!refused(&server.call_as(&token, "POST", "sys/remount", json!({"from": "secret", "to": "moved"}))));
    server.policy("", "p", r#"path "sys/auth/*" { capabilities = ["read", "sudo"] }"#);
    assert!(!refused(&server.call_as(&token, "GET", "sys/auth/token", Value::Null)));
    assert!(refused(&server.call_as(&token, "POST", "sys/auth/x", json!({"type": "userpass"}))));
}

#[test]
fn a_policy_reaches_below_its_namespace_and_nowhere_else() {
    let (server, above) = with_policy(r#"path "team/secret/*" { capabilities = ["read"] }"#);
    for namespace in ["team", "other"] {
        server.call("POST", &format!("sys/namespaces/{namespace}"), Value::Null);
        let kv = json!({"type": "kv", "options": {"version": "1"}});
        server.call_in(namespace, "POST", "sys/mounts/secret", kv);
        server.policy(namespace, "p", r#"path "secret/*" { capabilities = ["read"] }"#);
    }
    let within = token(&server, "team", &["p"]);
    for (token, path, wanted) in [
        (&above, "team/secret/a", true),
        (&above, "secret/a", false),
        (&above, "other/secret/a", false),
        (&within, "team/secret/a", true),
        (&within, "other/secret/a", false),
        (&within, "secret/a", false),
    ] {
        assert_eq!(server.call_as(token, "GET", path, Value::Null).status != 403, wanted, "{path}");
    }
}

#[test]
fn an_answer_is_wrapped_within_the_bounds_of_a_policy() {
    let (server, token) =
        with_policy(r#"path "secret/a" { capabilities = ["read"] min_wrapping_ttl = "1m" max_wrapping_ttl = "1h" }"#);
    server.call("PUT", "secret/a", json!({"k": "v"}));
    for (ttl, wanted) in [(None, 403), (Some("30s"), 403), (Some("60"), 200), (Some("1h"), 200), (Some("2h"), 403)] {
        let mut headers = vec![("X-Vault-Token", token.as_str())];
        headers.extend(ttl.map(|ttl| ("X-Vault-Wrap-TTL", ttl)));
        let answer = server.send("GET", "secret/a", &headers, Value::Null);
        assert_eq!(answer.status, wanted, "{ttl:?}: {}", answer.text);
    }
}

#[test]
fn capabilities_are_told_for_ones_own_and_for_other_tokens() {
    let (server, token) = with_policy(
        r#"path "secret/*" { capabilities = ["update", "read", "create"] }
           path "secret/no" { capabilities = ["deny"] }
           path "sys/capabilities*" { capabilities = ["update"] }"#,
    );
    let accessor = server.call("POST", "auth/token/lookup", json!({"token": token}));
    let accessor = accessor.json["data"]["accessor"].as_str().unwrap().to_owned();
    let wanted = json!({"secret/a": ["create", "read", "update"], "secret/no": ["deny"], "x": ["deny"]});
    let paths = json!(["secret/a", "secret/no", "x"]);
    for (path, who) in [
        ("sys/capabilities-self", json!({})),
        ("sys/capabilities", json!({"token": token})),
        ("sys/capabilities-accessor", json!({"accessor": accessor})),
    ] {
        let mut body = who.clone();
        body["paths"] = paths.clone();
        let told = server.call_as(&token, "POST", path, body);
        assert_eq!((told.status, &told.json["data"]), (200, &wanted), "{path}: {}", told.text);
    }
    let root = server.call_as(&token, "POST", "sys/capabilities", json!({"token": harness::ROOT, "path": "a"}));
    assert_eq!(root.json["capabilities"], json!(["root"]));
    for (path, body, says) in [
        ("sys/capabilities-accessor", json!({"accessor": "nobody", "path": "a"}), "invalid accessor"),
        ("sys/capabilities-accessor", json!({"path": "a"}), "missing accessor"),
        ("sys/capabilities", json!({"token": "hvs.nobody", "path": "a"}), "invalid token"),
    ] {
        let refused = server.call("POST", path, body);
        assert_eq!((refused.status, &refused.json["errors"][0]), (400, &json!(says)), "{path}");
    }
}

#[test]
fn a_mount_is_seen_by_who_may_do_something_below_it() {
    let (server, token) = with_policy(r#"path "secret/deep/inside" { capabilities = ["read"] }"#);
    server.call("POST", "sys/mounts/hidden", json!({"type": "kv", "options": {"version": "1"}}));
    let seen = server.call_as(&token, "GET", "sys/internal/ui/mounts", Value::Null);
    let names: Vec<&String> = seen.json["data"]["secret"].as_object().unwrap().keys().collect();
    assert_eq!((seen.status, names), (200, vec![&"secret/".to_owned()]));
    let one = |path: &str| server.call_as(&token, "GET", &format!("sys/internal/ui/mounts/{path}"), Value::Null);
    let shown = one("secret/deep");
    assert_eq!((shown.status, &shown.json["data"]["path"]), (200, &json!("secret/")), "{}", shown.text);
    for path in ["hidden/a", "nowhere/a"] {
        let answer = one(path);
        assert_eq!(answer.status, 403);
        assert!(answer.json["errors"][0].as_str().unwrap().starts_with("preflight capability check returned 403"));
    }
}

#[test]
fn templates_give_each_their_own_path() {
    let server = Server::start();
    server.call("POST", "sys/mounts/secret", json!({"type": "kv", "options": {"version": "1"}}));
    assert_eq!(server.call("POST", "sys/auth/userpass", json!({"type": "userpass"})).status, 204);
    let methods = server.call("GET", "sys/auth", Value::Null);
    let accessor = methods.json["data"]["userpass/"]["accessor"].as_str().unwrap();
    let path = format!("secret/{{{{identity.entity.aliases.{accessor}.name}}}}/*");
    server.policy("", "own", &format!("path {path:?} {{ capabilities = [\"create\", \"read\", \"update\"] }}"));
    for user in ["ann", "bob"] {
        let body = json!({"password": "long enough", "token_policies": "own"});
        assert!(server.call("POST", &format!("auth/userpass/users/{user}"), body).status < 300);
        let login =
            server.send("POST", &format!("auth/userpass/login/{user}"), &[], json!({"password": "long enough"}));
        let token = login.json["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("{}", login.text));
        for (owner, wanted) in [("ann", user == "ann"), ("bob", user == "bob"), ("*", false), ("{{x}}", false)] {
            let answer = server.call_as(
                token,
                "PUT",
                &format!("secret/{}/k", owner.replace('{', "%7B").replace('}', "%7D")),
                json!({"k": "v"}),
            );
            assert_eq!(answer.status != 403, wanted, "{user} at {owner}: {}", answer.text);
        }
        // Everybody has the policy default, which speaks of their own entity.
        let entity = login.json["auth"]["entity_id"].as_str().unwrap();
        let own = server.call_as(token, "GET", &format!("identity/entity/id/{entity}"), Value::Null);
        assert_eq!(own.status, 200, "{}", own.text);
    }
}

#[test]
fn a_listing_is_cut_to_what_a_policy_lets_be_seen_at_once() {
    let (server, token) = with_policy(r#"path "secret/" { capabilities = ["list"] pagination_limit = 2 }"#);
    for name in ["a", "b", "c"] {
        assert_eq!(server.call("POST", &format!("secret/{name}"), json!({"x": "y"})).status, 204);
    }
    let seen = server.call_as(&token, "LIST", "secret", Value::Null);
    assert_eq!((seen.status, &seen.json["data"]["keys"]), (200, &json!(["a", "b"])), "{}", seen.text);
    assert_eq!(server.call("LIST", "secret", Value::Null).json["data"]["keys"], json!(["a", "b", "c"]));
}
