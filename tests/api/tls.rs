//! Servers that speak TLS.

use std::path::Path;

use harness::{Folder, Process, curl};

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
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    let certificate = folder.write("tls.pem", &made.cert.pem());
    let key = folder.write("tls.key", &made.signing_key.serialize_pem());
    let server = Process::configured(
        &format!(
            "listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{certificate}\"\n \
             tls_key_file = \"{key}\"\n}}\nlistener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_disable = true\n}}"
        ),
        &[],
    );
    let [secret, plain] = server.addresses() else { panic!("two listeners were configured: {}", server.said()) };
    assert!(curl(&["--cacert", &certificate, &format!("{secret}/v1/sys/seal-status")]).contains(" 200 "));
    assert!(curl(&[&format!("{plain}/v1/sys/seal-status")]).contains(" 200 "));
}
