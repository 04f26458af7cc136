//! Reading certificates.

use harness::openssl;
use serde_json::{Value, json};

use crate::pki::{Pki, text, texts};

#[test]
fn a_certificate_is_read_by_its_serial_in_every_form_without_a_token() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    let leaf = pki.issue(json!({}));
    let (serial, certificate) = (text(&leaf, "serial_number"), text(&leaf, "certificate"));
    for form in [serial.clone(), serial.replace(':', "-"), serial.to_ascii_uppercase()] {
        let answer = pki.bare("GET", &format!("cert/{form}"));
        assert_eq!(text(&answer.json["data"], "certificate"), certificate, "{form}");
        let answer = pki.bare("GET", &format!("cert/{form}/raw"));
        assert_eq!(answer.bytes, crate::pki::der(&certificate), "{form}");
        assert!(answer.headers.contains(&("content-type".into(), "application/pkix-cert".into())));
        let answer = pki.bare("GET", &format!("cert/{form}/raw/pem"));
        assert_eq!(answer.text.trim_end(), certificate, "{form}");
        assert!(answer.headers.contains(&("content-type".into(), "application/pem-certificate-chain".into())));
    }
    let read = pki.read(&format!("cert/{serial}"));
    assert_eq!(read["authority_key_id"], leaf["authority_key_id"]);
    assert_eq!(read.get("private_key"), None);
}

#[test]
fn what_is_not_there_is_not_found_and_raw_forms_are_empty() {
    let pki = Pki::empty();
    for path in ["ca", "ca/pem", "ca_chain", "cert/ca/raw", "cert/ca/raw/pem", "cert/17:67/raw"] {
        let answer = pki.bare("GET", path);
        assert_eq!((answer.status, answer.bytes.len()), (204, 0), "{path}: {}", answer.text);
    }
    for path in
        ["cert/ca", "cert/ca_chain", "cert/17:67", "cert/xyz", "cert/17:6", "cert/%2e%2e", "cert/a%00", "cert/é"]
    {
        let answer = pki.bare("GET", path);
        assert!(
            answer.status == 404 || (path.contains(['%', 'é']) && answer.status == 400),
            "{path}: {}",
            answer.status
        );
    }
    let long = format!("cert/{}", "aa:".repeat(500));
    assert!([400, 404].contains(&pki.bare("GET", &long).status), "a name that no storage holds");
    assert_eq!(pki.call("LIST", "certs", Value::Null).status, 404);
}

#[test]
fn the_default_issuer_is_read_as_ca_and_ca_chain() {
    let pki = Pki::with_root();
    let root = text(&pki.read("issuer/root/json"), "certificate");
    let request = pki.write("intermediate/generate/internal", json!({"common_name": "I", "key_type": "ec"}));
    let signed = pki.write("root/sign-intermediate", json!({"csr": request["csr"]}));
    let imported = pki.write("intermediate/set-signed", json!({"certificate": signed["certificate"]}));
    pki.write("config/issuers", json!({"default": imported["imported_issuers"][0]}));
    let own = text(&signed, "certificate");
    let chain = format!("{own}\n{}", root.trim_end());
    let raw = |path: &str, kind: &str| {
        let answer = pki.bare("GET", path);
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.contains(&("content-type".into(), kind.into())), "{path}: {:?}", answer.headers);
        answer
    };
    for path in ["ca", "cert/ca/raw"] {
        assert_eq!(raw(path, "application/pkix-cert").bytes, crate::pki::der(&own), "{path}");
    }
    for path in ["ca/pem", "cert/ca/raw/pem"] {
        assert_eq!(raw(path, "application/pem-certificate-chain").text.trim_end(), own, "{path}");
    }
    assert_eq!(raw("ca_chain", "application/pkix-cert").text.trim_end(), chain);
    assert_eq!(text(&pki.bare("GET", "cert/ca").json["data"], "certificate"), own);
    let answer = pki.bare("GET", "cert/ca_chain").json["data"].clone();
    assert_eq!((text(&answer, "certificate"), text(&answer, "ca_chain")), (chain.clone(), chain));
}

#[test]
fn certificates_are_listed_in_pages() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    for _ in 0..7 {
        pki.issue(json!({}));
    }
    let all = pki.list("certs");
    assert_eq!(all.len(), 8);
    assert!(all.is_sorted() && all.iter().all(|serial| serial.len() == 59 && serial.contains(':')), "{all:?}");
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = pki.list(&format!("certs?limit=3&after={after}"));
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 3);
        after.clone_from(last);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(pki.list(&format!("certs?after={}", all[5].replace(':', "-").to_uppercase())), all[6..]);
    assert_eq!(texts(&pki.read("certs?list=true"), "keys"), all);
    for query in ["limit=x", "limit=-1", "limit=99999999999999999999"] {
        assert_eq!(pki.call("LIST", &format!("certs?{query}"), Value::Null).status, 400, "{query}");
    }
}

#[test]
fn only_what_everybody_may_know_is_told_without_a_token() {
    let pki = Pki::with_root();
    pki.role(json!({}));
    for path in [
        "ca",
        "ca/pem",
        "ca_chain",
        "crl",
        "crl/pem",
        "cert/ca",
        "cert/ca_chain",
        "cert/crl",
        "cert/ca/raw",
        "issuer/root/json",
        "issuer/root/der",
        "issuer/root/pem",
        "issuer/root/crl",
        "issuer/root/crl/der",
    ] {
        assert_eq!(pki.bare("GET", path).status, 200, "{path}");
    }
    assert_eq!(pki.bare("LIST", "issuers").status, 200);
    for (method, path) in [
        ("LIST", "certs"),
        ("LIST", "certs/revoked"),
        ("LIST", "roles"),
        ("LIST", "keys"),
        ("GET", "roles/any"),
        ("GET", "issuer/root"),
        ("GET", "key/default"),
        ("GET", "config/urls"),
        ("GET", "config/issuers"),
        ("GET", "config/keys"),
        ("GET", "config/crl"),
        ("GET", "crl/rotate"),
        ("POST", "issue/any"),
        ("POST", "sign/any"),
        ("POST", "sign-verbatim"),
        ("POST", "revoke"),
        ("POST", "root/generate/internal"),
        ("POST", "root/rotate/internal"),
        ("POST", "root/sign-intermediate"),
        ("POST", "intermediate/generate/internal"),
        ("POST", "intermediate/set-signed"),
        ("POST", "issuers/import/bundle"),
        ("POST", "issuers/import/cert"),
        ("POST", "config/ca"),
        ("POST", "keys/import"),
        ("POST", "keys/generate/internal"),
        ("POST", "roles/any"),
        ("POST", "issuer/root"),
        ("POST", "issuer/root/revoke"),
        ("DELETE", "root"),
        ("DELETE", "issuer/root"),
        ("DELETE", "key/default"),
        ("DELETE", "roles/any"),
        ("GET", "nothing/here"),
    ] {
        assert_eq!(pki.bare(method, path).status, 403, "{method} {path}");
    }
    for (method, path, status) in
        [("GET", "nothing/here", 404), ("POST", "ca", 405), ("DELETE", "issue/any", 405), ("GET", "issue/any", 405)]
    {
        let body = if method == "POST" { json!({}) } else { Value::Null };
        assert_eq!(pki.call(method, path, body).status, status, "{method} {path}");
    }
    let der = pki.bare("GET", "issuer/root/der");
    openssl(&["x509", "-inform", "der", "-noout"], &der.bytes);
    openssl(&["x509", "-noout"], &pki.bare("GET", "issuer/root/pem").bytes);
}
