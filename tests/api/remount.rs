use harness::Server;
use serde_json::{Value, json};

fn with_echo() -> Server {
    let server = Server::start();
    server.call("POST", "sys/mounts/echo", json!({"type": "echo"}));
    server.call("POST", "echo/notes/a", json!({"text": "hello"}));
    server
}

#[test]
fn a_move_has_a_status_that_says_from_where_to_where() {
    let server = with_echo();
    let answer = server.call("POST", "sys/remount", json!({"from": "echo/", "to": "far/away"}));
    assert_eq!(answer.status, 200);
    let id = answer.json["data"]["migration_id"].as_str().unwrap();
    assert_eq!(answer.json["migration_id"], id);
    assert!(answer.json["warnings"][0].as_str().unwrap().contains(id));
    let status = server.call("GET", &format!("sys/remount/status/{id}"), Value::Null);
    let info = json!({"source_mount": "echo/", "target_mount": "far/away/", "status": "success"});
    assert_eq!(status.json["data"], json!({"migration_id": id, "migration_info": info}));
    assert_eq!(server.call("GET", "far/away/notes/a", Value::Null).json["data"]["text"], "hello");
    assert_eq!(server.call("GET", "sys/remount/status/unknown", Value::Null).status, 404);
}

#[test]
fn a_refused_move_says_which_path_is_wrong_and_moves_nothing() {
    let server = with_echo();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call("POST", "sys/mounts/other", json!({"type": "echo"}));
    for (from, to, says) in [
        ("echo", "other", "path is already in use at other/"),
        ("echo", "other/below", "path is already in use at other/"),
        ("echo", "echo", "path is already in use at echo/"),
        ("echo", "a/echo", "another namespace"),
        ("a/echo", "x", "another namespace"),
        ("echo", "sys/x", "reserved"),
        ("echo", "auth/x", "reserved"),
        ("echo", "../x", "to:"),
        ("echo", "", "to:"),
        ("", "x", "from:"),
        ("nothing", "x", "no matching mount at \"nothing/\""),
        ("sys", "x", "from:"),
    ] {
        let answer = server.call("POST", "sys/remount", json!({"from": from, "to": to}));
        assert_eq!(answer.status, 400, "{from} to {to}");
        assert!(answer.json["errors"][0].as_str().unwrap().contains(says), "{from} to {to}: {}", answer.json);
    }
    assert_eq!(server.call("POST", "sys/remount", json!({"from": 1, "to": "x"})).status, 400);
    assert_eq!(server.call("GET", "echo/notes/a", Value::Null).json["data"]["text"], "hello");
    assert_eq!(server.call("GET", "sys/remount", Value::Null).status, 405);
}

#[test]
fn a_move_in_one_namespace_is_not_known_in_another() {
    let server = with_echo();
    server.call("POST", "sys/namespaces/a", Value::Null);
    let answer = server.call("POST", "sys/remount", json!({"from": "echo", "to": "moved"}));
    let status = format!("sys/remount/status/{}", answer.json["data"]["migration_id"].as_str().unwrap());
    assert_eq!(server.call("GET", &status, Value::Null).status, 200);
    assert_eq!(server.call_in("a", "GET", &status, Value::Null).status, 404);
}
