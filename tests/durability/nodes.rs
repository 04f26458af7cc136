//! Several nodes over one database: each serves reads and writes, and what one did holds on the others at once.

use std::time::{Duration, Instant};

use harness::{Node, PIN, Token, wait_until};
use postgresql_testing::Cluster;
use serde_json::{Value, json};

/// Longest wait until a node goes on by itself after its database came back.
const GOES_ON_MAX: Duration = Duration::from_secs(30);

fn two(cluster: &Cluster, more: &str, environment: &[(String, String)]) -> [Node; 2] {
    let config = format!("storage \"postgresql\" {{\n connection_url = \"{}\"\n}}\n{more}", cluster.url());
    let mut nodes = [Node::start(&config, environment), Node::start(&config, environment)];
    let keys = nodes[0].init(1, 1);
    for node in &mut nodes {
        node.unseal(&keys);
    }
    nodes
}

fn done(answer: &harness::Answer) {
    assert!(matches!(answer.status, 200 | 204), "{} {}", answer.status, answer.text);
}

#[test]
fn what_one_node_did_holds_on_the_other_at_once() {
    let (cluster, token) = (Cluster::start(), Token::new("nodes"));
    let [one, two] = two(&cluster, &token.stanza(), &token.environment());
    let key = json!({
        "library": "hsm", "token_label": "nodes", "pin": PIN, "key_label": "k", "mechanism": "0x1041", "curve": "P256",
        "allow_generate_key": "true", "any_mount": "true",
    });
    for round in 0..5 {
        let mount = format!("sys/mounts/pki{round}");
        done(&one.call("POST", &mount, json!({"type": "pki"})));
        done(&two.call("POST", &format!("pki{round}/root/generate/internal"), json!({"common_name": "R"})));
        done(&two.call(
            "POST",
            &format!("pki{round}/roles/r"),
            json!({"allow_any_name": true, "key_type": "ec", "ttl": "1h"}),
        ));
        done(&one.call("POST", &format!("pki{round}/issue/r"), json!({"common_name": "a.example.com"})));
        done(&one.call("DELETE", &format!("pki{round}/roles/r"), Value::Null));
        let refused = two.call("POST", &format!("pki{round}/issue/r"), json!({"common_name": "a.example.com"}));
        assert_eq!(refused.status, 400, "a role that was deleted on one node: {}", refused.text);

        done(&two.call("POST", "sys/managed-keys/pkcs11/k", key.clone()));
        done(&one.call("POST", "sys/managed-keys/pkcs11/k/test/sign", json!({})));
        done(&two.call("DELETE", "sys/managed-keys/pkcs11/k", Value::Null));
        let refused = one.call("POST", "sys/managed-keys/pkcs11/k/test/sign", json!({}));
        assert!(refused.status >= 400, "a key that was deleted on one node: {}", refused.text);

        done(&two.call("DELETE", &mount, Value::Null));
        let refused = one.call("GET", &format!("pki{round}/certs"), Value::Null);
        assert!(refused.status >= 400, "a mount that was removed on one node: {}", refused.text);
        done(&one.call("PUT", "sys/rotate", Value::Null));
        assert_eq!(two.call("GET", "sys/mounts", Value::Null).status, 200);
    }
    let term = |node: &Node| node.call("GET", "sys/key-status", Value::Null).json["data"]["term"].clone();
    assert_eq!((term(&one), term(&two)), (json!(6), json!(6)));
}

#[test]
fn two_nodes_that_use_an_absent_key_at_once_make_one() {
    let (cluster, token) = (Cluster::start(), Token::new("nodes"));
    let [one, two] = two(&cluster, &token.stanza(), &token.environment());
    // RSA keys, because they take long to make: all four look before the first one is there.
    for round in 0..3 {
        let name = format!("k{round}");
        let key = json!({
            "library": "hsm", "token_label": "nodes", "pin": PIN, "key_label": name, "mechanism": "0x1",
            "key_bits": 2048, "allow_generate_key": "true",
        });
        done(&one.call("POST", &format!("sys/managed-keys/pkcs11/{name}"), key));
        std::thread::scope(|scope| {
            for node in [&one, &two, &one, &two] {
                let path = format!("sys/managed-keys/pkcs11/{name}/test/sign");
                scope.spawn(move || {
                    let sign = || node.call("POST", &path, json!({}));
                    // SoftHSM fails now and then to read what another process writes just then: clients come back.
                    let away = |answer: &harness::Answer| answer.status == 503;
                    let first = sign();
                    let again = (0..60).map(|_| {
                        std::thread::sleep(Duration::from_millis(200));
                        sign()
                    });
                    done(&std::iter::once(first).chain(again).find(|answer| !away(answer)).expect("an answer"));
                });
            }
        });
        assert_eq!(token.private_keys(), round + 1, "two keys of one name cannot be told apart");
    }
}

#[test]
fn one_node_is_killed_in_the_middle_of_requests_and_the_other_finds_nothing_half_done() {
    let cluster = Cluster::start();
    let [one, two] = two(&cluster, "", &[]);
    done(&one.call("POST", "sys/mounts/pki", json!({"type": "pki"})));
    done(&one.call("POST", "pki/root/generate/internal", json!({"common_name": "R"})));
    done(&one.call(
        "POST",
        "pki/roles/r",
        json!({"allow_any_name": true, "key_type": "ec", "key_bits": 256, "ttl": "1h"}),
    ));
    let acked = std::sync::Mutex::new(Vec::new());
    let (address, root) = (one.address().to_owned(), one.token().to_owned());
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                let issue = || {
                    harness::try_call(&address, &root, "POST", "pki/issue/r", json!({"common_name": "a.example.com"}))
                };
                while let Some(answer) = issue() {
                    if answer.status == 200 {
                        acked.lock().unwrap().push(answer.json["data"]["serial_number"].as_str().unwrap().to_owned());
                    }
                }
            });
        }
        wait_until("nothing is issued", || acked.lock().unwrap().len() >= 5);
        drop(one);
    });
    let acked = acked.into_inner().unwrap();
    assert!(!acked.is_empty());
    for serial in &acked {
        done(&two.call("GET", &format!("pki/cert/{serial}"), Value::Null));
    }
    let listed = two.call("LIST", "pki/certs", Value::Null).json["data"]["keys"].as_array().unwrap().len();
    assert!(listed > acked.len(), "the root and what was issued without an answer are there too");
    done(&two.call("POST", "pki/issue/r", json!({"common_name": "b.example.com"})));
}

#[test]
fn while_the_database_is_away_requests_answer_503_and_afterwards_they_go_on() {
    let cluster = Cluster::start();
    let [one, _two] = two(&cluster, "", &[]);
    done(&one.call("POST", "sys/mounts/kv", json!({"type": "kv"})));
    done(&one.call("POST", "kv/a", json!({"is": "kept"})));
    cluster.kill();
    for (method, body) in [("GET", Value::Null), ("POST", json!({"is": "lost"}))] {
        let answer = one.call(method, "kv/a", body);
        assert_eq!(answer.status, 503, "{}", answer.text);
        assert!(answer.header("retry-after").is_some(), "{:?}", answer.headers);
    }
    assert_eq!(one.send("GET", "sys/health", &[], Value::Null).status, 200);
    cluster.restart();
    let until = Instant::now() + GOES_ON_MAX;
    while one.call("GET", "kv/a", Value::Null).status != 200 {
        assert!(Instant::now() < until, "{}", one.process.log());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(one.call("GET", "kv/a", Value::Null).json["data"]["is"], "kept");
    done(&one.call("POST", "kv/a", json!({"is": "new"})));
}
