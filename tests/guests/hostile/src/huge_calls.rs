//! Promise: every string and list that a guest hands to the host has a bound; over it the call is refused with a typed
//! error, whatever else might be wrong with it.

use innkeeper_guest::prelude::*;

use crate::report::name;

pub(crate) const ROUTES: &[Route] =
    &[Route::new("huge-calls", "Makes calls that are too large.", &[Action::update("Makes them.", run)])];

const MEBIBYTE: usize = 1 << 20;
const KIBIBYTE: usize = 1 << 10;

fn key_said<T>(result: Result<T, keys::KeyError>) -> String {
    result.map_or_else(|error| name(error.kind), |_| "ok".to_owned())
}

fn asked(change: impl FnOnce(&mut http_out::Request)) -> String {
    let mut request = http_out::get("https://example.org/", None);
    change(&mut request);
    http_out::send(&request).map_or_else(|error| name(error.kind), |_| "ok".to_owned())
}

/// For each call: what the host said.
fn run(_request: &Request) -> Answer {
    let key = keys::generate_ephemeral(keys::KeyType::Ed25519)?;
    let message = vec![0; 8 * MEBIBYTE + 1];
    let public = key.public_key()?;
    let pairs = |number: usize| vec![("x-a".to_owned(), "b".to_owned()); number];
    let mut told = Map::new();
    let mut tell = |call: &str, said: String| told.insert(call.to_owned(), json!(said));
    tell("keys.sign", key_said(key.sign(keys::Scheme::Ed25519, &message)));
    tell("keys.verify", key_said(key.verify(keys::Scheme::Ed25519, &message, b"x")));
    tell("keys.verify-with message", key_said(keys::verify_with(&public, keys::Scheme::Ed25519, &message, b"x")));
    tell(
        "keys.verify-with key",
        key_said(keys::verify_with(&vec![0x30; 4 * KIBIBYTE + 1], keys::Scheme::Ed25519, b"x", b"x")),
    );
    tell("keys.import-key", key_said(keys::import_ephemeral(&vec![0x30; 16 * KIBIBYTE + 1])));
    tell("keys.open", key_said(keys::open(&"x".repeat(MEBIBYTE))));
    tell("keys.managed", key_said(keys::managed(&"x".repeat(MEBIBYTE))));
    tell("keys.seal", key_said(key.seal(keys::Sealing::AesGcm, &vec![0; 64 * KIBIBYTE + 1], b"")));
    tell("keys.mac", key_said(key.mac(keys::Hash::Sha256, &message)));
    tell("keys.random", key_said(key.random(1025)));
    tell("keys.generate rsa", key_said(keys::generate_ephemeral(keys::KeyType::Rsa(u32::MAX))));
    tell("http-out.send url", asked(|request| request.url = format!("https://example.org/{}", "x".repeat(2048))));
    tell("http-out.send headers", asked(|request| request.headers = pairs(33)));
    tell("http-out.send body", asked(|request| request.body = vec![0; MEBIBYTE + 1]));
    tell("http-out.send ca-pem", asked(|request| request.ca_pem = Some("x".repeat(64 * KIBIBYTE + 1))));
    Response::data(&json!({ "said": told }))
}
