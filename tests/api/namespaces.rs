use harness::Server;
use serde_json::{Value, json};

#[test]
fn header_and_path_prefix_lead_to_the_same_namespace() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/namespaces/a", Value::Null).status, 200);
    assert_eq!(server.call_in("a", "POST", "sys/namespaces/b", json!({"custom_metadata": {"owner": "x"}})).status, 200);
    assert_eq!(server.call("POST", "a/b/sys/mounts/echo", json!({"type": "echo"})).status, 204);
    let answer = server.call_in("a/", "POST", "b/echo/say", json!({"text": "hi"}));
    assert_eq!((answer.status, &answer.json["data"]["text"]), (200, &json!("hi")));
    assert_eq!(server.call_in("a/b", "GET", "sys/namespaces/b", Value::Null).status, 404);
    let listed = server.call_in("a", "LIST", "sys/namespaces", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!(["b/"]));
    assert_eq!(listed.json["data"]["key_info"]["b/"]["custom_metadata"]["owner"], "x");
}

#[test]
fn what_is_mounted_in_one_namespace_is_not_there_in_another() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    assert_eq!(server.call("POST", "echo/say", json!({})).status, 404);
    assert_eq!(server.call_in("nowhere", "POST", "echo/say", json!({})).status, 404);
}

#[test]
fn a_namespace_goes_with_its_mounts_but_not_before_its_children() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/namespaces/b", Value::Null);
    server.call_in("a", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 400);
    assert_eq!(server.call_in("a", "DELETE", "sys/namespaces/b", Value::Null).status, 204);
    assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 204);
    assert_eq!(server.call_in("a", "GET", "sys/mounts", Value::Null).status, 404);
}

#[test]
fn bad_names_are_refused() {
    let server = Server::start();
    for name in ["sys", "auth", "root", "a%20b", "x/y", "%2b", "a*", "audit", "cubbyhole", "identity"] {
        assert_eq!(server.call("POST", &format!("sys/namespaces/{name}"), Value::Null).status, 400, "{name}");
    }
}

#[test]
fn the_reserved_name_root_does_not_stand_for_the_namespace_itself() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    for method in ["POST", "DELETE", "GET"] {
        assert_eq!(server.call_in("a", method, "sys/namespaces/root", Value::Null).status, 400, "{method}");
    }
    assert_eq!(server.call("GET", "sys/namespaces/a", Value::Null).status, 200);
}

#[test]
fn a_namespace_is_written_read_listed_and_removed() {
    let server = Server::start();
    assert_eq!(server.call("LIST", "sys/namespaces", Value::Null).status, 404);
    assert_eq!(server.call("GET", "sys/namespaces/a", Value::Null).status, 404);
    assert_eq!(server.call("PATCH", "sys/namespaces/a", Value::Null).status, 415);
    let made = server.call("POST", "sys/namespaces/a", json!({"custom_metadata": {"owner": "x"}}));
    assert_eq!((made.status, &made.json["data"]["path"]), (200, &json!("a/")));
    let read = server.call("GET", "sys/namespaces/a", Value::Null);
    assert_eq!(read.json["data"], made.json["data"]);
    let again = server.call("POST", "sys/namespaces/a", json!({"custom_metadata": {"team": "y"}}));
    assert_eq!(again.json["data"]["id"], made.json["data"]["id"]);
    assert_eq!(again.json["data"]["custom_metadata"], json!({"team": "y"}));
    let listed = server.call("LIST", "sys/namespaces", Value::Null).json["data"].clone();
    assert_eq!(listed["keys"], json!(["a/"]));
    for field in ["id", "path", "custom_metadata"] {
        assert_eq!(listed["key_info"]["a/"][field], again.json["data"][field], "{field}");
    }
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 204);
    }
    assert_eq!(server.call("LIST", "sys/namespaces", Value::Null).status, 404);
}

fn patch(server: &Server, path: &str, body: Value) -> harness::Answer {
    let headers = [("X-Vault-Token", harness::ROOT), ("Content-Type", "application/merge-patch+json")];
    server.send("PATCH", path, &headers, body)
}

#[test]
fn patch_merges_metadata_and_null_removes() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", json!({"custom_metadata": {"keep": "1", "change": "2", "drop": "3"}}));
    let merged =
        patch(&server, "sys/namespaces/a", json!({"custom_metadata": {"change": "4", "drop": null, "new": "5"}}));
    assert_eq!(merged.json["data"]["custom_metadata"], json!({"keep": "1", "change": "4", "new": "5"}));
    let same = patch(&server, "sys/namespaces/a", json!({}));
    assert_eq!(same.json["data"], merged.json["data"]);
    let none = patch(&server, "sys/namespaces/a", json!({"custom_metadata": null}));
    assert_eq!(none.json["data"]["custom_metadata"], json!({}));
    assert_eq!(patch(&server, "sys/namespaces/b", json!({})).status, 404);
    assert_eq!(patch(&server, "sys/namespaces/a", json!({"custom_metadata": {"a": []}})).status, 400);
}

#[test]
fn metadata_is_bounded_from_both_sides() {
    let server = Server::start();
    let entries = |count: usize| -> Value {
        let all: serde_json::Map<_, _> = (0..count).map(|n| (format!("k{n}"), json!("v"))).collect();
        json!({ "custom_metadata": all })
    };
    assert_eq!(server.call("POST", "sys/namespaces/a", entries(64)).status, 200);
    for body in [entries(65), json!({"custom_metadata": {"k": "x".repeat(513)}}), json!({"custom_metadata": ["a"]})] {
        let refused = server.call("POST", "sys/namespaces/a", body);
        assert_eq!(refused.status, 400);
        assert!(refused.json["errors"][0].as_str().unwrap().starts_with("custom_metadata:"));
    }
    assert_eq!(patch(&server, "sys/namespaces/a", json!({"custom_metadata": {"one-more": "v"}})).status, 400);
    let read = server.call("GET", "sys/namespaces/a", Value::Null);
    assert_eq!(read.json["data"]["custom_metadata"].as_object().unwrap().len(), 64);
}

#[test]
fn namespaces_nest_to_a_bound() {
    let server = Server::start();
    let mut path = String::new();
    for depth in 0..33 {
        let made = server.call_in(&path, "POST", "sys/namespaces/n", Value::Null);
        assert_eq!(made.status, if depth < 32 { 200 } else { 400 }, "depth {depth}: {}", made.json);
        path.push_str("n/");
    }
}

#[test]
fn a_namespace_made_again_shows_nothing_of_the_old_one() {
    let server = Server::start();
    let old = server.call("POST", "sys/namespaces/a", json!({"custom_metadata": {"owner": "x"}}));
    server.call_in("a", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    server.call_in("a", "POST", "echo/notes/secret", json!({"text": "old"}));
    server.call_in("a", "POST", "sys/remount", json!({"from": "echo", "to": "moved"}));
    assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 204);
    assert_eq!(server.call_in("a", "GET", "moved/notes/secret", Value::Null).status, 404);
    let new = server.call("POST", "sys/namespaces/a", Value::Null);
    assert_ne!(new.json["data"]["id"], old.json["data"]["id"]);
    assert_eq!(new.json["data"]["custom_metadata"], json!({}));
    assert_eq!(server.call_in("a", "GET", "sys/mounts/moved", Value::Null).status, 400);
    for path in ["echo", "moved"] {
        server.call_in("a", "POST", &format!("sys/mounts/{path}"), json!({"type": "echo"}));
        assert_eq!(server.call_in("a", "LIST", &format!("{path}/notes"), Value::Null).status, 404, "{path}");
    }
}

#[test]
fn a_locked_namespace_answers_nobody_until_it_is_unlocked_with_its_key() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/namespaces/b", Value::Null);
    server.call_in("a/b", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    let locked = server.call("POST", "sys/namespaces/api-lock/lock/a", Value::Null);
    let key = locked.json["data"]["unlock_key"].as_str().unwrap().to_owned();
    for (namespace, path) in [("a", "sys/mounts"), ("a/b", "sys/mounts"), ("a", "b/sys/mounts"), ("", "a/sys/mounts")] {
        let refused = server.call_in(namespace, "GET", path, Value::Null);
        assert_eq!(refused.status, 503, "{namespace} {path}: {}", refused.text);
    }
    assert_eq!(server.call_in("a/b", "POST", "echo/say", json!({})).status, 503);
    assert_eq!(server.call("GET", "sys/mounts", Value::Null).status, 200, "beside it everything goes on");
    let wrong = server.call("POST", "sys/namespaces/api-lock/unlock/a", json!({"unlock_key": "0".repeat(48)}));
    assert_eq!(wrong.status, 400);
    let unlocked = server.call_in("a", "POST", "sys/namespaces/api-lock/unlock", json!({"unlock_key": key}));
    assert_eq!(unlocked.status, 204, "{}", unlocked.text);
    assert_eq!(server.call_in("a/b", "POST", "echo/say", json!({})).status, 200);
    assert_eq!(server.call("POST", "sys/namespaces/api-lock/lock", Value::Null).status, 400, "the root stays open");
}
