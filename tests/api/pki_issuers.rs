//! Issuers: names, defaults, settings.

use serde_json::{Value, json};

use crate::pki::{Pki, data, dump, extension, foreign_ca, refused, text, texts, warnings};

#[test]
fn an_issuer_reads_back_with_every_setting() {
    let pki = Pki::empty();
    let root = pki.root(json!({}));
    let mut read = pki.read("issuer/root");
    let pem = format!("{}\n", text(&root, "certificate"));
    let fields = read.as_object_mut().unwrap();
    assert_eq!(fields.remove("issuer_id"), Some(root["issuer_id"].clone()));
    assert_eq!(
        read,
        json!({
            "issuer_name": "root", "key_id": root["key_id"], "certificate": pem, "manual_chain": null,
            "ca_chain": [pem],
            "leaf_not_after_behavior": "err", "usage": "read-only,issuing-certificates,crl-signing,ocsp-signing",
            "revocation_signature_algorithm": "ECDSAWithSHA256", "revoked": false, "issuing_certificates": [],
            "crl_distribution_points": [], "ocsp_servers": [], "enable_aia_url_templating": false,
        })
    );
    let id = text(&root, "issuer_id");
    for reference in [id.as_str(), "default", &id.to_ascii_uppercase()] {
        assert_eq!(pki.read(&format!("issuer/{reference}"))["issuer_name"], "root", "{reference}");
    }
    let listed = data(&pki.bare("LIST", "issuers"));
    assert_eq!(texts(&listed, "keys"), [id.as_str()]);
    let info = json!({
        "issuer_name": "root", "is_default": true, "serial_number": root["serial_number"], "key_id": root["key_id"],
    });
    assert_eq!(listed["key_info"][&id], info);
    for reference in ["none", "00000000-0000-4000-8000-000000000000", "a%20b", "-"] {
        let answer = pki.get(&format!("issuer/{reference}"));
        refused(&answer, 400, "unable to find PKI issuer for reference: ");
    }
}

#[test]
fn posting_settings_replaces_them_and_patching_changes_some() {
    let pki = Pki::with_root();
    let body = json!({
        "issuer_name": "root", "leaf_not_after_behavior": "truncate", "usage": ["crl-signing", "issuing-certificates"],
        "crl_distribution_points": "http://a/crl,http://b/crl", "issuing_certificates": ["http://a/ca"],
    });
    let posted = pki.write("issuer/root", body);
    assert_eq!(posted["usage"], "read-only,issuing-certificates,crl-signing");
    assert_eq!(posted["crl_distribution_points"], json!(["http://a/crl", "http://b/crl"]));
    let patched = data(&pki.patch("issuer/root", json!({"issuer_name": "renamed"})));
    assert_eq!(patched["leaf_not_after_behavior"], "truncate");
    assert_eq!(patched["crl_distribution_points"], posted["crl_distribution_points"]);
    refused(&pki.get("issuer/root"), 400, "unable to find PKI issuer for reference: root");
    let replaced = pki.write("issuer/renamed", json!({"leaf_not_after_behavior": "permit"}));
    assert_eq!((&replaced["issuer_name"], &replaced["crl_distribution_points"]), (&json!(""), &json!([])));
    let id = text(&replaced, "issuer_id");
    assert_eq!(pki.call("PATCH", &format!("issuer/{id}"), json!({})).status, 415);
    for (body, says) in [
        (json!({"issuer_name": "default"}), "reserved keyword 'default' can not be used as issuer name"),
        (json!({"issuer_name": "a b"}), "issuer name contained invalid characters"),
        (json!({"leaf_not_after_behavior": "x"}), "Unknown value for field `leaf_not_after_behavior`."),
        (json!({"usage": "fly"}), "Unable to parse specified usages: "),
        (json!({"revocation_signature_algorithm": "MD5"}), "revocation_signature_algorithm:"),
        (json!({"revocation_signature_algorithm": "SHA256WithRSA"}), "does not fit the issuer's key"),
        (
            json!({"crl_distribution_points": "nowhere"}),
            "invalid URL found in Authority Information Access (AIA) parameter",
        ),
        (json!({"manual_chain": "none"}), "unable to find PKI issuer for reference: none"),
    ] {
        refused(&pki.patch(&format!("issuer/{id}"), body), 400, says);
    }
    assert_eq!(pki.read(&format!("issuer/{id}")), replaced);
    let other = pki.root(json!({"issuer_name": "other"}));
    refused(&pki.patch(&format!("issuer/{id}"), json!({"issuer_name": "other"})), 400, "issuer name already in use");
    let chain = json!({"manual_chain": [other["issuer_id"], id]});
    refused(&pki.patch(&format!("issuer/{id}"), chain), 400, "expected first cert in chain to be a self-reference");
    let chain = data(&pki.patch(&format!("issuer/{id}"), json!({"manual_chain": [id, "other"]})));
    assert_eq!(texts(&chain, "ca_chain").len(), 2);
    assert_eq!(chain["manual_chain"], json!([id, other["issuer_id"]]));
}

#[test]
fn each_issuer_issues_under_its_own_name_and_the_default_under_none() {
    let pki = Pki::empty();
    let one = pki.root(json!({"issuer_name": "one", "common_name": "One"}));
    let two = pki.root(json!({"issuer_name": "two", "common_name": "Two"}));
    pki.role(json!({}));
    pki.write("roles/second", json!({"issuer_ref": "two", "allow_any_name": true, "key_type": "ec"}));
    let issuer = |path: &str| text(&pki.write(path, json!({"common_name": "a.example.com"})), "issuing_ca");
    let (first, second) = (text(&one, "certificate"), text(&two, "certificate"));
    for (path, expected) in [
        ("issue/any", &first),
        ("issue/second", &second),
        ("issuer/two/issue/any", &second),
        ("issuer/one/issue/second", &first),
        ("issuer/default/issue/second", &first),
    ] {
        assert_eq!(&issuer(path), expected, "{path}");
    }
    for bad in ["", "default"] {
        let says = "Invalid issuer specification; must be non-empty and can't be 'default'.";
        refused(&pki.post("config/issuers", json!({ "default": bad })), 400, says);
    }
    refused(&pki.post("config/issuers", json!({"default": "none"})), 400, "unable to find PKI issuer");
    let written = pki.write("config/issuers", json!({"default": "two"}));
    assert_eq!(written, json!({"default": two["issuer_id"], "default_follows_latest_issuer": false}));
    assert_eq!(issuer("issue/any"), second);
    let (_, foreign) = foreign_ca("/CN=Foreign", &[]);
    let imported = pki.write("issuers/import/cert", json!({ "pem_bundle": foreign }));
    let answer = pki.post("config/issuers", json!({"default": imported["imported_issuers"][0]}));
    assert!(warnings(&answer).contains("no key associated with it"), "{}", answer.json);
}

#[test]
fn without_the_default_issuer_issuing_fails_in_the_words_of_the_reference() {
    let pki = Pki::empty();
    let one = pki.root(json!({"issuer_name": "one"}));
    pki.root(json!({"issuer_name": "two"}));
    pki.role(json!({}));
    let answer = pki.call("DELETE", "issuer/default", Value::Null);
    assert_eq!((answer.status, &answer.json["data"]), (200, &Value::Null));
    assert!(warnings(&answer).contains(&text(&one, "issuer_id")), "{}", answer.json);
    let issue = pki.post("issue/any", json!({"common_name": "a"}));
    refused(&issue, 400, "could not fetch the CA certificate (was one set?): unable to find PKI issuer");
    assert_eq!(pki.read("config/issuers")["default"], "");
    assert_eq!(pki.get("ca").status, 204);
    pki.write("issuer/two/issue/any", json!({"common_name": "a"}));
    assert_eq!(pki.call("DELETE", "issuer/one", Value::Null).status, 200, "deleting what is gone is no error");
    assert_eq!(pki.list("issuers").len(), 1);
    // The key stays, and the name is free.
    assert_eq!(pki.list("keys").len(), 2);
    pki.write("root/generate/existing", json!({"common_name": "R", "key_ref": one["key_id"], "issuer_name": "one"}));
}

#[test]
fn addresses_of_the_issuer_win_over_those_of_the_mount_and_templates_are_filled_in() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let access = |issued: &Value| extension(&dump(&text(issued, "certificate")), "Authority Information Access");
    assert_eq!(access(&pki.issue(json!({}))), "");
    pki.write("config/urls", json!({"issuing_certificates": "http://mount/ca", "ocsp_servers": "http://mount/ocsp"}));
    let expected = "OCSP - URI:http://mount/ocsp CA Issuers - URI:http://mount/ca";
    assert_eq!(access(&pki.issue(json!({}))), expected);
    let own = json!({"issuing_certificates": "http://own/{{issuer_id}}/der", "enable_aia_url_templating": true});
    let id = text(&data(&pki.patch("issuer/root", own)), "issuer_id");
    assert_eq!(access(&pki.issue(json!({}))), format!("CA Issuers - URI:http://own/{id}/der"));
    pki.patch("issuer/root", json!({"issuing_certificates": ["{{cluster_path}}/ca"]}));
    refused(&pki.post("issue/any", json!({"common_name": "a"})), 400, "unable to resolve the template");
}

#[test]
fn an_issuer_whose_certificate_may_not_sign_lists_gets_no_such_usage() {
    let pki = Pki::empty();
    let (key, certificate) = foreign_ca("/CN=No lists", &["keyUsage=critical,keyCertSign"]);
    let imported = pki.write("issuers/import/bundle", json!({ "pem_bundle": format!("{certificate}{key}") }));
    let path = format!("issuer/{}", imported["imported_issuers"][0].as_str().unwrap());
    assert_eq!(pki.read(&path)["usage"], "read-only,issuing-certificates,ocsp-signing");
    refused(&pki.patch(&path, json!({"usage": "crl-signing"})), 400, "CRLSign");
    pki.role(json!({}));
    let leaf = pki.issue(json!({}));
    pki.write("revoke", json!({"serial_number": leaf["serial_number"]}));
}
