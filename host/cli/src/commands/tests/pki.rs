use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::testing::Stub;

const ISSUED: &str = r#"{"data": {"certificate": "CERT", "ca_chain": ["INT", "ROOT"], "issuing_ca": "INT",
    "private_key": "KEY", "serial_number": "01:02"}}"#;

#[test]
fn certificates_and_keys_go_to_files_and_keys_to_nobody_else() {
    let stub = Stub::answering(&[(200, ISSUED)]);
    let at = |name: &str| stub.home.path().join(name).display().to_string();
    let options = [format!("-cert={}", at("c")), format!("-chain={}", at("h")), format!("-key={}", at("k"))];
    let issue = ["pki", "issue", "-mount=int", &options[0], &options[1], &options[2], "web", "common_name=a"];
    let (exit, screen) = stub.run(&issue, "");
    assert_eq!(exit, 0, "{}", screen.errors());
    assert_eq!(
        (stub.lines()[0].as_str(), &stub.seen()[0].body),
        ("PUT /v1/int/issue/web", &json!({"common_name": "a"}))
    );
    let read = |name: &str| std::fs::read_to_string(at(name)).unwrap();
    assert_eq!((read("c"), read("h"), read("k")), ("CERT\n".into(), "INT\nROOT\n".into(), "KEY\n".into()));
    assert_eq!(std::fs::metadata(at("k")).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!screen.output().contains("KEY") && screen.output().contains("01:02"), "{}", screen.output());
    // What is there is not lost, and nothing is made that could not be kept.
    let (exit, screen) = stub.run(&issue, "");
    assert_eq!((exit, stub.lines().len()), (1, 1));
    assert!(screen.errors().contains("-force"), "{}", screen.errors());
}

#[test]
fn requests_are_signed_from_files() {
    let stub = Stub::answering(&[(200, ISSUED)]);
    let request = format!("-csr={}", stub.home.write("csr", "REQUEST"));
    assert_eq!(stub.run(&["pki", "sign", "-issuer=old", &request, "web", "ttl=1h"], "").0, 0);
    assert_eq!(stub.run(&["pki", "intermediate", "sign", &request], "").0, 0);
    let (first, second) = (&stub.seen()[0], &stub.seen()[1]);
    assert_eq!(
        (first.line.as_str(), &first.body),
        ("PUT /v1/pki/issuer/old/sign/web", &json!({"csr": "REQUEST", "ttl": "1h"}))
    );
    assert_eq!(
        (second.line.as_str(), &second.body),
        ("PUT /v1/pki/root/sign-intermediate", &json!({"csr": "REQUEST"}))
    );
}

#[test]
fn lists_are_saved_and_certificates_revoked() {
    let stub = Stub::answering(&[(200, "LIST")]);
    let (exit, screen) = stub.run(&["pki", "crl", "-rotate"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "LIST"));
    assert_eq!(stub.lines(), ["GET /v1/pki/crl/rotate", "GET /v1/pki/crl/pem"]);
    let stub = Stub::answering(&[(204, "")]);
    let (exit, screen) = stub.run(&["pki", "revoke", "01:02"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "Success! Revoked the certificate\n"));
    assert_eq!(stub.seen()[0].body, json!({"serial_number": "01:02"}));
}

#[test]
fn one_field_of_what_was_issued_is_printed_alone() {
    let stub = Stub::answering(&[(200, ISSUED)]);
    let (exit, screen) = stub.run(&["pki", "issue", "-field=serial_number", "web", "common_name=a"], "");
    assert_eq!((exit, screen.output().as_str()), (0, "01:02"));
}
