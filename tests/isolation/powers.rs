//! What a mount's engine may use is what its mount was granted.

use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Folder, HOSTILE, Server};
use serde_json::{Value, json};

use crate::hostile::{Hostile, a_bystander_is_served, ended_by_time, failed_with, server};
use crate::plugins::sha256;

#[test]
fn a_secrets_engine_asks_nobody_until_its_mount_is_granted_hosts_and_then_only_those_of_the_operator() {
    let hostile = Hostile::at("asking");
    let asked = || hostile.told("ask-host", json!({ "url": "https://example.org/" }));
    let refused = asked();
    assert_eq!(refused["refused"], "NotAllowed");
    assert!(refused["message"].as_str().unwrap().contains("powers.http_out"), "{refused}");
    hostile.tune(json!({ "powers": { "http_out": ["example.org:443"] } }));
    let refused = asked();
    assert_eq!(refused["refused"], "NotAllowed");
    assert!(refused["message"].as_str().unwrap().contains("http_out.allow of the server"), "{refused}");
}

#[test]
fn a_host_that_is_granted_is_asked_by_the_granted_methods_and_for_as_much_as_was_granted() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), [0; 4096]);
            drop(std::io::Read::read(&mut stream, &mut head));
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nhello world";
            drop(std::io::Write::write_all(&mut stream, answer));
        }
    });
    let server = Server::start_with(&format!("http_out {{\n  allow = [\"{host}\"]\n}}\n"), &[]);
    let component = json!({ "sha256": sha256(HOSTILE), "component": STANDARD.encode(HOSTILE) });
    assert_eq!(server.call("PUT", "sys/plugins/catalog/secret/hostile", component).status, 204);
    assert_eq!(server.call("POST", "sys/mounts/asking", json!({ "type": "hostile" })).status, 204);
    let tune = |powers: Value| {
        let tuned = server.call("POST", "sys/mounts/asking/tune", json!({ "powers": powers }));
        assert_eq!(tuned.status, 204, "{}", tuned.text);
    };
    let asked = || {
        let answer = server.call("POST", "asking/ask-host", json!({ "url": format!("http://{host}/") }));
        answer.json["data"].clone()
    };
    tune(json!({ "http_out": [host] }));
    assert_eq!(asked()["status"], 200, "{}", asked());
    for (powers, refused, says) in [
        (json!({ "http_out_methods": ["post"] }), "NotAllowed", "powers.http_out_methods"),
        (json!({ "http_out_methods": null, "http_out_size_max": 10 }), "TooLarge", "more than 10 bytes"),
    ] {
        tune(powers);
        let answer = asked();
        assert_eq!(answer["refused"], refused, "{answer}");
        assert!(answer["message"].as_str().unwrap().contains(says), "{answer}");
    }
    tune(json!({ "http_out_size_max": 11, "http_out_time_max": 5000 }));
    assert_eq!(asked()["status"], 200);
}

#[test]
fn what_an_engine_is_refused_to_ask_is_in_the_audit_log() {
    let (server, folder) = (Server::with_guests(&[HOSTILE]), Folder::new());
    let file = folder.path().join("audit");
    let device = json!({ "type": "file", "options": { "file_path": file } });
    assert_eq!(server.call("POST", "sys/audit/file", device).status, 204);
    assert_eq!(server.call("POST", "sys/mounts/asking", json!({ "type": "hostile" })).status, 204);
    assert_eq!(server.call("POST", "asking/ask-host", json!({ "url": "https://example.org/secret" })).status, 200);
    let text = std::fs::read_to_string(&file).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let refusals: Vec<Value> = entries.filter(|entry| entry["type"] == "refusal").collect();
    assert_eq!(refusals.len(), 1, "{text}");
    assert_eq!((&refusals[0]["power"], &refusals[0]["request"]["mount_type"]), (&json!("http_out"), &json!("hostile")));
    assert!(refusals[0]["error"].as_str().unwrap().contains("powers.http_out"), "{}", refusals[0]);
    assert!(!refusals[0].to_string().contains("/secret"), "no more than the host is told");
}

#[test]
fn a_lent_key_is_used_for_what_the_mount_was_granted_and_for_nothing_else() {
    let hostile = Hostile::at("verifier");
    let body = json!({
        "library": "hsm", "token_label": "nowhere", "pin": "1234", "key_label": "k", "mechanism": "0x1041",
        "curve": "P256", "usages": "sign,verify", "any_mount": true,
    });
    assert_eq!(server().call("POST", "sys/managed-keys/pkcs11/narrow", body).status, 204);
    let sign = || hostile.told("sign-with/narrow", json!({}));
    let before = sign();
    assert_ne!(before["refused"], "UsageDenied", "{before}");
    hostile.tune(json!({ "powers": { "managed_key_usages": ["verify"] } }));
    let shown = server().call("GET", "sys/mounts/verifier/tune", Value::Null);
    assert_eq!(shown.json["data"]["powers"], json!({ "managed_key_usages": ["verify"] }));
    hostile.tune(json!({ "powers": { "managed_key_usages": null } }));
    assert_eq!(server().call("GET", "sys/mounts/verifier/tune", Value::Null).json["data"].get("powers"), None);
}

#[test]
fn memory_and_time_are_what_the_mount_was_granted() {
    let hostile = Hostile::at("frugal");
    hostile.tune(json!({ "powers": { "memory_max": 16 << 20, "cpu_time_max": 100 } }));
    let got = hostile.told("grab-memory", Value::Null)["mebibytes"].as_u64().unwrap();
    assert!((1..16).contains(&got), "{got} MiB of 16");
    let lavish = Hostile::at("lavish");
    thread::scope(|scope| {
        let other = scope.spawn(|| lavish.ask("loop-forever", Value::Null));
        failed_with(&hostile.ask("loop-forever", Value::Null), "took too long and was stopped");
        assert!(!other.is_finished(), "one that was granted as much as all has 50 times as much");
        a_bystander_is_served();
        ended_by_time(&other.join().unwrap());
    });
}

#[test]
fn a_mount_keeps_as_much_as_it_was_granted_and_no_more() {
    let server = Server::start();
    let tune = |powers: Value| server.call("POST", "sys/mounts/kv/tune", json!({ "powers": powers }));
    let write =
        |name: &str, length: usize| server.call("POST", &format!("kv/{name}"), json!({ "x": "x".repeat(length) }));
    assert_eq!(server.call("POST", "sys/mounts/kv", json!({ "type": "kv" })).status, 204);
    assert_eq!(write("before", 3000).status, 204);
    assert_eq!(tune(json!({ "storage_max": 8192 })).status, 204);
    assert_eq!(server.call("GET", "sys/mounts/kv/tune", Value::Null).json["data"]["powers"]["storage_max"], 8192);
    assert_eq!(write("one", 3000).status, 204);
    let refused = write("two", 3000);
    assert!(refused.status == 413 && refused.error().contains("a mount what it was granted"), "{}", refused.text);
    assert_eq!(server.call("GET", "kv/two", Value::Null).status, 404, "nothing was kept of it");
    assert_eq!(write("one", 3000).status, 204, "what was there is written over");
    assert_eq!(write("one", 100).status, 204);
    assert_eq!(write("two", 3000).status, 204, "what is shorter makes room");
    assert_eq!(write("three", 3000).status, 413);
    assert_eq!(server.call("DELETE", "kv/before", Value::Null).status, 204);
    assert_eq!(write("three", 3000).status, 204, "and so does what is gone");
    assert_eq!(write("four", 3000).status, 413);
    assert_eq!(tune(json!({ "storage_max": null })).status, 204);
    assert_eq!(write("four", 3000).status, 204);
    assert_eq!(tune(json!({ "storage_max": 8192 })).status, 204);
    assert_eq!(write("five", 10).status, 413, "what was written meanwhile is counted");
}

#[test]
fn many_who_write_at_once_do_not_keep_more_than_was_granted() {
    let server = Server::start();
    let mount = json!({ "type": "kv", "config": { "powers": { "storage_max": 64 << 10 } } });
    assert_eq!(server.call("POST", "sys/mounts/kv", mount).status, 204);
    let kept = thread::scope(|scope| {
        let write = |client: usize| {
            let body = json!({ "x": "x".repeat(1000) });
            (0..40).filter(|n| server.call("POST", &format!("kv/{client}-{n}"), body.clone()).status == 204).count()
        };
        let all: Vec<_> = (0..8).map(|client| scope.spawn(move || write(client))).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum::<usize>()
    });
    // Each of the eight may not have seen the last write of the seven others.
    assert!((50..=64 + 7).contains(&kept), "{kept} values of 1 KiB in 64 KiB");
}

#[test]
fn one_request_more_at_once_than_granted_is_asked_to_come_back() {
    let server = Server::with_guests(&[HOSTILE]);
    let mount = json!({ "type": "hostile", "config": { "powers": { "concurrency_max": 1 } } });
    assert_eq!(server.call("POST", "sys/mounts/narrow", mount).status, 204);
    let sleepy = || server.call("POST", "narrow/sleepy", json!({ "milliseconds": 700 }));
    let answers = thread::scope(|scope| {
        let all: Vec<_> = (0..4).map(|_| scope.spawn(sleepy)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    let served = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((1..4).contains(&served), "{served} of 4 were served");
    for refused in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{}", refused.text);
        assert!(refused.error().contains("1 requests of this mount are under way"), "{}", refused.text);
    }
    assert_eq!(sleepy().status, 200, "turns are given back");
}

#[test]
fn powers_that_are_none_are_refused_and_change_nothing() {
    let hostile = Hostile::at("powerless");
    let table = [
        (json!("all"), "powers: must be an object"),
        (json!({ "files": true }), "powers: there is none of that name: files"),
        (json!({ "http_out": ["https://example.org"] }), "powers.http_out: must hold entries such as"),
        (json!({ "http_out_methods": ["PUT"] }), "powers.http_out_methods: \"PUT\" is not a method; use GET, POST"),
        (json!({ "http_out_ca_pem": "none" }), "powers.http_out_ca_pem: must hold 1 to 16 certificates in PEM"),
        (json!({ "http_out_size_max": 1048577 }), "powers.http_out_size_max: must be from 0 to 1048576"),
        (json!({ "http_out_time_max": 10001 }), "powers.http_out_time_max: must be from 1 to 10000"),
        (json!({ "managed_key_usages": ["sing"] }), "powers.managed_key_usages: \"sing\" is not a usage"),
        (json!({ "memory_max": 1 }), "powers.memory_max: must be from 65536 to 67108864"),
        (json!({ "memory_max": "much" }), "memory_max"),
        (json!({ "cpu_time_max": 0 }), "powers.cpu_time_max: must be from 1 to 5000"),
        (json!({ "cpu_time_max": 5001 }), "powers.cpu_time_max: must be from 1 to 5000"),
        (json!({ "storage_max": 1 }), "powers.storage_max: must be from 1024"),
        (json!({ "concurrency_max": 0 }), "powers.concurrency_max: must be from 1 to 10000"),
        (json!({ "log_lines_max": 101 }), "powers.log_lines_max: must be from 0 to 100"),
    ];
    for (powers, says) in table {
        let refused = server().call("POST", "sys/mounts/powerless/tune", json!({ "powers": powers }));
        assert_eq!(refused.status, 400, "{says}: {}", refused.text);
        assert!(refused.error().contains(says), "{says}: {}", refused.text);
    }
    assert_eq!(server().call("GET", "sys/mounts/powerless/tune", Value::Null).json["data"].get("powers"), None);
    hostile.told("sleepy", json!({ "milliseconds": 1 }));
}
