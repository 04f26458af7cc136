//! What clients may send that is no request at all.

use harness::ROOT;
use serde_json::{Value, json};

use crate::pki::{Pki, csr, text};

#[test]
fn any_shape_of_any_field_is_answered_with_a_refusal_or_as_if_it_were_fine() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let values = [
        json!(null),
        json!(""),
        json!("\u{0}"),
        json!("é\u{202e}"),
        json!(-1),
        json!(1e300),
        json!(u64::MAX),
        json!(true),
        json!([]),
        json!([[[]]]),
        json!({}),
        json!([null, 1, {"a": []}]),
        json!("*"),
        json!("../../x"),
        json!("a".repeat(5000)),
    ];
    let request = csr("/CN=a.example.com", &[]);
    let common = [
        "common_name",
        "alt_names",
        "ip_sans",
        "uri_sans",
        "other_sans",
        "serial_number",
        "exclude_cn_from_sans",
        "user_ids",
        "ttl",
        "not_after",
        "format",
        "private_key_format",
        "remove_roots_from_chain",
    ];
    let subject = [
        "ou",
        "organization",
        "country",
        "postal_code",
        "not_before_duration",
        "max_path_length",
        "permitted_dns_domains",
        "excluded_ip_ranges",
        "permitted_uri_domains",
        "signature_bits",
        "use_pss",
    ];
    let keys = ["key_type", "key_bits", "key_name", "key_ref", "managed_key_name", "issuer_name"];
    for (path, groups) in [
        ("issue/any", &[&common[..]][..]),
        ("sign/any", &[&common, &["csr"]]),
        ("sign-verbatim", &[&["csr", "key_usage", "ext_key_usage_oids", "ttl"]]),
        ("root/sign-intermediate", &[&common, &subject, &["csr", "skid", "use_csr_values"]]),
        ("root/generate/internal", &[&common, &subject, &keys]),
        ("intermediate/generate/existing", &[&common, &["key_ref", "add_basic_constraints"]]),
        ("revoke", &[&["serial_number", "certificate"]]),
        ("intermediate/set-signed", &[&["certificate"]]),
        ("issuers/import/bundle", &[&["pem_bundle"]]),
        ("keys/import", &[&["pem_bundle", "key_name"]]),
        ("config/urls", &[&["issuing_certificates", "enable_templating"]]),
        ("config/issuers", &[&["default", "default_follows_latest_issuer"]]),
    ] {
        for field in groups.iter().copied().flatten() {
            for value in &values {
                let mut body = json!({"common_name": "a.example.com", "csr": request, "key_type": "ec"});
                if path.ends_with("existing") {
                    body = json!({"common_name": "a"});
                }
                body[*field] = value.clone();
                let answer = pki.post(path, body);
                let fine = (200..300).contains(&answer.status) || answer.status == 400;
                assert!(fine, "{path} {field} {value}: {} {}", answer.status, answer.json);
            }
        }
    }
    // The mount works still.
    pki.root(json!({"issuer_name": "after"}));
    pki.write("issuer/after/issue/any", json!({"common_name": "a.example.com"}));
}

#[test]
fn bodies_that_are_no_json_object_are_refused() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    for body in ["[]", "1", "\"a\"", "{", "{\"common_name\":\"a\"", "\u{0}", "{\"a\":1}{"] {
        for path in ["issue/any", "roles/any", "revoke", "root/generate/internal"] {
            let answer = pki.server.send_bytes("POST", &format!("pki/{path}"), &[("X-Vault-Token", ROOT)], body.into());
            assert_eq!(answer.status, 400, "{path} {body}: {}", answer.text);
        }
    }
    assert_eq!(pki.list("certs").len(), 1);
}

#[test]
fn hostile_names_in_paths_reach_nothing() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    for name in ["%2e%2e", "..%2f..%2fx", "a%00b", "%ff", "-", ".", "a%20b", &"x".repeat(3000), "%E2%80%AE", "*", "%25"]
    {
        for (method, path) in [
            ("GET", "roles/@"),
            ("DELETE", "roles/@"),
            ("POST", "issue/@"),
            ("GET", "issuer/@"),
            ("DELETE", "issuer/@"),
            ("GET", "issuer/@/json"),
            ("GET", "issuer/@/crl/der"),
            ("POST", "issuer/@/issue/any"),
            ("GET", "key/@"),
            ("DELETE", "key/@"),
            ("GET", "cert/@"),
            ("GET", "cert/@/raw"),
            ("POST", "root/generate/@"),
            ("POST", "sign-verbatim/@"),
        ] {
            let path = path.replace('@', name);
            let body = if method == "POST" { json!({"common_name": "a"}) } else { Value::Null };
            let answer = pki.call(method, &path, body);
            assert!(answer.status < 500, "{method} {path}: {} {}", answer.status, answer.json);
        }
    }
    assert_eq!(text(&pki.read("issuer/root"), "issuer_name"), "root");
}
