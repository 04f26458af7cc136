//! The early end of certificates.

use serde_json::{Value, json};

use crate::pki::{Pki, csr, data, foreign_ca, foreign_leaf, hex, refused, text, texts, verify_with_lists, warnings};

fn listed(pki: &Pki, issuer: &str) -> String {
    harness::openssl(&["crl", "-noout", "-text"], pki.crl(issuer))
}

#[test]
fn a_revoked_certificate_is_refused_by_openssl_and_others_are_not() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    pki.role(json!({}));
    let (one, two) = (pki.issue(json!({})), pki.issue(json!({})));
    let accepts = |leaf: &Value| verify_with_lists(&root, &[], &text(leaf, "certificate"), &[pki.crl("root")]);
    assert!(accepts(&one).0, "{}", accepts(&one).1);
    let revoked = pki.write("revoke", json!({"serial_number": one["serial_number"]}));
    assert_eq!(revoked["state"], "revoked");
    let time = revoked["revocation_time"].as_u64().unwrap();
    assert!(text(&revoked, "revocation_time_rfc3339").ends_with('Z'));
    let (fine, said) = accepts(&one);
    assert!(!fine && said.contains("certificate revoked"), "{said}");
    assert!(accepts(&two).0, "{}", accepts(&two).1);
    let path = format!("cert/{}", text(&one, "serial_number"));
    let read = pki.read(&path);
    assert_eq!(read["revocation_time"], time);
    assert_eq!(read["revocation_time_rfc3339"], revoked["revocation_time_rfc3339"]);
    assert_eq!(read["issuer_id"], pki.read("issuer/root")["issuer_id"]);
    let read = pki.read(&format!("cert/{}", text(&two, "serial_number")));
    assert_eq!((&read["revocation_time"], &read["revocation_time_rfc3339"]), (&json!(0), &json!("")));
    assert_eq!(pki.list("certs/revoked"), [text(&one, "serial_number")]);
    assert_eq!(pki.list("certs").len(), 3, "it stays listed");
}

#[test]
fn a_serial_may_be_written_with_colons_or_dashes_in_either_case_and_again() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let serial = text(&pki.issue(json!({})), "serial_number");
    let first = pki.write("revoke", json!({ "serial_number": serial }));
    let list = listed(&pki, "root");
    for form in [serial.clone(), serial.replace(':', "-"), serial.to_ascii_uppercase(), format!(" {serial} ")] {
        assert_eq!(pki.write("revoke", json!({ "serial_number": form })), first, "{form}");
    }
    assert_eq!(listed(&pki, "root"), list, "revoking again changes nothing");
    for form in [serial.replace(':', "-"), serial.to_ascii_uppercase()] {
        let other = text(&pki.issue(json!({})), "serial_number");
        let form = if form.contains('-') { other.replace(':', "-") } else { other.to_ascii_uppercase() };
        pki.write("revoke", json!({ "serial_number": form }));
        assert!(pki.list("certs/revoked").contains(&other), "{form}");
    }
}

#[test]
fn what_cannot_be_revoked_is_refused_and_nothing_is_listed() {
    let pki = Pki::empty();
    let root = pki.root(json!({}));
    pki.role(json!({}));
    let leaf = pki.issue(json!({}));
    let both = json!({"serial_number": leaf["serial_number"], "certificate": leaf["certificate"]});
    let own = format!("adding issuer (id: {}) to its own CRL is not allowed", text(&root, "issuer_id"));
    let stranger = foreign_leaf(&foreign_ca("/CN=Root", &[]), "7");
    for (body, says) in [
        (json!({}), "The serial number or certificate to revoke must be provided."),
        (both, "Must provide either the certificate or the serial to revoke; not both."),
        (json!({"serial_number": "17:67"}), "certificate with serial 17:67 not found."),
        (json!({"serial_number": "../x"}), "not found."),
        (json!({"serial_number": "zz"}), "not found."),
        (json!({"serial_number": root["serial_number"]}), own.as_str()),
        (json!({"certificate": root["certificate"]}), own.as_str()),
        (json!({"certificate": stranger}), "unable to verify signature on presented cert from any present issuer"),
        (json!({"certificate": "garbage"}), "certificate"),
        (json!({"certificate": "QUJD"}), "unable to parse certificate"),
        (json!({"serial_number": ["a"]}), "serial_number:"),
    ] {
        refused(&pki.post("revoke", body), 400, says);
    }
    let long = pki.post("revoke", json!({"serial_number": "aa:".repeat(100_000)}));
    assert_eq!(long.status, 400);
    assert!(long.text.len() < 2000, "the answer repeats what was sent: {} bytes", long.text.len());
    assert_eq!(pki.call("LIST", "certs/revoked", Value::Null).status, 404);
    assert!(listed(&pki, "root").contains("No Revoked Certificates"));
}

#[test]
fn a_certificate_that_was_not_kept_is_revoked_by_itself() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    pki.role(json!({"no_store": true}));
    let leaf = pki.issue(json!({}));
    let serial = text(&leaf, "serial_number");
    let answer = pki.post("revoke", json!({ "serial_number": serial }));
    refused(&answer, 400, &format!("certificate with serial {serial} not found."));
    let first = pki.write("revoke", json!({"certificate": leaf["certificate"]}));
    assert_eq!(pki.write("revoke", json!({"certificate": leaf["certificate"]})), first);
    assert_eq!(pki.write("revoke", json!({ "serial_number": serial })), first);
    let (fine, said) = verify_with_lists(&root, &[], &text(&leaf, "certificate"), &[pki.crl("root")]);
    assert!(!fine && said.contains("certificate revoked"), "{said}");
    assert_eq!(text(&pki.read(&format!("cert/{serial}")), "certificate"), text(&leaf, "certificate"));
}

#[test]
fn a_changed_certificate_is_not_taken_for_the_one_that_was_issued() {
    let pki = Pki::with_root();
    pki.role(json!({"no_store": true}));
    let good = crate::pki::der(&text(&pki.issue(json!({})), "certificate"));
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        let body = harness::openssl(&["base64"], &bad);
        let certificate = format!("-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n");
        assert_eq!(pki.post("revoke", json!({ "certificate": certificate })).status, 400, "byte {at}");
    }
    assert_eq!(pki.call("LIST", "certs/revoked", Value::Null).status, 404);
}

#[test]
fn whoever_holds_the_key_of_a_certificate_can_revoke_it_with_that() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let (one, two) = (pki.issue(json!({})), pki.issue(json!({"private_key_format": "pkcs8"})));
    let serial = |leaf: &Value| leaf["serial_number"].clone();
    for (body, says) in [
        (
            json!({"serial_number": serial(&one), "private_key": two["private_key"]}),
            "does not match certificate's public key",
        ),
        (json!({"certificate": one["certificate"], "private_key": two["private_key"]}), "does not match"),
        (json!({"serial_number": serial(&one)}), "private_key:"),
        (json!({"serial_number": serial(&one), "private_key": one["certificate"]}), "private_key"),
        (
            json!({"serial_number": "17:67", "private_key": one["private_key"]}),
            "certificate with serial 17:67 not found.",
        ),
        (json!({"private_key": one["private_key"]}), "The serial number or certificate to revoke must be provided."),
    ] {
        let answer = pki.post("revoke-with-key", body);
        refused(&answer, 400, says);
        assert!(!answer.text.contains("PRIVATE"), "{}", answer.text);
    }
    assert_eq!(pki.call("LIST", "certs/revoked", Value::Null).status, 404);
    pki.write("revoke-with-key", json!({"serial_number": serial(&one), "private_key": one["private_key"]}));
    pki.write("revoke-with-key", json!({"certificate": two["certificate"], "private_key": two["private_key"]}));
    assert_eq!(pki.list("certs/revoked").len(), 2);
    assert_eq!(pki.bare("POST", "revoke-with-key").status, 403);
}

#[test]
fn an_expired_certificate_is_not_listed_but_warned_of() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let leaf = pki.issue(json!({"ttl": "1s"}));
    let serial = text(&leaf, "serial_number");
    std::thread::sleep(std::time::Duration::from_millis(2600));
    let answer = pki.post("revoke", json!({ "serial_number": serial }));
    assert_eq!((answer.status, &answer.json["data"]), (200, &Value::Null));
    let says = format!("certificate with serial {serial} already expired; refusing to add to CRL");
    assert!(warnings(&answer).contains(&says), "{}", answer.json);
    assert!(listed(&pki, "root").contains("No Revoked Certificates"));
}

#[test]
fn certificates_of_an_imported_ca_with_odd_serials_are_listed_as_they_are() {
    let pki = Pki::empty();
    let ca = foreign_ca("/CN=Odd", &[]);
    pki.write("issuers/import/bundle", json!({ "pem_bundle": format!("{}{}", ca.1, ca.0) }));
    for serial in ["0xFF00000000000000000000000000000000000001", "0x01", "0x80", "0x7F", "0x0100"] {
        let leaf = foreign_leaf(&ca, serial);
        pki.write("revoke", json!({ "certificate": leaf }));
        let (fine, said) = verify_with_lists(&ca.1, &[], &leaf, &[pki.crl("default")]);
        assert!(!fine && said.contains("certificate revoked"), "{serial}: {said}");
    }
    assert!(listed(&pki, "default").contains("Serial Number: FF00000000000000000000000000000000000001"));
    assert_eq!(pki.list("certs/revoked").len(), 5);
}

#[test]
fn a_serial_that_two_cas_gave_out_does_not_pass_for_revoked() {
    let pki = Pki::empty();
    let (one, two) = (foreign_ca("/CN=One", &[]), foreign_ca("/CN=Two", &[]));
    for ca in [&one, &two] {
        pki.write("issuers/import/bundle", json!({ "pem_bundle": format!("{}{}", ca.1, ca.0) }));
    }
    pki.write("revoke", json!({"certificate": foreign_leaf(&one, "0x0102")}));
    let answer = pki.post("revoke", json!({"certificate": foreign_leaf(&two, "0x0102")}));
    refused(&answer, 400, "another one with this serial number was issued here");
}

#[test]
fn an_issuer_is_revoked_for_good_and_listed_by_its_parent() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    let request = pki.write("intermediate/generate/internal", json!({"common_name": "I", "key_type": "ec"}));
    let signed = pki.write("root/sign-intermediate", json!({"csr": request["csr"], "ttl": "43800h"}));
    let imported = pki.write("intermediate/set-signed", json!({"certificate": signed["certificate"]}));
    let id = texts(&imported, "imported_issuers").remove(0);
    pki.role(json!({"issuer_ref": id}));
    let leaf = pki.issue(json!({}));
    let answer = pki.post("revoke", json!({"serial_number": signed["serial_number"]}));
    refused(&answer, 400, &format!("adding issuer (id: {id}) to its own CRL is not allowed"));
    let revoked = pki.write(&format!("issuer/{id}/revoke"), json!({}));
    assert_eq!((&revoked["revoked"], &revoked["usage"]), (&json!(true), &json!("read-only,crl-signing,ocsp-signing")));
    assert!(revoked["revocation_time"].as_u64().unwrap() > 0);
    assert_eq!(pki.write(&format!("issuer/{id}/revoke"), json!({})), revoked);
    refused(&pki.post("issue/any", json!({"common_name": "a"})), 400, "could not fetch the CA certificate");
    let again = pki.patch(&format!("issuer/{id}"), json!({"usage": "issuing-certificates"}));
    refused(&again, 400, "revoked issuer");
    let chain = [text(&signed, "certificate")];
    let lists = [pki.crl("root"), pki.crl(&id)];
    let (fine, said) = verify_with_lists(&root, &chain, &text(&leaf, "certificate"), &lists);
    assert!(!fine && said.contains("certificate revoked"), "{said}");
    // Its leaves can be revoked still.
    pki.write("revoke", json!({"serial_number": leaf["serial_number"]}));
    assert!(listed(&pki, &id).to_ascii_lowercase().contains(&hex(&text(&leaf, "serial_number"))));
}

#[test]
fn revocations_at_once_are_all_listed() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let serials: Vec<String> = (0..8).map(|_| text(&pki.issue(json!({})), "serial_number")).collect();
    std::thread::scope(|scope| {
        for serial in &serials {
            let pki = &pki;
            scope.spawn(move || {
                // Two that touch one list may conflict; the loser is told to try again.
                for _ in 0..20 {
                    let answer = pki.post("revoke", json!({ "serial_number": serial }));
                    if answer.status == 200 {
                        return;
                    }
                    assert!([412, 409, 503].contains(&answer.status), "{} {}", answer.status, answer.json);
                }
                panic!("{serial} was never revoked");
            });
        }
    });
    let list = listed(&pki, "root").to_ascii_lowercase();
    for serial in serials {
        assert!(list.contains(&hex(&serial)), "{serial} is missing");
    }
}

#[test]
fn signed_requests_are_revoked_like_issued_ones() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let signed = pki.write("sign/any", json!({"csr": csr("/CN=a.example.com", &[])}));
    let verbatim = pki.write("sign-verbatim", json!({"csr": csr("/CN=b", &[])}));
    for leaf in [signed, verbatim] {
        assert_eq!(data(&pki.post("revoke", json!({"serial_number": leaf["serial_number"]})))["state"], "revoked");
    }
    assert_eq!(pki.list("certs/revoked").len(), 2);
}
