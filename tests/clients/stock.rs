//! Stock clients, as operators use them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use harness::{Folder, Node, PIN, ROOT, Server, Token, file_storage, walk};
use seal_testing::Gnupg;

#[test]
fn hvac_and_openssl_walk_through_the_main_job_on_a_real_token() {
    let token = Token::new("walk");
    let server = Server::start_with(&token.stanza(), &token.environment());
    let own = token.environment();
    let mut environment: Vec<_> = own.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    environment.extend([("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)]);
    environment.extend([("TOKEN_LABEL", token.label()), ("TOKEN_PIN", PIN)]);
    environment.push(("TOKEN_MODULE", token.library().to_str().unwrap()));
    let said = walk("walk.py", &environment);
    assert!(said.ends_with("the root's private key never left the token\n"), "{said}");
}

#[test]
fn hvac_founds_unseals_rotates_rekeys_and_seals_a_server() {
    let folder = Folder::new();
    let node = Node::start(&file_storage(&folder.path().join("data")), &[]);
    let gnupg = Gnupg::new();
    let operator = gnupg.key("operator", "future-default", "default", "never");
    let key = STANDARD.encode(gnupg.public(&[&operator]));
    let home = gnupg.home().to_str().unwrap();
    walk("sealed.py", &[("VAULT_ADDR", node.address()), ("PGP_KEY", &key), ("GNUPGHOME", home)]);
}
