//! What it costs to ask who may do what, and to write down who did it: requests of a token with 1, 100 and 10 000 rules,
//! with and without a file that audits, beside the same requests of the root token without any.

use std::time::Duration;

use harness::{Folder, Process};
use serde_json::json;

use crate::client::{Client, TOKEN, load, request, request_as, server};

const CLIENTS: usize = 16;
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const RULES: [usize; 3] = [1, 100, 10_000];

/// What is measured: a name and the request, with this token.
fn kinds(token: &str) -> [(&'static str, Vec<u8>); 4] {
    let leaf = json!({"common_name": "a.example", "ttl": "1h"}).to_string();
    [
        ("lookup-self", request_as(token, "GET", "auth/token/lookup-self", "")),
        ("kv read", request_as(token, "GET", "kv/seed", "")),
        ("kv write", request_as(token, "POST", "kv/seed", r#"{"x":"y"}"#)),
        ("pki issue", request_as(token, "POST", "pki/issue/leaf", &leaf)),
    ]
}

/// A policy of this many rules that permits what is measured: none of them is found by luck.
fn policy(rules: usize) -> String {
    let mut text = String::from(
        r#"path "kv/*" { capabilities = ["create", "read", "update"] }
path "pki/issue/+" { capabilities = ["update"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
"#,
    );
    for n in 0..rules {
        let path = match n % 3 {
            0 => format!("kv/team-{n}/data"),
            1 => format!("kv/team-{n}/*"),
            _ => format!("kv/+/team-{n}"),
        };
        text.push_str(&format!("path \"{path}\" {{ capabilities = [\"read\"] }}\n"));
    }
    text
}

/// Sends one request, which must succeed.
fn must(client: &mut Client, request: &[u8]) {
    let status = client.send(request);
    assert!(matches!(status, 200 | 204), "{status}: {}", String::from_utf8_lossy(&request[..request.len().min(120)]));
}

fn prepare(server: &Process) {
    let mut client = Client::new(server);
    let role = json!({"allow_any_name": true, "key_type": "ec", "no_store": true, "ttl": "1h"}).to_string();
    let root = json!({"common_name": "bench", "key_type": "ec", "ttl": "24h"}).to_string();
    for (path, body) in [
        ("sys/mounts/kv", r#"{"type":"kv"}"#),
        ("sys/mounts/pki", r#"{"type":"pki"}"#),
        ("kv/seed", r#"{"x":"y"}"#),
        ("pki/root/generate/internal", root.as_str()),
        ("pki/roles/leaf", role.as_str()),
    ] {
        must(&mut client, &request("POST", path, body));
    }
    for rules in RULES {
        let body = json!({"policy": policy(rules)}).to_string();
        must(&mut client, &request("POST", &format!("sys/policies/acl/rules-{rules}"), &body));
        let token = json!({"id": format!("bench-{rules}"), "policies": [format!("rules-{rules}")]}).to_string();
        must(&mut client, &request("POST", "auth/token/create", &token));
    }
}

/// Requests per second, the best of some rounds: what disturbs a round makes it slower, never faster.
fn rate(server: &Process, request: &[u8]) -> f64 {
    let best = (0..ROUNDS).map(|_| load(server, CLIENTS, request, ROUND)).max().unwrap_or(0);
    best as f64 / ROUND.as_secs_f64()
}

/// Runs the benchmark.
pub(crate) fn run() {
    let folder = Folder::new();
    let server = server();
    prepare(&server);
    let base: Vec<f64> = kinds(TOKEN).iter().map(|(_, request)| rate(&server, request)).collect();
    for audited in [false, true] {
        if audited {
            let file = folder.path().join("audit.log");
            let device = json!({"type": "file", "options": {"file_path": file}}).to_string();
            must(&mut Client::new(&server), &request("POST", "sys/audit/file", &device));
        }
        for rules in RULES {
            let token = format!("bench-{rules}");
            for ((name, request), base) in kinds(&token).iter().zip(&base) {
                let rate = rate(&server, request);
                let audit = if audited { "audited" } else { "not audited" };
                println!(
                    "{name}, {rules} rules, {audit}: {rate:.0} per second, {:.2} of the root token's {base:.0}",
                    rate / base
                );
            }
        }
    }
}
