//! CAs whose keys live in a token.

use harness::{PIN, openssl};
use serde_json::{Value, json};

use crate::pki::{Pki, data, dump, merged, public_key, refused, text, texts, verifies, verify_with_lists};

const P256: (&str, &str, u32) = ("0x1041", "P256", 0);
const P384: (&str, &str, u32) = ("0x1041", "P384", 0);
const RSA: (&str, &str, u32) = ("0x0001", "", 2048);
const PSS: (&str, &str, u32) = ("0x000D", "", 2048);

/// Registers a key that every mount may use and that may be made.
fn register(pki: &Pki, name: &str, (mechanism, curve, bits): (&str, &str, u32)) -> String {
    let body = json!({
        "library": "hsm", "token_label": "test", "pin": PIN, "key_label": name, "mechanism": mechanism, "curve": curve,
        "key_bits": bits.to_string(), "allow_generate_key": "true", "any_mount": "true",
    });
    let body = if bits == 0 { merged(body, &json!({"key_bits": null})) } else { body };
    let path = format!("sys/managed-keys/pkcs11/{name}");
    let answer = pki.server.call("POST", &path, body);
    assert_eq!(answer.status, 204, "{}", answer.json);
    text(&data(&pki.server.call("GET", &path, Value::Null)), "UUID")
}

fn private_keys(pki: &Pki) -> usize {
    pki.token.as_ref().unwrap().private_keys()
}

#[test]
fn roots_leaves_and_lists_are_signed_in_the_token_by_every_kind_of_key() {
    let pki = Pki::with_token();
    for (name, key, kind, algorithm) in [
        ("p256", P256, "ec", "ecdsa-with-SHA256"),
        ("p384", P384, "ec", "ecdsa-with-SHA384"),
        ("rsa", RSA, "rsa", "sha256WithRSAEncryption"),
        ("pss", PSS, "rsa", "rsassaPss"),
    ] {
        let uuid = register(&pki, name, key);
        let before = private_keys(&pki);
        let key_name = format!("{name}-key");
        let body = json!({
            "common_name": name, "managed_key_name": name, "issuer_name": name, "key_name": key_name, "ttl": "87600h",
        });
        let root = pki.write("root/generate/kms", body);
        assert_eq!(private_keys(&pki), before + 1, "{name}");
        assert_eq!(root.get("private_key"), None);
        let certificate = text(&root, "certificate");
        verifies(&certificate, &[], &certificate);
        let read = pki.read(&format!("key/{name}-key"));
        assert_eq!((&read["managed_key_name"], &read["managed_key_id"]), (&json!(name), &json!(uuid)));
        assert_eq!(read["key_type"], kind);

        pki.role(json!({}));
        let leaf = pki.write(&format!("issuer/{name}/issue/any"), json!({"common_name": "a.example.com"}));
        verifies(&certificate, &[], &text(&leaf, "certificate"));
        let (fine, said) = verify_with_lists(&certificate, &[], &text(&leaf, "certificate"), &[pki.crl(name)]);
        assert!(fine, "{name}: {said}");
        pki.write("revoke", json!({"serial_number": leaf["serial_number"]}));
        let (fine, said) = verify_with_lists(&certificate, &[], &text(&leaf, "certificate"), &[pki.crl(name)]);
        assert!(!fine && said.contains("certificate revoked"), "{name}: {said}");
        let list = openssl(&["crl", "-noout", "-text"], pki.crl(name));
        for shown in [dump(&certificate), dump(&text(&leaf, "certificate")), list] {
            assert_eq!(shown.matches(&format!("Signature Algorithm: {algorithm}")).count(), 2, "{name}: {shown}");
        }
    }
    // A key that can do only PSS is never asked for anything else.
    pki.role(json!({"signature_bits": 512, "use_pss": false}));
    let leaf = pki.write("issuer/pss/issue/any", json!({"common_name": "a.example.com"}));
    let shown = dump(&text(&leaf, "certificate"));
    assert!(shown.contains("rsassaPss") && shown.contains("sha512"), "{shown}");
    let wrong = pki.patch("issuer/pss", json!({"revocation_signature_algorithm": "SHA256WithRSA"}));
    refused(&wrong, 400, "does not fit the issuer's key");
    pki.patch("issuer/pss", json!({"revocation_signature_algorithm": "SHA384WithRSAPSS"}));
    pki.get("crl/rotate");
    assert!(openssl(&["crl", "-noout", "-text"], pki.crl("pss")).contains("sha384"));
    // What is already a key of the mount is found again, under its name too.
    let body = json!({"common_name": "R", "managed_key_name": "p384", "key_name": "p384-key"});
    assert_eq!(pki.write("root/generate/kms", body)["key_id"], pki.read("key/p384-key")["key_id"]);
    let body = json!({"common_name": "R", "managed_key_name": "p384", "key_name": "rsa-key"});
    refused(&pki.post("root/generate/kms", body), 400, "key name already in use");
    let body = json!({"common_name": "R", "managed_key_name": "rsa", "signature_bits": 384});
    assert!(dump(&text(&pki.write("root/generate/kms", body), "certificate")).contains("sha384WithRSAEncryption"));
}

#[test]
fn an_intermediate_below_a_token_lives_in_the_token_as_well() {
    let pki = Pki::with_token();
    register(&pki, "root", P256);
    let uuid = register(&pki, "int", P384);
    let root = pki.write("issuers/generate/root/kms", json!({"common_name": "R", "managed_key_name": "root"}));
    let key = pki.write("keys/generate/kms", json!({"managed_key_id": uuid, "key_name": "int"}));
    assert_eq!((&key["key_type"], key.get("private_key")), (&json!("ec"), None));
    let request = pki.write("intermediate/generate/kms", json!({"common_name": "I", "managed_key_name": "int"}));
    assert_eq!(request["key_id"], key["key_id"], "the same key is the same record");
    openssl(&["req", "-noout", "-verify"], text(&request, "csr"));
    let again = pki.write("intermediate/generate/existing", json!({"common_name": "I", "key_ref": "int"}));
    assert_eq!(public_key("req", &text(&again, "csr")), public_key("req", &text(&request, "csr")));
    let signed = pki.write("root/sign-intermediate", json!({"csr": request["csr"]}));
    let imported = pki.write("intermediate/set-signed", json!({"certificate": signed["certificate"]}));
    let id = texts(&imported, "imported_issuers").remove(0);
    assert_eq!(imported["mapping"][&id], key["key_id"]);
    // Shorter than the default, which is the intermediate's time too and ends a second later than that.
    pki.role(json!({"issuer_ref": id, "ttl": "1h"}));
    let leaf = pki.issue(json!({}));
    verifies(&text(&root, "certificate"), &[text(&signed, "certificate")], &text(&leaf, "certificate"));
    assert_eq!(private_keys(&pki), 2);
    // A second root over the first one's key, through its name in the mount.
    let second = pki.write("root/generate/existing", json!({"common_name": "R2", "key_ref": root["key_id"]}));
    assert_eq!(public_key("x509", &text(&second, "certificate")), public_key("x509", &text(&root, "certificate")));
    assert_eq!((pki.list("keys").len(), private_keys(&pki)), (2, 2));
}

#[test]
fn wrong_references_are_refused_and_leave_nothing_in_mount_or_token() {
    let pki = Pki::with_token();
    let uuid = register(&pki, "k", P256);
    let wrong = "unable to determine managed key id: ";
    let mode = "invalid parameter for the kms/existing path parameter, key_type nor key_bits arguments can be set in \
                this mode";
    for (body, says) in [
        (json!({}), format!("{wrong}missing argument managed_key_name or managed_key_id")),
        (json!({"managed_key_name": "", "managed_key_id": ""}), format!("{wrong}missing argument")),
        (
            json!({"managed_key_name": "k", "managed_key_id": uuid}),
            format!("{wrong}only one argument of managed_key_name or managed_key_id should be specified"),
        ),
        (json!({"managed_key_name": "k", "key_type": "ec"}), mode.into()),
        (json!({"managed_key_name": "k", "key_bits": 256}), mode.into()),
        (json!({"managed_key_name": "none"}), "failed to lookup public key from managed key: ".into()),
        (json!({"managed_key_id": "00000000-0000-4000-8000-000000000000"}), "failed to lookup public key".into()),
        (json!({"managed_key_name": "../k"}), "failed to lookup public key".into()),
        (json!({"managed_key_name": "k", "key_name": "a b"}), "key name contained invalid characters".into()),
    ] {
        for path in ["root/generate/kms", "intermediate/generate/kms", "keys/generate/kms", "root/rotate/kms"] {
            refused(&pki.post(path, merged(json!({"common_name": "R"}), &body)), 400, &says);
        }
    }
    for (body, says) in [
        (json!({"signature_bits": 100}), "signature"),
        (json!({"issuer_name": "default"}), "reserved keyword"),
        (json!({"format": "x"}), "format"),
        (json!({"ip_sans": "x"}), "IP address"),
    ] {
        refused(
            &pki.post("root/generate/kms", merged(json!({"common_name": "R", "managed_key_name": "k"}), &body)),
            400,
            says,
        );
    }
    for list in ["issuers", "keys", "certs"] {
        assert_eq!(pki.call("LIST", list, Value::Null).status, 404, "{list}");
    }
    assert_eq!(private_keys(&pki), 0, "a refused request made a key in the token");
}

#[test]
fn a_key_is_for_the_mounts_that_it_was_lent_to_and_can_be_taken_back() {
    let pki = Pki::with_token();
    let body = json!({
        "library": "hsm", "token_label": "test", "pin": PIN, "key_label": "k", "mechanism": "0x1041", "curve": "P256",
        "allow_generate_key": true,
    });
    assert_eq!(pki.server.call("POST", "sys/managed-keys/pkcs11/k", body).status, 204);
    let root = json!({"common_name": "R", "managed_key_name": "k", "ttl": "87600h"});
    assert_eq!(pki.post("root/generate/kms", root.clone()).status, 400);
    let lend = |names: Value| {
        let answer = pki.server.call("POST", "sys/mounts/pki/tune", json!({ "allowed_managed_keys": names }));
        assert_eq!(answer.status, 204, "{}", answer.json);
    };
    lend(json!("k"));
    let made = pki.write("root/generate/kms", root.clone());
    pki.role(json!({}));
    let leaf = pki.issue(json!({}));
    // Moving the mount changes nothing.
    assert_eq!(pki.server.call("POST", "sys/remount", json!({"from": "pki", "to": "moved"})).status, 200);
    let moved = data(&pki.server.call("POST", "moved/issue/any", json!({"common_name": "a"})));
    verifies(&text(&made, "certificate"), &[], &text(&moved, "certificate"));
    assert_eq!(pki.server.call("POST", "sys/remount", json!({"from": "moved", "to": "pki"})).status, 200);
    // Another mount, and one in another namespace, get nothing.
    pki.mount("other");
    assert_eq!(pki.server.call("POST", "other/root/generate/kms", root.clone()).status, 400);
    pki.server.call("POST", "sys/namespaces/team", Value::Null);
    let config = json!({"type": "pki", "config": {"allowed_managed_keys": "k"}});
    assert_eq!(pki.server.call_in("team", "POST", "sys/mounts/pki", config).status, 204);
    let stolen = pki.server.call_in("team", "POST", "pki/root/generate/kms", root);
    refused(&stolen, 400, "failed to lookup public key from managed key");
    lend(json!([]));
    assert_eq!(pki.post("issue/any", json!({"common_name": "a"})).status, 400);
    let revoke = pki.post("revoke", json!({"serial_number": leaf["serial_number"]}));
    assert_eq!(revoke.status, 400, "{}", revoke.json);
    assert_eq!(pki.list("certs").len(), 3, "what failed was not kept");
    assert_eq!(pki.call("LIST", "certs/revoked", Value::Null).status, 404);
    assert_eq!(pki.get("ca/pem").status, 200, "what was made can be read");
    lend(json!("k"));
    pki.issue(json!({}));
    // Removing the record of the key in the mount leaves the key in the token.
    pki.call("DELETE", "root", Value::Null);
    assert_eq!((pki.list("keys").len(), private_keys(&pki)), (0, 1));
}
