use serde_json::{Value, json};

use crate::testing::{Stub, parse};

const SEALED: &str = r#"{"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": 1,
    "nonce": "x", "version": "1.21.0", "storage_type": "file", "recovery_seal": false}"#;

#[test]
fn the_status_of_a_server_is_the_status_of_the_command() {
    let stub = Stub::answering(&[(200, SEALED)]);
    let (exit, screen) = stub.run_with(&["status"], "", &[]);
    assert_eq!(exit, 2);
    assert!(screen.output().contains("Unseal Progress    1/3\n"), "{}", screen.output());
    let open = SEALED.replace("\"sealed\": true", "\"sealed\": false");
    let stub = Stub::answering(&[(200, &open), (200, r#"{"ha_enabled": false}"#)]);
    let (exit, screen) = stub.run_with(&["status"], "", &[]);
    assert_eq!(exit, 0);
    assert!(screen.output().contains("HA Enabled      false\n"), "{}", screen.output());
    let (exit, screen) = stub.run_with(&["status", "-format=json"], "", &[]);
    assert!(exit == 2 || exit == 0);
    assert!(serde_json::from_str::<Value>(&screen.output()).is_ok());
}

#[test]
fn a_store_is_founded_and_its_keys_are_shown_once() {
    let made = r#"{"keys": ["aa", "bb"], "keys_base64": ["qg==", "uw=="], "root_token": "s.root"}"#;
    let stub = Stub::answering(&[(200, SEALED), (200, made), (200, SEALED), (200, made)]);
    let arguments = ["operator", "init", "-key-shares=2", "-key-threshold=2"];
    let (exit, screen) = stub.run_with(&arguments, "", &[]);
    assert_eq!(exit, 0);
    let said = screen.output();
    assert!(said.starts_with("Unseal Key 1: qg==\nUnseal Key 2: uw==\n\nInitial Root Token: s.root\n"), "{said}");
    assert_eq!(stub.seen()[1].body, json!({"secret_shares": 2, "secret_threshold": 2}));
    let json = stub.run_with(&["operator", "init", "-format=json", "-n=2", "-t=2"], "", &[]).1.output();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["unseal_keys_hex"], &json["root_token"]), (&json!(["aa", "bb"]), &json!("s.root")));
}

#[test]
fn where_a_server_unseals_itself_the_shares_are_of_the_recovery_key() {
    let status = r#"{"type": "pkcs11", "recovery_seal": true, "sealed": true, "initialized": false}"#;
    let made = r#"{"keys": [], "keys_base64": [], "recovery_keys_base64": ["qg=="], "root_token": "s.root"}"#;
    let stub = Stub::answering(&[(200, status), (200, made)]);
    let said = stub.run_with(&["operator", "init"], "", &[]).1.output();
    assert!(said.starts_with("Recovery Key 1: qg==\n"), "{said}");
    assert_eq!(stub.seen()[1].body, json!({"recovery_shares": 5, "recovery_threshold": 3}));
}

#[test]
fn whether_there_is_a_store_is_the_status_of_the_command() {
    let stub = Stub::answering(&[(200, r#"{"initialized": false}"#), (200, r#"{"initialized": true}"#)]);
    assert_eq!(stub.run_with(&["operator", "init", "-status"], "", &[]).0, 2);
    assert_eq!(stub.run_with(&["operator", "init", "-status"], "", &[]).0, 0);
    let (exit, screen) = stub.run_with(&["operator", "init", "-status", "-address=http://127.0.0.1:1"], "", &[]);
    assert_eq!(exit, 1, "of a server that cannot be asked nothing is told");
    assert!(screen.errors().contains("Is the server running?"), "{}", screen.errors());
}

#[test]
fn a_share_is_asked_for_hidden_or_read_from_standard_input() {
    let stub = Stub::answering(&[(200, SEALED)]);
    for arguments in [&["operator", "unseal"][..], &["operator", "unseal", "-"], &["operator", "unseal", "my-share"]] {
        let (exit, screen) = stub.run_with(arguments, "my-share\n", &[]);
        assert_eq!(exit, 0);
        assert!(!screen.output().contains("my-share") && !screen.errors().contains("my-share"));
        assert_eq!(stub.seen().pop().unwrap().body, json!({"key": "my-share", "migrate": false}));
    }
    stub.run_with(&["operator", "unseal", "-reset"], "", &[]);
    assert_eq!(stub.seen().pop().unwrap().body, json!({"reset": true}));
}

#[test]
fn rekeying_begins_takes_shares_and_shows_the_new_ones() {
    let begun = r#"{"nonce": "n1", "started": true, "t": 2, "n": 3, "progress": 0, "required": 3}"#;
    let done = r#"{"nonce": "n1", "complete": true, "keys": ["aa"], "keys_base64": ["qg=="]}"#;
    let stub = Stub::answering(&[(200, begun), (200, begun), (200, done), (204, "")]);
    let begin = ["operator", "rekey", "-init", "-key-shares=3", "-key-threshold=2"];
    assert!(stub.run(&begin, "").1.output().contains("Rekey Progress    0/3"));
    let (exit, screen) = stub.run(&["operator", "rekey"], "old-share");
    assert_eq!(exit, 0);
    assert!(screen.output().starts_with("Key 1: qg==\n"), "{}", screen.output());
    assert_eq!(stub.seen()[2].body, json!({"key": "old-share", "nonce": "n1"}));
    stub.run(&["operator", "rekey", "-cancel", "-target=recovery"], "");
    assert_eq!(stub.lines()[3], "DELETE /v1/sys/rekey-recovery-key/init");
}

#[test]
fn a_root_token_is_made_by_a_quorum() {
    let begun = r#"{"nonce": "n1", "started": true, "progress": 0, "required": 1, "complete": false, "otp": "pad"}"#;
    let done =
        r#"{"nonce": "n1", "started": true, "progress": 1, "required": 1, "complete": true, "encoded_token": "AA"}"#;
    let stub = Stub::answering(&[(200, begun), (200, begun), (200, done)]);
    assert!(stub.run_with(&["operator", "generate-root", "-init"], "", &[]).1.output().contains("OTP         pad"));
    let said = stub.run_with(&["operator", "generate-root"], "my-share", &[]).1.output();
    assert!(said.contains("Encoded Token    AA"), "{said}");
    assert_eq!(stub.lines()[2], "PUT /v1/sys/generate-root/update");
    let (exit, screen) = stub.run_with(&["operator", "generate-root", "-nonce=n1", "-decode=AA", "-otp=a"], "", &[]);
    assert_eq!((exit, screen.output().as_str()), (0, "a\n"));
    // That asks no server, so it needs none.
    let decode = ["operator", "generate-root", "-address=nowhere", "-decode=AA", "-otp=a"];
    assert_eq!(stub.run_with(&decode, "", &[]).1.output(), "a\n");
    let stub = Stub::answering(&[(200, r#"{"started": false, "otp_length": 28}"#)]);
    let otp = stub.run_with(&["operator", "generate-root", "-generate-otp"], "", &[]).1.output();
    assert_eq!(otp.trim_end().len(), 28, "{otp}");
}

#[test]
fn keys_are_replaced_and_shown() {
    let status = r#"{"data": {"term": 2, "install_time": "now", "encryptions": 7}}"#;
    let stub = Stub::answering(&[(204, ""), (200, status)]);
    let said = stub.run(&["operator", "rotate"], "").1.output();
    assert!(said.starts_with("Success! Rotated key\n\nKey") && said.contains("Key Term            2"), "{said}");
    assert_eq!(stub.lines(), ["PUT /v1/sys/rotate", "GET /v1/sys/key-status"]);
}

#[test]
fn snapshots_have_the_name_of_stock_clients_too() {
    assert!(parse(&["operator", "raft", "snapshot", "save", "a"]).is_ok());
}

#[test]
fn a_share_too_many_is_not_repeated() {
    let refused = parse(&["operator", "unseal", "share-one", "share-two"]).unwrap_err().to_string();
    assert!(refused.starts_with("error: Too many arguments\n"), "{refused}");
    assert!(!refused.contains("share-two") && refused.contains("unseal [OPTIONS] [KEY]"), "{refused}");
    let refused = parse(&["pki", "root", "generate", "my-secret"]).unwrap_err().to_string();
    assert!(!refused.contains("my-secret") && refused.contains("internal"), "{refused}");
    let refused = parse(&["operator", "unseal", "-rset"]).unwrap_err().to_string();
    assert!(refused.contains("--reset"), "{refused}");
}
