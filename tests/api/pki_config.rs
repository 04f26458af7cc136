//! Addresses that are written into certificates.

use serde_json::{Value, json};

use crate::pki::{Pki, dump, extension, refused, text};

#[test]
fn addresses_are_merged_checked_and_written_into_what_is_issued() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let nothing = json!({
        "issuing_certificates": [], "crl_distribution_points": [], "ocsp_servers": [], "enable_templating": false,
    });
    assert_eq!(pki.read("config/urls"), nothing);
    pki.write("config/urls", json!({"issuing_certificates": "http://a/ca,http://b/ca"}));
    let merged = pki.write("config/urls", json!({"crl_distribution_points": ["http://a/crl", "ldap://b/cn=x,dc=y"]}));
    assert_eq!(merged["issuing_certificates"], json!(["http://a/ca", "http://b/ca"]));
    let leaf = dump(&text(&pki.issue(json!({})), "certificate"));
    assert_eq!(
        extension(&leaf, "Authority Information Access"),
        "CA Issuers - URI:http://a/ca CA Issuers - URI:http://b/ca"
    );
    let points = extension(&leaf, "X509v3 CRL Distribution Points");
    assert!(points.contains("URI:http://a/crl") && points.contains("URI:ldap://b/cn=x,dc=y"), "{points}");
    for bad in ["nowhere", "http://", "http://a b", "http://é"] {
        let says = "invalid URL found in Authority Information Access (AIA) parameter ocsp_servers";
        refused(&pki.post("config/urls", json!({ "ocsp_servers": bad })), 400, says);
    }
    assert_eq!(pki.read("config/urls"), merged);
    pki.write("config/urls", json!({"crl_distribution_points": []}));
    assert_eq!(pki.read("config/urls")["crl_distribution_points"], json!([]));
}

#[test]
fn a_root_carries_its_own_id_where_the_template_says_so() {
    let pki = Pki::empty();
    pki.write("config/urls", json!({"issuing_certificates": "http://a/{{issuer_id}}", "enable_templating": true}));
    let root = pki.root(json!({}));
    let access = extension(&dump(&text(&root, "certificate")), "Authority Information Access");
    assert_eq!(access, format!("CA Issuers - URI:http://a/{}", text(&root, "issuer_id")));
    assert_eq!(pki.call("DELETE", "config/urls", Value::Null).status, 405);
}
