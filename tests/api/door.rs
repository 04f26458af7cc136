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
    let (deep, closed) = ("{\"a\":".repeat(100_000), format!("{}{}", "{\"a\":".repeat(200), "}".repeat(200)));
    let unclosed = format!("{{\"text\":{}", "[".repeat(1_000_000));
    let many = format!("{{\"text\":[{}1]}}", "1,".repeat(300_000));
    for (body, says) in [
        (&b"{"[..], "it ends too early at line 1 column 1"),
        (b"[]", "not a JSON object"),
        (b"\"secret-text\"", "not a JSON object"),
        (b"{\"a\":1}x", "not a JSON object"),
        (b"nul", "not a JSON object"),
        (b"{\"a\":\"secret-text", "ends too early"),
        (b"{\"text\":\"secret-text\",\"text\":\"b\"}", "a name stands twice in one object"),
        (b"{\"more\":{\"secret-text\":1,\"secret-text\":1}}", "a name stands twice in one object"),
        (b"{\"text\":\"\xff\xfe\"}", "not a JSON object"),
        (b"{\"text\":\"\\ud800\"}", "not a JSON object"),
        (b"{\"text\":\"a\x00b\"}", "not a JSON object"),
        (b"{\"times\":1e999}", "not a JSON object"),
        (deep.as_bytes(), "nested deeper than 127 levels"),
        (closed.as_bytes(), "nested deeper than 127 levels"),
        (unclosed.as_bytes(), "nested deeper than 127 levels"),
        (many.as_bytes(), "more than 250000 values"),
    ] {
        // An engine, the host itself, and what is answered before anybody said who they are.
        for path in ["echo/say", "sys/mounts/other", "sys/unseal"] {
            let answer = server.send_bytes("POST", path, &[("X-Vault-Token", ROOT)], body.into());
            assert_eq!(answer.status, 400, "{path}: {says}: {}", answer.text);
            assert!(answer.text.contains(says) && !answer.text.contains("secret-text"), "{path}: {}", answer.text);
        }
    }
}

#[test]
fn headers_that_make_no_sense_are_refused() {
    let server = with_echo();
    let (token, large) = ("x".repeat(9000), "x".repeat(1 << 20));
    for (name, value, statuses) in [
        ("X-Vault-Token", token.as_str(), &[400][..]),
        // What is larger than any head is not answered at all by some versions of HTTP.
        ("X-Vault-Token", &large, &[0, 400, 431]),
        ("X-Vault-Token", "caf\u{e9}", &[400]),
        ("X-Vault-Token", "", &[403]),
        ("X-Vault-Token", " ", &[403]),
        ("Authorization", "Bearer", &[403]),
        ("Authorization", "Basic dGVzdC1yb290", &[403]),
        ("X-Vault-Namespace", "../..", &[403]),
        ("X-Vault-Namespace", "a//b", &[403]),
    ] {
        let status = harness::try_send(server.address(), "GET", "echo/say", &[(name, value)], Vec::new());
        let status = status.map_or(0, |answer| answer.status);
        assert!(statuses.contains(&status), "{name}: {:.20}: {status}", value);
    }
    assert_eq!(server.call("GET", "echo/say", Value::Null).status, 200);
}

#[test]
fn a_body_of_100_megabytes_is_refused_before_it_is_read() {
    let server = with_echo();
    let head = "POST /v1/echo/say HTTP/1.1\r\nHost: a\r\nX-Vault-Token: test-root\r\nContent-Length: 104857600\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(server.address().trim_start_matches("http://")).unwrap();
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    let mut answer = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413");
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
    let (long, many) = (format!("echo/{}", "x".repeat(2000)), format!("echo/say?{}", "a&".repeat(2000)));
    for (method, path, status) in [
        ("GET", "echo/%2e%2e/sys/mounts", 400),
        ("GET", "echo/%2e%2e%2fsys/mounts", 400),
        ("GET", "echo/./say", 400),
        ("GET", "echo/notes/a%00b", 400),
        ("GET", "echo/notes/a%0ab", 400),
        ("GET", "echo/notes/%ff", 400),
        ("GET", "echo/notes/%zz", 400),
        ("GET", &long, 400),
        ("GET", &many, 400),
        ("GET", "echo/say?a=%ff", 400),
        // An encoded slash is a slash, once: nobody takes it for part of a name.
        ("GET", "echo%2fsay", 200),
        ("GET", "sys%2fmounts", 200),
        ("POST", "echo/notes/a/", 400),
        ("PUT", "sys/mounts/x/", 400),
        ("OPTIONS", "echo/say", 405),
        ("PURGE", "sys/mounts", 405),
        ("get", "sys/mounts", 405),
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
    // As curl sends what is meant to be JSON.
    let answer = server.send_bytes("POST", "echo/say", &headers, b" {\"text\":\"a\"}".to_vec());
    assert_eq!(answer.json["data"]["text"], "a");
    let answer = server.send_bytes("POST", "echo/say", &headers, b"[\"text=a\"]".to_vec());
    assert!(answer.status == 400 && answer.error().contains("not a JSON object"), "{}", answer.text);
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
