use harness::{ROOT, Server};
use serde_json::{Value, json};

fn with_echo() -> Server {
    let server = Server::start();
    server.call("POST", "sys/mounts/echo", json!({"type": "echo"}));
    server
}

#[test]
fn the_envelope_has_all_its_keys_and_is_never_cached() {
    let server = with_echo();
    let answer = server.call("POST", "echo/say", json!({"text": "hi"}));
    for key in ["request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"] {
        assert!(answer.json.get(key).is_some(), "{key} is missing");
    }
    assert!(answer.headers.contains(&("cache-control".into(), "no-store".into())));
}

#[test]
fn numbers_may_come_as_text_and_wrong_ones_name_their_field() {
    let server = with_echo();
    assert_eq!(server.call("POST", "echo/say", json!({"text": "a", "times": "3"})).json["data"]["text"], "aaa");
    for (body, says) in
        [(json!({"times": "x"}), "times:"), (json!({"times": 101}), "times:"), (json!({"text": [1]}), "text:")]
    {
        let answer = server.call("POST", "echo/say", body);
        assert_eq!(answer.status, 400);
        assert!(answer.json["errors"][0].as_str().unwrap().starts_with(says), "{}", answer.json);
    }
}

#[test]
fn bodies_that_are_no_json_object_are_refused_without_being_repeated() {
    let server = with_echo();
    for body in ["{", "[]", "\"secret-text\"", "{\"a\":1}x", "nul"] {
        let answer = server.send_bytes("POST", "echo/say", &[("X-Vault-Token", ROOT)], body.into());
        assert_eq!(answer.status, 400, "{body}");
        assert!(!answer.json.to_string().contains("secret-text"));
    }
    let deep = "{\"a\":".repeat(100_000);
    assert_eq!(server.send_bytes("POST", "echo/say", &[("X-Vault-Token", ROOT)], deep.into()).status, 400);
}

#[test]
fn a_body_over_the_bound_is_refused_and_others_are_served() {
    let server = with_echo();
    let large = json!({"text": "x".repeat(9 << 20)});
    assert_eq!(server.call("POST", "echo/say", large).status, 413);
    assert_eq!(server.call("POST", "echo/say", json!({"text": "x"})).status, 200);
}

#[test]
fn paths_cannot_climb_and_unknown_ones_say_so() {
    let server = with_echo();
    for (method, path, status) in [
        ("GET", "echo/%2e%2e/sys/mounts", 400),
        ("GET", "echo/notes/a%00b", 400),
        ("POST", "echo/notes/a/", 400),
        ("GET", "echo/unknown", 404),
        ("GET", "unknown/x", 404),
        ("GET", "sys/unknown", 404),
        ("DELETE", "echo/say", 405),
        ("TRACE", "echo/say", 405),
        ("PATCH", "echo/notes/a", 415),
    ] {
        assert_eq!(server.call(method, path, Value::Null).status, status, "{method} {path}");
    }
}

#[test]
fn a_form_is_read_like_a_json_object() {
    let server = with_echo();
    let headers = [("X-Vault-Token", ROOT), ("Content-Type", "application/x-www-form-urlencoded")];
    let answer = server.send_bytes("POST", "echo/say", &headers, b"text=a%20b&times=2".to_vec());
    assert_eq!(answer.json["data"]["text"], "a ba b");
}

#[test]
fn sixty_four_clients_at_once_all_get_their_own_answer() {
    let server = with_echo();
    std::thread::scope(|scope| {
        for client in 0..64 {
            let server = &server;
            scope.spawn(move || {
                let path = format!("echo/notes/{client}");
                assert_eq!(server.call("POST", &path, json!({"text": client.to_string()})).status, 204);
                assert_eq!(server.call("GET", &path, Value::Null).json["data"]["text"], client.to_string());
            });
        }
    });
    assert_eq!(server.call("LIST", "echo/notes", Value::Null).json["data"]["keys"].as_array().unwrap().len(), 64);
}

#[test]
fn refusals_are_worded_as_clients_expect() {
    let server = with_echo();
    let root = [("X-Vault-Token", ROOT)];
    for (method, path, headers, status, says) in [
        ("GET", "unknown/x", &root[..], 404, "no handler for route \"unknown/x\". route entry not found."),
        ("GET", "echo/unknown", &root[..], 404, "unsupported path"),
        ("GET", "sys/unknown", &root[..], 404, "unsupported path"),
        ("DELETE", "echo/say", &root[..], 405, "unsupported operation"),
        ("GET", "echo/say", &[][..], 403, "permission denied"),
    ] {
        let answer = server.send(method, path, headers, Value::Null);
        assert_eq!((answer.status, &answer.json), (status, &json!({"errors": [says]})), "{method} {path}");
    }
}

#[test]
fn without_a_token_nobody_learns_what_is_there() {
    let server = with_echo();
    for path in
        ["echo/say", "echo/unknown", "unknown/x", "sys/unknown", "sys/mounts/echo", "sys/mounts/x", "auth/x/login"]
    {
        let answer = server.send("GET", path, &[], Value::Null);
        assert_eq!((answer.status, answer.json), (403, json!({"errors": ["permission denied"]})), "{path}");
    }
    let elsewhere = server.send("GET", "sys/mounts", &[("X-Vault-Namespace", "not-there")], Value::Null);
    assert_eq!(elsewhere.status, 403);
}
