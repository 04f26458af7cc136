//! Keys.

use serde_json::{Value, json};

use crate::pki::{Pki, data, dump, extension, foreign_ca, hex, new_key, public_key, refused, text, texts, warnings};

#[test]
fn keys_are_made_named_and_listed_but_never_shown() {
    let pki = Pki::empty();
    assert_eq!(pki.call("LIST", "keys", Value::Null).status, 404);
    let first = pki.write("keys/generate/internal", json!({"key_type": "ec", "key_bits": 384, "key_name": "first"}));
    assert_eq!(
        (&first["key_name"], &first["key_type"], first.get("private_key")),
        (&json!("first"), &json!("ec"), None)
    );
    let second = pki.write("keys/generate/exported", json!({"key_type": "ed25519"}));
    assert!(text(&second, "private_key").starts_with("-----BEGIN PRIVATE KEY-----"));
    let rsa = pki.write("keys/generate/internal", json!({}));
    assert_eq!(rsa["key_type"], "rsa");
    let listed = data(&pki.call("LIST", "keys", Value::Null));
    assert_eq!(texts(&listed, "keys").len(), 3);
    let info = |key: &Value| listed["key_info"][text(key, "key_id")].clone();
    assert_eq!(info(&first), json!({"key_name": "first", "is_default": true}));
    assert_eq!(info(&second), json!({"key_name": "", "is_default": false}));
    let read = pki.read("key/first");
    assert_eq!((&read["key_id"], &read["key_type"]), (&first["key_id"], &json!("ec")));
    let root = pki.write("root/generate/existing", json!({"common_name": "R", "key_ref": "first"}));
    let own = extension(&dump(&text(&root, "certificate")), "X509v3 Subject Key Identifier");
    assert_eq!(hex(&text(&read, "subject_key_id")), hex(&own));
    for path in ["internal", "exported"] {
        for (body, says) in [
            (json!({"key_type": "rsa", "key_bits": 1024}), "RSA keys < 2048"),
            (json!({"key_name": "first"}), "key name already in use"),
            (json!({"key_type": "x"}), "unknown key type"),
        ] {
            refused(&pki.post(&format!("keys/generate/{path}"), body), 400, says);
        }
    }
    assert_eq!(pki.post("keys/generate/existing", json!({})).status, 400);
    assert_eq!(pki.list("keys").len(), 3);
}

#[test]
fn a_key_in_use_stays_and_one_that_is_not_goes() {
    let pki = Pki::empty();
    let root = pki.root(json!({"key_name": "used"}));
    let says = format!("Failed to Delete Key.  Key in Use by Issuer: {}", text(&root, "issuer_id"));
    refused(&pki.call("DELETE", "key/used", Value::Null), 400, &says);
    pki.role(json!({}));
    pki.issue(json!({}));
    pki.call("DELETE", "issuer/root", Value::Null);
    let answer = pki.call("DELETE", "key/used", Value::Null);
    assert_eq!(answer.status, 200);
    assert!(warnings(&answer).contains("default"), "{}", answer.json);
    assert_eq!(pki.call("DELETE", "key/used", Value::Null).status, 204);
    refused(&pki.get("key/used"), 400, "unable to find PKI key for reference: used");
    pki.write("keys/generate/internal", json!({"key_type": "ec", "key_name": "used"}));
    pki.write("keys/generate/internal", json!({"key_type": "ec", "key_name": "second"}));
    assert_eq!(pki.call("DELETE", "key/second", Value::Null).status, 204);
}

#[test]
fn a_key_is_renamed_and_chosen_as_default() {
    let pki = Pki::empty();
    let one = pki.write("keys/generate/internal", json!({"key_type": "ec", "key_name": "one"}));
    let two = pki.write("keys/generate/internal", json!({"key_type": "ec", "key_name": "two"}));
    assert_eq!(pki.write("key/one", json!({"key_name": "first"}))["key_name"], "first");
    refused(&pki.get("key/one"), 400, "unable to find PKI key");
    assert_eq!(pki.write("key/first", json!({"key_name": "first"}))["key_id"], one["key_id"]);
    for (name, says) in [
        ("two", "key name already in use"),
        ("default", "reserved keyword 'default' can not be used as key name"),
        ("a b", "key name contained invalid characters"),
    ] {
        refused(&pki.post("key/first", json!({ "key_name": name })), 400, says);
    }
    let nameless = pki.post("key/first", json!({"key_name": ""}));
    assert!(warnings(&nameless).contains("removed"), "{}", nameless.json);
    pki.write("key/two", json!({"key_name": "first"}));
    assert_eq!(pki.read("config/keys")["default"], one["key_id"]);
    assert_eq!(pki.write("config/keys", json!({"default": "first"})), json!({"default": two["key_id"]}));
    assert_eq!(pki.read("key/default")["key_id"], two["key_id"]);
    for bad in ["", "default"] {
        let says = "Invalid key specification; must be non-empty and can't be 'default'.";
        refused(&pki.post("config/keys", json!({ "default": bad })), 400, says);
    }
    refused(&pki.post("config/keys", json!({"default": "none"})), 400, "unable to find PKI key");
    let root = pki.write("root/generate/existing", json!({"common_name": "R"}));
    assert_eq!(root["key_id"], two["key_id"]);
}

#[test]
fn a_key_from_outside_is_taken_in_once_in_any_form() {
    let pki = Pki::empty();
    for (algorithm, kind, convert) in [
        ("rsa:2048", "rsa", &["rsa", "-traditional"][..]),
        ("ec:P-256", "ec", &["ec"]),
        ("ec:P-384", "ec", &["ec"]),
        ("ec:P-521", "ec", &["ec"]),
        ("ED25519", "ed25519", &["pkey"]),
    ] {
        let key = new_key(algorithm);
        let traditional = harness::openssl(convert, &key);
        let name = algorithm.replace(':', "-").to_lowercase();
        let imported = pki.write("keys/import", json!({"pem_bundle": key, "key_name": name}));
        assert_eq!((&imported["key_type"], &imported["key_name"]), (&json!(kind), &json!(name)));
        let again = pki.write("keys/import", json!({"pem_bundle": traditional, "key_name": "other"}));
        assert_eq!(again["key_id"], imported["key_id"], "{algorithm}");
        let root = pki.write("root/generate/existing", json!({"common_name": name, "key_ref": name}));
        assert_eq!(public_key("x509", &text(&root, "certificate")), public_key("pkey", &key), "{algorithm}");
    }
    let count = pki.list("keys").len();
    let key = new_key("ec:P-256");
    let (_, certificate) = foreign_ca("/CN=X", &[]);
    let encrypted = harness::openssl(&["pkcs8", "-topk8", "-passout", "pass:secret"], &key);
    for (bundle, says) in [
        (String::new(), "provided PEM block contained no data"),
        ("garbage".into(), "provided PEM block contained no data"),
        (
            format!("{key}{}", new_key("ec:P-256")),
            "only a single key can be present within the pem_bundle for importing",
        ),
        (certificate.clone(), "only a single key can be present"),
        (format!("{key}{certificate}"), "only a single key can be present"),
        (new_key("rsa:1024"), "2048"),
        (new_key("ec:P-224"), ""),
        (new_key("ED448"), ""),
        (encrypted, ""),
        (key.replace('M', "N"), ""),
    ] {
        let answer = pki.post("keys/import", json!({ "pem_bundle": bundle }));
        refused(&answer, 400, says);
        assert!(!answer.text.contains("PRIVATE KEY"), "{}", answer.text);
    }
    assert_eq!(pki.list("keys").len(), count);
}
