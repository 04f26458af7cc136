//! Stock clients, as operators use them.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{Folder, Node, PIN, ROOT, Server, Token};
use seal_testing::Gnupg;

#[test]
fn hvac_and_openssl_walk_through_the_main_job_on_a_real_token() {
    let token = Token::new("walk");
    let server = Server::start_with(&token.stanza(), &token.environment());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let python = root.join(".venv/bin/python");
    assert!(python.is_file(), "there is no {}: run `make setup`", python.display());
    let walked = Command::new(python)
        .arg(root.join("tests/clients/walk.py"))
        .envs(token.environment())
        .envs([("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)])
        .envs([("TOKEN_LABEL", token.label()), ("TOKEN_PIN", PIN)])
        .env("TOKEN_MODULE", token.library())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    assert!(walked.status.success(), "{said}{}", String::from_utf8_lossy(&walked.stderr));
    assert!(said.ends_with("the root's private key never left the token\n"), "{said}");
}

#[test]
fn hvac_founds_unseals_rotates_rekeys_and_seals_a_server() {
    let folder = Folder::new();
    let node =
        Node::start(&format!("storage \"file\" {{\n path = \"{}\"\n}}\n", folder.path().join("data").display()), &[]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let gnupg = Gnupg::new();
    let operator = gnupg.key("operator", "future-default", "default", "never");
    let walked = Command::new(root.join(".venv/bin/python"))
        .arg(root.join("tests/clients/sealed.py"))
        .envs([("VAULT_ADDR", node.address()), ("PGP_KEY", &STANDARD.encode(gnupg.public(&[&operator])))])
        .env("GNUPGHOME", gnupg.home())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&walked.stdout);
    assert!(walked.status.success(), "{said}{}", String::from_utf8_lossy(&walked.stderr));
}
