//! What a policy that a guest judges by costs a request: the same reads of one token with none, with the shortest and with
//! those of the examples, over one connection and over many.

use std::time::Duration;

use harness::Process;
use serde_json::json;

use crate::client::{Client, load, request, request_as, server, times};

const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const CLIENTS: usize = 16;
const REQUESTS: u64 = 2000;

/// A name, and a policy that allows what is measured after it was judged.
const POLICIES: [(&str, &str); 4] = [
    ("true", "true"),
    ("office hours for root keys", include_str!("../../guests/cel/examples/office-hours-for-root-keys.cel")),
    ("two people", include_str!("../../guests/cel/examples/two-people.cel")),
    ("lifetime of certificates", include_str!("../../guests/cel/examples/certificate-lifetime.cel")),
];

fn must(server: &Process, method: &str, path: &str, body: &str) {
    let status = Client::new(server).send(&request(method, path, body));
    assert!(matches!(status, 200 | 204), "{method} {path}: {status}");
}

/// Microseconds of the middle request over one connection, and requests per second over many: the best of some rounds.
fn measured(server: &Process, read: &[u8]) -> (f64, f64) {
    let times = times(server, REQUESTS, &[200], &|_| read.to_vec());
    let best = (0..ROUNDS).map(|_| load(server, CLIENTS, read, ROUND)).max().unwrap_or(0);
    (times[times.len() / 2], best as f64 / ROUND.as_secs_f64())
}

/// Runs the benchmark.
pub(crate) fn run() {
    let server = server();
    must(&server, "POST", "sys/mounts/kv", r#"{"type":"kv"}"#);
    must(&server, "POST", "kv/seed", r#"{"x":"y"}"#);
    let all = json!({"policy": r#"path "*" { capabilities = ["read"] }"#}).to_string();
    must(&server, "POST", "sys/policies/acl/all", &all);
    must(&server, "POST", "auth/token/create", r#"{"id":"judged","policies":["all"]}"#);
    let read = request_as("judged", "GET", "kv/seed", "");
    let (alone, many) = measured(&server, &read);
    println!("no policy: {alone:.0} us a read alone, {many:.0} per second of {CLIENTS} clients");
    for (name, policy) in POLICIES {
        let body = json!({"policy": policy, "paths": "kv/*", "enforcement_level": "hard-mandatory"}).to_string();
        must(&server, "POST", "sys/policies/egp/bench", &body);
        let (with, rate) = measured(&server, &read);
        println!(
            "{name}: {with:.0} us a read alone ({:+.0} us), {rate:.0} per second ({:.2} of none)",
            with - alone,
            rate / many
        );
    }
}
