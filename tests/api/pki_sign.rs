//! Certificates for keys that the client keeps.

use harness::openssl;
use serde_json::{Value, json};

use crate::pki::{
    Pki, csr, der as decode, dump, extension, new_csr, new_key, public_key, refused, text, verifies, warnings,
};

fn encode(der: &[u8]) -> String {
    let body = openssl(&["base64"], der);
    format!("-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n")
}

#[test]
fn a_request_is_signed_for_its_key_with_the_names_that_the_role_takes_from_it() {
    let pki = Pki::empty();
    let root = text(&pki.root(json!({})), "certificate");
    pki.role(json!({"key_type": "any", "ou": "Role"}));
    for algorithm in ["rsa:2048", "ec:P-256", "ec:P-384", "ec:P-521", "ED25519"] {
        let key = new_key(algorithm);
        let request = new_csr(&key, "/O=Request/CN=a.example.com", &["subjectAltName=DNS:b.example.com,IP:10.0.0.1"]);
        let answer = pki.post("sign/any", json!({"csr": request, "common_name": "c", "alt_names": "d.example.com"}));
        let signed = crate::pki::data(&answer);
        let certificate = text(&signed, "certificate");
        verifies(&root, &[], &certificate);
        assert_eq!(public_key("x509", &certificate), public_key("pkey", &key), "{algorithm}");
        let dump = dump(&certificate);
        assert_eq!(
            extension(&dump, "X509v3 Subject Alternative Name"),
            "DNS:a.example.com, DNS:b.example.com, IP Address:10.0.0.1"
        );
        assert!(dump.contains("Subject: CN=a.example.com,OU=Role") && !dump.contains("O=Request"), "{dump}");
        assert!(warnings(&answer).contains("alt_names"), "{}", warnings(&answer));
        assert_eq!(signed.get("private_key"), None);
    }
}

#[test]
fn a_role_may_take_the_names_from_the_call_instead() {
    let pki = Pki::with_root();
    pki.role(json!({"use_csr_common_name": false, "use_csr_sans": false}));
    let request = csr("/CN=csr.example.com", &["subjectAltName=DNS:csr.example.com"]);
    let answer = pki.post("sign/any", json!({"csr": request}));
    refused(&answer, 400, "the common_name field is required");
    let body = json!({"csr": request, "common_name": "call.example.com", "alt_names": "more.example.com"});
    let dump = dump(&text(&pki.write("sign/any", body), "certificate"));
    assert_eq!(extension(&dump, "X509v3 Subject Alternative Name"), "DNS:call.example.com, DNS:more.example.com");
    assert!(!dump.contains("csr.example.com"));
    // An empty common name of the request is filled in from the call.
    pki.role(json!({}));
    let request = csr("/O=x", &["subjectAltName=DNS:csr.example.com"]);
    let body = json!({"csr": request, "common_name": "call.example.com", "exclude_cn_from_sans": true});
    let dump = self::dump(&text(&pki.write("sign/any", body), "certificate"));
    assert!(dump.contains("Subject: CN=call.example.com"));
    assert_eq!(extension(&dump, "X509v3 Subject Alternative Name"), "DNS:csr.example.com");
}

#[test]
fn names_in_a_request_are_held_to_the_role_too() {
    let pki = Pki::with_root();
    pki.write("roles/web", json!({"allowed_domains": "ok.com", "allow_bare_domains": true, "key_type": "ec"}));
    for (subject, names, says) in [
        ("/CN=no.com", "DNS:ok.com", "common name no.com not allowed by this role"),
        ("/CN=ok.com", "DNS:no.com", "subject alternate name no.com not allowed by this role"),
        ("/CN=ok.com", "email:a@no.com", "email address a@no.com not allowed by this role"),
        ("/CN=ok.com", "URI:spiffe://a", "URI Subject Alternative Names"),
        ("/CN=ok.com", "otherName:1.2.3;UTF8:x", "other SAN OID 1.2.3 not allowed by this role"),
        ("/CN=ok.com/serialNumber=7", "DNS:ok.com", "serial_number 7 not allowed by this role"),
        ("/CN=ok.com/UID=u", "DNS:ok.com", "user_id u is not allowed by this role"),
    ] {
        let request = csr(subject, &[&format!("subjectAltName={names}")]);
        refused(&pki.post("sign/web", json!({ "csr": request })), 400, says);
    }
    let request = csr("/CN=ok.com", &["subjectAltName=DNS:ok.com"]);
    let answer = pki.post("sign/web", json!({"csr": request, "serial_number": "8"}));
    refused(&answer, 400, "serial_number 8 not allowed by this role");
    assert!(pki.list("certs").len() == 1, "only the root");
}

#[test]
fn a_request_that_wants_to_be_a_ca_gets_a_leaf_and_a_warning() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let request = csr("/CN=a.example.com", &["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"]);
    let answer = pki.post("sign/any", json!({ "csr": request }));
    let dump = dump(&text(&crate::pki::data(&answer), "certificate"));
    assert!(!dump.contains("CA:TRUE") && !dump.contains("Certificate Sign"), "{dump}");
    let says = "specified CSR contained a Basic Constraints extension that was ignored during issuance";
    assert!(warnings(&answer).contains(says), "{}", warnings(&answer));
}

#[test]
fn keys_that_the_role_does_not_take_are_refused() {
    let pki = Pki::with_root();
    pki.write("roles/any", json!({"allow_any_name": true, "key_type": "any"}));
    pki.write("roles/ec384", json!({"allow_any_name": true, "key_type": "ec", "key_bits": 384}));
    pki.write("roles/rsa3072", json!({"allow_any_name": true, "key_type": "rsa", "key_bits": 3072}));
    for (algorithm, role, says) in [
        ("rsa:1024", "any", "RSA keys < 2048 bits are unsafe and not supported"),
        ("ec:P-224", "any", "Unknown key type in CSR: elliptic curve 1.3.132.0.33"),
        ("ec:secp256k1", "any", "Unknown key type in CSR: elliptic curve"),
        ("ED448", "any", "Unknown key type in CSR: algorithm 1.3.101.113"),
        ("rsa:2048", "ec384", "role requires keys of type ec"),
        ("ED25519", "rsa3072", "role requires keys of type rsa"),
        ("ec:P-256", "ec384", "role requires a minimum of a 384-bit key, but CSR's key is 256 bits"),
        ("rsa:2048", "rsa3072", "role requires a minimum of a 3072-bit key, but CSR's key is 2048 bits"),
    ] {
        let request = new_csr(&new_key(algorithm), "/CN=a.example.com", &[]);
        refused(&pki.post(&format!("sign/{role}"), json!({ "csr": request })), 400, says);
    }
    let larger = new_csr(&new_key("ec:P-521"), "/CN=a.example.com", &[]);
    pki.write("sign/ec384", json!({ "csr": larger }));
}

#[test]
fn requests_that_are_none_are_refused_in_the_words_of_the_reference() {
    let pki = Pki::with_root();
    pki.role(json!({"key_type": "any"}));
    let good = csr("/CN=a.example.com", &[]);
    let certificate = text(&pki.read("cert/ca"), "certificate");
    for (request, says) in [
        (json!(""), "\"csr\" is empty"),
        (Value::Null, "\"csr\" is empty"),
        (json!("garbage!"), "csr contains no data"),
        (json!("-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----"), "csr contains no data"),
        (json!("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n"), "csr contains no data"),
        (json!(certificate), "certificate request could not be parsed: "),
        (json!("QUFBQQ=="), "certificate request could not be parsed: "),
        (json!(encode(&decode(&good)[..100])), "certificate request could not be parsed: "),
        (json!(encode(&vec![0x30; 70_000])), "csr: must be at most"),
        (json!("A".repeat(1_000_000)), "csr: must be at most"),
        (json!(["a"]), "csr:"),
    ] {
        for path in ["sign/any", "sign-verbatim", "root/sign-intermediate"] {
            refused(&pki.post(path, json!({ "csr": request })), 400, says);
        }
    }
    // What openssl and Windows write around it is no matter, nor is base64 without any.
    for request in [
        good.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"),
        good.replace('\n', "\r\n"),
        openssl(&["req", "-text"], &good),
        good.lines().filter(|line| !line.starts_with("-----")).collect(),
    ] {
        pki.write("sign/any", json!({ "csr": request }));
    }
}

#[test]
fn a_request_with_a_byte_changed_anywhere_is_never_signed() {
    let pki = Pki::with_root();
    pki.role(json!({"key_type": "any", "require_cn": false, "enforce_hostnames": false}));
    let good = decode(&csr("/CN=a.example.com", &["subjectAltName=DNS:b.example.com"]));
    let before = pki.list("certs").len();
    for at in (0..good.len()).step_by(3) {
        let mut bad = good.clone();
        bad[at] ^= 0x01;
        let answer = pki.post("sign/any", json!({ "csr": encode(&bad) }));
        assert_eq!(answer.status, 400, "byte {at}: {}", answer.json);
        let words = answer.json["errors"][0].as_str().unwrap();
        let known = ["certificate request could not be parsed", "request signature invalid", "Unknown key type in CSR"];
        assert!(known.iter().any(|known| words.starts_with(known)), "byte {at}: {words}");
    }
    assert_eq!(pki.list("certs").len(), before);
}
