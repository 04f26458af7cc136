//! What durability costs: certificates that are stored against certificates that are not, and writes of secrets, on each
//! store, through the whole server and its barrier. Rounds alternate.

use std::time::{Duration, Instant};

use harness::{Folder, Node, file_storage};
use postgresql_testing::Cluster;

use crate::client::{Client, load, load_each, request_as};
use crate::measure::spread;

const CLIENTS: usize = 64;
const PAIRS: usize = 5;
const ROUND: Duration = Duration::from_millis(1500);

pub(crate) fn run() {
    let (folder, cluster) = (Folder::new(), Cluster::start());
    for (name, stanza) in [
        ("memory", "storage \"inmem\" {\n}\n".to_owned()),
        ("file", file_storage(&folder.path().join("data"))),
        ("postgresql", format!("storage \"postgresql\" {{\n connection_url = \"{}\"\n}}\n", cluster.url())),
    ] {
        measure(name, &stanza);
    }
    println!("      target: stored at least 70 % of not stored, on the file");
}

fn measure(name: &str, stanza: &str) {
    let mut node = Node::start(&format!("log_level = \"warn\"\n{stanza}"), &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let ask = |method: &str, path: &str, body: &str| request_as(&keys.root_token, method, path, body);
    let mut client = Client::new(&node.process);
    for (path, body) in [
        ("sys/mounts/pki", r#"{"type":"pki","config":{"max_lease_ttl":"87600h"}}"#),
        ("sys/mounts/kv", r#"{"type":"kv"}"#),
        ("pki/root/generate/internal", r#"{"common_name":"r","key_type":"ec","ttl":"87600h"}"#),
        ("pki/roles/passing", r#"{"allow_any_name":true,"key_type":"ec","no_store":true}"#),
        ("pki/roles/kept", r#"{"allow_any_name":true,"key_type":"ec"}"#),
    ] {
        let status = client.send(&ask("POST", path, body));
        assert!(status < 300, "{path}: {status}");
    }
    let rate = |clients: usize, request: &[u8]| {
        let started = Instant::now();
        load(&node.process, clients, request, ROUND) as f64 / started.elapsed().as_secs_f64()
    };
    let passing = ask("POST", "pki/issue/passing", r#"{"common_name":"www.example.com"}"#);
    let kept = ask("POST", "pki/issue/kept", r#"{"common_name":"www.example.com"}"#);
    rate(CLIENTS, &passing);
    let (mut rates, mut ratios) = (Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let (without, with) = (rate(CLIENTS, &passing), rate(CLIENTS, &kept));
        rates.push(with);
        ratios.push(with / without * 100.0);
    }
    let ((rate_of, low, high), (ratio, worst, best)) = (spread(rates), spread(ratios));
    println!(
        "{name:>12}: {rate_of:7.0} stored certificates per second ({low:.0} to {high:.0}), {ratio:.0} % of not stored \
         ({worst:.0} to {best:.0})"
    );
    let write = |number: usize| ask("POST", &format!("kv/{number}"), r#"{"password":"correct horse"}"#);
    for clients in [1, 8, CLIENTS] {
        let writes = (0..3).map(|_| {
            let started = Instant::now();
            load_each(&node.process, clients, &write, ROUND) as f64 / started.elapsed().as_secs_f64()
        });
        let (middle, low, high) = spread(writes.collect());
        println!("{name:>12}: {middle:7.0} secrets written per second by {clients} clients ({low:.0} to {high:.0})");
    }
}
