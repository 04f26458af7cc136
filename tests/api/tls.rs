//! Servers that speak TLS.

use std::path::Path;

use harness::{Folder, Process, curl, plain_listener, wait_until};

const DEV_ADDRESS: &str = "-dev-listen-address=127.0.0.1:0";
const DEV_TLS: [&str; 3] = ["-dev-tls", "-dev-no-store-token", "-dev-listen-address=127.0.0.1:0"];

#[test]
fn development_tls_is_trusted_by_its_own_authority_and_by_nobody_elses() {
    let server = Process::launch(&DEV_TLS);
    let (authority, address) = (server.said_after("VAULT_CACERT='").to_owned(), server.address());
    assert!(address.starts_with("https://"));
    let health = format!("{address}/v1/sys/health");
    for (version, wanted) in [("--http1.1", " 200 1.1"), ("--http2", " 200 2")] {
        let answer = curl(&[version, "-D", "-", "--cacert", &authority, &health]);
        assert!(answer.ends_with(wanted), "{answer}");
        assert!(answer.to_lowercase().contains("strict-transport-security"), "{answer}");
    }
    assert!(curl(&[&health]).contains("certificate"), "an unknown authority was trusted");
    assert!(curl(&["--cacert", &authority, &health.replace("127.0.0.1", "localhost")]).contains(" 200 "));
}

#[test]
fn the_authority_of_development_goes_with_the_server() {
    let mut server = Process::launch(&DEV_TLS);
    let authority = server.said_after("VAULT_CACERT='").to_owned();
    assert!(Path::new(&authority).is_file());
    server.terminate();
    assert!(server.ended(std::time::Duration::from_secs(5)).is_some());
    assert!(!Path::new(&authority).exists());
}

#[test]
fn clients_that_are_silent_in_the_handshake_hold_nobody_up() {
    let server = Process::launch(&DEV_TLS);
    let silent: Vec<_> = (0..50).map(|_| server.connect()).collect();
    let health = format!("{}/v1/sys/health", server.address());
    let answer = curl(&["--max-time", "5", "--cacert", server.said_after("VAULT_CACERT='"), &health]);
    assert!(answer.contains(" 200 "), "{answer}");
    drop(silent);
}

#[test]
fn a_listener_takes_its_certificate_and_key_from_files() {
    let folder = Folder::new();
    let (certificate, key) = made(&folder, "tls");
    let server = Process::configured(&(listener(&certificate, &key, "") + &plain_listener("")), &[]);
    let [secret, plain] = server.addresses() else { panic!("two listeners were configured: {}", server.said()) };
    assert!(curl(&["--cacert", &certificate, &format!("{secret}/v1/sys/seal-status")]).contains(" 200 "));
    assert!(curl(&[&format!("{plain}/v1/sys/seal-status")]).contains(" 200 "));
}

/// The serial number of the client's certificate, in bytes and in decimal: a long one, with its highest bit set.
const SERIAL: ([u8; 9], &str) = ([0x80, 0, 0, 0, 0, 0, 0, 0, 1], "2361183241434822606849");

/// Two listeners' worth of certificates in a folder: the server's, and an authority with a client of its own.
struct Certificates {
    folder: Folder,
    certificate: String,
    key: String,
    authority: String,
    client: (String, String),
    stranger: (String, String),
}

fn made(folder: &Folder, name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let key = folder.write(&format!("{name}.key"), &made.signing_key.serialize_pem());
    (folder.write(&format!("{name}.pem"), &made.cert.pem()), key)
}

/// A listener on a free port with this certificate, and further lines.
fn listener(certificate: &str, key: &str, lines: &str) -> String {
    format!(
        "listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{certificate}\"\n \
         tls_key_file = \"{key}\"\n {lines}\n}}\n"
    )
}

impl Certificates {
    fn make() -> Self {
        let folder = Folder::new();
        let (certificate, key) = made(&folder, "tls");
        let stranger = made(&folder, "stranger");
        let mut authority = rcgen::CertificateParams::default();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority_file = folder.write("ca.pem", &authority.self_signed(&authority_key).unwrap().pem());
        let client_key = rcgen::KeyPair::generate().unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let mut leaf = rcgen::CertificateParams::new(["client".to_owned()]).unwrap();
        leaf.serial_number = Some(rcgen::SerialNumber::from(SERIAL.0.to_vec()));
        let leaf = leaf.signed_by(&client_key, &issuer).unwrap();
        let client = (folder.write("client.pem", &leaf.pem()), folder.write("client.key", &client_key.serialize_pem()));
        Self { folder, certificate, key, authority: authority_file, client, stranger }
    }

    fn server(&self, lines: &str, options: &[&str]) -> Process {
        Process::configured(&listener(&self.certificate, &self.key, lines), options)
    }

    fn ask(&self, address: &str, path: &str, client: Option<&(String, String)>, more: &[&str]) -> String {
        let url = format!("{address}/v1/{path}");
        let mut arguments = vec!["--cacert", &self.certificate];
        if let Some((certificate, key)) = client {
            arguments.extend(["--cert", certificate, "--key", key]);
        }
        arguments.extend(more);
        arguments.push(&url);
        curl(&arguments)
    }
}

#[test]
fn a_certificate_is_exchanged_on_hang_up_and_a_bad_one_is_not() {
    let files = Certificates::make();
    let server = files.server("", &[]);
    let healthy = |authority: &str| {
        let answer = curl(&["--cacert", authority, &format!("{}/v1/sys/seal-status", server.address())]);
        answer.contains(" 200 ")
    };
    assert!(healthy(&files.certificate));
    let (old, (new, new_key)) = (std::fs::read(&files.certificate).unwrap(), made(&files.folder, "new"));
    let old_file = files.folder.write("old.pem", std::str::from_utf8(&old).unwrap());
    // A certificate without its key is refused, and said so.
    std::fs::copy(&new, &files.certificate).unwrap();
    server.signal("HUP");
    wait_until("the log says nothing of it", || {
        server.log().contains("a certificate cannot be read again; it stays as it was")
    });
    assert!(healthy(&old_file), "a certificate whose key does not fit was taken");
    std::fs::copy(&new_key, &files.key).unwrap();
    server.signal("HUP");
    wait_until("the new certificate is not taken", || healthy(&new));
    assert!(!healthy(&old_file));
}

#[test]
fn a_clients_certificate_reaches_the_engine_whoever_issued_it_but_not_without_its_key() {
    let files = Certificates::make();
    let server = files.server("", &["-dev", "-dev-no-store-token", "-dev-root-token-id=root", DEV_ADDRESS]);
    let secret = server.addresses().iter().find(|address| address.starts_with("https")).unwrap();
    let root = ["-H", "X-Vault-Token: root"];
    let mounted = [&root[..], &["-d", "{\"type\":\"echo\"}"]].concat();
    assert!(files.ask(secret, "sys/mounts/echo", None, &mounted).contains(" 204 "));
    let seen = |client| files.ask(secret, "echo/caller", client, &root);
    assert!(seen(None).contains("\"certificate\":null"));
    for client in [&files.client, &files.stranger] {
        let der = files.folder.write("leaf.der", "");
        harness::openssl(&["x509", "-in", &client.0, "-outform", "DER", "-out", &der], "");
        let wanted = hex::encode(std::fs::read(&der).unwrap());
        for version in [&["--tls-max", "1.2"][..], &["--tlsv1.3"]] {
            let answer = files.ask(secret, "echo/caller", Some(client), &[&root[..], version].concat());
            assert!(answer.contains(&wanted), "{answer}");
        }
    }
}

#[test]
fn a_listener_may_insist_on_certificates_of_an_authority() {
    let files = Certificates::make();
    let lines = format!("tls_require_and_verify_client_cert = true\n tls_client_ca_file = \"{}\"", files.authority);
    let server = files.server(&lines, &[]);
    let status = |client| files.ask(server.address(), "sys/seal-status", client, &[]);
    assert!(status(Some(&files.client)).contains(" 200 "));
    assert!(!status(None).contains(" 200 "), "no certificate was asked for");
    assert!(!status(Some(&files.stranger)).contains(" 200 "), "anybody's certificate was taken");
}

#[test]
fn a_listener_may_insist_on_the_newest_version_and_on_suites() {
    let files = Certificates::make();
    let newest = files.server("tls_min_version = \"tls13\"", &[]);
    let status = |server: &Process, more: &[&str]| files.ask(server.address(), "sys/seal-status", None, more);
    assert!(status(&newest, &[]).contains(" 200 "));
    assert!(!status(&newest, &["--tls-max", "1.2"]).contains(" 200 "));
    let chosen = files.server("tls_cipher_suites = \"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\"", &[]);
    let old = |cipher| status(&chosen, &["--tls-max", "1.2", "--ciphers", cipher]);
    assert!(old("ECDHE-ECDSA-AES128-GCM-SHA256").contains(" 200 "));
    assert!(!old("ECDHE-ECDSA-AES256-GCM-SHA384").contains(" 200 "), "a suite that was not named");
    assert!(status(&chosen, &["--tlsv1.3"]).contains(" 200 "));
}

#[test]
fn audit_names_the_serial_number_of_a_clients_certificate() {
    let files = Certificates::make();
    let server = files.server("", &["-dev", "-dev-no-store-token", "-dev-root-token-id=root", DEV_ADDRESS]);
    let secret = server.addresses().iter().find(|address| address.starts_with("https")).unwrap();
    let (root, file) = (["-H", "X-Vault-Token: root"], files.folder.path().join("audit.log"));
    let device = serde_json::json!({"type": "file", "options": {"file_path": file}}).to_string();
    assert!(files.ask(secret, "sys/audit/a", None, &[&root[..], &["-d", &device]].concat()).contains(" 204 "));
    for client in [None, Some(&files.client)] {
        files.ask(secret, "sys/mounts", client, &root);
    }
    let text = std::fs::read_to_string(&file).unwrap();
    let entries = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let asked = entries.filter(|entry| entry["type"] == "request" && entry["request"]["path"] == "sys/mounts");
    let serials: Vec<_> =
        asked.map(|entry| entry["request"]["client_certificate_serial_number"].as_str().map(str::to_owned)).collect();
    assert_eq!(serials, [None, Some(SERIAL.1.to_owned())]);
}
