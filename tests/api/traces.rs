//! Traces of requests, as a receiver gets them.

#[path = "../../host/traces/tests/receiver/mod.rs"]
#[allow(dead_code, reason = "the room `traces` tests more with it")]
mod receiver;

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{PIN, ROOT, Server, Token};
use receiver::{Manner, Receiver, Span};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// Traces only what whoever asks has traced.
fn telemetry(receiver: &Receiver) -> String {
    format!("telemetry {{\n  traces {{\n    endpoint = \"{}\"\n    sample_ratio = 0\n  }}\n}}\n", receiver.address)
}

fn traced(server: &Server, method: &str, path: &str, body: Value) -> Value {
    let answer = server.send(method, path, &[("X-Vault-Token", ROOT), ("traceparent", CALLER)], body);
    assert!(answer.status < 300, "{path}: {}", answer.text);
    answer.json
}

#[track_caller]
fn one<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
    assert_eq!(found.len(), 1, "{name} in {spans:#?}");
    found[0]
}

#[test]
fn a_request_its_guest_and_the_use_of_a_key_are_one_trace_below_the_caller() {
    let runtime = Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::plain(Manner::Takes));
    let token = Token::new("test");
    let server = Server::start_with(&(token.stanza() + "\n" + &telemetry(&receiver)), &token.environment());
    let key = json!({
        "library": "hsm", "token_label": "test", "pin": PIN, "key_label": "k", "mechanism": "0x1041", "curve": "P256",
        "allow_generate_key": true,
    });
    assert_eq!(server.call("POST", "sys/managed-keys/pkcs11/lent", key).status, 204);
    let mount = json!({"type": "signer", "config": {"allowed_managed_keys": ["lent"]}});
    assert_eq!(server.call("POST", "sys/mounts/signer", mount).status, 204);
    assert_eq!(server.call("POST", "signer/keys/hidden", json!({"managed_key_name": "lent"})).status, 204);
    traced(&server, "POST", "signer/sign/hidden", json!({"input": STANDARD.encode("s3cr3t")}));
    // Its own span ends last, so with it all others are there.
    let spans = runtime.block_on(async {
        loop {
            let spans = receiver.spans(1).await;
            if spans.iter().any(|span| span.kind == 2) {
                break spans;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(spans.iter().all(|span| span.trace == TRACE), "{spans:#?}");
    let request = spans.iter().find(|span| span.kind == 2).unwrap();
    assert!(request.name.starts_with("update sign/{"), "{}", request.name);
    assert_eq!(request.parent, "b7ad6b7169203331");
    assert_eq!(request.says["innkeeper.mount.type"], "signer");
    assert!(request.says["innkeeper.mount.accessor"].contains("signer"), "{request:?}");
    assert_eq!(request.says["http.response.status_code"], "200");
    assert_eq!(request.says["innkeeper.request.id"].len(), 36);
    let guest = spans
        .iter()
        .find(|span| span.name == "guest" && span.says["innkeeper.engine.export"] == "handle")
        .unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!((&guest.parent, guest.says["innkeeper.engine.name"].as_str()), (&request.id, "signer"));
    assert_eq!(guest.says["innkeeper.guest.outcome"], "answered");
    assert!(guest.says["innkeeper.guest.memory_bytes"].parse::<u64>().unwrap() > 0);
    let signed = spans.iter().find(|span| span.name == "key" && span.says["innkeeper.key.usage"] == "sign");
    let signed = signed.unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(signed.parent, guest.id);
    assert_eq!(
        (signed.says["innkeeper.key.name"].as_str(), signed.says["innkeeper.key.driver"].as_str()),
        ("lent", "pkcs11")
    );
    assert!(spans.iter().any(|span| span.name == "storage.get" && span.parent == guest.id), "{spans:#?}");
    assert_eq!(one(&spans, "storage.commit").parent, request.id);
    let all = format!("{spans:?}");
    for secret in ["hidden", "s3cr3t", &STANDARD.encode("s3cr3t"), ROOT] {
        assert!(!all.contains(secret), "{secret} in {spans:#?}");
    }
}

#[test]
fn a_receiver_that_hangs_delays_neither_a_request_nor_the_stop() {
    let runtime = Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::plain(Manner::Hangs));
    let server = Server::start_with(&telemetry(&receiver).replace("ratio = 0", "ratio = 1"), &[]);
    let began = Instant::now();
    for _ in 0..50 {
        traced(&server, "GET", "auth/token/lookup-self", Value::Null);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let began = Instant::now();
    assert!(server.stop());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_waits_is_sent_before_the_end() {
    let runtime = Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::plain(Manner::Takes));
    let server = Server::start_with(&telemetry(&receiver), &[]);
    traced(&server, "GET", "auth/token/lookup-self", Value::Null);
    assert!(server.stop());
    let spans = runtime.block_on(receiver.spans(2));
    assert_eq!(one(&spans, "read auth/token/lookup-self").says["innkeeper.mount.type"], "token");
}

#[test]
fn what_a_policy_said_is_a_part_of_its_request_and_a_tick_is_a_trace_of_its_own() {
    let runtime = Runtime::new().unwrap();
    let receiver = runtime.block_on(Receiver::plain(Manner::Takes));
    let server = Server::start_with(&telemetry(&receiver).replace("ratio = 0", "ratio = 1"), &[]);
    assert_eq!(server.call("POST", "sys/auth/approle", json!({"type": "approle"})).status, 204);
    let policy =
        json!({"policy": "'h1dden'", "paths": "auth/token/lookup-self", "enforcement_level": "hard-mandatory"});
    assert_eq!(server.call("POST", "sys/policies/egp/strict", policy).status, 204);
    let token = server.call("POST", "auth/token/create", json!({"policies": ["default"]}));
    let token = token.json["auth"]["client_token"].as_str().unwrap().to_owned();
    let refused = server.send("GET", "auth/token/lookup-self", &[("X-Vault-Token", &token)], Value::Null);
    assert_eq!(refused.status, 403, "{}", refused.text);
    let mut spans = Vec::new();
    let until = Instant::now() + Duration::from_secs(20);
    while !["policy", "tick"].iter().all(|name| spans.iter().any(|span: &Span| span.name == *name)) {
        assert!(Instant::now() < until, "{spans:#?}");
        std::thread::sleep(Duration::from_millis(100));
        spans = runtime.block_on(receiver.spans(1));
    }
    let judged = one(&spans, "policy");
    assert_eq!(judged.says["innkeeper.policy.name"], "strict");
    assert_eq!(
        (judged.says["innkeeper.policy.language"].as_str(), judged.says["innkeeper.policy.verdict"].as_str()),
        ("cel", "deny")
    );
    let request = spans.iter().find(|span| span.id == judged.parent);
    assert!(request.is_none_or(|request| request.name == "read auth/token/lookup-self"), "{request:?}");
    let tick = one(&spans, "tick");
    assert_eq!((tick.parent.as_str(), tick.says["innkeeper.mount.type"].as_str()), ("", "approle"));
    let guest = spans.iter().find(|span| span.parent == tick.id).unwrap_or_else(|| panic!("{spans:#?}"));
    assert_eq!(guest.says["innkeeper.engine.export"], "tick");
    assert!(!format!("{spans:?}").contains("h1dden"));
}
