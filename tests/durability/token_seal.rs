//! A node that unseals itself with a key in a token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use harness::{Folder, Node, PIN, Token, file_storage, wait_until};
use serde_json::{Value, json};

/// `seal "pkcs11"` over the token, with more lines. SoftHSM decrypts OAEP with SHA-1 only.
fn stanza(token: &Token, more: &str) -> String {
    format!(
        "seal \"pkcs11\" {{\n lib = \"{}\"\n token_label = \"{}\"\n pin = \"{PIN}\"\n key_label = \"seal\"\n \
         rsa_oaep_hash = \"sha1\"\n generate_key = \"true\"\n {more}\n}}\n",
        token.library().display(),
        token.label()
    )
}

fn file(folder: &Folder) -> String {
    file_storage(&folder.path().join("data"))
}

fn write(node: &Node) {
    assert_eq!(node.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
    assert_eq!(node.call("POST", "kv/a", json!({"is": "kept"})).status, 204);
}

fn assert_kept(node: &Node) {
    assert_eq!(node.call("GET", "kv/a", Value::Null).json["data"]["is"], "kept");
}

#[test]
fn a_node_unseals_itself_after_a_kill_and_recovery_keys_make_a_root_token() {
    let (token, folder) = (Token::new("auto"), Folder::new());
    let config = format!("{}{}", file(&folder), stanza(&token, ""));
    let mut node = Node::start(&config, &token.environment());
    let refused = node.send("PUT", "sys/init", &[], json!({"secret_shares": 1, "secret_threshold": 1}));
    assert_eq!(refused.status, 400, "{}", refused.text);
    let keys = node.init_automatic(3, 2);
    assert_eq!(token.private_keys(), 1);
    write(&node);
    drop(node);

    let mut node = Node::start(&config, &token.environment());
    node.wait_until_open();
    node.use_token(&keys.root_token);
    assert_kept(&node);
    let status = node.status();
    assert_eq!((&status["type"], &status["recovery_seal"]), (&json!("pkcs11"), &json!(true)));
    let refused = node.send("PUT", "sys/rekey/init", &[], json!({"secret_shares": 1, "secret_threshold": 1}));
    assert_eq!(refused.status, 400, "{}", refused.text);

    let started = node.send("PUT", "sys/generate-root/attempt", &[], json!({})).json;
    let mut done = Value::Null;
    for share in &keys.shares[..2] {
        done = node.send("PUT", "sys/generate-root/update", &[], json!({"key": share, "nonce": started["nonce"]})).json;
    }
    let hidden = STANDARD_NO_PAD.decode(done["encoded_token"].as_str().unwrap()).unwrap();
    let pad = started["otp"].as_str().unwrap().bytes();
    let made: String = hidden.iter().zip(pad).map(|(hidden, pad)| char::from(hidden ^ pad)).collect();
    node.use_token(&made);
    assert_kept(&node);

    assert_eq!(node.call("PUT", "sys/seal", Value::Null).status, 204);
    assert_eq!(node.status()["sealed"], true, "what an operator sealed stays sealed");
    for share in &keys.shares[1..] {
        node.send("PUT", "sys/unseal", &[], json!({"key": share}));
    }
    assert_kept(&node);
}

#[test]
fn a_token_that_is_not_there_leaves_the_node_sealed_until_it_comes_back() {
    let (token, folder) = (Token::new("auto"), Folder::new());
    let config = format!("{}{}", file(&folder), stanza(&token, ""));
    let mut node = Node::start(&config, &token.environment());
    node.init_automatic(1, 1);
    drop(node);
    let tokens = Folder::new();
    let elsewhere = tokens.path().join("softhsm2.conf");
    let there = token.environment().into_iter().find(|(name, _)| name == "SOFTHSM2_CONF").unwrap().1;
    std::fs::write(&elsewhere, format!("directories.tokendir = {}\n", tokens.path().display())).unwrap();
    let environment: Vec<(String, String)> = vec![("SOFTHSM2_CONF".into(), elsewhere.display().to_string())];
    let node = Node::start(&config, &environment);
    wait_until("it does not say why", || node.process.log().contains("the seal does not open"));
    assert_eq!(node.status()["sealed"], true);
    assert!(!node.process.log().contains(PIN));
    drop(node);
    let node = Node::start(&config, &[("SOFTHSM2_CONF".into(), there)]);
    node.wait_until_open();
}

#[test]
fn a_store_moves_from_shares_to_a_token_and_back() {
    let (token, folder) = (Token::new("auto"), Folder::new());
    let mut node = Node::start(&file(&folder), &[]);
    let keys = node.init(3, 2);
    node.unseal(&keys);
    write(&node);
    drop(node);

    let migrate = |node: &mut Node| {
        assert_eq!(node.status()["migration"], true);
        let refused = node.send("PUT", "sys/unseal", &[], json!({"key": keys.shares[0]}));
        assert_eq!(refused.status, 400, "{}", refused.text);
        for share in &keys.shares[..2] {
            let answer = node.send("PUT", "sys/unseal", &[], json!({"key": share, "migrate": true}));
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        node.use_token(&keys.root_token);
        assert_kept(node);
    };
    let automatic = format!("{}{}", file(&folder), stanza(&token, ""));
    migrate(&mut Node::start(&automatic, &token.environment()));
    let mut node = Node::start(&automatic, &token.environment());
    node.wait_until_open();
    node.use_token(&keys.root_token);
    assert_kept(&node);
    drop(node);

    let back = format!("{}{}", file(&folder), stanza(&token, "disabled = \"true\""));
    migrate(&mut Node::start(&back, &token.environment()));
    let mut node = Node::start(&file(&folder), &[]);
    node.unseal(&keys);
    assert_kept(&node);
}
