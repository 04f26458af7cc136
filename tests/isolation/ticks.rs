//! The periodic work of engines.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{HOSTILE, Server, wait_until};
use serde_json::{Value, json};

use crate::plugins::sha256;

fn ticks(server: &Server, mount: &str) -> Value {
    server.call("GET", &format!("{mount}/ticked"), Value::Null).json["data"]["count"].clone()
}

fn mount(server: &Server, path: &str) {
    assert_eq!(server.call("POST", &format!("sys/mounts/{path}"), json!({"type": "hostile"})).status, 204);
}

#[test]
fn of_two_nodes_one_lets_a_mount_tick_and_not_again_within_a_minute() {
    let [one, two] = Server::two_with_guests(&[HOSTILE]);
    mount(&one, "hostile");
    wait_until("it never ticked", || ticks(&two, "hostile") != 0);
    // Long enough for both nodes to look for work twice more.
    std::thread::sleep(Duration::from_secs(5));
    assert_eq!((ticks(&one, "hostile"), ticks(&two, "hostile")), (json!(1), json!(1)));
}

#[test]
fn a_tick_that_waits_for_what_never_answers_holds_up_no_other_mounts() {
    // Takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap().to_string();
    let server = Server::start_with(&format!("http_out {{\n  allow = [\"{host}\"]\n}}\n"), &[]);
    let component = json!({ "sha256": sha256(HOSTILE), "component": STANDARD.encode(HOSTILE) });
    assert_eq!(server.call("PUT", "sys/plugins/catalog/secret/hostile", component).status, 204);
    let powers = json!({ "type": "hostile", "config": { "powers": { "http_out": [host] } } });
    assert_eq!(server.call("POST", "sys/mounts/waiting", powers).status, 204);
    let plan = json!({ "url": format!("http://{host}/") });
    assert_eq!(server.call("POST", "waiting/endless-tick", plan).status, 200);
    silent.set_nonblocking(true).unwrap();
    let mut asked = None;
    for _ in 0..1000 {
        asked = asked.or_else(|| silent.accept().ok());
        if asked.is_some() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(asked.is_some(), "the tick asked nobody");
    mount(&server, "other");
    wait_until("the other never ticked", || ticks(&server, "other") != 0);
    assert_eq!(ticks(&server, "waiting"), 0, "it waits still");
    assert_eq!(server.call("POST", "waiting/write-then-read", json!({"name": "a", "text": "b"})).status, 200);
}

#[test]
fn a_tick_that_computes_without_end_is_ended_and_its_mount_goes_on() {
    let server = Server::with_guests(&[HOSTILE]);
    mount(&server, "busy");
    assert_eq!(server.call("POST", "busy/endless-tick", json!({})).status, 200);
    let ended = "innkeeper_engine_refusals_total{engine=\"hostile\",bound=\"processor\"} 1";
    let metrics = || server.call("GET", "sys/metrics?format=prometheus", Value::Null).text;
    wait_until("nothing ended it", || metrics().contains(ended));
    assert_eq!(ticks(&server, "busy"), 0, "nothing of it is kept");
    assert_eq!(server.call("POST", "busy/write-then-read", json!({"name": "a", "text": "b"})).status, 200);
}
