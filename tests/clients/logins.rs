//! People and machines log in with a stock client: see logins.py and jwt.py.

use harness::{Peer, ROOT, Server, Signer, walk};
use serde_json::json;

use crate::jwt::now;

#[test]
fn hvac_logs_in_by_a_password_and_by_a_role() {
    let server = Server::start();
    let said = walk("logins.py", &[("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)]);
    assert!(said.ends_with("who may come in came in, and nobody else\n"), "{said}");
}

#[test]
fn hvac_logs_in_by_a_jwt() {
    let (signer, peer) = (Signer::named("RS256", "k1"), Peer::start());
    peer.answers("/keys", json!({"keys": [signer.jwk()]}));
    let server = Server::start_with(&format!("http_out {{\n allow = [{:?}]\n}}\n", peer.host()), &[]);
    let claims = |end: u64| {
        json!({
            "iss": "https://id.example", "aud": "vault", "sub": "robot", "env": "stage-1", "groups": ["a"],
            "iat": end - 300, "exp": end,
        })
    };
    let said = walk(
        "jwt.py",
        &[
            ("VAULT_ADDR", server.address()),
            ("VAULT_TOKEN", ROOT),
            ("PUBLIC_KEY", &signer.pem()),
            ("GOOD", &signer.sign(&claims(now() + 300))),
            ("LATE", &signer.sign(&claims(now() - 300))),
            ("OTHER", &Signer::named("RS256", "k1").sign(&claims(now() + 300))),
            ("JWKS_URL", &peer.url("/keys")),
        ],
    );
    assert!(said.ends_with("the workload came in, and nobody else\n"), "{said}");
}
