//! Who may do what, with a stock client: see access.py.

use harness::{Folder, ROOT, Server, walk};

#[test]
fn hvac_walks_through_policies_logins_wrapping_leases_identity_and_audit() {
    let server = Server::start();
    let folder = Folder::new();
    let file = folder.path().join("audit.log").display().to_string();
    let environment = [("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT), ("AUDIT_FILE", &file)];
    let said = walk("access.py", &environment);
    assert!(said.ends_with("who may do what is as it should be\n"), "{said}");
}
