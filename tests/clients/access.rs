//! Who may do what, with a stock client: see access.py.

use std::path::Path;
use std::process::Command;

use harness::{Folder, ROOT, Server};

#[test]
fn hvac_walks_through_policies_logins_wrapping_leases_identity_and_audit() {
    let server = Server::start();
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let walked = Command::new(root.join(".venv/bin/python"))
        .arg(root.join("tests/clients/access.py"))
        .envs([("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)])
        .env("AUDIT_FILE", folder.path().join("audit.log"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    assert!(walked.status.success(), "{said}{}", String::from_utf8_lossy(&walked.stderr));
    assert!(said.ends_with("who may do what is as it should be\n"), "{said}");
}
