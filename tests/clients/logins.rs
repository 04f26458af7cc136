//! People and machines log in with a stock client: see logins.py.

use harness::{ROOT, Server, walk};

#[test]
fn hvac_logs_in_by_a_password_and_by_a_role() {
    let server = Server::start();
    let said = walk("logins.py", &[("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)]);
    assert!(said.ends_with("who may come in came in, and nobody else\n"), "{said}");
}
