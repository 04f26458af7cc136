//! Roles.

use harness::ROOT;
use serde_json::{Value, json};

use crate::pki::{Pki, data, refused, warnings};

#[test]
fn a_role_reads_back_with_every_default_of_the_reference() {
    let pki = Pki::with_root();
    assert_eq!(pki.get("roles/web").status, 404);
    let written = pki.post("roles/web", json!({}));
    assert_eq!(written.status, 200);
    assert!(!warnings(&written).contains("could not be resolved"), "{}", written.json);
    let expected = json!({
        "issuer_ref": "default", "ttl": 0, "max_ttl": 0, "allow_localhost": true, "allowed_domains": [],
        "allowed_domains_template": false, "allow_bare_domains": false, "allow_subdomains": false,
        "allow_glob_domains": false, "allow_wildcard_certificates": true, "allow_any_name": false,
        "enforce_hostnames": true, "allow_ip_sans": true, "allowed_uri_sans": [], "allowed_uri_sans_template": false,
        "allowed_other_sans": [], "allowed_serial_numbers": [], "allowed_user_ids": [], "server_flag": true,
        "client_flag": true, "code_signing_flag": false, "email_protection_flag": false, "key_type": "rsa",
        "key_bits": 2048, "signature_bits": 256, "use_pss": false,
        "key_usage": ["DigitalSignature", "KeyAgreement", "KeyEncipherment"], "ext_key_usage": [],
        "ext_key_usage_oids": [], "use_csr_common_name": true, "use_csr_sans": true, "ou": [], "organization": [],
        "country": [], "locality": [], "province": [], "street_address": [], "postal_code": [],
        "generate_lease": false, "no_store": false, "no_store_metadata": false, "require_cn": true,
        "cn_validations": ["email", "hostname"], "policy_identifiers": [], "basic_constraints_valid_for_non_ca": false,
        "not_before_duration": 30, "not_after": "", "allow_token_displayname": false,
    });
    assert_eq!(pki.read("roles/web"), expected);
    assert_eq!(written.json["data"], expected);
}

#[test]
fn posting_a_role_replaces_it_and_patching_merges_into_it() {
    let pki = Pki::empty();
    let first = json!({"allowed_domains": ["a.example", "b.example"], "max_ttl": "72h", "key_type": "ec", "ou": "x"});
    pki.write("roles/web", first);
    // What follows from the key type follows again when the type changes.
    let patched = data(&pki.patch("roles/web", json!({"allow_subdomains": true, "max_ttl": "24h", "ou": null})));
    assert_eq!(patched["allowed_domains"], json!(["a.example", "b.example"]));
    assert_eq!((&patched["allow_subdomains"], &patched["max_ttl"]), (&json!(true), &json!(86_400)));
    assert_eq!((&patched["key_type"], &patched["key_bits"], &patched["ou"]), (&json!("ec"), &json!(256), &json!([])));
    assert_eq!(pki.read("roles/web"), patched);
    let replaced = data(&pki.call("PUT", "roles/web", json!({"ttl": "1h"})));
    assert_eq!((&replaced["allowed_domains"], &replaced["max_ttl"]), (&json!([]), &json!(0)));
    assert_eq!((&replaced["ttl"], &replaced["key_type"]), (&json!(3600), &json!("rsa")));
}

#[test]
fn a_patch_needs_its_content_type_and_something_to_patch() {
    let pki = Pki::empty();
    refused(&pki.patch("roles/none", json!({})), 400, "Unable to fetch role entry to patch");
    pki.write("roles/web", json!({}));
    assert_eq!(pki.call("PATCH", "roles/web", json!({"ttl": "1h"})).status, 415);
    let plain = [("X-Vault-Token", ROOT), ("Content-Type", "application/json")];
    assert_eq!(pki.server.send("PATCH", "pki/roles/web", &plain, json!({"ttl": "1h"})).status, 415);
    assert_eq!(pki.read("roles/web")["ttl"], 0);
    refused(&pki.patch("roles/web", json!({"key_bits": 100})), 400, "RSA keys < 2048");
    refused(&pki.patch("roles/web", json!({"ttl": "soon"})), 400, "ttl:");
    assert_eq!(pki.read("roles/web")["key_bits"], 2048);
}

#[test]
fn roles_are_listed_in_pages_and_removing_one_twice_is_no_error() {
    let pki = Pki::empty();
    assert_eq!(pki.call("LIST", "roles", Value::Null).status, 404);
    for name in ["c", "a", "b.with-dots_and", "b"] {
        pki.write(&format!("roles/{name}"), json!({}));
    }
    assert_eq!(pki.list("roles"), ["a", "b", "b.with-dots_and", "c"]);
    assert_eq!(pki.list("roles?limit=2"), ["a", "b"]);
    assert_eq!(pki.list("roles?after=b&limit=1"), ["b.with-dots_and"]);
    for _ in 0..2 {
        assert_eq!(pki.call("DELETE", "roles/a", Value::Null).status, 204);
    }
    assert_eq!(pki.get("roles/a").status, 404);
    refused(&pki.post("issue/a", json!({"common_name": "x"})), 400, "unknown role: a");
}

#[test]
fn a_role_that_contradicts_itself_is_refused_and_not_kept() {
    let pki = Pki::empty();
    for (body, says) in [
        (json!({"ttl": "2h", "max_ttl": "1h"}), "\"ttl\" value must be less than \"max_ttl\" value"),
        (json!({"key_type": "dsa"}), "key type"),
        (json!({"key_bits": 1024}), "RSA keys < 2048 bits are unsafe and not supported"),
        (json!({"key_type": "ec", "key_bits": 224}), "224"),
        (json!({"key_type": "any", "key_bits": 5}), "key_bits"),
        (json!({"signature_bits": 100}), "signature"),
        (json!({"cn_validations": ["disabled", "email"]}), "cn_validations:"),
        (json!({"ext_key_usage_oids": "1.2.x"}), "ext_key_usage_oids:"),
        (json!({"allowed_other_sans": ["1.2.3"]}), "allowed_other_sans"),
        (json!({"policy_identifiers": ["x"]}), "policy_identifiers"),
        (json!({"policy_identifiers": "[{\"oid\":\"1.2.3\",\"cps\":\"http://é\"}]"}), "policy_identifiers"),
        (json!({"not_after": "tomorrow"}), "not_after:"),
        (json!({"ttl": -1}), "ttl:"),
        (json!({"server_flag": "perhaps"}), "server_flag:"),
        (json!({"allowed_domains": {"a": 1}}), "allowed_domains:"),
        (json!({"key_bits": 1e30}), "key_bits:"),
        (json!({"allowed_domains": vec!["a"; 1001]}), "allowed_domains:"),
    ] {
        refused(&pki.post("roles/web", body), 400, says);
    }
    for name in ["-a", "a-", "%2e%2e", "a%20b", "a%00b", &"x".repeat(300)] {
        let answer = pki.post(&format!("roles/{name}"), json!({}));
        assert_eq!(answer.status, 400, "{name}: {}", answer.json);
        let answer = pki.get(&format!("roles/{name}"));
        assert!([400, 404].contains(&answer.status), "{name}: {}", answer.json);
        let answer = pki.call("DELETE", &format!("roles/{name}"), Value::Null);
        assert!([204, 400].contains(&answer.status), "{name}: {}", answer.json);
        let answer = pki.post(&format!("issue/{name}"), json!({"common_name": "x"}));
        assert_eq!(answer.status, 400, "{name}: {}", answer.json);
    }
    assert_eq!(pki.call("LIST", "roles", Value::Null).status, 404);
}

#[test]
fn what_will_not_work_as_written_is_warned_of() {
    let pki = Pki::empty();
    for (body, says) in [
        (json!({"issuer_ref": "later"}), "could not be resolved"),
        (json!({"no_store": true, "generate_lease": true}), "no_store=true takes priority"),
        (json!({"generate_lease": true}), "generate_lease"),
        (json!({"max_ttl": "999999h"}), "max_ttl"),
    ] {
        let answer = pki.post("roles/web", body);
        assert_eq!(answer.status, 200);
        assert!(warnings(&answer).contains(says), "{}", answer.json);
    }
}

#[test]
fn every_field_may_come_as_text_as_cert_manager_sends_it() {
    let pki = Pki::with_root();
    let role = json!({
        "allowed_domains": "example.com,example.org", "allow_subdomains": "true", "allow_bare_domains": "1",
        "allow_localhost": "false", "max_ttl": "72h", "ttl": "3600", "key_type": "any", "key_bits": "0",
        "require_cn": "false", "use_csr_common_name": "true", "use_csr_sans": "false", "ou": "one,two",
        "key_usage": "DigitalSignature,KeyEncipherment", "ext_key_usage": "", "not_before_duration": "1m",
        "generate_lease": "false", "no_store": "",
    });
    let kept = pki.write("roles/web", role);
    assert_eq!(kept["allowed_domains"], json!(["example.com", "example.org"]));
    assert_eq!((&kept["ttl"], &kept["not_before_duration"]), (&json!(3600), &json!(60)));
    assert_eq!((&kept["allow_localhost"], &kept["no_store"]), (&json!(false), &json!(false)));
    assert_eq!(kept["ou"], json!(["one", "two"]));
    let csr = crate::pki::csr("/CN=a.example.com", &[]);
    let signed = pki.write(
        "sign/web",
        json!({
            "csr": csr, "common_name": "a.example.com", "alt_names": "b.example.com,c.example.org",
            "ip_sans": "10.0.0.1,::1", "uri_sans": "", "ttl": "2160h", "exclude_cn_from_sans": "true",
        }),
    );
    let dump = crate::pki::dump(signed["certificate"].as_str().unwrap());
    assert_eq!(
        crate::pki::extension(&dump, "X509v3 Subject Alternative Name"),
        "DNS:b.example.com, DNS:c.example.org, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1"
    );
    assert!(signed["expiration"].is_u64());
}

#[test]
fn help_tells_the_fields_of_a_role_and_what_they_are_for() {
    let pki = Pki::empty();
    let help = pki.get("roles/x?help=1");
    assert_eq!(help.status, 200);
    let text = help.json["help"].as_str().unwrap();
    for word in ["allowed_domains", "key_type", "not_before_duration", "use_csr_sans", "Allows any name"] {
        assert!(text.contains(word), "{word} is missing in {text}");
    }
}
