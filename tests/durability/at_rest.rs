//! What lies on disks and in databases, and what a killed server still knows.

use harness::{Folder, Node, PIN, Token, file_storage};
use postgresql_testing::Cluster;
use serde_json::{Value, json};

/// A secret as users keep it.
const SECRET: &str = "correct-horse-battery-staple";

/// Puts a CA whose key lies in a token, a secret, and a private key of the server's own into an open node. Answers what
/// must not be found in the store.
fn fill(node: &Node) -> Vec<Vec<u8>> {
    let key = json!({
        "library": "hsm", "token_label": "rest", "pin": PIN, "key_label": "root", "mechanism": "0x1041", "curve": "P256",
        "allow_generate_key": "true", "any_mount": "true",
    });
    assert_eq!(node.call("POST", "sys/managed-keys/pkcs11/root", key).status, 204);
    for (path, kind) in [("kv", "kv"), ("pki", "pki")] {
        assert_eq!(node.call("POST", &format!("sys/mounts/{path}"), json!({"type": kind})).status, 204);
    }
    assert_eq!(node.call("POST", "kv/a", json!({"password": SECRET})).status, 204);
    let root = json!({"common_name": "Root", "managed_key_name": "root", "ttl": "8760h"});
    let made = node.call("POST", "pki/root/generate/kms", root);
    assert_eq!(made.status, 200, "{}", made.text);
    let role = json!({"allowed_domains": "example.com", "allow_subdomains": true, "key_type": "ec", "key_bits": 256, "ttl": "1h"});
    assert_eq!(node.call("POST", "pki/roles/r", role).status, 200);
    let own =
        node.call("POST", "pki/keys/generate/exported", json!({"key_type": "ec", "key_bits": 256, "key_name": "own"}));
    let pem = own.json["data"]["private_key"].as_str().unwrap_or_else(|| panic!("{}", own.text)).to_owned();
    let scalar = private_scalar(&pem);
    vec![SECRET.into(), node.token().into(), scalar.clone(), hex::encode(&scalar).into_bytes()]
}

/// The 32 bytes that make the private key of a P-256 key.
fn private_scalar(pem: &str) -> Vec<u8> {
    let text = harness::openssl(&["ec", "-noout", "-text"], pem);
    let digits = text.split("priv:").nth(1).and_then(|rest| rest.split("pub:").next()).expect("openssl shows the key");
    let digits: String = digits.chars().filter(char::is_ascii_hexdigit).collect();
    let bytes = hex::decode(&digits).expect("hexadecimal digits");
    bytes[bytes.len() - 32..].to_vec()
}

fn issue(node: &Node) -> String {
    let issued = node.call("POST", "pki/issue/r", json!({"common_name": "a.example.com"}));
    assert_eq!(issued.status, 200, "{}", issued.text);
    issued.json["data"]["serial_number"].as_str().unwrap().to_owned()
}

fn assert_lacks(haystack: &[u8], secrets: &[Vec<u8>], place: &str) {
    for secret in secrets {
        let found = haystack.windows(secret.len()).any(|part| part == &secret[..]);
        assert!(!found, "{place} holds {} in clear", String::from_utf8_lossy(secret));
    }
}

#[test]
fn a_file_store_remembers_everything_after_a_kill_and_holds_no_secret_in_clear() {
    let (token, folder) = (Token::new("rest"), Folder::new());
    let config = format!("{}{}", file_storage(&folder.path().join("data")), token.stanza());
    let mut node = Node::start(&config, &token.environment());
    let keys = node.init(5, 3);
    node.unseal(&keys);
    let mut secrets = fill(&node);
    secrets.extend(keys.shares.iter().flat_map(|share| [share.clone().into_bytes(), hex::decode(share).unwrap()]));
    let serial = issue(&node);
    drop(node);
    for entry in std::fs::read_dir(folder.path().join("data")).unwrap() {
        let path = entry.unwrap().path();
        assert_lacks(&std::fs::read(&path).unwrap(), &secrets, &path.display().to_string());
    }
    let mut node = Node::start(&config, &token.environment());
    assert_eq!(node.call("GET", "kv/a", Value::Null).status, 503);
    node.unseal(&keys);
    assert_eq!(node.call("GET", "kv/a", Value::Null).json["data"]["password"], SECRET);
    assert_eq!(node.call("GET", &format!("pki/cert/{serial}"), Value::Null).status, 200);
    assert_ne!(issue(&node), serial);
    let log = node.process.log();
    assert_lacks(log.as_bytes(), &secrets, "the log");
}

#[test]
fn two_nodes_take_turns_on_one_database_that_holds_no_secret_in_clear() {
    let (token, cluster) = (Token::new("rest"), Cluster::start());
    let config = format!("storage \"postgresql\" {{\n connection_url = \"{}\"\n}}\n{}", cluster.url(), token.stanza());
    let mut one = Node::start(&config, &token.environment());
    let keys = one.init(5, 3);
    one.unseal(&keys);
    let secrets = fill(&one);
    let serial = issue(&one);
    let mut two = Node::start(&config, &token.environment());
    assert_eq!(two.status()["initialized"], true);
    two.unseal(&keys);
    assert_eq!(two.call("GET", &format!("pki/cert/{serial}"), Value::Null).status, 200);
    let second = issue(&two);
    drop(one);
    assert_ne!(issue(&two), second);
    assert_lacks(cluster.dump().as_bytes(), &secrets, "the database");
    let hex: Vec<Vec<u8>> = secrets.iter().map(|secret| hex::encode(secret).into_bytes()).collect();
    assert_lacks(cluster.dump().as_bytes(), &hex, "the database");
}
