//! People and machines log in with a stock client: see logins.py.

use std::path::Path;
use std::process::Command;

use harness::{ROOT, Server};

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
