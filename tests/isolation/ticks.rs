//! The periodic work of engines.

use std::time::Duration;

use harness::{HOSTILE, Server, wait_until};
use serde_json::{Value, json};

#[test]
fn of_two_nodes_one_lets_a_mount_tick_and_not_again_within_a_minute() {
    let [one, two] = Server::two_with_guests(&[HOSTILE]);
    assert_eq!(one.call("POST", "sys/mounts/hostile", json!({"type": "hostile"})).status, 204);
    let count = |server: &Server| server.call("GET", "hostile/ticked", Value::Null).json["data"]["count"].clone();
    wait_until("it never ticked", || count(&two) != 0);
    // Long enough for both nodes to look for work twice more.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((count(&one), count(&two)), (json!(1), json!(1)));
}
