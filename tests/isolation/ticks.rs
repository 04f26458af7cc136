//! The periodic work of engines.

use std::time::{Duration, Instant};

use harness::{HOSTILE, Server};
use serde_json::{Value, json};

#[test]
fn of_two_nodes_one_lets_a_mount_tick_and_not_again_within_a_minute() {
    let [one, two] = Server::two_with_guests(&[HOSTILE]);
    assert_eq!(one.call("POST", "sys/mounts/hostile", json!({"type": "hostile"})).status, 204);
    let count = |server: &Server| server.call("GET", "hostile/ticked", Value::Null).json["data"]["count"].clone();
    let until = Instant::now() + Duration::from_secs(20);
    while count(&two) == 0 {
        assert!(Instant::now() < until, "it never ticked");
        std::thread::sleep(Duration::from_millis(50));
    }
    // Long enough for both nodes to look for work twice more.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((count(&one), count(&two)), (json!(1), json!(1)));
}
