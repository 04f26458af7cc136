//! Certificates with new keys.

use std::time::{SystemTime, UNIX_EPOCH};

use harness::openssl;
use serde_json::{Value, json};

use crate::pki::{Pki, base64, data, dump, extension, hex, public_key, refused, text, texts, verifies, warnings};

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn a_leaf_is_as_openssl_wants_it_and_its_key_comes_with_it() {
    let pki = Pki::empty();
    let root = pki.root(json!({}));
    pki.role(json!({"max_ttl": "72h"}));
    let leaf = pki.issue(json!({"ttl": "24h", "alt_names": "b.example.com", "ip_sans": "10.0.0.1"}));
    let (certificate, issuing) = (text(&leaf, "certificate"), text(&root, "certificate"));
    verifies(&issuing, &[], &certificate);
    assert_eq!(text(&leaf, "issuing_ca"), issuing);
    assert_eq!(texts(&leaf, "ca_chain"), [issuing.as_str()]);
    assert!(!certificate.ends_with('\n') && !issuing.ends_with('\n'));
    assert_eq!(public_key("x509", &certificate), public_key("pkey", &text(&leaf, "private_key")));
    assert!(text(&leaf, "private_key").starts_with("-----BEGIN EC PRIVATE KEY-----"));
    assert_eq!(leaf["private_key_type"], "ec");

    let (leaf_dump, root_dump) = (dump(&certificate), dump(&issuing));
    assert!(leaf_dump.contains("Version: 3 (0x2)"));
    assert!(leaf_dump.contains("Signature Algorithm: ecdsa-with-SHA256"));
    assert_eq!(
        extension(&leaf_dump, "X509v3 Key Usage"),
        "critical Digital Signature, Key Encipherment, Key Agreement"
    );
    assert_eq!(
        extension(&leaf_dump, "X509v3 Extended Key Usage"),
        "TLS Web Server Authentication, TLS Web Client Authentication"
    );
    assert_eq!(extension(&leaf_dump, "X509v3 Basic Constraints"), "");
    let issuer_key = hex(&extension(&root_dump, "X509v3 Subject Key Identifier"));
    assert_eq!(hex(&extension(&leaf_dump, "X509v3 Authority Key Identifier")), issuer_key);
    assert_eq!(hex(&text(&leaf, "authority_key_id")), issuer_key);
    assert_ne!(hex(&extension(&leaf_dump, "X509v3 Subject Key Identifier")), issuer_key);
    assert_eq!(
        extension(&leaf_dump, "X509v3 Subject Alternative Name"),
        "DNS:a.example.com, DNS:b.example.com, IP Address:10.0.0.1"
    );

    let serial = text(&leaf, "serial_number");
    assert_eq!(serial.len(), 59);
    let shown = openssl(&["x509", "-noout", "-serial"], &certificate);
    assert_eq!(shown.trim().trim_start_matches("serial=").to_ascii_lowercase(), serial.replace(':', ""));
    let expiration = leaf["expiration"].as_u64().expect("a number");
    assert!(expiration.abs_diff(now() + 24 * 3600) < 60);
    assert!(leaf["not_before"].as_u64().unwrap().abs_diff(now() - 30) < 60);
    let date = openssl(&["x509", "-noout", "-enddate", "-dateopt", "iso_8601"], &certificate);
    let kept = pki.read(&format!("cert/{serial}"));
    assert_eq!(text(&kept, "certificate"), certificate);
    assert!(date.starts_with("notAfter=20"), "{date}");
}

#[test]
fn what_the_role_says_of_usages_and_policies_is_in_the_certificate() {
    let pki = Pki::with_root();
    pki.role(json!({
        "key_usage": ["DigitalSignature", "ContentCommitment", "nonsense"], "server_flag": false,
        "client_flag": "false", "code_signing_flag": true, "email_protection_flag": true,
        "ext_key_usage": "TimeStamping,OCSPSigning", "ext_key_usage_oids": ["1.3.6.1.4.1.311.10.3.4"],
        "basic_constraints_valid_for_non_ca": true, "not_before_duration": "1h",
        "policy_identifiers": "[{\"oid\":\"1.2.3\",\"cps\":\"http://cps.example\",\"notice\":\"read me\"}]",
    }));
    let leaf = pki.issue(json!({"format": "pem"}));
    let dump = dump(&text(&leaf, "certificate"));
    assert_eq!(extension(&dump, "X509v3 Key Usage"), "critical Digital Signature, Non Repudiation");
    assert_eq!(
        extension(&dump, "X509v3 Extended Key Usage"),
        "Code Signing, E-mail Protection, Time Stamping, OCSP Signing, Microsoft Encrypted File System"
    );
    assert_eq!(extension(&dump, "X509v3 Basic Constraints"), "critical CA:FALSE");
    let policies = extension(&dump, "X509v3 Certificate Policies");
    for part in ["Policy: 1.2.3", "CPS: http://cps.example", "Explicit Text: read me"] {
        assert!(policies.contains(part), "{policies}");
    }
    assert!(leaf["not_before"].as_u64().unwrap().abs_diff(now() - 3600) < 60);
    pki.role(json!({"key_usage": [], "server_flag": false, "client_flag": false}));
    let dump = self::dump(&text(&pki.issue(json!({})), "certificate"));
    assert!(!dump.contains("Key Usage") && !dump.contains("Policies"), "{dump}");
}

#[test]
fn every_kind_of_key_can_be_issued_in_either_form() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    for (kind, bits, label, says) in [
        ("rsa", 2048, "RSA PRIVATE KEY", "Public-Key: (2048 bit)"),
        ("rsa", 3072, "RSA PRIVATE KEY", "Public-Key: (3072 bit)"),
        ("ec", 256, "EC PRIVATE KEY", "ASN1 OID: prime256v1"),
        ("ec", 384, "EC PRIVATE KEY", "ASN1 OID: secp384r1"),
        ("ec", 521, "EC PRIVATE KEY", "ASN1 OID: secp521r1"),
        ("ed25519", 0, "PRIVATE KEY", "ED25519 Public-Key"),
    ] {
        pki.role(json!({"key_type": kind, "key_bits": bits}));
        for (form, label) in [("der", label), ("pkcs8", "PRIVATE KEY")] {
            let leaf = pki.issue(json!({ "private_key_format": form }));
            let (certificate, key) = (text(&leaf, "certificate"), text(&leaf, "private_key"));
            verifies(&root, &[], &certificate);
            assert!(key.starts_with(&format!("-----BEGIN {label}-----\n")), "{kind} {form}: {}", &key[..30]);
            assert_eq!(public_key("x509", &certificate), public_key("pkey", &key), "{kind} {form}");
            assert!(dump(&certificate).contains(says), "{kind} {bits}");
            assert_eq!(leaf["private_key_type"], kind);
        }
    }
    pki.role(json!({"key_type": "any"}));
    let says = "role key type \"any\" not allowed for issuing certificates, only signing";
    refused(&pki.post("issue/any", json!({"common_name": "a"})), 400, says);
}

#[test]
fn the_answer_comes_as_pem_as_der_or_as_one_bundle() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    pki.role(json!({}));
    let der = pki.issue(json!({"format": "der"}));
    for (encoded, command) in [
        (text(&der, "certificate"), "x509"),
        (text(&der, "issuing_ca"), "x509"),
        (texts(&der, "ca_chain").remove(0), "x509"),
        (text(&der, "private_key"), "ec"),
    ] {
        openssl(&[command, "-inform", "der", "-noout"], base64(&encoded));
    }
    let bundle = pki.issue(json!({"format": "pem_bundle"}));
    let parts = [text(&bundle, "private_key"), String::new(), root.clone()];
    let whole = text(&bundle, "certificate");
    assert!(whole.starts_with(&format!("{}\n-----BEGIN CERTIFICATE-----\n", parts[0])), "{whole}");
    assert!(whole.ends_with(&format!("-----END CERTIFICATE-----\n{root}")), "{whole}");
    assert_eq!(whole.matches("-----BEGIN CERTIFICATE-----").count(), 2);
    verifies(&root, &[], &openssl(&["x509"], &whole));
    let says = "the \"format\" path parameter must be \"pem\", \"der\", or \"pem_bundle\"";
    refused(&pki.post("issue/any", json!({"common_name": "a", "format": "txt"})), 400, says);
    refused(&pki.post("issue/any", json!({"common_name": "a", "private_key_format": "x"})), 400, "private_key_format:");
    let bare = pki.issue(json!({"remove_roots_from_chain": true, "format": "pem_bundle"}));
    assert_eq!(bare.get("ca_chain"), None);
    assert_eq!(text(&bare, "certificate").matches("-----BEGIN CERTIFICATE-----").count(), 1);
}

#[test]
fn times_come_from_the_request_the_role_and_the_mount_and_are_cut_with_a_warning() {
    let pki = Pki::with_root();
    let hours = |leaf: &Value| leaf["expiration"].as_u64().unwrap().saturating_sub(now() - 60) / 3600;
    pki.role(json!({"ttl": "2h", "max_ttl": "4h"}));
    assert_eq!(hours(&pki.issue(json!({}))), 2);
    assert_eq!(hours(&pki.issue(json!({"ttl": "3h"}))), 3);
    let cut = pki.post("issue/any", json!({"common_name": "a", "ttl": "5h"}));
    assert_eq!(hours(&data(&cut)), 4);
    let says = "TTL \\\"5h0m0s\\\" is longer than permitted maxTTL \\\"4h0m0s\\\", so maxTTL is being used";
    assert!(warnings(&cut).contains(says), "{}", warnings(&cut));
    // A moment that is named is bounded by the issuer only.
    let moment = pki.issue(json!({"not_after": "2030-01-02T03:04:05Z"}));
    let end = openssl(&["x509", "-noout", "-enddate", "-dateopt", "iso_8601"], text(&moment, "certificate"));
    assert_eq!(end.trim(), "notAfter=2030-01-02 03:04:05Z");
    let both = json!({"common_name": "a", "ttl": "1h", "not_after": "2030-01-02T03:04:05Z"});
    refused(&pki.post("issue/any", both), 400, "Either ttl or not_after should be provided.");
    for bad in ["soon", "2001-01-01T00:00:00Z", "99999-01-01T00:00:00Z"] {
        assert_eq!(pki.post("issue/any", json!({"common_name": "a", "not_after": bad})).status, 400, "{bad}");
    }
    for bad in [json!("soon"), json!("-1h"), json!([1])] {
        refused(&pki.post("issue/any", json!({"common_name": "a", "ttl": bad})), 400, "ttl:");
    }
    // So it is with the role's moment.
    pki.role(json!({"not_after": "2031-01-01T00:00:00Z"}));
    let fixed = pki.issue(json!({"not_after": "2030-01-02T03:04:05Z"}));
    let end = openssl(&["x509", "-noout", "-enddate", "-dateopt", "iso_8601"], text(&fixed, "certificate"));
    assert_eq!(end.trim(), "notAfter=2031-01-01 00:00:00Z");
    let says = "Either ttl or not_after should be provided.";
    refused(&pki.post("issue/any", json!({"common_name": "a", "ttl": "1h"})), 400, says);
}

#[test]
fn a_certificate_that_would_outlive_its_issuer_is_refused_cut_or_permitted_as_the_issuer_says() {
    let pki = Pki::empty();
    let root = pki.root(json!({"ttl": "24h"}));
    pki.role(json!({}));
    let too_long = json!({"common_name": "a", "ttl": "48h"});
    let says = "cannot satisfy request, as TTL would result in notAfter of ";
    refused(&pki.post("issue/any", too_long.clone()), 400, says);
    refused(&pki.post("issue/any", too_long.clone()), 400, "that is beyond the expiration of the CA certificate at ");
    pki.patch("issuer/root", json!({"leaf_not_after_behavior": "truncate"}));
    let cut = pki.post("issue/any", too_long.clone());
    assert_eq!(data(&cut)["expiration"], root["expiration"]);
    assert!(warnings(&cut).contains("ends with its issuer"), "{}", warnings(&cut));
    pki.patch("issuer/root", json!({"leaf_not_after_behavior": "permit"}));
    let longer = data(&pki.post("issue/any", too_long));
    assert!(longer["expiration"].as_u64() > root["expiration"].as_u64());
    let forever = pki.issue(json!({"not_after": "9999-12-31T23:59:59Z"}));
    assert_eq!(forever["expiration"], 253_402_300_799_u64);
    let end = openssl(&["x509", "-noout", "-enddate", "-dateopt", "iso_8601"], text(&forever, "certificate"));
    assert_eq!(end.trim(), "notAfter=9999-12-31 23:59:59Z");
}

#[test]
fn a_certificate_that_is_not_kept_is_not_listed() {
    let pki = Pki::with_root();
    pki.role(json!({"no_store": true}));
    let before = pki.list("certs");
    let leaf = pki.issue(json!({}));
    assert_eq!(pki.list("certs"), before);
    assert_eq!(pki.get(&format!("cert/{}", text(&leaf, "serial_number"))).status, 404);
}

#[test]
fn without_an_issuer_nothing_is_issued_and_the_reason_is_told() {
    let pki = Pki::empty();
    pki.role(json!({}));
    let answer = pki.post("issue/any", json!({"common_name": "a"}));
    refused(&answer, 400, "could not fetch the CA certificate (was one set?)");
    pki.root(json!({}));
    pki.issue(json!({}));
    let answer = pki.post("issuer/none/issue/any", json!({"common_name": "a"}));
    refused(&answer, 400, "unable to find PKI issuer for reference: none");
    pki.role(json!({"issuer_ref": "none"}));
    let answer = pki.post("issue/any", json!({"common_name": "a"}));
    refused(&answer, 400, "unable to find PKI issuer for reference: none");
    pki.write("issuer/root/issue/any", json!({"common_name": "a"}));
}

#[test]
fn a_mount_keeps_issuing_after_it_was_moved_and_knows_nothing_of_its_neighbours() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    pki.role(json!({}));
    pki.server.call("POST", "sys/namespaces/team", Value::Null);
    let config = json!({"type": "pki", "config": {"max_lease_ttl": "87600h"}});
    assert_eq!(pki.server.call_in("team", "POST", "sys/mounts/pki", config).status, 204);
    pki.mount("other");
    for (namespace, path) in [("team", "pki"), ("", "other")] {
        let ask =
            |method: &str, below: &str, body| pki.server.call_in(namespace, method, &format!("{path}/{below}"), body);
        for list in ["issuers", "keys", "certs", "roles"] {
            assert_eq!(ask("LIST", list, Value::Null).status, 404, "{namespace} {path} {list}");
        }
        assert_eq!(ask("GET", "ca/pem", Value::Null).status, 204);
        refused(&ask("POST", "issue/any", json!({"common_name": "a"})), 400, "unknown role: any");
        let theirs = data(&ask("POST", "root/generate/internal", json!({"common_name": "Root", "key_type": "ec"})));
        assert_ne!(text(&theirs, "certificate"), root);
    }
    assert_eq!(pki.list("issuers").len(), 1);
    let moved = pki.server.call("POST", "sys/remount", json!({"from": "pki", "to": "far/away"}));
    assert_eq!(moved.status, 200, "{}", moved.json);
    let leaf = data(&pki.server.call("POST", "far/away/issue/any", json!({"common_name": "a.example.com"})));
    verifies(&root, &[], &text(&leaf, "certificate"));
    let revoke = json!({"serial_number": leaf["serial_number"]});
    assert_eq!(pki.server.call("POST", "far/away/revoke", revoke).status, 200);
}

#[test]
fn fields_that_are_null_count_as_not_sent() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let nulls = json!({"ttl": null, "alt_names": null, "format": null, "not_after": null, "ip_sans": null});
    let mut fields = json!({"common_name": "a"});
    fields.as_object_mut().unwrap().extend(nulls.as_object().unwrap().clone());
    let answer = pki.post("issue/any", fields);
    assert_eq!(answer.status, 200, "{}", answer.json);
}
