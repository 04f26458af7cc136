//! One walk for each type of managed key, over the real peer of that type: see managed.py.

use std::path::Path;
use std::process::Command;

use harness::{ROOT, Server, Token};
use serde_json::{Value, json};

/// What the walk needs to know of a type.
struct Keys {
    kind: &'static str,
    /// The first key, as sys/managed-keys takes it.
    managed: Value,
    /// The second key's config and the key, as sys/external-keys takes them.
    config: Value,
    external: Value,
    /// What no answer may hold.
    secrets: Value,
}

fn walk(server: &Server, keys: &Keys) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join(".venv/bin/python");
    assert!(python.is_file(), "there is no {}: run `make setup`", python.display());
    let walked = Command::new(python)
        .arg(root.join("tests/clients/managed.py"))
        .envs([("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT), ("KEY_TYPE", keys.kind)])
        .env("MANAGED", keys.managed.to_string())
        .env("CONFIG", keys.config.to_string())
        .env("EXTERNAL", keys.external.to_string())
        .env("SECRETS", keys.secrets.to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    assert!(walked.status.success(), "{said}{}", String::from_utf8_lossy(&walked.stderr));
    assert!(said.ends_with(&format!("a key of type {} was used through both APIs\n", keys.kind)), "{said}");
}

#[test]
fn keys_in_a_token_are_used_through_both_apis() {
    let token = Token::with_pin("walk", "a-pin-of-its-own");
    let server = Server::start_with(&token.stanza(), &token.environment());
    let home = json!({"lib": "hsm", "token_label": "walk", "pin": "a-pin-of-its-own"});
    let managed = json!({
        "library": "hsm", "token_label": "walk", "pin": "a-pin-of-its-own", "key_label": "root", "mechanism": "0x1041",
        "curve": "P256",
    });
    let keys = Keys {
        kind: "pkcs11",
        managed,
        config: home,
        external: json!({"label": "int", "mechanism": "0xd", "key_bits": 2048}),
        secrets: json!(["a-pin-of-its-own"]),
    };
    walk(&server, &keys);
}
