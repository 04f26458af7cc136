//! Certificates and keys from outside.

use harness::openssl;
use serde_json::{Value, json};

use crate::pki::{Pki, foreign_ca, foreign_leaf, new_key, refused, text, texts, verifies};

#[test]
fn a_bundle_with_its_key_becomes_the_default_issuer_and_issues() {
    let pki = Pki::empty();
    let (key, certificate) = foreign_ca("/O=Elsewhere/CN=Imported", &[]);
    for path in ["issuers/import/bundle", "config/ca"] {
        let imported = pki.write(path, json!({ "pem_bundle": format!("{key}\n{certificate}") }));
        let first = path == "issuers/import/bundle";
        let (issuers, keys) =
            if first { ("imported_issuers", "imported_keys") } else { ("existing_issuers", "existing_keys") };
        let (issuer, key) = (texts(&imported, issuers).remove(0), texts(&imported, keys).remove(0));
        assert_eq!(imported["mapping"], json!({ issuer.clone(): key }));
        for empty in ["imported_issuers", "imported_keys", "existing_issuers", "existing_keys"] {
            assert_eq!(imported[empty].is_null(), empty != issuers && empty != keys, "{path} {empty}");
        }
        assert_eq!(pki.read("config/issuers")["default"], issuer.as_str());
    }
    assert_eq!((pki.list("issuers").len(), pki.list("keys").len()), (1, 1));
    assert_eq!(pki.call("LIST", "certs", Value::Null).status, 404, "imported CAs are not listed as issued");
    pki.role(json!({}));
    let leaf = pki.issue(json!({}));
    verifies(&certificate, &[], &text(&leaf, "certificate"));
    let folder = harness::Folder::new();
    openssl(&["crl", "-noout", "-CAfile", &folder.write("ca.pem", &certificate)], pki.crl("default"));
    // The key stays inside.
    assert!(!pki.get("key/default").text.contains("PRIVATE"));
}

#[test]
fn a_key_that_comes_later_finds_its_certificate() {
    let pki = Pki::empty();
    let (key, certificate) = foreign_ca("/CN=Imported", &[]);
    let imported = pki.write("config/ca", json!({ "certificate": certificate }));
    let id = texts(&imported, "imported_issuers").remove(0);
    assert_eq!((&imported["mapping"][&id], &imported["imported_keys"]), (&json!(""), &Value::Null));
    assert_eq!(pki.read("config/issuers")["default"], "");
    pki.write("keys/import", json!({"pem_bundle": key, "key_name": "late"}));
    assert_eq!(pki.read("config/issuers")["default"], id.as_str());
    assert_eq!(pki.read(&format!("issuer/{id}"))["key_id"], pki.read("key/late")["key_id"]);
    pki.role(json!({}));
    verifies(&certificate, &[], &text(&pki.issue(json!({})), "certificate"));
    openssl(&["crl", "-noout"], pki.crl(&id));
}

#[test]
fn what_tools_print_around_blocks_is_no_matter() {
    let pki = Pki::empty();
    let (key, certificate) = foreign_ca("/CN=Imported", &[]);
    let dumped = openssl(&["x509", "-text"], &certificate);
    let list = {
        let other = Pki::with_root();
        other.crl("root")
    };
    let parameters = openssl(&["ecparam", "-name", "prime256v1"], "");
    let traditional = openssl(&["ec"], &key);
    let bundle = format!("Bag Attributes\n{dumped}\r\n{parameters}{traditional}\n{list}\n").replace('\n', "\r\n");
    let imported = pki.write("issuers/import/bundle", json!({ "pem_bundle": bundle }));
    assert_eq!(texts(&imported, "imported_issuers").len(), 1);
    assert_eq!(texts(&imported, "imported_keys").len(), 1);
    pki.role(json!({}));
    verifies(&certificate, &[], &text(&pki.issue(json!({})), "certificate"));
}

#[test]
fn a_bundle_with_anything_wrong_in_it_is_refused_as_a_whole() {
    let pki = Pki::empty();
    let (key, certificate) = foreign_ca("/CN=Good", &[]);
    let leaf = foreign_leaf(&(key.clone(), certificate.clone()), "7");
    let odd = {
        let (odd_key, _) = (new_key("ec:P-224"), ());
        let folder = harness::Folder::new();
        let file = folder.write("key.pem", &odd_key);
        openssl(&["req", "-x509", "-new", "-key", &file, "-subj", "/CN=Odd", "-days", "30"], "")
    };
    let cut = &certificate[..certificate.len() / 2];
    for (bundle, says) in [
        (String::new(), "provided data for import was too short"),
        ("/etc/ssl/ca.pem".into(), "provided data for import was too short"),
        ("x".repeat(100), "provided PEM block contained no data"),
        (format!("{certificate}{leaf}"), "Error parsing issuer 1: Refusing to import non-CA certificate"),
        (leaf, "Error parsing issuer 0: Refusing to import non-CA certificate"),
        (format!("{certificate}{odd}"), "Error parsing issuer 1: unable to parse certificate"),
        (format!("{certificate}{cut}"), "pem_bundle:"),
        (format!("{certificate}{}", new_key("rsa:1024")), "2048"),
        (format!("{certificate}{}", key.replace("PRIVATE KEY", "PUBLIC KEY").replace('M', "N")), ""),
        (certificate.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), ""),
        ("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n".repeat(2), "Error parsing issuer 0"),
        (certificate.repeat(101), "pem_bundle: at most 100"),
        ("A".repeat(1_100_000), "pem_bundle: at most"),
    ] {
        let answer = pki.post("issuers/import/bundle", json!({ "pem_bundle": bundle }));
        refused(&answer, 400, says);
        assert_eq!(pki.call("LIST", "issuers", Value::Null).status, 404, "{says}");
        assert_eq!(pki.call("LIST", "keys", Value::Null).status, 404, "{says}");
    }
    let bundle = format!("{certificate}{key}");
    let says = "private keys found in the PEM bundle but not allowed by the path; use /issuers/import/bundle";
    refused(&pki.post("issuers/import/cert", json!({ "pem_bundle": bundle })), 400, says);
    refused(&pki.post("config/ca", json!({})), 400, "\"pem_bundle\"");
    refused(&pki.post("config/ca", json!({"pem_bundle": bundle, "certificate": certificate})), 400, "not both");
}

#[test]
fn the_same_certificate_twice_in_one_bundle_is_one_issuer() {
    let pki = Pki::empty();
    let (key, certificate) = foreign_ca("/CN=Twice", &[]);
    let imported =
        pki.write("issuers/import/bundle", json!({ "pem_bundle": format!("{certificate}{certificate}{key}{key}") }));
    assert_eq!(texts(&imported, "imported_issuers"), texts(&imported, "existing_issuers"));
    assert_eq!(texts(&imported, "imported_keys"), texts(&imported, "existing_keys"));
    assert_eq!((pki.list("issuers").len(), pki.list("keys").len()), (1, 1));
}
