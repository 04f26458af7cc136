//! `sys/tools`.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::Server;
use serde_json::{Value, json};

#[test]
fn random_bytes_come_in_the_number_and_form_that_is_asked_for_and_never_twice() {
    let server = Server::start();
    let ask = |path: &str, body: Value| {
        let answer = server.call("POST", path, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["data"]["random_bytes"].as_str().unwrap().to_owned()
    };
    assert_eq!(STANDARD.decode(ask("sys/tools/random", Value::Null)).unwrap().len(), 32);
    assert_eq!(STANDARD.decode(ask("sys/tools/random/7", json!({"bytes": 9}))).unwrap().len(), 7);
    assert_eq!(STANDARD.decode(ask("sys/tools/random", json!({"bytes": "131072"}))).unwrap().len(), 131_072);
    assert_eq!(hex::decode(ask("sys/tools/random/platform/16", json!({"format": "hex"}))).unwrap().len(), 16);
    assert_eq!(STANDARD.decode(ask("sys/tools/random/all", json!({"source": "platform"}))).unwrap().len(), 32);
    let many: HashSet<String> = (0..50).map(|_| ask("sys/tools/random", Value::Null)).collect();
    assert_eq!(many.len(), 50);
}

#[test]
fn hashes_are_those_of_the_standards() {
    let server = Server::start();
    let input = STANDARD.encode("abc");
    for (path, body, sum) in [
        ("sys/tools/hash", json!({}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("sys/tools/hash/sha2-224", json!({}), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        (
            "sys/tools/hash/sha3-256",
            json!({"algorithm": "sha2-256"}),
            "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
        ),
        ("sys/tools/hash", json!({"format": "base64"}), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
    ] {
        let mut body = body;
        body["input"] = json!(input);
        let answer = server.call("POST", path, body);
        assert_eq!((answer.status, &answer.json["data"]["sum"]), (200, &json!(sum)), "{path} {}", answer.text);
    }
    let empty = server.call("POST", "sys/tools/hash", json!({"input": ""}));
    assert_eq!(empty.json["data"]["sum"], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

#[test]
fn what_the_tools_cannot_do_is_refused_by_name() {
    let server = Server::start();
    for (path, body, says) in [
        ("sys/tools/random/0", json!({}), "\"bytes\" cannot be less than 1"),
        ("sys/tools/random", json!({"bytes": 131_073}), "\"bytes\" should be less than 131072"),
        ("sys/tools/random", json!({"bytes": -1}), "bytes:"),
        ("sys/tools/random/many", json!({}), "error parsing url-supplied byte count"),
        ("sys/tools/random", json!({"format": "octal"}), "unsupported encoding format \"octal\""),
        ("sys/tools/random", json!({"source": "dice"}), "unsupported entropy source \"dice\""),
        ("sys/tools/random/seal/32", json!({}), "source:"),
        ("sys/tools/hash", json!({"input": "!"}), "unable to decode input as base64"),
        ("sys/tools/hash/md5", json!({"input": ""}), "unsupported algorithm md5"),
        ("sys/tools/hash", json!({"input": "", "format": "roman"}), "unsupported encoding format \"roman\""),
    ] {
        let answer = server.call("POST", path, body);
        assert_eq!(answer.status, 400, "{path} {}", answer.text);
        assert!(answer.json["errors"][0].as_str().unwrap().contains(says), "{path} {}", answer.text);
    }
    assert_eq!(server.call("POST", "sys/tools/random/platform/1/1", Value::Null).status, 404);
    assert_eq!(server.call("GET", "sys/tools/random", Value::Null).status, 405);
    assert_eq!(server.send("POST", "sys/tools/random", &[], Value::Null).status, 403);
}
