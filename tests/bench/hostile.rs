//! What a mount costs others that computes without end: how long answers of another mount take, alone and beside it, in
//! turns on one server.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::HOSTILE;

use crate::client::{Client, request, server, times};
use crate::measure::spread;

const ROUNDS: usize = 5;
const REQUESTS: u64 = 4000;
const HOSTILE_CLIENTS: usize = 4;

pub(crate) fn run() {
    let server = server();
    let mut client = Client::new(&server);
    let (sha256, component) = (hex::encode(digest(&SHA256, HOSTILE)), STANDARD.encode(HOSTILE));
    let body = format!(r#"{{"sha256":"{sha256}","component":"{component}"}}"#);
    assert_eq!(client.send(&request("POST", "sys/plugins/catalog/secret/hostile", &body)), 204);
    for kind in ["hostile", "echo"] {
        assert_eq!(
            client.send(&request("POST", &format!("sys/mounts/{kind}"), &format!(r#"{{"type":"{kind}"}}"#))),
            204
        );
    }
    let say = |_| request("GET", "echo/say", "");
    times(&server, REQUESTS, &[200], &say);
    for way in ["loop-forever", "loop-in-host-calls", "grab-memory"] {
        let (mut halves, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let alone = times(&server, REQUESTS, &[200], &say);
            let stop = AtomicBool::new(false);
            let beside = std::thread::scope(|scope| {
                for _ in 0..HOSTILE_CLIENTS {
                    scope.spawn(|| {
                        let mut client = Client::new(&server);
                        while !stop.load(Ordering::Relaxed) {
                            client.send(&request("POST", &format!("hostile/{way}"), "{}"));
                        }
                    });
                }
                std::thread::sleep(Duration::from_millis(300));
                let beside = times(&server, REQUESTS, &[200], &say);
                stop.store(true, Ordering::Relaxed);
                beside
            });
            let at = |times: &[f64], share: f64| times[(times.len() as f64 * share) as usize];
            halves.push(at(&beside, 0.5) / at(&alone, 0.5));
            ends.push(at(&beside, 0.99) / at(&alone, 0.99));
        }
        for (what, ratios) in [("half", halves), ("99 %", ends)] {
            let (middle, low, high) = spread(ratios);
            println!("{way:>20}: {what} below {middle:.2} times what they are alone ({low:.2} to {high:.2})");
        }
    }
    println!("      target: 99 % below 1.2 times");
}
