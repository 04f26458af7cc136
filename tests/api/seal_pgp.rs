//! Shares and root tokens that are given out encrypted with PGP: only GnuPG reads them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Folder, Keys, Node, PIN, Token, file_storage};
use seal_testing::Gnupg;
use serde_json::{Value, json};

const MEMORY: &str = "storage \"inmem\" {\n}\n";

/// Operators with their keys, fingerprints first and then as clients send them.
struct Operators {
    gnupg: Gnupg,
    fingerprints: Vec<String>,
    keys: Vec<String>,
}

impl Operators {
    fn new(count: usize) -> Self {
        let gnupg = Gnupg::new();
        let make = |number| gnupg.key(&format!("operator {number}"), "future-default", "default", "never");
        let fingerprints: Vec<String> = (0..count).map(make).collect();
        let keys = fingerprints.iter().map(|fingerprint| STANDARD.encode(gnupg.public(&[fingerprint]))).collect();
        Self { gnupg, fingerprints, keys }
    }

    /// What messages in hexadecimal digits and in base64 say; both must be the same.
    fn shares(&self, hex: &Value, base64: &Value) -> Vec<String> {
        let (hex, base64) = (hex.as_array().unwrap(), base64.as_array().unwrap());
        assert_eq!(hex.len(), base64.len());
        let pairs = hex.iter().zip(base64);
        pairs
            .map(|(hex, base64)| {
                let message = hex::decode(hex.as_str().unwrap()).unwrap();
                assert_eq!(STANDARD.encode(&message), *base64);
                self.gnupg.decrypt(&message)
            })
            .collect()
    }

    fn secret(&self, base64: &Value) -> String {
        self.gnupg.decrypt(&STANDARD.decode(base64.as_str().unwrap()).unwrap())
    }
}

fn refused(answer: &Answer, says: &[&str]) {
    let text = answer.error();
    assert!(answer.status == 400 && says.iter().all(|says| text.contains(says)), "{} {}", answer.status, answer.text);
}

fn init(node: &Node, body: Value) -> Answer {
    node.send("PUT", "sys/init", &[], body)
}

#[test]
fn shares_and_the_root_token_of_a_new_store_are_read_by_their_operators_only() {
    let operators = Operators::new(3);
    let mut node = Node::start(MEMORY, &[]);
    let body = json!({
        "secret_shares": 3, "secret_threshold": 2, "pgp_keys": operators.keys,
        "root_token_pgp_key": operators.gnupg.armoured(&operators.fingerprints[0]),
    });
    let made = init(&node, body);
    assert_eq!(made.status, 200, "{}", made.text);
    let shares = operators.shares(&made.json["keys"], &made.json["keys_base64"]);
    assert!(shares.iter().all(|share| share.len() == 66 && hex::decode(share).is_ok()), "shares in hexadecimal digits");
    let root_token = operators.secret(&made.json["root_token"]);
    assert!(root_token.starts_with("hvs."));
    for secret in shares.iter().chain([&root_token]) {
        assert!(!made.text.contains(secret) && !node.process.log().contains(secret));
    }
    node.unseal(&Keys { shares, root_token });
    assert_eq!(node.call("GET", "sys/mounts", Value::Null).status, 200);
}

#[test]
fn keys_that_cannot_be_used_found_nothing_and_each_is_named_by_its_place() {
    let operators = Operators::new(1);
    let mut node = Node::start(MEMORY, &[]);
    let good = &operators.keys[0];
    let two = |keys: Value| json!({"secret_shares": 2, "secret_threshold": 2, "pgp_keys": keys});
    for (body, says) in [
        (two(json!([good])), &["pgp_keys", "count mismatch", "1 and 2"][..]),
        (two(json!([good, good, good])), &["pgp_keys", "count mismatch"]),
        (two(json!([good, "keybase:somebody"])), &["pgp_keys: entry 2", "not looked up"]),
        (two(json!([good, ""])), &["pgp_keys: entry 2", "is empty"]),
        (two(json!(["bm8ga2V5", good])), &["pgp_keys: entry 1", "no public key"]),
        (two(json!([good, 7])), &["pgp_keys"]),
        (two(json!({"a": good})), &["pgp_keys"]),
        (json!({"secret_shares": 1, "secret_threshold": 1, "root_token_pgp_key": "x!"}), &["root_token_pgp_key: "]),
        (
            json!({"secret_shares": 1, "secret_threshold": 1, "recovery_pgp_keys": [good]}),
            &["recovery_pgp_keys", "not applicable"],
        ),
        (
            json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": [STANDARD.encode(operators.gnupg.private(&operators.fingerprints[0]))]}),
            &["pgp_keys: entry 1", "private key"],
        ),
    ] {
        refused(&init(&node, body), says);
    }
    assert_eq!(node.send("GET", "sys/init", &[], Value::Null).json, json!({"initialized": false}));
    let keys = node.init(1, 1);
    node.unseal(&keys);
}

#[test]
fn recovery_keys_are_encrypted_where_a_token_unseals() {
    let (operators, token, folder) = (Operators::new(2), Token::new("pgp"), Folder::new());
    let seal = format!(
        "seal \"pkcs11\" {{\n lib = \"{}\"\n token_label = \"pgp\"\n pin = \"{PIN}\"\n key_label = \"seal\"\n \
         rsa_oaep_hash = \"sha1\"\n generate_key = \"true\"\n}}\n",
        token.library().display()
    );
    let config = file_storage(&folder.path().join("data")) + &seal;
    let node = Node::start(&config, &token.environment());
    let wanted = |field: &str| json!({"recovery_shares": 2, "recovery_threshold": 2, field: operators.keys});
    refused(&init(&node, wanted("pgp_keys")), &["pgp_keys", "not applicable", "recovery_pgp_keys"]);
    let made = init(&node, wanted("recovery_pgp_keys"));
    assert_eq!((made.status, &made.json["keys"]), (200, &json!([])), "{}", made.text);
    let shares = operators.shares(&made.json["recovery_keys"], &made.json["recovery_keys_base64"]);
    node.wait_until_open();

    let rekey = |method: &str, path: &str, body: Value| node.send(method, &format!("sys/{path}"), &[], body);
    let body = json!({"secret_shares": 1, "secret_threshold": 1, "pgp_keys": [operators.keys[1]], "backup": true});
    let nonce = rekey("PUT", "rekey-recovery-key/init", body).json["nonce"].clone();
    let mut done = Value::Null;
    for share in &shares {
        done = rekey("PUT", "rekey-recovery-key/update", json!({"key": share, "nonce": nonce})).json;
    }
    let new = operators.shares(&done["keys"], &done["keys_base64"]);
    assert_eq!(done["pgp_fingerprints"], json!([operators.fingerprints[1]]));
    let root = made.json["root_token"].as_str().unwrap();
    let backup = |path: &str| node.send("GET", path, &[("X-Vault-Token", root)], Value::Null);
    assert_eq!(backup("sys/rekey/recovery-key-backup").json["data"]["keys"][&operators.fingerprints[1]], done["keys"]);
    refused(&backup("sys/rekey/backup"), &["no backed-up keys found"]);
    let started = rekey("PUT", "generate-root/attempt", json!({})).json;
    let proof = json!({"key": new[0], "nonce": started["nonce"]});
    assert_eq!(rekey("PUT", "generate-root/update", proof).json["complete"], true, "the new recovery key counts");
}

#[test]
fn new_shares_are_encrypted_and_kept_until_their_backup_is_deleted() {
    let operators = Operators::new(2);
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let rekey = |method: &str, path: &str, body: Value| node.send(method, &format!("sys/rekey/{path}"), &[], body);
    // Two of three go to the same operator.
    let recipients = json!([operators.keys[0], operators.keys[1], operators.keys[0]]);
    let fingerprints = json!([operators.fingerprints[0], operators.fingerprints[1], operators.fingerprints[0]]);
    let three = |more: Value| {
        let mut body = json!({"secret_shares": 3, "secret_threshold": 2});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    refused(&rekey("PUT", "init", three(json!({"backup": true}))), &["without providing PGP keys"]);
    refused(&rekey("PUT", "init", three(json!({"pgp_keys": [operators.keys[0]]}))), &["pgp_keys", "count mismatch"]);
    assert_eq!(rekey("GET", "init", Value::Null).json["pgp_fingerprints"], Value::Null);
    let started = rekey("PUT", "init", three(json!({"pgp_keys": recipients, "backup": true}))).json;
    for told in [&started, &rekey("GET", "init", Value::Null).json] {
        assert_eq!((&told["pgp_fingerprints"], &told["backup"]), (&fingerprints, &json!(true)), "{told}");
    }
    let done = rekey("PUT", "update", json!({"key": keys.shares[0], "nonce": started["nonce"]})).json;
    assert_eq!((&done["pgp_fingerprints"], &done["backup"]), (&fingerprints, &json!(true)), "{done}");
    let shares = operators.shares(&done["keys"], &done["keys_base64"]);

    assert_eq!(rekey("GET", "backup", Value::Null).status, 403, "the backup wants a token");
    let kept = node.call("GET", "sys/rekey/backup", Value::Null);
    assert_eq!((kept.status, &kept.json["data"]["nonce"]), (200, &started["nonce"]), "{}", kept.text);
    assert_eq!(kept.json["keys"], kept.json["data"]["keys"], "as old clients read it");
    let of_the_first = &kept.json["data"]["keys"][&operators.fingerprints[0]];
    assert_eq!(*of_the_first, json!([done["keys"][0], done["keys"][2]]));
    let base64 = &kept.json["data"]["keys_base64"][&operators.fingerprints[0]];
    assert_eq!(operators.shares(of_the_first, base64), [shares[0].clone(), shares[2].clone()]);

    assert_eq!(node.call("PUT", "sys/seal", Value::Null).status, 204);
    node.unseal(&Keys { shares, root_token: keys.root_token.clone() });
    assert_eq!(node.call("GET", "sys/rekey/backup", Value::Null).status, 200, "it outlives the seal");
    assert_eq!(node.call("DELETE", "sys/rekey/backup", Value::Null).status, 204);
    refused(&node.call("GET", "sys/rekey/backup", Value::Null), &["no backed-up keys found"]);
}

#[test]
fn encrypted_shares_are_verified_before_they_count() {
    let operators = Operators::new(1);
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let rekey = |path: &str, body: Value| node.send("PUT", &format!("sys/rekey/{path}"), &[], body).json;
    let body = json!({
        "secret_shares": 1, "secret_threshold": 1, "pgp_keys": operators.keys, "require_verification": true,
    });
    let nonce = rekey("init", body)["nonce"].clone();
    let done = rekey("update", json!({"key": keys.shares[0], "nonce": nonce}));
    let share = operators.shares(&done["keys"], &done["keys_base64"]).remove(0);
    let verified = rekey("verify", json!({"key": share, "nonce": done["verification_nonce"]}));
    assert_eq!(verified["complete"], true, "{verified}");
    assert_eq!(node.call("PUT", "sys/seal", Value::Null).status, 204);
    node.unseal(&Keys { shares: vec![share], root_token: keys.root_token.clone() });
}

#[test]
fn a_root_token_by_quorum_is_read_by_the_holder_of_the_pgp_key_only() {
    let operators = Operators::new(1);
    let mut node = Node::start(MEMORY, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let send = |path: &str, body: Value| node.send("PUT", &format!("sys/generate-root/{path}"), &[], body);
    let both = json!({"pgp_key": operators.keys[0], "otp": "o".repeat(28)});
    refused(&send("attempt", both), &["only one of \"otp\" and \"pgp_key\""]);
    refused(&send("attempt", json!({"pgp_key": "keybase:somebody"})), &["pgp_key: ", "not looked up"]);
    let started = send("attempt", json!({"pgp_key": operators.keys[0]})).json;
    assert_eq!((&started["pgp_fingerprint"], &started["otp"]), (&json!(operators.fingerprints[0]), &json!("")));
    refused(&send("attempt", json!({"pgp_key": operators.keys[0]})), &["already in progress"]);
    let done = send("update", json!({"key": keys.shares[0], "nonce": started["nonce"]})).json;
    assert_eq!((&done["complete"], &done["pgp_fingerprint"]), (&json!(true), &json!(operators.fingerprints[0])));
    let token = operators.secret(&done["encoded_token"]);
    let who = node.send("GET", "auth/token/lookup-self", &[("X-Vault-Token", &token)], Value::Null);
    assert_eq!(who.json["data"]["policies"], json!(["root"]), "{}", who.text);
}
