//! The numbers in ../../../README.md: `cargo run --release -p embedded --example measure [records]`.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "an example"
)]

use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use embedded::Embedded;
use redb::backends::FileBackend;
use storage::{Batch, Driver, Error, Listing, Records, Value};

const TABLE: redb::TableDefinition<'static, &[u8], &[u8]> = redb::TableDefinition::new("bare");
const KIB: [u8; 1024] = [7; 1024];

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, child, folder] = &arguments[..]
        && child == "child"
    {
        return write_until_killed(Path::new(folder)).await;
    }
    let records = arguments.get(1).map_or(1_000_000, |count| count.parse().unwrap());
    let folder = std::env::temp_dir().join(format!("innkeeper-measure-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    rates(&folder).await;
    churn(&folder.join("churn")).await;
    for count in [records / 100, records / 10, records] {
        whole(&folder.join(format!("of-{count}")), count).await;
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned()
}

/// The same records over and over: the file must not grow with what is written.
async fn churn(folder: &Path) {
    let store = Embedded::open(folder).unwrap();
    for round in 0..=5_u32 {
        let size = std::fs::metadata(folder.join("records")).unwrap().len() >> 10;
        println!("a thousand records of 1 KiB after {} commits: {size} KiB", round * 1000);
        for number in 0..1000 {
            let writes =
                (0..10).map(|part| (key((number * 7 + part * 101) % 1000), Some(Value::from(&KIB[..])))).collect();
            store.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
        }
    }
}

async fn rates(folder: &Path) {
    for (group, quick) in [(1, false), (1, true), (64, false), (64, true)] {
        let rate = bare(&folder.join(format!("bare-{group}-{quick}")), group, quick);
        println!("bare redb, one thread, {group} in a commit, quick repair {quick}: {rate:.0}/s");
    }
    let store = Arc::new(Embedded::open(&folder.join("rates")).unwrap());
    for writers in [1, 8, 64, 256] {
        let start = Instant::now();
        let tasks: Vec<_> = (0..writers).map(|writer| tokio::spawn(commits(Arc::clone(&store), writer))).collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.unwrap());
        }
        let rate = took.len() as f64 / start.elapsed().as_secs_f64();
        took.sort();
        let (half, most) = (took[took.len() / 2], took[took.len() * 99 / 100]);
        println!("{writers} writers: {rate:.0} commits/s, p50 {half:.1?}, p99 {most:.1?}");
    }
}

fn bare(path: &Path, group: u32, quick: bool) -> f64 {
    let file = std::fs::OpenOptions::new().read(true).write(true).create_new(true).open(path).unwrap();
    let database = redb::Builder::new()
        .set_cache_size(embedded::CACHE_BYTES)
        .create_with_backend(FileBackend::new(file).unwrap())
        .unwrap();
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < Duration::from_secs(3) {
        let mut transaction = database.begin_write().unwrap();
        transaction.set_quick_repair(quick);
        for writer in 0..group {
            let key = format!("k/{writer:03}/{count:07}");
            transaction.open_table(TABLE).unwrap().insert(key.as_bytes(), &KIB[..]).unwrap();
            count += 1;
        }
        transaction.commit().unwrap();
    }
    f64::from(count) / start.elapsed().as_secs_f64()
}

async fn commits(store: Arc<Embedded>, writer: u32) -> Vec<Duration> {
    let (start, mut took) = (Instant::now(), Vec::new());
    while start.elapsed() < Duration::from_secs(3) {
        let begin = Instant::now();
        let key = format!("k/{writer:03}/{:07}", took.len());
        let writes = [(key, Some(Value::from(&KIB[..])))].into();
        store.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
        took.push(begin.elapsed());
    }
    took
}

/// A thousand folders, each with a thousandth of the records.
fn key(number: u32) -> String {
    format!("d/{:04}/{:06}", number % 1000, number / 1000)
}

struct Made(std::vec::IntoIter<String>);

#[async_trait]
impl Records for Made {
    async fn next(&mut self) -> Result<Vec<(String, Value)>, Error> {
        Ok(self.0.by_ref().take(1000).map(|key| (key, vec![9; 256].into())).collect())
    }
}

async fn whole(folder: &Path, count: u32) {
    let store = Embedded::open(folder).unwrap();
    let mut keys: Vec<String> = (0..count).map(key).collect();
    keys.sort();
    let start = Instant::now();
    store.replace(Box::new(Made(keys.into_iter()))).await.unwrap();
    let loaded = start.elapsed();
    let size = std::fs::metadata(folder.join("records")).unwrap().len() >> 20;
    println!("-- {count} records of 256 bytes: written in {loaded:.1?}, {size} MiB");
    reads(&store, count).await;
    println!("in memory: {}", resident());
    drop(store);
    let start = Instant::now();
    drop(Embedded::open(folder).unwrap());
    println!("opened after an orderly stop and closed in {:.1?}", start.elapsed());
    for _ in 0..3 {
        kill(folder);
        let start = Instant::now();
        let store = Embedded::open(folder).unwrap();
        println!("opened after a kill in {:.1?}", start.elapsed());
        drop(store);
    }
}

async fn reads(store: &Embedded, count: u32) {
    let snapshot = store.snapshot().await.unwrap();
    let mut took = Vec::new();
    for turn in 0..200_000_u64 {
        let key = key((turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20) as u32 % count);
        let start = Instant::now();
        snapshot.get(&key).await.unwrap().unwrap();
        took.push(start.elapsed());
    }
    took.sort();
    let at = |part: usize| took[took.len() * part / 1000];
    println!("get: p50 {:.1?}, p99 {:.1?}, p99.9 {:.1?}", at(500), at(990), at(999));
    let start = Instant::now();
    for _ in 0..20_000 {
        snapshot.get("d/0500/000005").await.unwrap();
    }
    println!("get, the same record again: {:.2?}", start.elapsed() / 20_000);
    let start = Instant::now();
    for _ in 0..20_000 {
        store.snapshot().await.unwrap();
    }
    println!("snapshot: {:.2?}", start.elapsed() / 20_000);
    for (prefix, what) in [("d/0500/", "a folder of records"), ("d/", "a folder of folders")] {
        let listing = Listing { prefix: prefix.to_owned(), after: None, limit: 1000 };
        let (start, mut names) = (Instant::now(), 0);
        for _ in 0..50 {
            names = snapshot.list(&listing).await.unwrap().names.len();
        }
        println!("a page of {what}, {names} names: {:.1?}", start.elapsed() / 50);
    }
}

fn kill(folder: &Path) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["child".as_ref(), folder.as_os_str()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

async fn write_until_killed(folder: &Path) {
    let store = Embedded::open(folder).unwrap();
    for count in 0_u32.. {
        let writes = (0..50).map(|part| (key(count * 7919 + part * 13), Some(Value::from(&KIB[..256])))).collect();
        store.commit(Batch { expectations: Vec::new(), writes }).await.unwrap();
        if count == 50 {
            println!("written");
        }
    }
}
