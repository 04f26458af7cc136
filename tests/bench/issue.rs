//! `pki/issue` of a P-256 leaf by a P-256 issuer, not stored, against the cryptography that it cannot do without: making
//! one key and one signature. Both in processor time, so that the load generator does not count; rounds alternate.

use std::time::{Duration, Instant};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use harness::Process;

use crate::client::{Client, load, request, server};
use crate::measure::{processor_time, spread};

const CLIENTS: usize = 16;
const PAIRS: usize = 9;
const ROUND: Duration = Duration::from_millis(1500);

pub(crate) fn run() {
    let server = server();
    let mut client = Client::new(&server);
    let mut set_up = |path: &str, body: &str| {
        let status = client.send(&request("POST", path, body));
        assert!(status < 300, "{path}: {status}");
    };
    set_up("sys/mounts/pki", r#"{"type":"pki","config":{"max_lease_ttl":"87600h"}}"#);
    set_up("pki/root/generate/internal", r#"{"common_name":"r","key_type":"ec","ttl":"87600h"}"#);
    set_up("pki/roles/r", r#"{"allow_any_name":true,"key_type":"ec","no_store":true}"#);
    set_up("pki/roles/kept", r#"{"allow_any_name":true,"key_type":"ec"}"#);
    let issue = request("POST", "pki/issue/r", r#"{"common_name":"www.example.com"}"#);
    let kept = request("POST", "pki/issue/kept", r#"{"common_name":"www.example.com"}"#);
    load(&server, CLIENTS, &issue, ROUND);
    let (mut bares, mut issues, mut ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let bare = bare();
        let (cost, rate) = cost(&server, &issue);
        bares.push(bare);
        issues.push(cost);
        ratios.push(cost / bare);
        rates.push(rate);
    }
    let stored = (0..PAIRS).map(|_| cost(&server, &kept).1).collect();
    for (what, unit, values) in [
        ("bare", "µs of processor for a key and a signature", bares),
        ("issue", "µs of processor per certificate", issues),
        ("ratio", "times the bare cryptography", ratios),
        ("rate", "certificates per second, load generator on the same cores", rates),
        ("kept", "certificates per second, kept in memory", stored),
    ] {
        let (middle, low, high) = spread(values);
        println!("{what:>12}: {middle:8.1} {unit} ({low:.1} to {high:.1})");
    }
    println!("      target: ratio at most 2");
}

/// Microseconds for one key and one signature over a message as long as a certificate.
fn bare() -> f64 {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let issuer = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let (started, message, mut count) = (Instant::now(), [7; 500], 0);
    while started.elapsed() < ROUND / 3 {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
        issuer.sign(&random, &message).expect("a signature");
        count += 1;
    }
    started.elapsed().as_secs_f64() * 1e6 / f64::from(count)
}

/// Microseconds of processor time per request, and requests per second.
fn cost(server: &Process, request: &[u8]) -> (f64, f64) {
    let (before, started) = (processor_time(server.pid()), Instant::now());
    let answered = load(server, CLIENTS, request, ROUND) as f64;
    let spent = processor_time(server.pid()) - before;
    (spent.as_secs_f64() * 1e6 / answered, answered / started.elapsed().as_secs_f64())
}
