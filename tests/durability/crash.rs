//! The server is killed under load, again and again: whatever was acknowledged is there, nothing is half there.
//!
//! `INNKEEPER_CRASH_ROUNDS` says how often; `make soak` asks for 200.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;
use std::time::Duration;

use harness::{Folder, Keys, Node, file_storage, try_call};
use serde_json::{Value, json};

const ROUNDS: usize = 10;
const CLIENTS: usize = 64;

/// What clients were told.
#[derive(Default)]
struct Told {
    serials: Vec<String>,
    /// The last number that each client's key was acknowledged to hold, and whether a later write had no answer.
    numbers: HashMap<usize, u64>,
}

#[test]
fn whatever_was_acknowledged_before_a_kill_is_there_and_nothing_is_half_there() {
    let rounds = std::env::var("INNKEEPER_CRASH_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS);
    let folder = Folder::new();
    let config = file_storage(&folder.path().join("data"));
    let mut node = Node::start(&config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    for (path, kind) in [("kv", "kv"), ("pki", "pki")] {
        assert_eq!(node.call("POST", &format!("sys/mounts/{path}"), json!({"type": kind})).status, 204);
    }
    assert_eq!(node.call("POST", "pki/root/generate/internal", json!({"common_name": "R"})).status, 200);
    let role = json!({"allow_any_name": true, "key_type": "ec", "key_bits": 256, "ttl": "1h"});
    assert_eq!(node.call("POST", "pki/roles/r", role).status, 200);
    let told = Mutex::new(Told::default());
    for round in 0..rounds {
        // Uneven, and never the same place twice.
        let time = Duration::from_millis(100 + (round as u64 * 37) % 300);
        node = killed_under_load(node, &keys, &config, &told, time);
        check(&node, &told.lock().unwrap());
    }
    assert!(told.lock().unwrap().serials.len() > rounds, "there was hardly any load");
}

/// Lets clients write, kills the node after this time, and starts it again.
fn killed_under_load(node: Node, keys: &Keys, config: &str, told: &Mutex<Told>, time: Duration) -> Node {
    let (address, token) = (node.address().to_owned(), node.token().to_owned());
    std::thread::scope(|threads| {
        for client in 0..CLIENTS {
            let (address, token) = (&address, &token);
            threads.spawn(move || {
                let first = told.lock().unwrap().numbers.get(&client).copied().unwrap_or_default() + 1;
                for number in first.. {
                    let body = json!({"number": number});
                    match try_call(address, token, "POST", &format!("kv/{client}"), body) {
                        Some(answer) if answer.status == 204 => told.lock().unwrap().numbers.insert(client, number),
                        Some(answer) => panic!("{}", answer.text),
                        None => return,
                    };
                    let body = json!({"common_name": format!("{client}.example.com")});
                    match try_call(address, token, "POST", "pki/issue/r", body) {
                        Some(answer) if answer.status == 200 => {
                            let serial = answer.json["data"]["serial_number"].as_str().unwrap().to_owned();
                            told.lock().unwrap().serials.push(serial);
                        }
                        Some(answer) => panic!("{}", answer.text),
                        None => return,
                    }
                }
            });
        }
        std::thread::sleep(time);
        drop(node);
    });
    let mut node = Node::start(config, &[]);
    node.unseal(keys);
    node
}

fn check(node: &Node, told: &Told) {
    let distinct: HashSet<&String> = told.serials.iter().collect();
    assert_eq!(distinct.len(), told.serials.len(), "a serial number was given twice");
    for (client, number) in &told.numbers {
        let stored = node.call("GET", &format!("kv/{client}"), Value::Null).json["data"]["number"].as_u64();
        // The next one may have been written without an answer.
        assert!(stored == Some(*number) || stored == Some(number + 1), "client {client}: {stored:?}, told {number}");
    }
    let mut listed: HashSet<String> = HashSet::new();
    let mut after = String::new();
    loop {
        let page = node.call("LIST", &format!("pki/certs?limit=1000&after={after}"), Value::Null);
        let names: Vec<String> = page.json["data"]["keys"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        let Some(last) = names.last() else { break };
        after.clone_from(last);
        let full = names.len() >= 1000;
        listed.extend(names);
        if !full {
            break;
        }
    }
    for serial in &told.serials {
        assert!(listed.contains(serial), "{serial} was acknowledged and is not listed");
    }
    // Those of the last moments: what is listed has its record, acknowledged or not.
    for serial in listed.iter().take(200) {
        let read = node.call("GET", &format!("pki/cert/{serial}"), Value::Null);
        assert_eq!(read.status, 200, "{serial} is listed and has no record");
    }
}
