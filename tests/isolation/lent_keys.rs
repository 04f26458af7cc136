//! A managed key is used by the mounts that it was lent to, for what it was lent for, and the token hears of nothing
//! else. A spy between server and token writes down each call.

use harness::{PIN, Server, Token};
use serde_json::{Value, json};

fn spied() -> (Token, Server) {
    let token = Token::new("spied");
    let server = Server::start_with(&token.spied_stanza(), &token.environment());
    (token, server)
}

/// Registers a P-256 key that may be made.
fn register(server: &Server, more: Value) {
    let mut record = json!({
        "library": "hsm", "token_label": "spied", "pin": PIN, "key_label": "k", "mechanism": "0x1041", "curve": "P256",
        "allow_generate_key": true,
    });
    record.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    let answer = server.call("POST", "sys/managed-keys/pkcs11/k", record);
    assert_eq!(answer.status, 204, "{}", answer.text);
}

fn mount(server: &Server, namespace: &str, allowed: Value) {
    let body = json!({ "type": "pki", "config": { "allowed_managed_keys": allowed } });
    assert_eq!(server.call_in(namespace, "POST", "sys/mounts/pki", body).status, 204);
}

const GENERATE: &str = "pki/root/generate/kms";

fn wish() -> Value {
    json!({ "managed_key_name": "k", "common_name": "r" })
}

#[test]
fn a_key_is_refused_outside_its_namespace_without_a_grant_and_beyond_its_usages_and_the_token_is_not_asked() {
    let (token, server) = spied();
    register(&server, json!({ "usages": "verify" }));
    server.call("POST", "sys/namespaces/other", Value::Null);
    mount(&server, "other", json!(["k"]));
    mount(&server, "", json!([]));

    let elsewhere = server.call_in("other", "POST", GENERATE, wish());
    assert_eq!(elsewhere.status, 400);
    assert!(elsewhere.text.contains("is not in this namespace"), "{}", elsewhere.text);

    let not_lent = server.call("POST", GENERATE, wish());
    assert_eq!(not_lent.status, 400);
    assert!(not_lent.text.contains("is not lent to this mount"), "{}", not_lent.text);
    assert_eq!(token.calls("C_Initialize"), 0, "the library was not even started");

    // Lent, but not for signing. Its public half may be read; nothing is signed.
    server.call("POST", "sys/mounts/pki/tune", json!({ "allowed_managed_keys": ["k"] }));
    let misused = server.call("POST", GENERATE, wish());
    assert_eq!(misused.status, 400);
    assert!(misused.text.contains("may not be used to sign"), "{}", misused.text);
    assert_eq!(token.calls("C_SignInit"), 0);
    for (namespace, list) in [("", "pki/issuers"), ("other", "pki/issuers"), ("", "pki/keys"), ("", "pki/certs")] {
        assert_eq!(server.call_in(namespace, "LIST", list, Value::Null).status, 404, "{list} has something");
    }
}

#[test]
fn a_warm_signature_is_a_signature_and_nothing_else() {
    let (token, server) = spied();
    register(&server, json!({}));
    mount(&server, "", json!(["k"]));
    assert_eq!(server.call("POST", GENERATE, wish()).status, 200);
    let role = json!({ "allow_any_name": true, "key_type": "ec", "ttl": "1h" });
    server.call("POST", "pki/roles/r", role);
    let issue = || assert_eq!(server.call("POST", "pki/issue/r", json!({ "common_name": "a.b" })).status, 200);
    issue();
    let looked_up = ["C_FindObjectsInit", "C_FindObjects", "C_OpenSession", "C_Login", "C_GetAttributeValue"];
    let before = looked_up.map(|function| token.calls(function));
    let signing = || (token.calls("C_SignInit"), token.calls("C_Sign"));
    let (begun, signed) = signing();
    for _ in 0..10 {
        issue();
    }
    assert_eq!(looked_up.map(|function| token.calls(function)), before);
    // The binding asks for the length of each signature before it asks for the signature.
    assert_eq!(signing(), (begun + 10, signed + 20));
}

#[test]
fn taking_a_grant_back_stops_the_issuer_at_once_and_a_moved_mount_keeps_it() {
    let (token, server) = spied();
    register(&server, json!({}));
    mount(&server, "", json!(["k"]));
    assert_eq!(server.call("POST", GENERATE, wish()).status, 200);
    server.call("POST", "pki/roles/r", json!({ "allow_any_name": true, "key_type": "ec", "ttl": "1h" }));
    assert_eq!(server.call("POST", "sys/remount", json!({ "from": "pki", "to": "moved" })).status, 200);
    let issue = || server.call("POST", "moved/issue/r", json!({ "common_name": "a.b" }));
    assert_eq!(issue().status, 200);
    let signed = token.calls("C_Sign");
    server.call("POST", "sys/mounts/moved/tune", json!({ "allowed_managed_keys": [] }));
    let refused = issue();
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("is not lent to this mount"), "{}", refused.text);
    assert_eq!(token.calls("C_Sign"), signed);
}
