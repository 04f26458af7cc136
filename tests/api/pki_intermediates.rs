//! CAs below others.

use harness::openssl;
use serde_json::{Value, json};

use crate::pki::{
    Pki, csr, data, dump, extension, foreign_ca, hex, merged, public_key, refused, text, texts, verifies, verify,
    warnings,
};

/// A mount `int` beside `pki`.
fn below(pki: &Pki, method: &str, path: &str, body: Value) -> Value {
    data(&pki.server.call(method, &format!("int/{path}"), body))
}

#[test]
fn an_intermediate_of_another_mount_issues_below_the_root() {
    let pki = Pki::empty();
    let root = pki.root(json!({"key_type": "rsa"}));
    let top = text(&root, "certificate");
    pki.mount("int");
    let subject = json!({"common_name": "Issuing", "organization": "Example", "key_type": "ec", "key_name": "pending",
        "add_basic_constraints": true, "alt_names": "int.example.com"});
    let request = below(&pki, "POST", "intermediate/generate/internal", subject);
    let csr = text(&request, "csr");
    let shown = openssl(&["req", "-noout", "-text", "-verify", "-nameopt", "RFC2253"], &csr);
    for part in ["Subject: CN=Issuing,O=Example", "CA:TRUE", "DNS:int.example.com", "ecdsa-with-SHA256"] {
        assert!(shown.contains(part), "{part} is missing in {shown}");
    }
    assert_eq!((&request["key_name"], request.get("private_key")), (&json!("pending"), None));
    let signed = pki.write("root/sign-intermediate", json!({"csr": csr, "common_name": "Issuing", "ttl": "43800h"}));
    let certificate = text(&signed, "certificate");
    verifies(&top, &[], &certificate);
    assert_eq!(texts(&signed, "ca_chain"), [certificate.clone(), top.clone()]);
    assert_eq!(text(&signed, "issuing_ca"), top);
    let dump = dump(&certificate);
    assert_eq!(extension(&dump, "X509v3 Basic Constraints"), "critical CA:TRUE");
    assert_eq!(extension(&dump, "X509v3 Key Usage"), "critical Certificate Sign, CRL Sign");
    assert_eq!(
        hex(&extension(&dump, "X509v3 Authority Key Identifier")),
        hex(&extension(&crate::pki::dump(&top), "X509v3 Subject Key Identifier"))
    );
    assert!(pki.list("certs").contains(&text(&signed, "serial_number")));

    let chain = texts(&signed, "ca_chain").join("\n");
    let imported = below(&pki, "POST", "intermediate/set-signed", json!({ "certificate": chain }));
    let ids = texts(&imported, "imported_issuers");
    assert_eq!(ids.len(), 2);
    assert_eq!(imported["mapping"][&ids[0]], request["key_id"]);
    assert_eq!(imported["mapping"][&ids[1]], "");
    assert_eq!(below(&pki, "GET", "config/issuers", Value::Null)["default"], ids[0].as_str());
    below(&pki, "POST", "roles/any", json!({"allow_any_name": true, "key_type": "ec"}));
    let leaf = below(&pki, "POST", "issue/any", json!({"common_name": "a.example.com"}));
    assert_eq!(texts(&leaf, "ca_chain"), [certificate.clone(), top.clone()]);
    verifies(&top, std::slice::from_ref(&certificate), &text(&leaf, "certificate"));
    let bare = json!({"common_name": "a.example.com", "remove_roots_from_chain": "true"});
    assert_eq!(texts(&below(&pki, "POST", "issue/any", bare), "ca_chain"), [certificate.as_str()]);
    // Revoked leaves of the intermediate are on its own list, which names its own key.
    below(&pki, "POST", "revoke", json!({"serial_number": leaf["serial_number"]}));
    let list = text(&below(&pki, "GET", "issuer/default/crl", Value::Null), "crl");
    let lists = [list.clone(), pki.crl("root")];
    let (fine, said) =
        crate::pki::verify_with_lists(&top, std::slice::from_ref(&certificate), &text(&leaf, "certificate"), &lists);
    assert!(!fine && said.contains("certificate revoked"), "{said}");
    let shown = openssl(&["crl", "-noout", "-text"], &list);
    assert!(hex(&shown.replace([' ', '\n'], "")).contains(&hex(&extension(&dump, "X509v3 Subject Key Identifier"))));
    // The parent revokes it.
    pki.write("revoke", json!({"serial_number": signed["serial_number"]}));
    let lists = [list, pki.crl("root")];
    let other = below(&pki, "POST", "issue/any", json!({"common_name": "b.example.com"}));
    let (fine, said) = crate::pki::verify_with_lists(&top, &[certificate], &text(&other, "certificate"), &lists);
    assert!(!fine && said.contains("certificate revoked"), "{said}");
}

#[test]
fn requests_are_made_for_every_kind_of_key_and_in_every_form() {
    let pki = Pki::empty();
    for fields in [
        json!({}),
        json!({"key_type": "rsa", "signature_bits": 384}),
        json!({"key_type": "rsa", "use_pss": true}),
        json!({"key_type": "ec", "key_bits": 384}),
        json!({"key_type": "ec", "key_bits": 521}),
        json!({"key_type": "ed25519"}),
    ] {
        let request = pki.write("intermediate/generate/exported", merged(json!({"common_name": "I"}), &fields));
        let (csr, key) = (text(&request, "csr"), text(&request, "private_key"));
        openssl(&["req", "-noout", "-verify"], &csr);
        assert_eq!(public_key("req", &csr), public_key("pkey", &key), "{fields}");
    }
    let bundle = pki
        .write("intermediate/generate/exported", json!({"common_name": "I", "key_type": "ec", "format": "pem_bundle"}));
    assert_eq!(text(&bundle, "csr").matches("-----BEGIN ").count(), 2);
    let der = pki.write(
        "issuers/generate/intermediate/internal",
        json!({"common_name": "I", "key_type": "ec", "format": "der"}),
    );
    openssl(&["req", "-inform", "der", "-noout", "-verify"], crate::pki::base64(&text(&der, "csr")));
    let again = pki.write("intermediate/generate/existing", json!({"common_name": "Again", "key_ref": der["key_id"]}));
    assert_eq!(again["key_id"], der["key_id"]);
    let crossed = pki.write("intermediate/cross-sign", json!({"common_name": "Again", "key_ref": der["key_id"]}));
    assert_eq!(public_key("req", &text(&crossed, "csr")), public_key("req", &text(&again, "csr")));
    refused(&pki.post("intermediate/cross-sign", json!({"key_ref": "none"})), 400, "unable to find PKI key");
    assert_eq!(pki.list("issuers").len(), 0);
}

#[test]
fn how_many_cas_may_follow_is_handed_down_and_never_exceeded() {
    let pki = Pki::empty();
    for (limit, asked, written) in [
        (json!(-1), json!(-1), Ok("CA:TRUE")),
        (json!(-1), json!(3), Ok("CA:TRUE, pathlen:3")),
        (json!(2), json!(-1), Ok("CA:TRUE, pathlen:1")),
        (json!(2), json!("0"), Ok("CA:TRUE, pathlen:0")),
        (json!(2), json!(2), Err("max_path_length: must be at most 1")),
        (
            json!(0),
            json!(-1),
            Err("signing certificate has a max path length of zero, and cannot issue further CA certificates"),
        ),
        (json!(-1), json!(-2), Err("max_path_length:")),
    ] {
        let root = pki.root(json!({"max_path_length": limit, "issuer_name": ""}));
        let path = format!("issuer/{}/sign-intermediate", text(&root, "issuer_id"));
        let body = json!({"csr": csr("/CN=I", &[]), "max_path_length": asked});
        let answer = pki.post(&path, body);
        match written {
            Ok(written) => {
                let signed = data(&answer);
                let shown = extension(&dump(&text(&signed, "certificate")), "X509v3 Basic Constraints");
                assert_eq!(shown, format!("critical {written}"), "{asked} below {limit}");
            }
            Err(says) => refused(&answer, 400, says),
        }
    }
}

#[test]
fn the_subject_comes_from_the_call_or_as_a_whole_from_the_request() {
    let pki = Pki::with_root();
    let request = csr(
        "/O=Request/CN=From request",
        &[
            "subjectAltName=DNS:csr.example.com",
            "keyUsage=critical,digitalSignature",
            "basicConstraints=CA:FALSE",
            "nameConstraints=critical,permitted;DNS:csr.example.com",
            "1.2.3.4=ASN1:UTF8String:hello",
            "subjectKeyIdentifier=01:02",
        ],
    );
    let sign = |body: Value| {
        let signed = pki.write("root/sign-intermediate", merged(json!({ "csr": request }), &body));
        let certificate = text(&signed, "certificate");
        verifies(&text(&pki.read("cert/ca"), "certificate"), &[], &certificate);
        dump(&certificate)
    };
    let named =
        sign(json!({"common_name": "From call", "organization": "Call", "permitted_dns_domains": "call.example.com"}));
    assert!(named.contains("Subject: CN=From call,O=Call"), "{named}");
    assert!(
        !named.contains("csr.example.com") && !named.contains("1.2.3.4") && named.contains("DNS:call.example.com"),
        "{named}"
    );
    let unnamed = sign(json!({}));
    assert!(unnamed.contains("Subject: CN=From request\n"), "{unnamed}");
    let whole = sign(json!({"use_csr_values": "true", "common_name": "From call"}));
    assert!(whole.contains("Subject: CN=From request,O=Request"), "{whole}");
    assert!(whole.contains("DNS:csr.example.com") && whole.contains("1.2.3.4"), "{whole}");
    assert_eq!(whole.matches("Name Constraints").count(), 1);
    for shown in [&named, &unnamed, &whole] {
        assert_eq!(extension(shown, "X509v3 Basic Constraints"), "critical CA:TRUE");
        assert_eq!(extension(shown, "X509v3 Key Usage"), "critical Certificate Sign, CRL Sign");
        assert_eq!(hex(&extension(shown, "X509v3 Subject Key Identifier")).len(), 40);
    }
    let both = sign(json!({"use_csr_values": true, "permitted_dns_domains": "call.example.com"}));
    assert!(extension(&both, "X509v3 Name Constraints").contains("call.example.com"));
    assert!(!extension(&both, "X509v3 Name Constraints").contains("csr.example.com"));
    let chosen = sign(json!({"skid": "AA:bb-cc dd"}));
    assert_eq!(hex(&extension(&chosen, "X509v3 Subject Key Identifier")), "aabbccdd");
    refused(&pki.post("root/sign-intermediate", json!({"csr": request, "skid": "x"})), 400, "skid:");
}

#[test]
fn an_intermediate_ends_with_its_issuer_unless_an_error_is_wanted() {
    let pki = Pki::empty();
    let root = pki.root(json!({"ttl": "24h"}));
    let body = json!({"csr": csr("/CN=I", &[]), "ttl": "48h"});
    let answer = pki.post("root/sign-intermediate", body.clone());
    assert_eq!(data(&answer)["expiration"], root["expiration"]);
    assert!(warnings(&answer).contains("ends with its issuer"), "{}", warnings(&answer));
    let enforced = merged(body.clone(), &json!({"enforce_leaf_not_after_behavior": true}));
    refused(&pki.post("root/sign-intermediate", enforced), 400, "beyond the expiration of the CA certificate");
    pki.patch("issuer/root", json!({"leaf_not_after_behavior": "always_enforce_err"}));
    refused(&pki.post("root/sign-intermediate", body.clone()), 400, "beyond the expiration of the CA certificate");
    pki.patch("issuer/root", json!({"leaf_not_after_behavior": "permit"}));
    assert!(data(&pki.post("root/sign-intermediate", body))["expiration"].as_u64() > root["expiration"].as_u64());
}

#[test]
fn set_signed_takes_foreign_certificates_in_without_a_key_and_warns() {
    let pki = Pki::empty();
    refused(
        &pki.post("intermediate/set-signed", json!({})),
        400,
        "no certificate provided in the \"certificate\" parameter",
    );
    let (_, certificate) = foreign_ca("/CN=Foreign", &[]);
    let answer = pki.post("intermediate/set-signed", json!({ "certificate": certificate }));
    let imported = data(&answer);
    let id = texts(&imported, "imported_issuers").remove(0);
    assert_eq!(imported["mapping"][&id], "");
    assert!(warnings(&answer).contains("no private key"), "{}", warnings(&answer));
    assert_eq!(pki.read("config/issuers")["default"], "");
    pki.role(json!({}));
    let issue = pki.post(&format!("issuer/{id}/issue/any"), json!({"common_name": "a"}));
    refused(&issue, 400, "could not fetch the CA certificate");
    let leaf = crate::pki::foreign_leaf(&foreign_ca("/CN=Other", &[]), "7");
    let answer = pki.post("intermediate/set-signed", json!({ "certificate": leaf }));
    refused(&answer, 400, "Refusing to import non-CA certificate");
    let key = crate::pki::new_key("ec:P-256");
    let answer = pki.post("intermediate/set-signed", json!({ "certificate": format!("{certificate}{key}") }));
    refused(&answer, 400, "private keys found in the PEM bundle but not allowed by the path");
}

#[test]
fn the_issuer_that_signs_is_named_by_the_path_or_the_body() {
    let pki = Pki::with_root();
    pki.write("root/generate/internal", json!({"common_name": "Other", "issuer_name": "other", "key_type": "ec"}));
    let request = pki.write("intermediate/generate/internal", json!({"common_name": "I", "key_type": "ec"}));
    let signed = |path: &str, issuer: Value| {
        let signed = pki.write(path, json!({"csr": request["csr"], "issuer_ref": issuer, "ttl": "1h"}));
        text(&signed, "issuing_ca")
    };
    let [root, other] = ["root", "other"].map(|issuer| text(&pki.read(&format!("issuer/{issuer}")), "certificate"));
    assert_eq!(signed("root/sign-intermediate", Value::Null), root.trim_end());
    assert_eq!(signed("root/sign-intermediate", json!("other")), other.trim_end());
    assert_eq!(signed("issuer/root/sign-intermediate", json!("other")), root.trim_end(), "the path counts");
    let answer = pki.post("root/sign-intermediate", json!({"csr": request["csr"], "issuer_ref": "nobody"}));
    assert!(answer.status >= 400, "{}", answer.text);
}

#[test]
fn issuers_of_one_mount_make_up_chains_by_themselves() {
    let pki = Pki::with_root();
    let root = text(&pki.read("issuer/root/json"), "certificate");
    let request = pki.write("intermediate/generate/internal", json!({"common_name": "I", "key_type": "ec"}));
    let signed = pki.write("issuer/root/sign-intermediate", json!({"csr": request["csr"], "ttl": "43800h"}));
    let imported = pki.write("intermediate/set-signed", json!({"certificate": signed["certificate"]}));
    let id = texts(&imported, "imported_issuers").remove(0);
    let line = |pem: &str| format!("{}\n", pem.trim_end());
    let own = line(&text(&signed, "certificate"));
    assert_eq!(texts(&pki.read(&format!("issuer/{id}")), "ca_chain"), [own.clone(), line(&root)]);
    pki.role(json!({}));
    let leaf = pki.write(&format!("issuer/{id}/issue/any"), json!({"common_name": "a"}));
    let (fine, said) = verify(&root, &texts(&leaf, "ca_chain"), &text(&leaf, "certificate"), &[]);
    assert!(fine, "{said}");
    // The chain is shorter when the root leaves, and whole again when it comes back.
    pki.call("DELETE", "issuer/root", Value::Null);
    assert_eq!(texts(&pki.read(&format!("issuer/{id}")), "ca_chain"), std::slice::from_ref(&own));
    pki.write("issuers/import/cert", json!({ "pem_bundle": root }));
    assert_eq!(texts(&pki.read(&format!("issuer/{id}")), "ca_chain"), [own, line(&root)]);
}
