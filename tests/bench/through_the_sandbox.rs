//! What the sandbox costs: processor time of the server per request, through a fresh guest instance and natively, over
//! the same listener with the same token. Rounds of both alternate; the difference is taken within each pair.

use std::time::Duration;

use harness::Process;

use crate::client::{Client, load, request, server};
use crate::measure::{processor_time, spread};

const CLIENTS: usize = 16;
const PAIRS: usize = 9;
const ROUND: Duration = Duration::from_millis(1500);

pub(crate) fn run() {
    let server = server();
    assert_eq!(Client::new(&server).send(&request("POST", "sys/mounts/echo", r#"{"type":"echo"}"#)), 204);
    let native = request("GET", "auth/token/lookup-self", "");
    let guest = request("GET", "echo/say", "");
    for warm in [&native, &guest] {
        load(&server, CLIENTS, warm, ROUND);
    }
    let (mut natives, mut guests, mut more) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        // Which of the two comes first changes, so that whatever drifts touches both alike.
        let (one, other) = if pair % 2 == 0 {
            let one = cost(&server, &native);
            (one, cost(&server, &guest))
        } else {
            let other = cost(&server, &guest);
            (cost(&server, &native), other)
        };
        natives.push(one);
        guests.push(other);
        more.push(other - one);
    }
    for (what, values) in [("native", natives), ("guest", guests), ("difference", more)] {
        let (middle, low, high) = spread(values);
        println!("{what:>12}: {middle:6.1} µs of processor per request ({low:.1} to {high:.1})");
    }
    println!("      target: difference at most 30 µs");
}

/// Microseconds of processor time per request.
fn cost(server: &Process, request: &[u8]) -> f64 {
    let before = processor_time(server.pid());
    let answered = load(server, CLIENTS, request, ROUND);
    (processor_time(server.pid()) - before).as_secs_f64() * 1e6 / answered as f64
}
