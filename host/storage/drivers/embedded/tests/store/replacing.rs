//! Replacing the whole store, beyond what every driver must do.

use std::fs;
use std::sync::Arc;

use storage::{Driver, Error, Value};

use crate::folder::{Folder, Made, get, put, scan};

fn steps(generation: u32, mut left: u32) -> impl FnMut() -> Result<Vec<(String, Value)>, Error> + Send {
    let mut number = 0;
    move || {
        let step = left.min(1000);
        left -= step;
        let records = (number..number + step).map(|number| (format!("r/{number:07}"), generation.to_string()));
        let records = records.map(|(key, value)| (key, value.as_bytes().into())).collect();
        number += step;
        Ok(records)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_replacement_is_whole_and_stays() {
    let folder = Folder::new();
    let store = folder.open();
    put(&store, "old", "x").await.unwrap();
    store.replace(Box::new(Made(steps(1, 300_000)))).await.unwrap();
    assert_eq!(get(&store, "old").await.unwrap(), None);
    drop(store);
    let store = folder.open();
    assert_eq!(scan(&store).await.unwrap().len(), 300_000);
    put(&store, "r/0000007", "after").await.unwrap();
    assert_eq!(get(&store, "r/0000007").await.unwrap().as_deref(), Some(&b"after"[..]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_snapshot_reads_on_after_several_replacements() {
    let folder = Folder::new();
    let store = folder.open();
    store.replace(Box::new(Made(steps(0, 20_000)))).await.unwrap();
    let old = store.snapshot().await.unwrap();
    for generation in 1..4 {
        store.replace(Box::new(Made(steps(generation, 10)))).await.unwrap();
    }
    for number in (0..20_000).step_by(97) {
        let record = old.get(&format!("r/{number:07}")).await.unwrap().unwrap();
        assert_eq!(&*record.value, b"0");
    }
    assert_eq!(scan(&store).await.unwrap().len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_go_on_while_the_store_is_replaced() {
    let folder = Folder::new();
    let store = Arc::new(folder.open());
    let writing = tokio::spawn({
        let store = Arc::clone(&store);
        async move {
            for number in 0..300 {
                put(&store, "counter", number.to_string()).await.unwrap();
            }
        }
    });
    for generation in 0..3 {
        store.replace(Box::new(Made(steps(generation, 5000)))).await.unwrap();
    }
    writing.await.unwrap();
    put(&store, "counter", "last").await.unwrap();
    assert_eq!(scan(&store).await.unwrap().len(), 5001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replacement_whose_caller_leaves_changes_nothing_and_the_next_one_works() {
    let folder = Folder::new();
    let store = folder.open();
    put(&store, "kept", "x").await.unwrap();
    let endless = store.replace(Box::new(Made(steps(1, u32::MAX))));
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), endless).await.is_err());
    assert!(get(&store, "kept").await.unwrap().is_some());
    store.replace(Box::new(Made(steps(2, 10)))).await.unwrap();
    assert_eq!(scan(&store).await.unwrap().len(), 10);
}

#[tokio::test]
async fn what_a_broken_replacement_left_is_removed() {
    let folder = Folder::new();
    put(&folder.open(), "k", "v").await.unwrap();
    fs::write(folder.store().join("records.next"), [1; 10_000]).unwrap();
    fs::hard_link(folder.records(), folder.store().join("records.previous")).unwrap();
    let store = folder.open();
    assert_eq!(get(&store, "k").await.unwrap().as_deref(), Some(&b"v"[..]));
    let mut names: Vec<_> = fs::read_dir(folder.store()).unwrap().map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["lock", "records"]);
}
