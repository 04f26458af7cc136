use harness::{ROOT, Server};
use serde_json::{Value, json};

fn with_echo() -> Server {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/mounts/echo", json!({"type": "echo", "description": "d"})).status, 204);
    server
}

#[test]
fn a_mount_is_listed_in_data_and_at_the_top_level() {
    let server = with_echo();
    let answer = server.call("GET", "sys/mounts", Value::Null);
    assert_eq!(answer.json["data"]["echo/"]["type"], "echo");
    assert_eq!(answer.json["echo/"]["description"], "d");
    assert_eq!(answer.json["sys/"]["type"], "system");
}

#[test]
fn what_a_guest_wrote_is_read_back_listed_and_removed() {
    let server = with_echo();
    assert_eq!(server.call("PUT", "echo/notes/a", json!({"text": "hello"})).status, 204);
    let read = server.call("GET", "echo/notes/a", Value::Null);
    assert_eq!((read.status, &read.json["data"]["text"]), (200, &json!("hello")));
    assert_eq!(read.json["mount_type"], "echo");
    for method in ["LIST", "GET"] {
        let path = if method == "GET" { "echo/notes?list=true" } else { "echo/notes" };
        assert_eq!(server.call(method, path, Value::Null).json["data"]["keys"], json!(["a"]));
    }
    assert_eq!(server.call("DELETE", "echo/notes/a", Value::Null).status, 204);
    let gone = server.call("GET", "echo/notes/a", Value::Null);
    assert_eq!((gone.status, gone.json), (404, json!({"errors": []})));
    assert_eq!(server.call("LIST", "echo/notes", Value::Null).status, 404);
}

#[test]
fn a_moved_mount_keeps_its_data_and_a_removed_one_does_not() {
    let server = with_echo();
    server.call("POST", "echo/notes/a", json!({"text": "hello"}));
    assert_eq!(server.call("POST", "sys/remount", json!({"from": "echo", "to": "moved"})).status, 200);
    assert_eq!(server.call("GET", "moved/notes/a", Value::Null).json["data"]["text"], "hello");
    assert_eq!(server.call("GET", "echo/notes/a", Value::Null).status, 404);
    assert_eq!(server.call("DELETE", "sys/mounts/moved", Value::Null).status, 204);
    server.call("POST", "sys/mounts/moved", json!({"type": "echo"}));
    assert_eq!(server.call("GET", "moved/notes/a", Value::Null).status, 404);
}

#[test]
fn tune_changes_what_is_sent_and_shows_effective_times() {
    let server = with_echo();
    let tune = json!({"max_lease_ttl": "87600h", "default_lease_ttl": "24h", "allowed_managed_keys": ["root-key"]});
    assert_eq!(server.call("POST", "sys/mounts/echo/tune", tune).status, 204);
    let read = server.call("GET", "sys/mounts/echo/tune", Value::Null).json;
    assert_eq!(read["data"]["max_lease_ttl"], 315_360_000);
    assert_eq!(read["data"]["allowed_managed_keys"], json!(["root-key"]));
    assert_eq!(server.call("POST", "sys/mounts/echo/tune", json!({"allowed_managed_keys": []})).status, 204);
    assert!(server.call("GET", "sys/mounts/echo/tune", Value::Null).json["data"].get("allowed_managed_keys").is_none());
    let delegated = json!({"delegated_auth_accessors": ["auth_cert_1"], "identity_token_key": ""});
    assert_eq!(server.call("POST", "sys/mounts/echo/tune", delegated).status, 204);
    let read = server.call("GET", "sys/mounts/echo/tune", Value::Null).json;
    assert_eq!(read["data"]["delegated_auth_accessors"], json!(["auth_cert_1"]));
}

#[test]
fn wrong_mounts_are_refused_in_words_and_nothing_is_written() {
    let server = with_echo();
    for (path, body, says) in [
        ("sys/mounts/x", json!({"type": "nothing"}), "plugin not found in the catalog: nothing"),
        ("sys/mounts/x", json!({}), "type:"),
        ("sys/mounts/x", json!({"type": 1}), "type:"),
        ("sys/mounts/x", json!({"type": "echo", "plugin_version": "v99.0.0"}), "plugin_version:"),
        ("sys/mounts/x", json!({"type": "echo", "external_entropy_access": "maybe"}), "external_entropy_access:"),
        ("sys/mounts/x", json!({"type": "echo", "config": {"max_lease_ttl": 99_999_999_999_u64}}), "max_lease_ttl:"),
        ("sys/mounts/x", json!({"type": "echo", "options": {"a": "x".repeat(513)}}), "options:"),
        ("sys/mounts/identity", json!({"type": "echo"}), "already in use at identity/"),
        ("sys/mounts/echo", json!({"type": "echo"}), "already in use"),
        ("sys/mounts/echo/below", json!({"type": "echo"}), "already in use"),
        ("sys/mounts/sys", json!({"type": "echo"}), "already in use at sys/"),
        ("sys/mounts/sys/x", json!({"type": "echo"}), "reserved"),
        ("sys/mounts/auth/x", json!({"type": "echo"}), "reserved"),
        ("sys/mounts/x", json!({"type": "echo", "config": {"max_lease_ttl": "soon"}}), "max_lease_ttl"),
        (
            "sys/mounts/x",
            json!({"type": "echo", "config": {"default_lease_ttl": "2h", "max_lease_ttl": "1h"}}),
            "default_lease_ttl",
        ),
        ("sys/mounts/x", json!({"type": "echo", "config": []}), "config"),
    ] {
        let answer = server.call("POST", path, body);
        assert_eq!(answer.status, 400, "{path}");
        assert!(answer.json["errors"][0].as_str().unwrap().contains(says), "{path}: {}", answer.json);
    }
    let mounts = server.call("GET", "sys/mounts", Value::Null);
    let paths: Vec<_> = mounts.json["data"].as_object().unwrap().keys().collect();
    assert_eq!(paths, ["cubbyhole/", "echo/", "identity/", "sys/"]);
}

#[test]
fn help_tells_a_path_from_the_guests_own_description() {
    let server = with_echo();
    let help = server.call("GET", "echo/say?help=1", Value::Null);
    assert_eq!(help.status, 200);
    assert!(help.json["help"].as_str().unwrap().contains("times (int, default 1)"));
}

#[test]
fn every_namespace_has_its_own_built_in_mounts() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    let (root, child) =
        (server.call("GET", "sys/mounts", Value::Null), server.call_in("a", "GET", "sys/mounts", Value::Null));
    for path in ["cubbyhole/", "identity/", "sys/"] {
        let (above, below) = (&root.json["data"][path], &child.json["data"][path]);
        assert_ne!(above["accessor"], below["accessor"], "{path}");
        assert_ne!(above["uuid"], below["uuid"], "{path}");
        let at = format!("sys/mounts/{path}");
        assert_eq!(server.call("GET", at.trim_end_matches('/'), Value::Null).json["data"], *above);
        assert_eq!(server.call("DELETE", at.trim_end_matches('/'), Value::Null).status, 400, "{path}");
        assert_eq!(server.call("POST", &format!("{at}tune"), json!({"description": "x"})).status, 400, "{path}");
        assert_eq!(server.call("GET", &format!("{at}tune"), Value::Null).status, 200, "{path}");
    }
    assert_eq!(server.call("GET", "sys/mounts", Value::Null).json["data"], root.json["data"]);
}

#[test]
fn a_mount_says_everything_that_clients_read() {
    let server = with_echo();
    let shown = server.call("GET", "sys/mounts/echo", Value::Null).json["data"].clone();
    let built_in = server.call("GET", "sys/mounts/sys", Value::Null).json["data"].clone();
    for mount in [&shown, &built_in] {
        for field in [
            "type",
            "description",
            "accessor",
            "local",
            "seal_wrap",
            "external_entropy_access",
            "options",
            "uuid",
            "plugin_version",
            "running_plugin_version",
            "running_sha256",
            "deprecation_status",
            "config",
        ] {
            assert!(mount.get(field).is_some(), "{field} is missing in {mount}");
        }
        for field in ["default_lease_ttl", "max_lease_ttl", "force_no_cache"] {
            assert!(mount["config"].get(field).is_some(), "{field} is missing in {mount}");
        }
    }
    assert!(shown["options"].is_null());
    assert!(shown["running_plugin_version"].as_str().unwrap().starts_with("v0."));
}

#[test]
fn what_is_not_mounted_is_told_as_the_reference_does_and_removed_in_peace() {
    let server = Server::start();
    for (method, path) in [("GET", "sys/mounts/x/y"), ("GET", "sys/mounts/x/y/tune"), ("POST", "sys/mounts/x/y/tune")] {
        let answer = server.call(method, path, Value::Null);
        assert_eq!((answer.status, answer.json["errors"][0].as_str()), (400, Some("No secret engine mount at x/y/")));
    }
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "sys/mounts/x/y", Value::Null).status, 204);
    }
}

#[test]
fn config_takes_durations_as_text_and_tune_all_that_it_shows() {
    let server = Server::start();
    let config = json!({"default_lease_ttl": "1h", "max_lease_ttl": "system", "force_no_cache": true});
    let body = json!({"type": "echo", "config": config, "options": {"version": 2}, "local": "true"});
    assert_eq!(server.call("POST", "sys/mounts/echo", body).status, 204);
    let shown = server.call("GET", "sys/mounts/echo", Value::Null).json["data"].clone();
    assert_eq!(shown["config"], json!({"default_lease_ttl": 3600, "max_lease_ttl": 0, "force_no_cache": true}));
    assert_eq!((&shown["options"], &shown["local"]), (&json!({"version": "2"}), &json!(true)));
    let version = shown["running_plugin_version"].clone();
    let tune = json!({
        "description": "new", "options": {"colour": "blue"}, "plugin_version": version, "force_no_cache": false,
        "listing_visibility": "unauth",
    });
    assert_eq!(server.call("POST", "sys/mounts/echo/tune", tune).status, 204);
    let tuned = server.call("GET", "sys/mounts/echo/tune", Value::Null).json["data"].clone();
    assert_eq!((&tuned["default_lease_ttl"], &tuned["max_lease_ttl"]), (&json!(3600), &json!(768 * 3600)));
    assert_eq!((&tuned["description"], &tuned["force_no_cache"]), (&json!("new"), &json!(false)));
    assert_eq!(tuned["options"], json!({"version": "2", "colour": "blue"}));
    assert_eq!((&tuned["plugin_version"], &tuned["listing_visibility"]), (&version, &json!("unauth")));
}

#[test]
fn tune_refuses_wrong_types_by_their_names_and_changes_nothing() {
    let server = with_echo();
    let before = server.call("GET", "sys/mounts/echo/tune", Value::Null).json["data"].clone();
    for (field, value) in [
        ("default_lease_ttl", json!([])),
        ("max_lease_ttl", json!(-1)),
        ("max_lease_ttl", json!("1 fortnight")),
        ("description", json!(1)),
        ("description", json!("x".repeat(1025))),
        ("options", json!("version=2")),
        ("options", json!({"a": []})),
        ("force_no_cache", json!("perhaps")),
        ("listing_visibility", json!("public")),
        ("allowed_managed_keys", json!({})),
        ("allowed_response_headers", json!([1])),
        ("passthrough_request_headers", json!(["x".repeat(129)])),
        ("audit_non_hmac_request_keys", json!(7)),
        ("plugin_version", json!(2)),
        ("plugin_version", json!("v99.0.0")),
        ("delegated_auth_accessors", json!({})),
        ("identity_token_key", json!("default")),
    ] {
        let answer = server.call("POST", "sys/mounts/echo/tune", json!({"description": "changed", field: value}));
        assert_eq!(answer.status, 400, "{field}");
        assert!(answer.json["errors"][0].as_str().unwrap().starts_with(&format!("{field}:")), "{}", answer.json);
    }
    assert_eq!(server.call("GET", "sys/mounts/echo/tune", Value::Null).json["data"], before);
}

#[test]
fn the_preflight_shows_all_mounts_with_a_token_and_only_public_ones_without() {
    let server = with_echo();
    server.call("POST", "sys/mounts/hidden", json!({"type": "echo"}));
    server.call("POST", "sys/mounts/echo/tune", json!({"listing_visibility": "unauth"}));
    let known = server.call("GET", "sys/internal/ui/mounts", Value::Null).json["data"].clone();
    for path in ["cubbyhole/", "echo/", "hidden/", "identity/", "sys/"] {
        assert!(known["secret"].get(path).is_some(), "{path} is missing");
    }
    assert_eq!(known["auth"]["token/"]["type"], "token");
    let unknown = server.send("GET", "sys/internal/ui/mounts", &[], Value::Null).json["data"].clone();
    let public = json!({"type": "echo", "description": "d", "options": null});
    assert_eq!(unknown, json!({"secret": {"echo/": public}, "auth": {}}));
    for (path, at) in [("echo/notes/a", "echo/"), ("cubbyhole/x", "cubbyhole/"), ("auth/token/create", "auth/token/")] {
        let answer = server.call("GET", &format!("sys/internal/ui/mounts/{path}"), Value::Null);
        assert_eq!(answer.json["data"]["path"], at, "{}", answer.json);
    }
    let missing = server.call("GET", "sys/internal/ui/mounts/nothing", Value::Null);
    assert_eq!(missing.status, 403);
    assert!(missing.json["errors"][0].as_str().unwrap().contains("preflight capability check returned 403"));
    assert_eq!(server.send("GET", "sys/internal/ui/mounts/echo", &[], Value::Null).status, 403);
}

#[test]
fn headers_are_shown_as_operators_wrote_them_and_meant_in_any_case() {
    let server = Server::start();
    let config = json!({"passthrough_request_headers": ["X-Custom"], "allowed_response_headers": ["Location"]});
    assert_eq!(server.call("POST", "sys/mounts/kv", json!({"type": "kv", "config": config})).status, 204);
    let tuned = server.call("GET", "sys/mounts/kv/tune", Value::Null).json["data"].clone();
    for (field, headers) in config.as_object().unwrap() {
        assert_eq!(tuned[field], *headers);
    }
}

#[test]
fn an_empty_token_header_leaves_the_bearer_alone() {
    let server = Server::start();
    let bearer = format!("Bearer {ROOT}");
    let headers = [("x-vault-token", ""), ("authorization", bearer.as_str())];
    assert_eq!(server.send("GET", "sys/mounts", &headers, Value::Null).status, 200);
}

#[test]
fn what_stands_in_the_query_of_a_write_is_not_written() {
    let server = Server::start();
    server.call("POST", "sys/mounts/kv", json!({"type": "kv"}));
    let refused = server.call("POST", "kv/x?secret=1", Value::Null);
    assert!(refused.status == 400 && refused.text.contains("missing data fields"), "{}", refused.text);
}
