//! Group commit: many at once, each with its own answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use storage::{Batch, Driver, Error, Expectation, VALUE_MAX};

use crate::folder::{Folder, batch, get, put, scan};

#[tokio::test(flavor = "multi_thread")]
async fn batches_of_one_group_see_each_other_and_only_losers_conflict() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let writers: Vec<_> = (0..200)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut batch = batch([(format!("own/{writer}"), "x"), (format!("shared/{}", writer % 10), "x")]);
                let key = format!("shared/{}", writer % 10);
                batch.expectations.push(Expectation::Key { key, version: None });
                match store.commit(batch).await {
                    Ok(()) => Some(writer),
                    Err(Error::Conflict) => None,
                    Err(error) => panic!("{error}"),
                }
            })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in writers {
        winners.extend(writer.await.unwrap());
    }
    assert_eq!(winners.len(), 10, "one for each shared key");
    let found = scan(&store).await.unwrap();
    let own: Vec<_> = found.iter().filter_map(|(key, _)| key.strip_prefix("own/")).collect();
    let mut expected: Vec<_> = winners.iter().map(ToString::to_string).collect();
    expected.sort();
    assert_eq!(own, expected);
}

#[tokio::test]
async fn versions_go_on_where_they_were_after_opening_again() {
    let folder = Folder::new();
    let mut newest = 0;
    for _ in 0..4 {
        let store = folder.open();
        put(&store, "k", "v").await.unwrap();
        let record = store.snapshot().await.unwrap().get("k").await.unwrap().unwrap();
        assert!(record.version > newest);
        newest = record.version;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_fits_into_the_queue_waits_for_its_turn() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    // 96 MiB at once: more than the queue may hold, and far more than the engine keeps in memory.
    let writers: Vec<_> = (0..96)
        .map(|writer| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { put(&store, &format!("large/{writer:02}"), vec![writer; VALUE_MAX]).await })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap().unwrap();
    }
    for writer in 0..96 {
        let value = get(&store, &format!("large/{writer:02}")).await.unwrap().unwrap();
        assert!(value.len() == VALUE_MAX && value.iter().all(|byte| *byte == writer));
    }
}

#[tokio::test]
async fn a_batch_whose_caller_is_gone_is_whole_or_absent() {
    let folder = Folder::new();
    let store = folder.open();
    for round in 0..50 {
        let pairs = [(format!("r/{round}/a"), "x"), (format!("r/{round}/b"), "x")];
        let committing = store.commit(batch(pairs));
        let _ = tokio::time::timeout(std::time::Duration::from_micros(round * 10), committing).await;
    }
    // What is behind them in the queue is answered after them.
    store.commit(Batch { expectations: Vec::new(), writes: BTreeMap::new() }).await.unwrap();
    let found = scan(&store).await.unwrap();
    let whole = |round: &u64| found.iter().filter(|(key, _)| key.starts_with(&format!("r/{round}/"))).count();
    assert!((0..50).map(|round| whole(&round)).all(|count| count == 0 || count == 2));
}

#[tokio::test]
async fn a_snapshot_outlives_the_driver_and_keeps_the_folder() {
    let folder = Folder::new();
    let store = folder.open();
    put(&store, "k", "v").await.unwrap();
    let snapshot = store.snapshot().await.unwrap();
    drop(store);
    assert_eq!(&*snapshot.get("k").await.unwrap().unwrap().value, b"v");
    assert!(embedded::Embedded::open(&folder.store()).is_err(), "two engines over one file");
    drop(snapshot);
    folder.open();
}
