//! Processes that are killed while they write: what was acknowledged is there, and every batch is whole or absent.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use embedded::Embedded;
use storage::{Driver, Error, Expectation, Value};

use crate::folder::{Dice, FOLDER, Folder, Made, batch, child_arguments, get, scan};

const WRITERS: u64 = 64;
/// How often the process is killed, if `INNKEEPER_CRASH_ROUNDS` does not say.
const ROUNDS: u64 = 10;

fn rounds() -> u64 {
    std::env::var("INNKEEPER_CRASH_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().unwrap())
}

/// Starts a child, kills it at a random time after its first word, and gives the numbers of each whole line.
fn killed(test: &str, folder: &Folder, dice: &mut Dice) -> Vec<Vec<u64>> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(child_arguments(test))
        .env(FOLDER, folder.store())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("ack") {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "the child ended by itself");
    }
    let killer = kill_after(child, Duration::from_micros(dice.below(300_000)));
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    killer.join().unwrap();
    line.push_str(&rest);
    let whole = line.rfind('\n').map_or("", |end| &line[..end]);
    let numbers = |line: &str| line.split(' ').skip(1).map(|number| number.parse().unwrap()).collect();
    whole.lines().filter(|line| line.starts_with("ack ")).map(numbers).collect()
}

fn kill_after(mut child: Child, time: Duration) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        std::thread::sleep(time);
        child.kill().unwrap();
        child.wait().unwrap();
    })
}

fn acknowledge(numbers: &[u64]) {
    let words: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let mut out = std::io::stdout().lock();
    out.write_all(format!("ack {}\n", words.join(" ")).as_bytes()).unwrap();
    out.flush().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_outlives_a_kill_and_batches_are_whole() {
    let folder = Folder::new();
    let mut dice = Dice::new();
    let mut acknowledged = BTreeMap::new();
    for round in 0..rounds() {
        for line in killed("crash::child_writes", &folder, &mut dice) {
            acknowledged.insert(line[0], line[1]);
        }
        assert!(!acknowledged.is_empty());
        check(&folder, &acknowledged, round).await;
    }
    println!("{} turns were acknowledged", acknowledged.values().sum::<u64>());
}

async fn check(folder: &Folder, acknowledged: &BTreeMap<u64, u64>, round: u64) {
    let records: BTreeMap<String, Value> = scan(&folder.open()).await.unwrap().into_iter().collect();
    let number = |key: &str| records.get(key).map_or(0, |value| String::from_utf8_lossy(value).parse::<u64>().unwrap());
    let mut expected = 1;
    for writer in 0..WRITERS {
        let turns = number(&format!("turns/{writer:02}"));
        let told = acknowledged.get(&writer).copied().unwrap_or(0);
        assert!(turns >= told, "round {round}: writer {writer} has {turns} turns, {told} were acknowledged");
        for turn in 1..=turns {
            for part in ["a", "b", "c"] {
                let key = format!("w/{writer:02}/{turn:06}/{part}");
                assert_eq!(number(&key), turn, "round {round}: {key} is missing in its batch");
            }
        }
        expected += 3 * turns + u64::from(turns > 0);
    }
    assert_eq!(records.len() as u64, expected, "round {round}: there are parts of batches");
    let sum: u64 = (0..WRITERS).map(|writer| number(&format!("turns/{writer:02}"))).map(|turns| turns / 8).sum();
    assert_eq!(number("sum"), sum, "round {round}: the shared counter lost a turn");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of the test above"]
async fn child_writes() {
    let Ok(folder) = std::env::var(FOLDER).map(PathBuf::from) else { return };
    let store = Arc::new(Embedded::open(&folder).unwrap());
    // Always there, so that the count of the records does not depend on it.
    if get(&store, "sum").await.unwrap().is_none() {
        store.commit(batch([("sum", "0")])).await.unwrap();
    }
    for writer in 0..WRITERS {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let mut turn = count(&store, &format!("turns/{writer:02}")).await.0;
            loop {
                turn += 1;
                take(&store, writer, turn).await;
                acknowledge(&[writer, turn]);
            }
        });
    }
    tokio::time::sleep(Duration::from_secs(30)).await;
}

async fn count(store: &Embedded, key: &str) -> (u64, Option<u64>) {
    match store.snapshot().await.unwrap().get(key).await.unwrap() {
        Some(record) => (String::from_utf8_lossy(&record.value).parse().unwrap(), Some(record.version)),
        None => (0, None),
    }
}

/// Three records and a count in one batch; every eighth turn also counts up what all share.
async fn take(store: &Embedded, writer: u64, turn: u64) {
    loop {
        let text = turn.to_string();
        let parts = ["a", "b", "c"].map(|part| (format!("w/{writer:02}/{turn:06}/{part}"), text.clone()));
        let mut batch = batch(parts);
        batch.writes.insert(format!("turns/{writer:02}"), Some(text.as_bytes().into()));
        if turn.is_multiple_of(8) {
            let (sum, version) = count(store, "sum").await;
            batch.writes.insert("sum".to_owned(), Some((sum + 1).to_string().as_bytes().into()));
            batch.expectations.push(Expectation::Key { key: "sum".to_owned(), version });
        }
        match store.commit(batch).await {
            Ok(()) => return,
            Err(Error::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_replacing_leaves_the_old_or_the_new_store() {
    let folder = Folder::new();
    let mut dice = Dice::new();
    let mut newest = 0;
    for round in 0..rounds() / 2 {
        let told = killed("crash::child_replaces", &folder, &mut dice);
        newest = told.last().map_or(newest, |line| line[0]);
        let records = scan(&folder.open()).await.unwrap();
        let generation = String::from_utf8_lossy(&records[0].1).parse::<u64>().unwrap();
        assert!(generation == newest || generation == newest + 1, "round {round}: {generation}, told {newest}");
        assert_eq!(records.len() as u64, 1000 + generation % 7);
        assert!(records.iter().all(|(_, value)| **value == *generation.to_string().as_bytes()));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a child of the test above"]
async fn child_replaces() {
    let Ok(folder) = std::env::var(FOLDER).map(PathBuf::from) else { return };
    let store = Embedded::open(&folder).unwrap();
    let mut generation = count(&store, "r/0000").await.0;
    loop {
        generation += 1;
        let mut left = 1000 + generation % 7;
        let steps = move || {
            let step = left.min(300);
            let records = (left - step..left).map(|number| (format!("r/{number:04}"), generation.to_string()));
            left -= step;
            Ok(records.map(|(key, value)| (key, value.as_bytes().into())).collect())
        };
        store.replace(Box::new(Made(steps))).await.unwrap();
        acknowledge(&[generation]);
    }
}
