//! Certificates as their requests want them.

use serde_json::json;

use crate::pki::{Pki, csr, dump, extension, refused, text, verifies};

#[test]
fn what_the_request_says_is_copied_but_it_never_makes_a_ca() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    let request = csr(
        "/C=CH/O=Acme/CN=not a host name",
        &[
            "subjectAltName=critical,DNS:a.example.com,email:a@b.c,URI:spiffe://x/y",
            "keyUsage=critical,digitalSignature,keyCertSign",
            "extendedKeyUsage=codeSigning",
            "basicConstraints=critical,CA:TRUE",
            "1.2.3.4=ASN1:UTF8String:hello",
        ],
    );
    let signed = pki.write("sign-verbatim", json!({"csr": request, "ttl": "1h"}));
    let certificate = text(&signed, "certificate");
    let dump = dump(&certificate);
    assert!(dump.contains("Subject: CN=not a host name,O=Acme,C=CH"), "{dump}");
    assert_eq!(
        extension(&dump, "X509v3 Subject Alternative Name"),
        "critical DNS:a.example.com, email:a@b.c, URI:spiffe://x/y"
    );
    assert_eq!(extension(&dump, "X509v3 Key Usage"), "critical Digital Signature, Certificate Sign");
    assert_eq!(extension(&dump, "X509v3 Extended Key Usage"), "Code Signing");
    assert!(dump.contains("1.2.3.4:"), "{dump}");
    assert!(!dump.contains("CA:TRUE"), "{dump}");
    assert_eq!(extension(&dump, "X509v3 Basic Constraints"), "");
    // Whatever is signed with its key is no certificate to openssl.
    let (fine, said) = crate::pki::verify(&root, &[], &certificate, &["-purpose", "sslserver"]);
    assert!(!fine, "{said}");
    assert!(pki.list("certs").contains(&text(&signed, "serial_number")));
}

#[test]
fn what_the_request_leaves_open_comes_from_the_call() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    let request = csr("/CN=a.example.com", &[]);
    let plain = dump(&text(&pki.write("sign-verbatim", json!({ "csr": request })), "certificate"));
    assert_eq!(extension(&plain, "X509v3 Key Usage"), "critical Digital Signature, Key Encipherment, Key Agreement");
    assert!(!plain.contains("Extended Key Usage"), "{plain}");
    assert_eq!(extension(&plain, "X509v3 Subject Alternative Name"), "");
    let body = json!({
        "csr": request, "key_usage": "CRLSign", "ext_key_usage": ["ServerAuth"], "ext_key_usage_oids": "1.2.3",
        "basic_constraints_valid_for_non_ca": "true", "not_after": "2030-01-02T03:04:05Z",
    });
    let signed = text(&pki.write("sign-verbatim", body), "certificate");
    let full = dump(&signed);
    assert_eq!(extension(&full, "X509v3 Key Usage"), "critical CRL Sign");
    assert_eq!(extension(&full, "X509v3 Extended Key Usage"), "TLS Web Server Authentication, 1.2.3");
    assert_eq!(extension(&full, "X509v3 Basic Constraints"), "critical CA:FALSE");
    verifies(&root, &[], &signed);
    refused(&pki.post("sign-verbatim", json!({"csr": request, "signature_bits": 1})), 400, "signature");
    refused(&pki.post("sign-verbatim", json!({"csr": request, "ext_key_usage_oids": "x"})), 400, "ext_key_usage_oids:");
}

#[test]
fn a_role_gives_times_storage_and_issuer_only() {
    let pki = Pki::with_root();
    pki.root(json!({"common_name": "Second", "issuer_name": "second"}));
    pki.write("roles/short", json!({"max_ttl": "1h", "no_store": true, "issuer_ref": "second", "ou": "Role"}));
    let request = csr("/CN=a.example.com", &[]);
    let answer = pki.post("sign-verbatim/short", json!({"csr": request, "ttl": "9h"}));
    let signed = crate::pki::data(&answer);
    assert!(crate::pki::warnings(&answer).contains("maxTTL is being used"), "{}", answer.json);
    let shown = dump(&text(&signed, "certificate"));
    assert!(shown.contains("Issuer: CN=Second") && !shown.contains("OU=Role"), "{shown}");
    assert!(!pki.list("certs").contains(&text(&signed, "serial_number")));
    let by_path = pki.write("issuer/root/sign-verbatim/short", json!({ "csr": request }));
    assert!(dump(&text(&by_path, "certificate")).contains("Issuer: CN=Root"));
    let by_path = pki.write("issuer/second/sign-verbatim", json!({ "csr": request }));
    assert!(dump(&text(&by_path, "certificate")).contains("Issuer: CN=Second"));
    refused(&pki.post("sign-verbatim/none", json!({ "csr": request })), 400, "unknown role: none");
}
