//! Resident memory of a server that holds many connections which have asked once and then rest.

use std::time::Duration;

use harness::{Process, plain_listener};

use crate::client::Client;
use crate::measure::memory;

/// How many connections: each takes a file here and one in the server. Fewer where the system allows fewer.
const CONNECTIONS: usize = 10_000;
/// Files that this process and the server want for themselves.
const SPARE: usize = 500;
const REST: Duration = Duration::from_secs(1);
const ASK: &[u8] = b"GET /v1/sys/seal-status HTTP/1.1\r\nHost: a\r\n\r\n";

pub(crate) fn run() {
    let server = Process::configured(&plain_listener("http_read_header_timeout = \"1h\""), &["-log-level=warn"]);
    assert_eq!(Client::new(&server).send(ASK), 200);
    std::thread::sleep(REST);
    let before = memory(server.pid(), "VmRSS");
    let most = CONNECTIONS.min(files().saturating_sub(SPARE));
    let held: Vec<Client> = (0..most).map(|_| asked(&server)).collect();
    std::thread::sleep(REST);
    let after = memory(server.pid(), "VmRSS");
    let each = (after.saturating_sub(before)) as f64 / held.len() as f64;
    println!("       held: {} connections, {each:.1} KiB resident for each", held.len());
    println!("   resident: {:.1} MiB before, {:.1} MiB with them", before as f64 / 1024.0, after as f64 / 1024.0);
    assert_eq!(Client::new(&server).send(ASK), 200);
    drop(held);
    std::thread::sleep(REST);
    println!("  let go: {:.1} MiB", memory(server.pid(), "VmRSS") as f64 / 1024.0);
}

fn asked(server: &Process) -> Client {
    let mut client = Client::lean(server);
    assert_eq!(client.send(ASK), 200);
    client
}

/// How many files this process may open.
fn files() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").expect("the kernel tells limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit of files");
    line.split_whitespace().nth(3).and_then(|number| number.parse().ok()).unwrap_or(CONNECTIONS + SPARE)
}
