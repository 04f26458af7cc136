//! People and machines log in with a stock client: see logins.py, machines.py and jwt.py.

use harness::{Folder, Peer, Process, ROOT, Server, Signer, walk};
use serde_json::json;

use crate::cert::{CA, CLIENT, DEVELOPMENT, P256, made};
use crate::jwt::now;
use crate::kubernetes::{Cluster, token};

#[test]
fn hvac_logs_in_by_a_password_and_by_a_role() {
    let server = Server::start();
    let said = walk("logins.py", &[("VAULT_ADDR", server.address()), ("VAULT_TOKEN", ROOT)]);
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
    let said = walk(
        "machines.py",
        &[
            ("VAULT_ADDR", address),
            ("VAULT_TOKEN", "root"),
            ("OWN", &own.certificate),
            ("AUTHORITY", &authority.certificate),
            ("CERTIFICATE", &client.certificate),
            ("KEY", &client.key),
            ("CLUSTER", &cluster.url()),
            ("CLUSTER_CA", &cluster.authority),
            ("ACCOUNT_TOKEN", &token(&json!({}))),
        ],
    );
    assert!(said.ends_with("the machines came in\n"), "{said}");
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
