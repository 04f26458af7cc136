//! `sys/auth`: auth methods as operators mount, tune, move and remove them.

use harness::Server;
use serde_json::{Value, json};

#[test]
fn a_method_is_mounted_listed_read_and_removed() {
    let server = Server::start();
    let body = json!({"type": "userpass", "description": "people", "config": {"default_lease_ttl": "1h"}});
    assert_eq!(server.call("POST", "sys/auth/staff", body).status, 204);
    let listed = server.call("GET", "sys/auth", Value::Null);
    let staff = &listed.json["data"]["staff/"];
    assert_eq!((&staff["type"], &staff["description"]), (&json!("userpass"), &json!("people")));
    assert!(staff["accessor"].as_str().unwrap().starts_with("auth_userpass_"));
    assert_eq!(staff["config"]["default_lease_ttl"], 3600);
    assert_eq!(staff["config"]["token_type"], "default-service");
    assert_eq!(&listed.json["staff/"], staff);
    assert_eq!(&server.call("GET", "sys/auth/staff", Value::Null).json["data"], staff);
    let mounts = server.call("GET", "sys/mounts", Value::Null);
    assert!(!mounts.text.contains("staff"), "{}", mounts.text);
    let again = server.call("POST", "sys/auth/staff", json!({"type": "userpass"}));
    assert_eq!((again.status, again.error()), (400, "path is already in use at staff/"));
    assert_eq!(server.call("DELETE", "sys/auth/staff", Value::Null).status, 204);
    assert_eq!(server.call("GET", "sys/auth/staff", Value::Null).error(), "No auth engine at staff/");
}

#[test]
fn engines_and_methods_are_not_mounted_in_each_others_place() {
    let server = Server::start();
    for (path, kind, says) in [
        ("sys/auth/kv", "kv", "plugin not found in the catalog: kv"),
        ("sys/mounts/up", "userpass", "plugin not found in the catalog: userpass"),
        ("sys/mounts/auth/up", "kv", "reserved"),
        ("sys/auth/token/x", "userpass", "path is already in use at token/"),
    ] {
        let answer = server.call("POST", path, json!({"type": kind}));
        assert!(answer.status == 400 && answer.error().contains(says), "{path}: {}", answer.text);
    }
    assert_eq!(server.call("POST", "sys/auth/userpass", json!({"type": "userpass"})).status, 204);
    assert_eq!(server.call("GET", "sys/mounts/auth/userpass", Value::Null).status, 400);
    assert_eq!(server.call("DELETE", "sys/mounts/auth/userpass", Value::Null).status, 204);
    assert_eq!(server.call("GET", "sys/auth/userpass", Value::Null).status, 200);
}

#[test]
fn a_method_is_tuned_on_either_path() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/auth/userpass", json!({"type": "userpass"})).status, 204);
    let lockout = json!({"lockout_threshold": "3", "lockout_duration": "10m", "lockout_counter_reset": 60});
    let body = json!({
        "token_type": "batch", "listing_visibility": "unauth", "max_lease_ttl": "2h", "user_lockout_config": lockout,
        "passthrough_request_headers": ["X-Who"],
    });
    assert_eq!(server.call("POST", "sys/auth/userpass/tune", body).status, 204);
    for path in ["sys/auth/userpass/tune", "sys/mounts/auth/userpass/tune"] {
        let data = &server.call("GET", path, Value::Null).json["data"];
        assert_eq!((&data["token_type"], &data["max_lease_ttl"]), (&json!("batch"), &json!(7200)), "{data}");
        assert_eq!((&data["user_lockout_threshold"], &data["user_lockout_duration"]), (&json!(3), &json!(600)));
        assert_eq!(data["user_lockout_counter_reset_duration"], 60);
        assert_eq!(data["passthrough_request_headers"], json!(["X-Who"]));
    }
    assert_eq!(server.call("POST", "sys/mounts/auth/userpass/tune", json!({"token_type": "service"})).status, 204);
    let shown = &server.call("GET", "sys/auth", Value::Null).json["data"]["userpass/"]["config"];
    assert_eq!(shown["token_type"], "service");
    assert_eq!(shown["user_lockout_config"]["user_lockout_threshold"], 3, "{shown}");
    for (body, says) in [
        (json!({"token_type": "x"}), "token_type:"),
        (json!({"user_lockout_config": "x"}), "user_lockout_config:"),
        (json!({"user_lockout_config": {"lockout_threshold": "many"}}), "lockout_threshold:"),
    ] {
        let answer = server.call("POST", "sys/auth/userpass/tune", body);
        assert!(answer.status == 400 && answer.error().starts_with(says), "{}", answer.text);
    }
    server.call("POST", "sys/mounts/kv", json!({"type": "kv"}));
    let answer = server.call("POST", "sys/mounts/kv/tune", json!({"token_type": "batch"}));
    assert!(answer.status == 400 && answer.error().contains("only be modified on auth mounts"), "{}", answer.text);
    assert_eq!(server.call("GET", "sys/mounts/auth/token/tune", Value::Null).status, 200);
}

#[test]
fn strangers_see_the_methods_that_are_listed_for_all_and_no_others() {
    let server = Server::start();
    let open = json!({"type": "userpass", "config": {"listing_visibility": "unauth"}});
    assert_eq!(server.call("POST", "sys/auth/open", open).status, 204);
    assert_eq!(server.call("POST", "sys/auth/shut", json!({"type": "userpass"})).status, 204);
    let seen = server.send("GET", "sys/internal/ui/mounts", &[], Value::Null);
    assert_eq!(seen.json["data"]["auth"], json!({"open/": {"type": "userpass", "description": "", "options": null}}));
    assert_eq!(seen.json["data"]["secret"], json!({}));
    let seen = server.call("GET", "sys/internal/ui/mounts", Value::Null);
    let names: Vec<&String> = seen.json["data"]["auth"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["open/", "shut/", "token/"]);
    let one = server.call("GET", "sys/internal/ui/mounts/auth/shut/users", Value::Null);
    assert_eq!((&one.json["data"]["path"], &one.json["data"]["type"]), (&json!("auth/shut/"), &json!("userpass")));
}

#[test]
fn a_method_moves_below_auth_and_nowhere_else_and_keeps_its_users() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/auth/old", json!({"type": "userpass"})).status, 204);
    assert_eq!(server.call("POST", "auth/old/users/ann", json!({"password": "x"})).status, 204);
    for to in ["elsewhere", "auth/token/x"] {
        assert_eq!(server.call("POST", "sys/remount", json!({"from": "auth/old", "to": to})).status, 400, "{to}");
    }
    assert_eq!(server.call("POST", "sys/remount", json!({"from": "auth/old", "to": "auth/new"})).status, 200);
    assert_eq!(server.call("GET", "auth/new/users/ann", Value::Null).status, 200);
    assert_eq!(server.call("GET", "auth/old/users/ann", Value::Null).status, 404);
}

#[test]
fn each_namespace_has_its_own_methods() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    assert_eq!(server.call_in("a", "POST", "sys/auth/userpass", json!({"type": "userpass"})).status, 204);
    let list = |namespace| server.call_in(namespace, "GET", "sys/auth", Value::Null).json["data"].clone();
    assert!(list("a").get("userpass/").is_some() && list("").get("userpass/").is_none());
    assert_eq!(server.call_in("a", "POST", "auth/userpass/users/ann", json!({"password": "x"})).status, 204);
    let login = server.send("POST", "a/auth/userpass/login/ann", &[], json!({"password": "x"}));
    assert_eq!(login.status, 200, "{}", login.text);
    let token = login.json["auth"]["client_token"].as_str().unwrap();
    let held = [("X-Vault-Token", token)];
    assert_eq!(server.send("GET", "a/auth/token/lookup-self", &held, Value::Null).status, 200);
    let elsewhere = server.send("GET", "sys/mounts", &held, Value::Null);
    assert_eq!(elsewhere.status, 403, "{}", elsewhere.text);
}
