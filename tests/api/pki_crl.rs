//! Revocation lists.

use harness::{Folder, openssl};
use serde_json::{Value, json};

use crate::pki::{Pki, dump, extension, foreign_ca, hex, refused, text};

fn shown(list: &str) -> String {
    openssl(&["crl", "-noout", "-text", "-nameopt", "RFC2253"], list)
}

/// The number in a list.
fn number(list: &str) -> u64 {
    let shown = openssl(&["crl", "-noout", "-crlnumber"], list);
    u64::from_str_radix(shown.trim().trim_start_matches("crlNumber=").trim_start_matches("0x"), 16).expect("a number")
}

#[test]
fn a_list_is_version_2_with_a_number_that_grows_and_its_issuers_key() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    pki.role(json!({}));
    let first = pki.crl("root");
    let head = shown(&first);
    for part in ["Version 2 (0x1)", "ecdsa-with-SHA256", "Issuer: CN=Root", "No Revoked Certificates"] {
        assert!(head.contains(part), "{part} is missing in {head}");
    }
    let own = hex(&extension(&dump(&root), "X509v3 Subject Key Identifier"));
    assert!(hex(&head.replace(['\n', ' '], "")).contains(&own), "{head}");
    let folder = Folder::new();
    openssl(&["crl", "-noout", "-CAfile", &folder.write("root.pem", &root)], &first);
    let serial = text(&pki.issue(json!({})), "serial_number");
    pki.write("revoke", json!({ "serial_number": serial }));
    let second = pki.crl("root");
    assert!(number(&second) > number(&first));
    openssl(&["crl", "-noout", "-CAfile", &folder.write("root.pem", &root)], &second);
    assert_eq!(shown(&second).matches("Serial Number:").count(), 1);
    let rotated = pki.get("crl/rotate");
    assert_eq!((rotated.status, &rotated.json["data"]["success"]), (200, &json!(true)));
    assert_eq!(number(&pki.crl("root")), number(&second) + 1);
    assert_eq!(pki.post("crl/rotate", json!({})).status, 405);
    // Three days, unless the settings say otherwise.
    let span = |list: &str| {
        let dates = openssl(&["crl", "-noout", "-lastupdate", "-nextupdate", "-dateopt", "iso_8601"], list);
        let seconds = |name: &str| {
            let date = dates.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
            let command = std::process::Command::new("date").args(["-u", "+%s", "-d", &date]).output().unwrap();
            String::from_utf8(command.stdout).unwrap().trim().parse::<u64>().unwrap()
        };
        seconds("nextUpdate=") - seconds("lastUpdate=")
    };
    assert_eq!(span(&second), 72 * 3600);
    pki.write("config/crl", json!({"expiry": "24h"}));
    pki.get("crl/rotate");
    assert_eq!(span(&pki.crl("root")), 24 * 3600);
}

#[test]
fn a_list_can_be_had_in_every_form_without_a_token() {
    let pki = Pki::empty();
    for path in ["crl", "crl/pem"] {
        let answer = pki.bare("GET", path);
        assert_eq!((answer.status, answer.bytes.len()), (204, 0), "{path}");
    }
    assert_eq!(pki.bare("GET", "cert/crl").status, 404);
    pki.root(json!({}));
    let expected = number(&pki.crl("root"));
    for (path, kind, form) in [
        ("crl", "application/pkix-crl", "der"),
        ("crl/pem", "application/x-pem-file", "pem"),
        ("issuer/root/crl/der", "application/pkix-crl", "der"),
        ("issuer/default/crl/pem", "application/x-pem-file", "pem"),
    ] {
        let answer = pki.bare("GET", path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.contains(&("content-type".into(), kind.into())), "{path}: {:?}", answer.headers);
        let shown = openssl(&["crl", "-inform", form, "-noout", "-crlnumber"], &answer.bytes);
        assert!(shown.contains(&format!("{expected:X}")), "{path}: {shown}");
    }
    for (path, field) in [("issuer/root/crl", "crl"), ("cert/crl", "certificate")] {
        let answer = pki.bare("GET", path);
        assert_eq!(number(&text(&answer.json["data"], field)), expected, "{path}");
    }
    refused(&pki.bare("GET", "issuer/none/crl"), 400, "unable to find PKI issuer for reference: none");
    for path in ["crl/rotate", "config/crl"] {
        assert_eq!(pki.bare("GET", path).status, 403, "{path}");
    }
}

#[test]
fn each_issuer_has_its_own_list_but_one_key_under_one_name_shares_it() {
    let pki = Pki::empty();
    pki.root(json!({"key_name": "first"}));
    pki.root(json!({"issuer_name": "other", "common_name": "Other"}));
    let again = json!({"common_name": "Root", "key_ref": "first", "issuer_name": "again", "ttl": "87600h"});
    pki.write("root/generate/existing", again);
    // The same name and the same identifier with another key is another issuer.
    let own = extension(&dump(&text(&pki.read("issuer/root"), "certificate")), "X509v3 Subject Key Identifier");
    let (_, forged) =
        foreign_ca("/CN=Root", &["keyUsage=critical,keyCertSign,cRLSign", &format!("subjectKeyIdentifier={own}")]);
    let forged = pki.write("issuers/import/cert", json!({ "pem_bundle": forged }));
    let forged = forged["imported_issuers"][0].as_str().unwrap();
    pki.role(json!({}));
    let serial = text(&pki.issue(json!({})), "serial_number");
    pki.write("revoke", json!({ "serial_number": serial }));
    let holds = |issuer: &str| shown(&pki.crl(issuer)).to_ascii_lowercase().contains(&hex(&serial));
    assert!(holds("root") && holds("again") && !holds("other"));
    assert_eq!(pki.crl("root"), pki.crl("again"));
    assert_eq!(pki.get(&format!("issuer/{forged}/crl")).status, 404);
    // The list outlives one of the two.
    pki.call("DELETE", "issuer/root", Value::Null);
    assert!(holds("again"));
}

#[test]
fn settings_are_kept_as_text_and_merged() {
    let pki = Pki::with_root();
    let defaults = pki.read("config/crl");
    for (field, value) in [
        ("expiry", json!("72h")),
        ("disable", json!(false)),
        ("ocsp_disable", json!(false)),
        ("ocsp_expiry", json!("12h")),
        ("auto_rebuild", json!(false)),
        ("auto_rebuild_grace_period", json!("12h")),
        ("enable_delta", json!(false)),
        ("delta_rebuild_interval", json!("15m")),
        ("max_crl_entries", json!(100_000)),
    ] {
        assert_eq!(defaults[field], value, "{field}");
    }
    pki.write("config/crl", json!({"expiry": "48h", "auto_rebuild": "false"}));
    let written = pki.write("config/crl", json!({"ocsp_disable": "true"}));
    assert_eq!((&written["expiry"], &written["ocsp_disable"]), (&json!("48h"), &json!(true)));
    assert_eq!(pki.read("config/crl"), written);
    for (body, says) in [
        (json!({"expiry": "soon"}), "given expiry could not be decoded"),
        (json!({"expiry": "0s"}), "given expiry could not be decoded"),
        (json!({"ocsp_expiry": "x"}), "given ocsp_expiry could not be decoded"),
        (json!({"auto_rebuild": true}), "auto_rebuild: this build has no periodic work"),
        (json!({"auto_rebuild": "true", "enable_delta": true}), "auto_rebuild: this build has no periodic work"),
        (json!({"enable_delta": true}), "enable_delta: this build has no delta lists"),
        (json!({"disable": "perhaps"}), "disable:"),
    ] {
        refused(&pki.post("config/crl", body), 400, says);
    }
    assert_eq!(pki.read("config/crl"), written);
}

#[test]
fn a_disabled_list_is_signed_and_empty_and_full_again_when_it_is_enabled() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let serial = text(&pki.issue(json!({})), "serial_number");
    pki.write("revoke", json!({ "serial_number": serial }));
    let before = number(&pki.crl("root"));
    pki.write("config/crl", json!({"disable": true}));
    assert!(shown(&pki.crl("root")).contains("No Revoked Certificates"));
    pki.write("config/crl", json!({"disable": "false"}));
    assert!(shown(&pki.crl("root")).to_ascii_lowercase().contains(&hex(&serial)));
    assert!(number(&pki.crl("root")) > before);
}

#[test]
fn a_list_has_no_more_entries_than_was_allowed() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    pki.write("config/crl", json!({"max_crl_entries": 1}));
    let revoke = || pki.post("revoke", json!({"serial_number": pki.issue(json!({}))["serial_number"]}));
    assert_eq!(revoke().status, 200);
    refused(&revoke(), 400, "max_crl_entries");
    assert_eq!(pki.list("certs/revoked").len(), 1, "the refused one is not half revoked");
    pki.write("config/crl", json!({"max_crl_entries": -1}));
    assert_eq!(revoke().status, 200);
}

#[test]
fn an_issuer_without_the_usage_signs_no_lists() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    pki.patch("issuer/root", json!({"usage": ["issuing-certificates"]}));
    let before = pki.crl("root");
    let serial = text(&pki.issue(json!({})), "serial_number");
    pki.write("revoke", json!({ "serial_number": serial }));
    assert_eq!(pki.crl("root"), before);
    pki.patch("issuer/root", json!({"usage": "crl-signing"}));
    pki.get("crl/rotate");
    assert!(shown(&pki.crl("root")).to_ascii_lowercase().contains(&hex(&serial)));
    refused(&pki.post("issue/any", json!({"common_name": "a"})), 400, "could not fetch the CA certificate");
}
