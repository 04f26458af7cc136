use harness::{HOSTILE, Server};
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
        ("echo", "a/sys/x", "reserved"),
        ("echo", "a/", "to:"),
        ("a/echo", "x", "no matching mount at \"a/echo/\""),
        ("a/sys", "x", "from:"),
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

fn read(server: &Server, namespace: &str, path: &str) -> Value {
    server.call_in(namespace, "GET", path, Value::Null).json["data"]["text"].clone()
}

#[test]
fn a_mount_moves_to_another_namespace_with_what_it_keeps() {
    let server = with_echo();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/namespaces/b", Value::Null);
    let answer = server.call("POST", "sys/remount", json!({"from": "echo", "to": "a/b/moved"}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(
        (read(&server, "a/b", "moved/notes/a"), server.call("GET", "echo/notes/a", Value::Null).status),
        (json!("hello"), 404)
    );
    assert!(server.call_in("a/b", "GET", "sys/mounts", Value::Null).json["data"]["moved/"].is_object());
    let id = answer.json["data"]["migration_id"].as_str().unwrap();
    let status = server.call("GET", &format!("sys/remount/status/{id}"), Value::Null);
    let info = json!({"source_mount": "echo/", "target_mount": "a/b/moved/", "status": "success"});
    assert_eq!(status.json["data"]["migration_info"], info);
    // From a namespace, only what is in it or below it can be named.
    let up = server.call_in("a", "POST", "sys/remount", json!({"from": "b/moved", "to": "here"}));
    assert_eq!((up.status, read(&server, "a", "here/notes/a")), (200, json!("hello")));
    assert_eq!(server.call_in("a/b", "POST", "sys/remount", json!({"from": "here", "to": "x"})).status, 400);
    assert_eq!(server.call("POST", "sys/remount", json!({"from": "a/here", "to": "echo"})).status, 200);
    assert_eq!(read(&server, "", "echo/notes/a"), "hello");
}

#[test]
fn a_mount_is_not_moved_away_from_a_managed_key_that_it_may_use() {
    let server = with_echo();
    server.call("POST", "sys/namespaces/a", Value::Null);
    let tuned = server.call("POST", "sys/mounts/echo/tune", json!({"allowed_managed_keys": ["signing"]}));
    assert_eq!(tuned.status, 204, "{}", tuned.text);
    let refused = server.call("POST", "sys/remount", json!({"from": "echo", "to": "a/echo"}));
    assert!(refused.status == 400 && refused.text.contains("managed key \\\"signing\\\""), "{}", refused.text);
    assert_eq!(server.call("POST", "sys/remount", json!({"from": "echo", "to": "other"})).status, 200);
    server.call("POST", "sys/mounts/other/tune", json!({"allowed_managed_keys": []}));
    assert_eq!(server.call("POST", "sys/remount", json!({"from": "other", "to": "a/echo"})).status, 200);
}

#[test]
fn what_a_mount_lent_and_the_tokens_of_an_auth_method_end_with_the_move() {
    let server = Server::with_guests(&[HOSTILE]);
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call("POST", "sys/mounts/l", json!({"type": "hostile"}));
    server.call("POST", "sys/auth/users", json!({"type": "userpass"}));
    server.call("POST", "auth/users/users/ann", json!({"password": "correct horse"}));
    let login = |namespace: &str, path: &str| {
        server.call_in(namespace, "POST", &format!("auth/{path}/login/ann"), json!({"password": "correct horse"}))
    };
    let token = login("", "users").json["auth"]["client_token"].as_str().unwrap().to_owned();
    let lookup = || server.send("GET", "auth/token/lookup-self", &[("X-Vault-Token", &token)], Value::Null).status;
    let lent = server.call("POST", "l/lend/x", json!({"ttl": 600}));
    let lease = json!({"lease_id": lent.json["lease_id"]});
    assert_eq!((lookup(), server.call("PUT", "sys/leases/lookup", lease.clone()).status), (200, 200));
    for (from, to) in [("auth/users", "a/auth/people"), ("l", "a/l")] {
        let moved = server.call("POST", "sys/remount", json!({"from": from, "to": to}));
        assert_eq!(moved.status, 200, "{}", moved.text);
    }
    assert_eq!((lookup(), server.call("PUT", "sys/leases/lookup", lease).status), (403, 400));
    assert_eq!(login("a", "people").status, 200);
    let taken_back = || server.call_in("a", "GET", "l/lent/x", Value::Null).json["data"]["revoked"] == 1;
    let late = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while !taken_back() {
        assert!(std::time::Instant::now() < late, "the engine takes back what it lent, wherever it is");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
