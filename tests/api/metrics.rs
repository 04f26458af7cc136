//! What a node counts, and what it is doing.

use std::io::{Read, Write};

use harness::{Process, ROOT, Server, curl, plain_listener};
use serde_json::{Value, json};

fn number(text: &str, series: &str) -> u64 {
    let line = text.lines().find(|line| line.starts_with(series));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0)
}

#[test]
fn requests_commits_and_engines_are_counted() {
    let server = Server::start();
    server.call("POST", "sys/mounts/echo", json!({"type": "echo"}));
    for _ in 0..3 {
        assert_eq!(server.call("POST", "echo/notes/a", json!({"text": "x"})).status, 204);
    }
    assert_eq!(server.call("POST", "echo/say", json!({"times": "x"})).status, 400);
    assert_eq!(server.send("GET", "echo/say", &[], Value::Null).status, 403);
    let answer = server.call("GET", "sys/metrics?format=prometheus", Value::Null);
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").is_some_and(|value| value.starts_with("text/plain")));
    for (series, at_least) in [
        ("innkeeper_requests_total{operation=\"update\",mount_type=\"echo\",status=\"204\"}", 3),
        ("innkeeper_requests_total{operation=\"update\",mount_type=\"echo\",status=\"400\"}", 1),
        ("innkeeper_requests_total{operation=\"read\",mount_type=\"echo\",status=\"403\"}", 1),
        ("innkeeper_requests_total{operation=\"update\",mount_type=\"system\",status=\"204\"}", 1),
        ("innkeeper_request_duration_seconds_count{mount_type=\"echo\"}", 5),
        ("innkeeper_engine_calls_total{engine=\"echo\",outcome=\"answered\"}", 3),
        ("innkeeper_engine_calls_total{engine=\"echo\",outcome=\"refused\"}", 1),
        ("innkeeper_storage_commits_total{outcome=\"done\"}", 4),
        ("innkeeper_requests_under_way", 1),
        ("innkeeper_connections", 1),
        ("innkeeper_entries{kind=\"mounts\"}", 1),
    ] {
        assert!(number(&answer.text, series) >= at_least, "{series} in {}", answer.text);
    }
}

#[test]
fn a_trap_is_counted_against_its_engine() {
    let server = Server::with_guests(&[harness::HOSTILE]);
    server.call("POST", "sys/mounts/hostile", json!({"type": "hostile"}));
    assert_eq!(server.call("POST", "hostile/trap-after-writes", json!({})).status, 500);
    let text = server.call("GET", "sys/metrics?format=prometheus", Value::Null).text;
    assert_eq!(number(&text, "innkeeper_engine_calls_total{engine=\"hostile\",outcome=\"trapped\"}"), 1, "{text}");
}

#[test]
fn what_engines_use_and_the_bounds_that_they_run_into_are_counted() {
    let server = Server::with_guests(&[harness::HOSTILE]);
    server.call("POST", "sys/mounts/hostile", json!({"type": "hostile"}));
    let ask = |route: &str, body: Value| server.call("POST", &format!("hostile/{route}"), body).status;
    assert_eq!(ask("grab-memory", Value::Null), 200);
    assert_eq!(ask("sleepy", json!({"milliseconds": 120})), 200);
    assert_eq!(ask("log-flood", Value::Null), 200);
    assert_eq!(ask("huge-key", Value::Null), 200);
    assert_eq!(ask("random-flood", Value::Null), 500);
    let text = server.call("GET", "sys/metrics?format=prometheus", Value::Null).text;
    let bucket =
        |of: &str, le: &str| number(&text, &format!("innkeeper_engine_{of}_bucket{{engine=\"hostile\",le=\"{le}\"}}"));
    let count = |of: &str| number(&text, &format!("innkeeper_engine_{of}_count{{engine=\"hostile\"}}"));
    // Ticks may have come in between.
    assert!(count("busy_seconds") >= 5, "{text}");
    assert!(count("busy_seconds") > bucket("busy_seconds", "0.1"), "one was busy for longer than 100 ms: {text}");
    assert_eq!(count("waiting_seconds"), count("busy_seconds"), "{text}");
    assert_eq!(bucket("memory_bytes", "6.7108864e+07"), count("memory_bytes"), "{text}");
    assert!(count("memory_bytes") > bucket("memory_bytes", "1.6777216e+07"), "one had more than 16 MiB: {text}");
    for bound in ["memory", "log_lines", "storage", "randomness"] {
        let series = format!("innkeeper_engine_refusals_total{{engine=\"hostile\",bound=\"{bound}\"}}");
        assert_eq!(number(&text, &series), 1, "{series} in {text}");
    }
}

#[test]
fn metrics_want_a_token_and_a_format_unless_the_listener_says_otherwise() {
    let server = Server::start();
    assert_eq!(server.send("GET", "sys/metrics?format=prometheus", &[], Value::Null).status, 403);
    assert_eq!(server.call("GET", "sys/metrics", Value::Null).status, 400);
    let open = Process::configured(&plain_listener("telemetry {\n unauthenticated_metrics_access = true\n }"), &[]);
    // It is sealed, and says so in numbers.
    let url = format!("{}/v1/sys/metrics?format=prometheus", open.address());
    assert!(curl(&[&url]).contains("innkeeper_connections 1"));
}

#[test]
fn requests_that_are_not_answered_yet_are_shown() {
    let server = Server::start();
    let mut slow = std::net::TcpStream::connect(server.address().trim_start_matches("http://")).unwrap();
    // A body that is still coming is not under way yet: the request is read first.
    slow.write_all(b"POST /v1/sys/capabilities-self HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{").unwrap();
    let shown = server.call("GET", "sys/in-flight-req", Value::Null);
    let own = shown.json.as_object().unwrap().values().next().unwrap();
    assert_eq!((shown.status, &own["request_path"]), (200, &json!("/v1/sys/in-flight-req")));
    assert_eq!(own["client_remote_address"], "127.0.0.1");
    slow.write_all(b"}").unwrap();
    slow.read_exact(&mut [0; 12]).unwrap();
    assert_eq!(
        server
            .send("GET", "sys/in-flight-req", &[("X-Vault-Token", ROOT), ("X-Vault-Namespace", "x")], Value::Null)
            .status,
        404
    );
}

#[test]
fn the_machine_and_the_configuration_are_shown_without_secrets() {
    let server = Server::start_with(
        "seal \"pkcs11\" {\n disabled = true\n lib = \"/nowhere/x.so\"\n slot = \"0\"\n pin = \"4711-secret\"\n key_label = \"a\"\n}\nlog_level = \"warn\"",
        &[],
    );
    let machine = server.call("GET", "sys/host-info", Value::Null).json["data"].clone();
    assert!(machine["memory"]["total"].as_u64().is_some_and(|total| total > 1 << 20), "{machine}");
    assert!(machine["cpu"]["count"].as_u64().is_some_and(|count| count > 0));
    let answer = server.call("GET", "sys/config/state/sanitized", Value::Null);
    assert_eq!(
        (&answer.json["data"]["storage"]["type"], &answer.json["data"]["log_level"]),
        (&json!("inmem"), &json!("warn"))
    );
    assert!(!answer.text.contains("4711-secret"), "{}", answer.text);
}
