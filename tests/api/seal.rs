//! Founding, sealing and unsealing, as operators do it.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use harness::{Answer, Folder, Node, Process, file_storage, plain_listener, run};
use serde_json::{Value, json};

const MEMORY: &str = "storage \"inmem\" {\n}\n";

fn refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.error();
    assert!(answer.status == status && text.contains(says), "{} {}, not {status} {says:?}", answer.status, answer.text);
}

fn unseal(node: &Node, body: Value) -> Answer {
    node.send("PUT", "sys/unseal", &[], body)
}

fn health(node: &Node, query: &str) -> u16 {
    node.send("GET", &format!("sys/health{query}"), &[], Value::Null).status
}

#[test]
fn health_tells_whether_a_node_is_founded_sealed_or_open_by_the_status_that_a_probe_chooses() {
    let mut node = Node::start(MEMORY, &[]);
    assert_eq!((health(&node, ""), health(&node, "?uninitcode=210&sealedcode=211&activecode=212")), (501, 210));
    let keys = node.init(1, 1);
    assert_eq!((health(&node, ""), health(&node, "?uninitcode=210&sealedcode=211&activecode=212")), (503, 211));
    node.unseal(&keys);
    assert_eq!((health(&node, ""), health(&node, "?uninitcode=210&sealedcode=211&activecode=212")), (200, 212));
    assert_eq!(health(&node, "?sealedcode=many"), 400);
}

#[test]
fn a_sealed_node_answers_its_front_and_nothing_else() {
    let mut node = Node::start(MEMORY, &[]);
    for founded in [false, true] {
        if founded {
            node.init(3, 2);
        }
        for (method, path) in [
            ("GET", "sys/mounts"),
            ("POST", "sys/mounts/kv"),
            ("GET", "auth/token/lookup-self"),
            ("GET", "sys/storage/snapshot"),
            ("POST", "sys/storage/snapshot"),
            ("GET", "sys/key-status"),
            ("GET", "sys/internal/ui/mounts"),
            ("PUT", "sys/rekey/init"),
            ("GET", "sys/generate-root/attempt"),
            ("PUT", "sys/seal"),
            ("GET", "sys/leader"),
            ("GET", "no/such/path"),
        ] {
            refused(&node.call(method, path, Value::Null), 503, "Vault is sealed");
        }
        let status = node.status();
        assert_eq!((&status["initialized"], &status["sealed"]), (&json!(founded), &json!(true)));
        assert!(status.get("cluster_id").is_none(), "the cluster is named behind the barrier only");
        assert_eq!(node.send("GET", "sys/init", &[], Value::Null).json, json!({"initialized": founded}));
    }
}

#[test]
fn what_is_asked_for_at_the_founding_is_checked_and_a_second_founding_is_refused() {
    let mut node = Node::start(MEMORY, &[]);
    for (body, says) in [
        (json!({}), "number of shares must be at least one"),
        (json!({"secret_shares": 5, "secret_threshold": 0}), "threshold must be at least one"),
        (json!({"secret_shares": 5, "secret_threshold": 6}), "threshold cannot be larger than number of shares"),
        (json!({"secret_shares": 5, "secret_threshold": 1}), "threshold must be greater than one for multiple shares"),
        (json!({"secret_shares": 256, "secret_threshold": 3}), "number of shares must be less than 256"),
        (json!({"secret_shares": "many", "secret_threshold": 3}), "secret_shares"),
        (json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": ["x"]}), "pgp_keys: entry 1"),
        (json!({"recovery_shares": 1, "recovery_threshold": 1}), "not applicable to seal type shamir"),
    ] {
        refused(&node.send("PUT", "sys/init", &[], body), 400, says);
    }
    assert_eq!(node.send("GET", "sys/init", &[], Value::Null).json, json!({"initialized": false}));
    refused(&unseal(&node, json!({"key": "ab".repeat(33)})), 400, "Vault is not initialized");
    let keys = node.init(5, 3);
    assert_eq!(keys.shares.len(), 5);
    let again = json!({"secret_shares": 1, "secret_threshold": 1});
    refused(&node.send("PUT", "sys/init", &[], again), 400, "Vault is already initialized");
}

#[test]
fn shares_are_taken_in_both_forms_counted_once_and_forgotten_when_they_are_wrong() {
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(5, 3);
    for (body, says) in [
        (json!({}), "'key' must be specified"),
        (json!({"key": "not a key!"}), "'key' must be a valid hex or base64 string"),
        (json!({"key": "abcd"}), "key"),
        (json!({"key": 7}), "key"),
    ] {
        refused(&unseal(&node, body), 400, says);
    }
    let first = unseal(&node, json!({"key": keys.shares[0]}));
    assert_eq!((first.status, &first.json["progress"], &first.json["t"]), (200, &json!(1), &json!(3)));
    let nonce = first.json["nonce"].clone();
    let base64 = STANDARD.encode(hex::decode(&keys.shares[0]).unwrap());
    assert_eq!(unseal(&node, json!({"key": base64})).json["progress"], 1, "the same share in another form");
    assert_eq!(unseal(&node, json!({"reset": true})).json["progress"], 0);
    for share in [&keys.shares[0], &keys.shares[1]] {
        let answer = unseal(&node, json!({"key": share}));
        assert_ne!(answer.json["nonce"], nonce, "another attempt");
    }
    let mut wrong = hex::decode(&keys.shares[2]).unwrap();
    wrong[7] ^= 1;
    refused(&unseal(&node, json!({"key": hex::encode(wrong)})), 400, "Unseal failed, invalid key");
    assert_eq!(node.status()["progress"], 0);
    node.unseal(&keys);
    assert_eq!(unseal(&node, json!({"key": keys.shares[0]})).json["sealed"], false, "an open node stays open");
}

#[test]
fn sealing_takes_a_root_token_ends_requests_under_way_and_keeps_everything() {
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    assert_eq!(node.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
    assert_eq!(node.call("POST", "kv/a", json!({"is": "kept"})).status, 204);
    refused(&node.send("PUT", "sys/seal", &[("X-Vault-Token", "wrong")], Value::Null), 403, "permission denied");
    refused(&node.send("PUT", "sys/seal", &[], Value::Null), 403, "permission denied");
    std::thread::scope(|threads| {
        let busy: Vec<_> = (0..8)
            .map(|number| {
                let node = &node;
                threads.spawn(move || {
                    loop {
                        let answer = node.call("POST", &format!("kv/busy/{number}"), json!({"x": 1}));
                        if answer.status != 204 {
                            return answer;
                        }
                    }
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert_eq!(node.call("PUT", "sys/seal", Value::Null).status, 204);
        for ended in busy {
            refused(&ended.join().unwrap(), 503, "Vault is sealed");
        }
    });
    refused(&node.call("GET", "kv/a", Value::Null), 503, "Vault is sealed");
    node.unseal(&keys);
    assert_eq!(node.call("GET", "kv/a", Value::Null).json["data"]["is"], "kept");
}

#[test]
fn rekeying_replaces_the_shares_and_only_the_quorum_can_do_it() {
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(3, 2);
    node.unseal(&keys);
    let rekey = |method: &str, path: &str, body: Value| node.send(method, &format!("sys/rekey/{path}"), &[], body);
    refused(&rekey("PUT", "init", json!({"secret_shares": 2, "secret_threshold": 3})), 400, "threshold");
    refused(&rekey("PUT", "update", json!({"key": keys.shares[0], "nonce": "x"})), 400, "no rekey in progress");
    let started = rekey("PUT", "init", json!({"secret_shares": 4, "secret_threshold": 3})).json;
    assert_eq!(
        (&started["started"], &started["n"], &started["t"], &started["required"]),
        (&json!(true), &json!(4), &json!(3), &json!(2))
    );
    refused(&rekey("PUT", "init", json!({"secret_shares": 1, "secret_threshold": 1})), 400, "already in progress");
    let nonce = started["nonce"].clone();
    refused(&rekey("PUT", "update", json!({"key": keys.shares[0], "nonce": "another"})), 400, "incorrect nonce");
    assert_eq!(rekey("PUT", "update", json!({"key": keys.shares[0], "nonce": nonce})).json["progress"], 1);
    let mut wrong = hex::decode(&keys.shares[1]).unwrap();
    wrong[9] ^= 1;
    refused(&rekey("PUT", "update", json!({"key": hex::encode(wrong), "nonce": nonce})), 400, "invalid key");
    assert_eq!(rekey("GET", "init", Value::Null).json["progress"], 0, "wrong shares are forgotten");
    rekey("PUT", "update", json!({"key": keys.shares[0], "nonce": nonce}));
    let done = rekey("PUT", "update", json!({"key": keys.shares[2], "nonce": nonce})).json;
    assert_eq!((&done["complete"], done["keys"].as_array().unwrap().len()), (&json!(true), 4));
    assert_eq!(rekey("GET", "init", Value::Null).json["started"], false);
    assert_eq!(node.call("PUT", "sys/seal", Value::Null).status, 204);
    for share in &keys.shares[..2] {
        unseal(&node, json!({"key": share}));
    }
    refused(&unseal(&node, json!({"key": keys.shares[2]})), 400, "invalid key");
    let shares = done["keys"].as_array().unwrap().iter().map(|key| key.as_str().unwrap().to_owned()).collect();
    node.unseal(&harness::Keys { shares, root_token: keys.root_token });
}

#[test]
fn a_quorum_makes_a_root_token_that_only_the_holder_of_the_pad_can_read() {
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(3, 2);
    node.unseal(&keys);
    let send =
        |method: &str, path: &str, body: Value| node.send(method, &format!("sys/generate-root/{path}"), &[], body);
    refused(&send("PUT", "attempt", json!({"otp": "short"})), 400, "otp");
    refused(
        &send("PUT", "update", json!({"key": keys.shares[0], "nonce": "x"})),
        400,
        "no root generation in progress",
    );
    let started = send("PUT", "attempt", json!({})).json;
    let (nonce, otp) = (started["nonce"].clone(), started["otp"].as_str().unwrap().to_owned());
    assert_eq!((otp.len(), &started["otp_length"]), (28, &json!(28)));
    assert_eq!(send("GET", "attempt", Value::Null).json["otp"], "", "the pad is told once");
    send("PUT", "update", json!({"key": keys.shares[0], "nonce": nonce}));
    let done = send("PUT", "update", json!({"key": keys.shares[1], "nonce": nonce})).json;
    assert_eq!(done["complete"], true);
    let hidden = STANDARD_NO_PAD.decode(done["encoded_token"].as_str().unwrap()).unwrap();
    let token: String = hidden.iter().zip(otp.bytes()).map(|(hidden, pad)| char::from(hidden ^ pad)).collect();
    assert!(token.starts_with("hvs."));
    let who = node.send("GET", "auth/token/lookup-self", &[("X-Vault-Token", &token)], Value::Null);
    assert_eq!(who.json["data"]["policies"], json!(["root"]));
    let other = send("PUT", "attempt", json!({"otp": "o".repeat(28)})).json;
    assert_eq!(other["otp"], "");
    assert_eq!(send("DELETE", "attempt", Value::Null).status, 204);
    assert_eq!(send("GET", "attempt", Value::Null).json["started"], false);
}

#[test]
fn the_key_of_the_barrier_is_rotated_and_what_was_written_before_stays_readable() {
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    assert_eq!(node.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
    assert_eq!(node.call("POST", "kv/a", json!({"is": "old"})).status, 204);
    let status = |node: &Node| node.call("GET", "sys/key-status", Value::Null).json;
    let before = status(&node);
    assert_eq!((&before["term"], &before["data"]["term"]), (&json!(1), &json!(1)));
    assert!(before["data"]["encryptions"].as_u64().unwrap() > 0 && before["data"]["install_time"].is_string());
    assert_eq!(node.call("PUT", "sys/rotate", Value::Null).status, 204);
    assert_eq!(status(&node)["data"]["term"], 2);
    assert_eq!(node.call("GET", "kv/a", Value::Null).json["data"]["is"], "old");
    assert_eq!(node.call("PUT", "sys/seal", Value::Null).status, 204);
    node.unseal(&keys);
    assert_eq!(node.call("GET", "kv/a", Value::Null).json["data"]["is"], "old");
    refused(&node.send("PUT", "sys/rotate", &[], Value::Null), 403, "permission denied");
    refused(&node.call("POST", "sys/rotate/config", json!({"max_operations": 5})), 400, "max_operations");
    refused(&node.call("POST", "sys/rotate/config", json!({"interval": "1h"})), 400, "interval");
    assert_eq!(node.call("POST", "sys/rotate/config", json!({"interval": "72h", "enabled": false})).status, 204);
    let read = node.call("GET", "sys/rotate/config", Value::Null).json["data"].clone();
    assert_eq!((&read["interval"], &read["enabled"]), (&json!(259_200), &json!(false)));
}

#[test]
fn what_is_of_the_whole_server_answers_in_the_root_namespace_only() {
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    assert_eq!(node.call("POST", "sys/namespaces/a", Value::Null).status, 200);
    for (method, path) in
        [("PUT", "sys/seal"), ("PUT", "sys/rotate"), ("GET", "sys/key-status"), ("GET", "sys/rekey/init")]
    {
        let headers = [("X-Vault-Token", keys.root_token.as_str()), ("X-Vault-Namespace", "a")];
        refused(&node.send(method, path, &headers, Value::Null), 404, "unsupported path");
    }
    assert_eq!(node.status()["sealed"], false);
}

#[test]
fn a_store_is_opened_by_one_process_and_one_that_is_no_store_by_none() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    let config = file_storage(&data);
    let node = Node::start(&config, &[]);
    assert_eq!(node.status()["storage_type"], "file");
    let file = folder.write("second.hcl", &(plain_listener("") + &config));
    let second = run(&["server", &format!("-config={file}")]);
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success() && said.contains("in use by another process"), "{said}");
    drop(node);
    for entry in std::fs::read_dir(&data).unwrap() {
        let path = entry.unwrap().path();
        if path.metadata().unwrap().len() > 0 {
            std::fs::write(path, "no store at all".repeat(1000)).unwrap();
        }
    }
    let foreign = run(&["server", &format!("-config={file}")]);
    assert!(!foreign.status.success() && String::from_utf8_lossy(&foreign.stderr).contains("storage \"file\""));
}

#[test]
fn raft_is_read_as_a_file_with_a_warning() {
    let folder = Folder::new();
    let path = folder.path().join("data");
    let node =
        Node::start(&format!("storage \"raft\" {{\n path = \"{}\"\n node_id = \"a\"\n}}\n", path.display()), &[]);
    assert_eq!(node.status()["storage_type"], "file");
    assert!(node.process.log().contains("does not replicate"), "{}", node.process.log());
}

#[test]
fn a_hang_up_reads_certificates_and_the_level_of_the_log_again() {
    let folder = Folder::new();
    let made = |name: &str| {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    };
    let (one, two) = (made("one.test"), made("two.test"));
    let (cert, key) = (folder.write("cert.pem", &one.0), folder.write("key.pem", &one.1));
    let text = |level: &str| {
        format!(
            "log_level = \"{level}\"\nlistener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{cert}\"\n tls_key_file = \"{key}\"\n}}\n"
        )
    };
    let config = folder.write("innkeeper.hcl", &text("info"));
    let server = Process::launch(&["-config", &config]);
    let shown = || {
        let address = server.address().trim_start_matches("https://").to_owned();
        let (_, said) = harness::try_openssl(&["s_client", "-connect", &address, "-showcerts"], b"");
        said
    };
    let subject = |pem: &str| pem.lines().nth(2).unwrap().to_owned();
    assert!(shown().contains(&subject(&one.0)));
    folder.write("cert.pem", &two.0);
    folder.write("key.pem", &two.1);
    folder.write("innkeeper.hcl", &text("debug"));
    server.signal("HUP");
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while !shown().contains(&subject(&two.0)) {
        assert!(std::time::Instant::now() < until, "{}", server.log());
    }
    assert!(server.log().contains("DEBUG"), "{}", server.log());
    folder.write("cert.pem", "broken");
    server.signal("HUP");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(shown().contains(&subject(&two.0)), "a certificate that cannot be read leaves the old one");
}
