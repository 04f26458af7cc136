//! A million leases through the whole server, on the file store: opening it, memory, reading one, and how fast those that
//! are due are taken back while the others rest. The store is filled below the server.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use embedded::Embedded;
use harness::{Folder, Keys, Node, file_storage};
use leases::{Held, Lease, Leases, NewLease};
use model::Id;
use seal::{Lock, Share};
use serde_json::{Value, json};
use storage::barrier::Barrier;
use storage::{Drawer, Driver, Store};

use crate::client::{request_as, times};
use crate::measure::{memory, processor_time, spread};

const COUNT: u64 = 1_000_000;
/// Leases in one commit while the store is filled.
const PART: u64 = 2000;
/// Leases that are due when the server starts, of tokens and of secrets each.
const DUE: u64 = 20_000;
const RUNS: usize = 5;
const READS: u64 = 5000;

pub(crate) fn run() {
    for count in [1000, COUNT] {
        let folder = Folder::new();
        let data = folder.path().join("data");
        let config = format!("log_level = \"warn\"\n{}", file_storage(&data));
        let keys = founded(&config);
        let began = Instant::now();
        fill(&data, &keys, "auth/token/create", count, now() + 86_400, false);
        let size = std::fs::metadata(data.join("records")).expect("the store").len() >> 20;
        println!("{count:>12} leases: filled in {:.0} s, a file of {size} MiB", began.elapsed().as_secs_f64());
        measure(&config, &keys, count);
        for (what, path, secret) in [("tokens", "auth/token/due", false), ("secrets", "pki/issue/due", true)] {
            fill(&data, &keys, path, DUE, now() - 60, secret);
            take_back(&config, &keys, count, what, path);
        }
    }
}

fn founded(config: &str) -> Keys {
    let mut node = Node::start(config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    assert_eq!(node.call("POST", "sys/mounts/pki", json!({"type": "pki"})).status, 204);
    keys
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time").as_secs()
}

#[tokio::main]
async fn fill(data: &Path, keys: &Keys, path: &str, count: u64, expires: u64, secret: bool) {
    let below: Arc<dyn Driver> = Arc::new(Embedded::open(data).expect("the store opens"));
    let lock = Lock::new(below, None, false);
    let share = Share::parse(&keys.shares[0]).expect("a share");
    let barrier: Arc<Barrier> = lock.unseal(share, false).await.expect("the seal opens").expect("one share is enough");
    let store = Store::new(barrier);
    let mut reading = store.begin().await.expect("a snapshot");
    let mounts = reading.list(&Drawer::new(&["tenancy"]), "mounts/", None, 0).await.expect("the mounts").names;
    let mount = mounts.iter().find_map(|name| Id::parse(name)).expect("the mount of pki");
    for part in 0..count.div_ceil(PART) {
        let mut transaction = store.begin().await.expect("a transaction");
        for number in part * PART..((part + 1) * PART).min(count) {
            // As many digits as a real one, and spread like it.
            let random = format!("{:016x}{:016x}", mixed(number), mixed(number + (1 << 40)));
            let held = match secret {
                true => Held::Secret { mount, internal: r#"{"serial_number":"01:02:03"}"#.to_owned(), ttl: 3600 },
                false => Held::Token(format!("{random}{random}")),
            };
            let new = NewLease {
                namespace: Id::nil(),
                path,
                random: &random,
                held,
                token: None,
                issued: expires - 3600,
                expires: Some(expires + number % 3600 * u64::from(!path.ends_with("due"))),
                renewable: true,
                max_expires: None,
            };
            let lease = Lease::new(new).expect("a lease");
            Leases::insert(&mut transaction, &lease).await.expect("a lease is kept");
        }
        transaction.commit().await.expect("a part is written");
    }
}

fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn measure(config: &str, keys: &Keys, count: u64) {
    let (mut opens, mut fresh, mut idle, mut read, mut busy) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let started = Instant::now();
        let mut node = Node::start(config, &[]);
        node.unseal(keys);
        opens.push(started.elapsed().as_secs_f64() * 1e3);
        let resident = || memory(node.process.pid(), "VmRSS") as f64 / 1024.0;
        fresh.push(resident());
        let before = processor_time(node.process.pid());
        std::thread::sleep(Duration::from_secs(5));
        busy.push((processor_time(node.process.pid()) - before).as_secs_f64() / 5.0 * 100.0);
        idle.push(resident());
        let times = times(&node.process, READS, &[200], &|number| {
            let number = number.wrapping_mul(7919) % count;
            let id = format!("auth/token/create/{:016x}{:016x}", mixed(number), mixed(number + (1 << 40)));
            let body = json!({ "lease_id": id }).to_string();
            request_as(&keys.root_token, "PUT", "sys/leases/lookup", &body)
        });
        read.push(times[times.len() / 2]);
    }
    let middle = |values| spread(values).0;
    println!(
        "{count:>12} leases: open {:.0} ms after the start, {:.1} MiB resident then and {:.1} MiB after 5 s of looking, \
         which costs {:.2} % of a core; one is looked up in {:.0} µs",
        middle(opens),
        middle(fresh),
        middle(idle),
        middle(busy),
        middle(read)
    );
}

fn take_back(config: &str, keys: &Keys, count: u64, what: &str, path: &str) {
    let mut node = Node::start(config, &[]);
    let started = Instant::now();
    node.unseal(keys);
    while node.call("LIST", &format!("sys/leases/lookup/{path}"), Value::Null).status != 404 {
        std::thread::sleep(Duration::from_millis(100));
        assert!(started.elapsed() < Duration::from_secs(300), "they are not taken back");
    }
    let seconds = started.elapsed().as_secs_f64();
    let resident = memory(node.process.pid(), "VmRSS") as f64 / 1024.0;
    println!(
        "{count:>12} leases: {DUE} {what} taken back in {seconds:.1} s, {:.0} per second, {resident:.1} MiB resident",
        DUE as f64 / seconds
    );
}
