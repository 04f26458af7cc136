//! A million stored certificates through the whole server, on the file store: opening it, memory, reading one, reading a
//! page of their names. The store is filled below the server, with records as the engine makes them.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use embedded::Embedded;
use harness::{Folder, Keys, Node, file_storage};
use seal::{Lock, Share};
use serde_json::{Value, json};
use storage::barrier::Barrier;
use storage::{Batch, Drawer, Driver, Store};

use crate::client::{request_as, times};
use crate::measure::{memory, spread};

const COUNT: u64 = 1_000_000;
/// Records in one commit while the store is filled.
const PART: u64 = 5000;
const RUNS: usize = 5;
const READS: u64 = 20_000;
const PAGES: u64 = 500;

pub(crate) fn run() {
    for count in [1000, COUNT] {
        let folder = Folder::new();
        let data = folder.path().join("data");
        let config = format!("log_level = \"warn\"\n{}", file_storage(&data));
        let (keys, serial) = founded(&config);
        let began = Instant::now();
        fill(&data, &keys, &serial, count);
        let size = std::fs::metadata(data.join("records")).expect("the store").len() >> 20;
        println!("{count:>12} certificates: filled in {:.0} s, a file of {size} MiB", began.elapsed().as_secs_f64());
        measure(&config, &keys, count);
    }
}

/// A store with one certificate of its own; says how its serial number is written.
fn founded(config: &str) -> (Keys, String) {
    let mut node = Node::start(config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    assert_eq!(node.call("POST", "sys/mounts/pki", json!({"type": "pki"})).status, 204);
    assert_eq!(
        node.call("POST", "pki/root/generate/internal", json!({"common_name": "R", "key_type": "ec"})).status,
        200
    );
    let role = json!({"allow_any_name": true, "key_type": "ec", "ttl": "1h"});
    assert_eq!(node.call("POST", "pki/roles/r", role).status, 200);
    let issued = node.call("POST", "pki/issue/r", json!({"common_name": "www.example.com"}));
    (keys, issued.json["data"]["serial_number"].as_str().expect("a serial number").to_owned())
}

/// The serial number of a certificate: spread like real ones, and known again.
fn serial(number: u64) -> [u8; 20] {
    let mut bytes = [0x42; 20];
    for (at, part) in bytes.chunks_mut(8).enumerate() {
        let mut mixed = number.wrapping_add((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        part.copy_from_slice(&(mixed ^ (mixed >> 31)).to_be_bytes()[..part.len()]);
    }
    // Positive and of full length, as integers in DER are.
    bytes[0] = (bytes[0] & 0x7f) | 0x40;
    bytes
}

fn written(serial: &[u8], between: &str) -> String {
    serial.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between)
}

/// Copies the certificate with this serial number under as many others.
#[tokio::main]
async fn fill(data: &Path, keys: &Keys, known: &str, count: u64) {
    let below: Arc<dyn Driver> = Arc::new(Embedded::open(data).expect("the store opens"));
    let lock = Lock::new(below, None, false);
    let share = Share::parse(&keys.shares[0]).expect("a share");
    let barrier: Arc<Barrier> = lock.unseal(share, false).await.expect("the seal opens").expect("one share is enough");
    let mut reading = Store::new(Arc::clone(&barrier)).begin().await.expect("a snapshot");
    let mounts = reading.list(&Drawer::new(&["mount"]), "", None, 0).await.expect("the mounts").names;
    let name = known.replace(':', "-");
    let old: Vec<u8> = known.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("hexadecimal digits")).collect();
    for mount in mounts {
        let certificates = format!("mount/{mount}guest/certs/");
        let drawer = Drawer::new(&["mount", mount.trim_end_matches('/'), "guest"]);
        let Some(record) = reading.get(&drawer, &format!("certs/{name}")).await.expect("a record") else { continue };
        let at = record.windows(old.len()).position(|part| part == old).expect("its serial number");
        for part in 0..count / PART.min(count) {
            let mut batch = Batch::default();
            for number in part * PART..((part + 1) * PART).min(count) {
                let (mut copy, new) = (record.to_vec(), serial(number));
                copy[at..at + old.len()].copy_from_slice(&new[..old.len()]);
                batch.writes.insert(format!("{certificates}{}", written(&new[..old.len()], "-")), Some(copy.into()));
            }
            barrier.commit(batch).await.expect("a part is written");
        }
    }
}

fn measure(config: &str, keys: &Keys, count: u64) {
    let (mut opens, mut fresh, mut used, mut read, mut read_99, mut page, mut page_99) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut node = Node::start(config, &[]);
        node.unseal(keys);
        opens.push(started.elapsed().as_secs_f64() * 1e3);
        let resident = || memory(node.process.pid(), "VmRSS") as f64 / 1024.0;
        fresh.push(resident());
        let one = times(&node.process, READS, &[200], &|number| {
            let serial = written(&serial(number.wrapping_mul(7919) % count), ":");
            request_as(&keys.root_token, "GET", &format!("pki/cert/{serial}"), "")
        });
        // After the last certificate there is no page.
        let many = times(&node.process, PAGES, &[200, 404], &|number| {
            let after = written(&serial(number.wrapping_mul(104_729) % count), ":");
            request_as(&keys.root_token, "LIST", &format!("pki/certs?limit=100&after={after}"), "")
        });
        read.push(one[one.len() / 2]);
        read_99.push(one[one.len() * 99 / 100]);
        page.push(many[many.len() / 2]);
        page_99.push(many[many.len() * 99 / 100]);
        used.push(resident());
        let listed = node.call("LIST", "pki/certs?limit=1", Value::Null);
        assert_eq!(listed.json["data"]["keys"].as_array().map(Vec::len), Some(1), "{}", listed.text);
    }
    let middle = |values| spread(values).0;
    println!(
        "{count:>12} certificates: open {:.0} ms after the start, {:.1} MiB resident then and {:.1} MiB after the reads",
        middle(opens),
        middle(fresh),
        middle(used)
    );
    println!(
        "{count:>12} certificates: one read in {:.0} µs, 99 % below {:.0} µs; a page of 100 names in {:.0} µs, 99 % below {:.0} µs",
        middle(read),
        middle(read_99),
        middle(page),
        middle(page_99)
    );
}
