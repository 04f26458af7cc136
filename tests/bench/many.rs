//! Start-up, memory and the time of a request with few and with many namespaces and mounts, on the file store.

use std::time::Instant;

use harness::{Folder, Keys, Node, file_storage};

use crate::client::{Client, request_as, times};
use crate::measure::{memory, spread};

const SIZES: [usize; 2] = [10, 10_000];
const RUNS: usize = 5;
const REQUESTS: u64 = 2000;

pub(crate) fn run() {
    let mut least = None;
    for size in SIZES {
        let folder = Folder::new();
        let config = format!("log_level = \"warn\"\n{}", file_storage(&folder.path().join("data")));
        let keys = filled(&config, size);
        let (mut opens, mut resident, mut p50, mut p99) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..RUNS {
            let started = Instant::now();
            let mut node = Node::start(&config, &[]);
            node.unseal(&keys);
            opens.push(started.elapsed().as_secs_f64() * 1e3);
            let read = request_as(&keys.root_token, "GET", "n7/kv/a", "");
            let times = times(&node.process, REQUESTS, &[200], &|_| read.clone());
            p50.push(times[times.len() / 2]);
            p99.push(times[times.len() * 99 / 100]);
            resident.push(memory(node.process.pid(), "VmRSS") as f64 / 1024.0);
        }
        let ((open, ..), (resident, ..), (p50, ..), (p99, ..)) =
            (spread(opens), spread(resident), spread(p50), spread(p99));
        println!(
            "{size:>12} namespaces and mounts: open {open:.0} ms after the start, {resident:.1} MiB resident, a request \
             {p50:.0} µs, 99 % below {p99:.0} µs"
        );
        match least {
            None => least = Some(resident),
            Some(least) => {
                let each = (resident - least) * 1024.0 / (2 * (size - SIZES[0])) as f64;
                println!("{:>12}: {each:.2} KiB for each further one", "memory");
            }
        }
    }
    println!("      target: open within 150 ms, at most 2 KiB for each further namespace or mount");
}

fn filled(config: &str, size: usize) -> Keys {
    let mut node = Node::start(config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let mut client = Client::new(&node.process);
    for number in 0..size {
        for (path, body) in
            [(format!("sys/namespaces/n{number}"), ""), (format!("n{number}/sys/mounts/kv"), r#"{"type":"kv"}"#)]
        {
            let status = client.send(&request_as(&keys.root_token, "POST", &path, body));
            assert!(status < 300, "{path}: {status}");
        }
    }
    assert_eq!(client.send(&request_as(&keys.root_token, "POST", "n7/kv/a", r#"{"x":"y"}"#)), 204);
    keys
}
