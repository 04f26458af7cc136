//! People and machines log in with a stock client: see logins.py.

use std::path::Path;
use std::process::Command;

use harness::{Folder, Process, ROOT, Server};

use crate::cert::{CA, CLIENT, DEVELOPMENT, P256, made};
use crate::kubernetes::{Cluster, token};

#[test]
fn hvac_logs_in_by_a_password_and_by_a_role() {
    let server = Server::start();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let walked = Command::new(root.join(".venv/bin/python"))
        .arg(root.join("tests/clients/logins.py"))
        .envs([("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    assert!(walked.status.success(), "{said}{}", String::from_utf8_lossy(&walked.stderr));
    assert!(said.ends_with("who may come in came in, and nobody else\n"), "{said}");
}

#[test]
fn hvac_logs_in_by_a_certificate_and_by_a_service_account() {
    let (folder, cluster) = (Folder::new(), Cluster::start());
    let names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    let own = made(&folder, "tls", "/CN=localhost", None, P256, &names);
    let authority = made(&folder, "authority", "/CN=authority", None, P256, &CA);
    let client = made(&folder, "ann", "/CN=ann", Some(&authority), P256, &CLIENT);
    let config = format!(
        "listener \"tcp\" {{\n address = \"127.0.0.1:0\"\n tls_cert_file = \"{}\"\n tls_key_file = \"{}\"\n}}\n\
         http_out {{\n allow = [\"{}\"]\n}}\n",
        own.certificate,
        own.key,
        cluster.url().trim_start_matches("https://"),
    );
    let server = Process::configured(&config, &DEVELOPMENT);
    let address = server.addresses().iter().find(|address| address.starts_with("https")).unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let walked = Command::new(root.join(".venv/bin/python"))
        .arg(root.join("tests/clients/machines.py"))
        .envs([("VAULT_ADDR", address.as_str()), ("VAULT_TOKEN", "root"), ("OWN", &own.certificate)])
        .envs([("AUTHORITY", &authority.certificate), ("CERTIFICATE", &client.certificate), ("KEY", &client.key)])
        .envs([("CLUSTER", cluster.url()), ("CLUSTER_CA", cluster.authority.clone())])
        .envs([("ACCOUNT_TOKEN", token(&serde_json::json!({})))])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    assert!(walked.status.success(), "{said}{}", String::from_utf8_lossy(&walked.stderr));
    assert!(said.ends_with("the machines came in\n"), "{said}");
}
