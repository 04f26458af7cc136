//! The auth method jwt and whoever publishes the keys of its tokens: answers, rotations, failures.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::{Folder, Peer, Reply, Server, Signer};
use serde_json::{Value, json};

use crate::jwt::{STRANGER, log_in, mount, role, soon};
use crate::pki::refused;

/// How long a provider is not asked again, and a little more.
const PAUSE: Duration = Duration::from_secs(11);
/// What a login hears when a provider does not answer as it should.
const NO_KEYS: &str = "error validating token: the keys to check it with cannot be had now";

/// A server that may ask these hosts.
fn allowing(hosts: &[String]) -> Server {
    Server::start_with(&format!("http_out {{\n allow = {hosts:?}\n}}\n"), &[])
}

fn key_set(signers: &[&Signer]) -> Value {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()})
}

fn ann(signer: &Signer) -> String {
    signer.sign(&soon(json!({"sub": "ann"})))
}

/// A server that knows the keys of a peer by their URL.
fn told_by(peer: &Peer, set: Value) -> Server {
    let server = allowing(&[peer.host()]);
    peer.answers("/keys", set);
    mount(&server, json!({"jwks_url": peer.url("/keys")}));
    role(&server, "r", json!({}));
    server
}

#[test]
fn a_key_set_is_asked_for_once_and_again_for_a_new_key_but_not_for_every_stranger() {
    let (old, new, stranger) =
        (Signer::named("RS256", "k1"), Signer::named("ES256", "k2"), Signer::named("ES256", "k3"));
    let peer = Peer::start();
    let server = told_by(&peer, key_set(&[&old, &Signer::named("EdDSA", "other")]));
    let asked = || peer.asked("/keys").len();
    for _ in 0..3 {
        assert_eq!(log_in(&server, "r", &ann(&old)).status, 200);
    }
    assert_eq!(asked(), 1, "when it was configured, and never since");
    peer.answers("/keys", key_set(&[&new]));
    refused(&log_in(&server, "r", &ann(&new)), 400, STRANGER);
    assert_eq!(asked(), 1, "asked a moment ago");
    std::thread::sleep(PAUSE);
    let token = ann(&stranger);
    std::thread::scope(|scope| {
        let tries = [0; 8].map(|_| scope.spawn(|| log_in(&server, "r", &token)));
        for tried in tries.map(|tried| tried.join().unwrap()) {
            let said = (tried.status, tried.error());
            assert!(said == (400, STRANGER) || said == (503, NO_KEYS), "{}", tried.text);
        }
    });
    assert_eq!(asked(), 2, "strangers made the server ask once, not each of them");
    let login = log_in(&server, "r", &ann(&new));
    assert_eq!(login.status, 200, "{}", login.text);
    refused(&log_in(&server, "r", &ann(&old)), 400, STRANGER);
    // A token that names a key must be signed by that one.
    let lying = new.sign_as(&json!({"alg": "ES256", "kid": "k1"}), &soon(json!({"sub": "ann"})));
    refused(&log_in(&server, "r", &lying), 400, STRANGER);
    assert_eq!(asked(), 2);
}

#[test]
fn a_provider_that_fails_later_keeps_nobody_out_whose_key_is_known() {
    let (known, unknown) = (Signer::named("ES256", "k1"), Signer::named("ES256", "k2"));
    let peer = Peer::start();
    let server = told_by(&peer, key_set(&[&known]));
    peer.answers("/keys", Reply::new(500, "a text of its own"));
    std::thread::sleep(PAUSE);
    for _ in 0..3 {
        let failed = log_in(&server, "r", &ann(&unknown));
        assert_eq!((failed.status, &failed.json["errors"]), (503, &json!([NO_KEYS])), "{}", failed.text);
        assert_eq!(failed.header("retry-after"), Some("1"));
        assert_eq!(log_in(&server, "r", &ann(&known)).status, 200);
    }
    assert_eq!(peer.asked("/keys").len(), 2);
}

#[test]
fn a_provider_is_found_by_its_document_and_its_tokens_name_it_as_it_does() {
    let signer = Signer::named("ES256", "k1");
    let peer = Peer::start();
    let server = allowing(&[peer.host()]);
    let issuer = peer.url("/tenant/");
    let document = json!({"issuer": issuer, "jwks_uri": peer.url("/elsewhere/keys")});
    peer.answers("/tenant/.well-known/openid-configuration", document);
    peer.answers("/elsewhere/keys", key_set(&[&signer]));
    for url in [peer.url("/tenant"), issuer.clone()] {
        server.call("DELETE", "sys/auth/jwt", Value::Null);
        mount(&server, json!({"oidc_discovery_url": url}));
        role(&server, "r", json!({}));
        assert_eq!(server.call("GET", "auth/jwt/config", Value::Null).json["data"]["oidc_discovery_url"], json!(url));
        let login = log_in(&server, "r", &signer.sign(&soon(json!({"sub": "ann", "iss": issuer}))));
        assert_eq!(login.status, 200, "{}", login.text);
        for other in [json!(issuer.trim_end_matches('/')), json!("https://id.example"), Value::Null] {
            let token = signer.sign(&soon(json!({"sub": "ann", "iss": other})));
            refused(&log_in(&server, "r", &token), 400, "error validating token: invalid issuer (iss) claim");
        }
    }
    for (document, says) in [
        (json!({"issuer": "https://id.example", "jwks_uri": peer.url("/elsewhere/keys")}), "by another issuer"),
        (json!({"issuer": issuer}), "names no jwks_uri"),
        (json!({"issuer": issuer, "jwks_uri": "https://id.example/keys"}), "is not in http_out.allow"),
        (json!({"issuer": issuer, "jwks_uri": "file:///etc/passwd"}), "must begin with https://"),
        (json!([]), "by another issuer"),
    ] {
        peer.answers("/tenant/.well-known/openid-configuration", document);
        let set = server.call("POST", "auth/jwt/config", json!({"oidc_discovery_url": issuer}));
        refused(&set, 400, "error checking oidc discovery URL: ");
        refused(&set, 400, says);
    }
    // What was there before is still there.
    let login = log_in(&server, "r", &signer.sign(&soon(json!({"sub": "ann", "iss": issuer}))));
    assert_eq!(login.status, 200, "{}", login.text);
}

#[test]
fn a_key_set_that_cannot_be_had_is_not_taken_as_a_configuration() {
    let peer = Peer::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = allowing(&[peer.host(), closed.to_string()]);
    assert_eq!(server.call("POST", "sys/auth/jwt", json!({"type": "jwt"})).status, 204);
    peer.answers("/garbage", Reply::new(200, "<html>"));
    peer.answers("/binary", Reply::new(200, vec![0xff; 100]));
    peer.answers("/list", json!([]));
    peer.answers("/text", json!({"keys": "none"}));
    peer.answers("/many", json!({"keys": vec![json!({"kty": "oct"}); 257]}));
    peer.answers("/huge", Reply::new(200, vec![b' '; (1 << 20) + 1]));
    peer.answers("/failing", Reply::new(500, ""));
    let moved = format!("location: {}\r\n", peer.url("/good"));
    peer.answers("/moved", Reply { headers: moved, ..Reply::new(302, "") });
    peer.answers("/good", key_set(&[]));
    peer.answers("/slow", Reply { after: Duration::from_secs(20), ..Reply::new(200, "{}") });
    let no_tls = peer.url("/good").replace("http:", "https:");
    for (url, status, says) in [
        (peer.url("/garbage?token=hidden"), 400, "what the key set answers is not JSON"),
        (peer.url("/binary"), 400, "not JSON"),
        (peer.url("/list"), 400, "the answer is no key set"),
        (peer.url("/text"), 400, "the answer is no key set"),
        (peer.url("/many"), 400, "more than 256 keys"),
        (peer.url("/huge"), 400, "the answer has more than 1 MiB"),
        (peer.url("/failing"), 400, "answers with status 500"),
        (peer.url("/moved"), 400, "answers with status 302"),
        (peer.url("/slow"), 503, "no complete answer in time"),
        (format!("http://{closed}/keys"), 400, "error checking jwks URL: 127.0.0.1: "),
        (no_tls, 400, "error checking jwks URL: 127.0.0.1: "),
    ] {
        // The peer knows its paths without a query.
        peer.answers("/garbage?token=hidden", Reply::new(200, "<html>"));
        let set = server.call("POST", "auth/jwt/config", json!({"jwks_url": url}));
        refused(&set, status, says);
        refused(&set, status, "error checking jwks URL: ");
        assert!(!set.text.contains("hidden"), "{}", set.text);
    }
    assert!(peer.asked("/good").is_empty(), "a redirect was followed");
    assert_eq!(server.call("GET", "auth/jwt/config", Value::Null).status, 404, "nothing was kept");
}

/// A server of openssl that speaks TLS and shows the files of a folder.
struct Shown(Child);

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Shown {
    fn start(folder: &Folder) -> (Self, String) {
        let mut child = Command::new("openssl")
            .args(["s_server", "-WWW", "-accept", "127.0.0.1:0", "-cert", "tls.pem", "-key", "tls.key"])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let host = lines.find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned)).unwrap();
        // It goes on saying what it does; nobody listening must not stop it.
        std::thread::spawn(move || lines.for_each(drop));
        (Self(child), host)
    }
}

#[test]
fn a_provider_with_a_certificate_is_believed_by_the_named_authority_only() {
    let (folder, signer) = (Folder::new(), Signer::named("RS256", "k1"));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    folder.write("tls.pem", &made.cert.pem());
    folder.write("tls.key", &made.signing_key.serialize_pem());
    folder.write("keys", &key_set(&[&signer]).to_string());
    let (_shown, host) = Shown::start(&folder);
    let server = allowing(std::slice::from_ref(&host));
    let url = format!("https://{host}/keys");
    mount(&server, json!({"jwks_url": url, "jwks_ca_pem": made.cert.pem()}));
    role(&server, "r", json!({}));
    assert_eq!(log_in(&server, "r", &ann(&signer)).status, 200);
    let other = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    for (authority, says) in [(other.as_str(), "certificate"), ("", "certificate"), ("x", "ca_pem: must hold")] {
        let set = server.call("POST", "auth/jwt/config", json!({"jwks_url": url, "jwks_ca_pem": authority}));
        refused(&set, 400, says);
    }
}

#[test]
fn keys_of_a_set_that_are_for_something_else_or_too_small_let_nobody_in() {
    let signer = Signer::new("RS256");
    let peer = Peer::start();
    let mut keys = [signer.jwk(), signer.jwk(), json!({"kty": "oct", "k": "c2VjcmV0"}), json!(7)];
    (keys[0]["use"], keys[1]["alg"]) = (json!("enc"), json!("PS256"));
    let server = told_by(&peer, json!({"keys": keys}));
    refused(&log_in(&server, "r", &ann(&signer)), 400, STRANGER);
}
