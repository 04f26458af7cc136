//! From the start of the process until it answers `sys/health`.

use std::time::Instant;

use crate::client::{Client, request, server};
use crate::measure::spread;

const RUNS: usize = 15;

pub(crate) fn run() {
    let health = request("GET", "sys/health", "");
    let times = (0..RUNS).map(|_| {
        let started = Instant::now();
        let server = server();
        assert_eq!(Client::new(&server).send(&health), 200);
        started.elapsed().as_secs_f64() * 1e3
    });
    let (middle, low, high) = spread(times.collect());
    println!("       ready: {middle:6.1} ms after the start ({low:.1} to {high:.1})");
    println!("      target: at most 150 ms");
}
