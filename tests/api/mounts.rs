use harness::Server;
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
}

#[test]
fn wrong_mounts_are_refused_in_words_and_nothing_is_written() {
    let server = with_echo();
    for (path, body, says) in [
        ("sys/mounts/x", json!({"type": "nothing"}), "type:"),
        ("sys/mounts/echo", json!({"type": "echo"}), "already in use"),
        ("sys/mounts/echo/below", json!({"type": "echo"}), "already in use"),
        ("sys/mounts/sys", json!({"type": "echo"}), "reserved"),
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
    assert_eq!(mounts.json["data"].as_object().unwrap().len(), 2);
}

#[test]
fn help_tells_a_path_from_the_guests_own_description() {
    let server = with_echo();
    let help = server.call("GET", "echo/say?help=1", Value::Null);
    assert_eq!(help.status, 200);
    assert!(help.json["help"].as_str().unwrap().contains("times (int, default 1)"));
}
