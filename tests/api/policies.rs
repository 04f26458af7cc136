use harness::Server;
use serde_json::{Value, json};

const READ: &str = r#"path "secret/*" { capabilities = ["read"] }"#;

#[test]
fn a_policy_is_written_read_listed_and_removed() {
    let server = Server::start();
    let listed = server.call("LIST", "sys/policies/acl", Value::Null);
    assert_eq!(listed.json["data"], json!({"keys": ["default", "root"], "policies": ["default", "root"]}));
    assert_eq!(server.call("GET", "sys/policies/acl/team", Value::Null).status, 404);
    for (method, text) in [("POST", READ), ("PUT", r#"{"path": {"a": {"capabilities": ["list"]}}}"#)] {
        assert_eq!(server.call(method, "sys/policies/acl/Team", json!({"policy": text})).status, 204);
        let read = server.call("GET", "sys/policies/acl/TEAM", Value::Null);
        assert_eq!((read.status, &read.json["data"]), (200, &json!({"name": "team", "policy": text})));
    }
    let listed = server.call("GET", "sys/policies/acl?list=true", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!(["default", "team", "root"]));
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "sys/policies/acl/team", Value::Null).status, 204);
    }
    assert_eq!(server.call("GET", "sys/policies/acl/team", Value::Null).status, 404);
    assert_eq!(server.call("PATCH", "sys/policies/acl/team", Value::Null).status, 415);
}

#[test]
fn a_text_in_base64_is_stored_as_the_text() {
    let server = Server::start();
    let sent = "cGF0aCAic2VjcmV0LyoiIHsgY2FwYWJpbGl0aWVzID0gWyJyZWFkIl0gfQ==";
    assert_eq!(server.call("POST", "sys/policies/acl/p", json!({"policy": sent})).status, 204);
    assert_eq!(server.call("GET", "sys/policies/acl/p", Value::Null).json["data"]["policy"], READ);
}

#[test]
fn the_old_paths_call_the_text_rules_and_repeat_it_at_the_top_level() {
    let server = Server::start();
    let old = server.call("PUT", "sys/policy/p", json!({"rules": READ}));
    assert_eq!((old.status, old.json["warnings"].as_array().map(Vec::len)), (200, Some(1)));
    assert_eq!(server.call("PUT", "sys/policy/p", json!({"policy": READ})).status, 204);
    let read = server.call("GET", "sys/policy/p", Value::Null);
    assert_eq!(read.json["data"], json!({"name": "p", "rules": READ}));
    assert_eq!((&read.json["name"], &read.json["rules"]), (&json!("p"), &json!(READ)));
    for method in ["GET", "LIST"] {
        let listed = server.call(method, "sys/policy", Value::Null);
        assert_eq!(listed.json["policies"], json!(["default", "p", "root"]), "{method}");
        assert_eq!(listed.json["data"]["keys"], listed.json["keys"]);
    }
    assert_eq!(server.call("DELETE", "sys/policy/p", Value::Null).status, 204);
    // What is called rules there is nothing here.
    assert_eq!(server.call("PUT", "sys/policies/acl/p", json!({"rules": READ})).status, 400);
}

#[test]
fn what_is_no_policy_is_refused_and_changes_nothing() {
    let server = Server::start();
    server.call("POST", "sys/policies/acl/p", json!({"policy": READ}));
    for (body, says) in [
        (json!({"policy": "path \"a\" {"}), "failed to parse policy: At 1:11:"),
        (
            json!({"policy": "path \"a\" { capabilities = [\"fly\"] }"}),
            "failed to parse policy: path \"a\": invalid capability \"fly\"",
        ),
        (
            json!({"policy": "path \"a\" { wings = 2 }"}),
            "failed to parse policy: 1 error occurred:\n\t* path \"a\": invalid key \"wings\" on line 1",
        ),
        (json!({"policy": "{\"path\": 5}"}), "failed to parse policy: path:"),
        (json!({"policy": format!("# {}", "x".repeat(600_000))}), "failed to parse policy: the text is longer"),
        (json!({"policy": ""}), "'policy' parameter not supplied or empty"),
        (json!({}), "'policy' parameter not supplied or empty"),
        (json!({"policy": 5}), "policy: must be text"),
    ] {
        let refused = server.call("POST", "sys/policies/acl/p", body);
        assert_eq!(refused.status, 400, "{says}");
        assert!(refused.error().starts_with(says), "{}", refused.json);
    }
    assert_eq!(server.call("GET", "sys/policies/acl/p", Value::Null).json["data"]["policy"], READ);
}

#[test]
fn some_policies_cannot_be_written_or_removed() {
    let server = Server::start();
    for (name, method, says) in [
        ("root", "POST", "cannot update \"root\" policy"),
        ("Root", "DELETE", "cannot delete \"root\" policy"),
        ("response-wrapping", "POST", "cannot update \"response-wrapping\" policy"),
        ("control-group", "DELETE", "cannot delete \"control-group\" policy"),
        ("default", "DELETE", "cannot delete default policy"),
    ] {
        let refused = server.call(method, &format!("sys/policies/acl/{name}"), json!({"policy": READ}));
        assert_eq!((refused.status, refused.error()), (400, says), "{method} {name}");
    }
    let default = server.call("GET", "sys/policies/acl/default", Value::Null);
    assert!(default.json["data"]["policy"].as_str().unwrap().contains("auth/token/lookup-self"));
    assert_eq!(server.call("POST", "sys/policies/acl/default", json!({"policy": READ})).status, 204);
    assert_eq!(server.call("GET", "sys/policies/acl/default", Value::Null).json["data"]["policy"], READ);
}

#[test]
fn policies_are_of_one_namespace() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/policies/acl/p", json!({"policy": READ}));
    assert_eq!(server.call("GET", "sys/policies/acl/p", Value::Null).status, 404);
    assert_eq!(server.call("GET", "a/sys/policies/acl/p", Value::Null).status, 200);
    let listed = server.call_in("a", "LIST", "sys/policies/acl", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!(["default", "p"]));
    // A namespace made again has none of the old one's.
    server.call("DELETE", "sys/namespaces/a", Value::Null);
    server.call("POST", "sys/namespaces/a", Value::Null);
    let listed = server.call_in("a", "LIST", "sys/policies/acl", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!(["default"]));
}

#[test]
fn what_is_accepted_but_not_enforced_is_said() {
    let server = Server::start();
    let text = r#"path "a" { capabilities = ["read"] mfa_methods = ["m"] }"#;
    let written = server.call("POST", "sys/policies/acl/p", json!({"policy": text}));
    assert_eq!(written.status, 200);
    assert!(written.json["warnings"][0].as_str().unwrap().starts_with("mfa_methods was read but has no effect"));
}

#[test]
fn capabilities_of_a_token_are_told_to_who_asks_for_them() {
    let server = Server::start();
    let asked = json!({"token": harness::ROOT, "paths": ["a", "b/*"]});
    let told = server.call("POST", "sys/capabilities", asked);
    assert_eq!(told.json["data"], json!({"a": ["root"], "b/*": ["root"]}));
    assert_eq!(told.json["b/*"], json!(["root"]));
    let unknown = server.call("POST", "sys/capabilities", json!({"token": "hvs.nobody", "path": "a"}));
    assert_eq!((unknown.status, unknown.error()), (400, "invalid token"));
    assert_eq!(server.call("POST", "sys/capabilities", json!({"path": "a"})).status, 400);
}

#[test]
fn passwords_are_made_as_a_policy_says() {
    let server = Server::start();
    let text =
        "length = 12\nrule \"charset\" { charset = \"abc\" min-chars = 2 }\nrule \"charset\" { charset = \"XYZ\" }";
    assert_eq!(server.call("POST", "sys/policies/password/p", json!({"policy": text})).status, 204);
    assert_eq!(server.call("GET", "sys/policies/password/p", Value::Null).json["data"], json!({"policy": text}));
    assert_eq!(server.call("LIST", "sys/policies/password", Value::Null).json["data"], json!({"keys": ["p"]}));
    let make = || {
        let made = server.call("GET", "sys/policies/password/p/generate", Value::Null);
        made.json["data"]["password"].as_str().unwrap_or_default().to_owned()
    };
    let all: std::collections::BTreeSet<String> = (0..20).map(|_| make()).collect();
    assert!(all.len() > 15, "passwords should differ: {all:?}");
    for password in &all {
        assert!(password.len() == 12 && password.chars().all(|c| "abcXYZ".contains(c)), "{password}");
        assert!(password.chars().filter(|c| "abc".contains(*c)).count() >= 2, "{password}");
    }
    for (text, says) in [
        ("length = 3", "length must be from 4 to 100"),
        ("length = 10", "rule: at least one"),
        ("length = 10 rule \"charset\" { charset = \"\" }", "charset"),
        ("length = 4 rule \"charset\" { charset = \"a\" min-chars = 5 }", "min-chars"),
        ("length = 10 rule \"other\" { charset = \"a\" }", "rule"),
        ("width = 10", "invalid key"),
        ("length = \"", "At 1:10"),
    ] {
        let refused = server.call("POST", "sys/policies/password/q", json!({"policy": text}));
        assert!(refused.status == 400 && refused.error().contains(says), "{text}: {}", refused.json);
    }
    assert_eq!(server.call("GET", "sys/policies/password/q", Value::Null).status, 404);
    assert_eq!(server.call("GET", "sys/policies/password/q/generate", Value::Null).status, 404);
    assert_eq!(server.call("DELETE", "sys/policies/password/p", Value::Null).status, 204);
    assert_eq!(server.call("LIST", "sys/policies/password", Value::Null).status, 404);
}

#[test]
fn a_rule_for_a_path_holds_however_the_path_is_written() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
    assert_eq!(server.call("POST", "kv/hidden", json!({"v": 1})).status, 204);
    let rules = r#"path "kv/*" { capabilities = ["read", "delete"] } path "kv/hidden" { capabilities = ["deny"] }"#;
    server.policy("", "most", rules);
    let made = server.call("POST", "auth/token/create", json!({"policies": ["most"]}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    for path in ["kv/hidden", "kv/hidden/", "kv/hidden%2F", "kv/hidden//"] {
        for method in ["GET", "DELETE"] {
            let answer = server.call_as(token, method, path, Value::Null);
            assert!(matches!(answer.status, 400 | 403), "{method} {path}: {}", answer.text);
        }
    }
    assert_eq!(server.call("GET", "kv/hidden", Value::Null).status, 200, "it is still there");
}

#[test]
fn a_list_in_one_text_is_judged_by_each_of_its_parts() {
    let server = Server::start();
    let rules = r#"path "auth/token/create" { capabilities = ["update", "sudo"] allowed_parameters = { policies = ["web*"] } }"#;
    server.policy("", "web", rules);
    let made = server.call("POST", "auth/token/create", json!({"policies": ["web"]}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    let ask =
        |policies: Value| server.call_as(token, "POST", "auth/token/create", json!({"policies": policies})).status;
    assert_eq!((ask(json!("web1,web2")), ask(json!(["web1", " WEB2 "]))), (200, 200));
    for others in [json!("web1,adm"), json!(["web1", "adm"]), json!("web1, adm"), json!(" adm")] {
        assert_eq!(ask(others.clone()), 403, "{others}");
    }
    // What stands in a list stands for itself.
    let made = server.call_as(token, "POST", "auth/token/create", json!({"policies": ["web1,adm"]}));
    assert_eq!(made.json["auth"]["token_policies"], json!(["default", "web1,adm"]), "{}", made.text);
}

#[test]
fn what_a_path_is_for_is_told_to_whoever_has_a_token() {
    let server = Server::start();
    let made = server.call("POST", "auth/token/create", json!({"policies": ["default"]}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    let told = server.call_as(token, "GET", "sys/mounts?help=1", Value::Null);
    assert_eq!(told.status, 200, "{}", told.text);
    assert!(told.json["help"].is_string() && told.json["data"].is_null(), "{}", told.text);
    assert_eq!(server.send("GET", "sys/mounts?help=1", &[], Value::Null).status, 403);
}
