//! How long it takes until a component of a stranger serves: sent and compiled, after a restart with and without its native
//! code kept; and what requests notice of a reload.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Folder, Node, file_storage};
use serde_json::{Value, json};

use crate::client::{Client, request_as};

const CLIENTS: usize = 8;
const RELOADS: usize = 10;

fn milliseconds(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e3
}

#[track_caller]
fn must(node: &Node, method: &str, path: &str, body: Value) {
    let answer = node.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.text);
}

fn register(node: &Node, name: &str, component: &[u8]) {
    let sha256 = hex::encode(digest(&SHA256, component));
    must(
        node,
        "PUT",
        &format!("sys/plugins/catalog/secret/{name}"),
        json!({"sha256": sha256, "component": STANDARD.encode(component)}),
    );
}

/// The same engine as another component: with a section that says nothing.
fn another(component: &[u8], number: u8) -> Vec<u8> {
    let mut bytes = component.to_vec();
    // A custom section: its number, its length, the length of its name, its name.
    bytes.extend([0, 3, 1, b'x', number]);
    bytes
}

/// Runs the benchmark.
pub(crate) fn run() {
    for (name, component) in [("echo", bundle::ECHO.component), ("pki", bundle::PKI.component)] {
        for kept in [false, true] {
            starts(name, component, kept);
        }
    }
    reloads();
}

/// From nothing to an answer, and from a restart to an answer.
fn starts(name: &str, component: &[u8], kept: bool) {
    let (store, cache) = (Folder::new(), Folder::new());
    let mut config = file_storage(store.path());
    if kept {
        config.push_str(&format!("plugin_cache_directory = \"{}\"\n", cache.path().display()));
    }
    let mut node = Node::start(&config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let sent = milliseconds(|| register(&node, "measured", component));
    let mounted = milliseconds(|| must(&node, "POST", "sys/mounts/measured", json!({"type": "measured"})));
    drop(node);
    let mut node = Node::start(&config, &[]);
    node.unseal(&keys);
    let first = milliseconds(|| drop(node.call("GET", "measured/none", Value::Null)));
    let second = milliseconds(|| drop(node.call("GET", "measured/none", Value::Null)));
    println!(
        "{name} ({} KiB), native code {}: sent and compiled in {sent:.0} ms, mounted in {mounted:.1} ms; after a restart \
         the first answer in {first:.1} ms, the next in {second:.2} ms",
        component.len() >> 10,
        if kept { "kept" } else { "not kept" },
    );
}

/// Requests of several clients while the engine of their mount becomes another, and another.
fn reloads() {
    let mut node = Node::start("storage \"inmem\" {}\n", &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    register(&node, "measured", &another(bundle::ECHO.component, 0));
    must(&node, "POST", "sys/mounts/measured", json!({"type": "measured"}));
    let say = request_as(&keys.root_token, "POST", "measured/say", r#"{"text":"a"}"#);
    let (reloading, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let times = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let (mut client, mut times) = (Client::new(&node.process), [Vec::new(), Vec::new()]);
                    while !ended.load(Ordering::Relaxed) {
                        let during = reloading.load(Ordering::Relaxed);
                        let began = Instant::now();
                        assert_eq!(client.send(&say), 200);
                        times[usize::from(during)].push(began.elapsed().as_secs_f64() * 1e6);
                    }
                    times
                })
            })
            .collect();
        std::thread::sleep(std::time::Duration::from_secs(3));
        reloading.store(true, Ordering::Relaxed);
        for number in 1..=RELOADS {
            register(&node, "measured", &another(bundle::ECHO.component, number as u8));
            must(&node, "POST", "sys/plugins/reload/backend", json!({"plugin": "measured"}));
        }
        ended.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client")).collect::<Vec<_>>()
    });
    let of = |during: usize| {
        let mut all: Vec<f64> = times.iter().flat_map(|times| times[during].iter().copied()).collect();
        all.sort_by(f64::total_cmp);
        let at = |part: f64| all[((all.len() - 1) as f64 * part) as usize];
        (all.len(), at(0.5), at(0.99), at(1.0))
    };
    let ((count, middle, late, last), (during, during_middle, during_late, during_last)) = (of(0), of(1));
    println!("{CLIENTS} clients alone: {count} requests, p50 {middle:.0} us, p99 {late:.0} us, longest {last:.0} us");
    println!(
        "while {RELOADS} components were sent, compiled and put in place: {during} requests, none failed, p50 \
         {during_middle:.0} us, p99 {during_late:.0} us ({:.2} of alone), longest {during_last:.0} us",
        during_late / late
    );
}
