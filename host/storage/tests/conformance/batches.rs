//! Snapshots, versions, and batches that apply whole or not at all.

use std::sync::Arc;

use storage::{Driver, Error, Expectation};

use crate::{expecting, listing, page, value, version, write, writes};

pub(crate) async fn what_is_written_is_read_and_what_is_removed_is_gone(driver: impl Driver) {
    write(&driver, &[("a/1", Some("one")), ("a/2", Some("")), ("b", Some("three"))]).await;
    assert_eq!(value(&driver, "a/1").await.as_deref(), Some("one"));
    assert_eq!(value(&driver, "a/2").await.as_deref(), Some(""));
    write(&driver, &[("a/1", None), ("never-there", None), ("b", Some("four"))]).await;
    assert_eq!(value(&driver, "a/1").await, None);
    assert_eq!(value(&driver, "b").await.as_deref(), Some("four"));
    assert_eq!(value(&driver, "a").await, None);
}

pub(crate) async fn a_snapshot_does_not_move(driver: impl Driver) {
    write(&driver, &[("a/1", Some("old")), ("a/2", Some("old"))]).await;
    let before = driver.snapshot().await.unwrap();
    write(&driver, &[("a/1", Some("new")), ("a/2", None), ("a/3", Some("new"))]).await;
    assert_eq!(&*before.get("a/1").await.unwrap().unwrap().value, b"old");
    assert_eq!(&*before.get("a/2").await.unwrap().unwrap().value, b"old");
    assert_eq!(before.get("a/3").await.unwrap(), None);
    assert_eq!(before.list(&listing("a/", None, 10)).await.unwrap().names, ["1", "2"]);
    assert_eq!(page(&driver, "a/", None, 10).await.names, ["1", "3"]);
}

pub(crate) async fn a_version_changes_with_every_write(driver: impl Driver) {
    let mut seen = Vec::new();
    for text in ["one", "two", "two", "one"] {
        write(&driver, &[("a", Some(text)), ("b", Some(text))]).await;
        let now = version(&driver, "a").await.unwrap();
        assert!(!seen.contains(&now), "a version came again");
        seen.push(now);
        write(&driver, &[("b", Some("other"))]).await;
        assert_eq!(version(&driver, "a").await, Some(now), "a version changed without a write");
    }
}

pub(crate) async fn a_batch_whose_expectation_fails_changes_nothing(driver: impl Driver) {
    write(&driver, &[("a", Some("1")), ("b", Some("1"))]).await;
    let (a, b) = (version(&driver, "a").await, version(&driver, "b").await);
    write(&driver, &[("b", Some("2"))]).await;
    let mut batch = writes(&[("a", Some("x")), ("c", Some("x")), ("b", None)]);
    batch.expectations.push(Expectation::Key { key: "a".into(), version: a });
    batch.expectations.push(Expectation::Key { key: "b".into(), version: b });
    assert!(matches!(driver.commit(batch).await, Err(Error::Conflict)));
    assert_eq!(value(&driver, "a").await.as_deref(), Some("1"));
    assert_eq!(value(&driver, "b").await.as_deref(), Some("2"));
    assert_eq!(value(&driver, "c").await, None);
}

pub(crate) async fn a_key_that_appeared_since_it_was_missed_is_a_conflict(driver: impl Driver) {
    let missing = Expectation::Key { key: "a".into(), version: None };
    expecting(&driver, missing.clone()).await.unwrap();
    write(&driver, &[("a", Some("1"))]).await;
    assert!(matches!(expecting(&driver, missing).await, Err(Error::Conflict)));
}

pub(crate) async fn a_key_that_vanished_or_came_again_is_a_conflict(driver: impl Driver) {
    write(&driver, &[("a", Some("1"))]).await;
    let seen = Expectation::Key { key: "a".into(), version: version(&driver, "a").await };
    expecting(&driver, seen.clone()).await.unwrap();
    write(&driver, &[("a", None)]).await;
    assert!(matches!(expecting(&driver, seen.clone()).await, Err(Error::Conflict)));
    write(&driver, &[("a", Some("1"))]).await;
    assert!(matches!(expecting(&driver, seen).await, Err(Error::Conflict)), "the same value is not the same record");
}

pub(crate) async fn a_name_that_appeared_in_a_listing_is_a_conflict(driver: impl Driver) {
    write(&driver, &[("a/1", Some("x")), ("a/5/deep", Some("x"))]).await;
    for appeared in ["a/0", "a/3", "a/9", "a/7/deep/er"] {
        let listing = listing("a/", None, 10);
        let page = page(&driver, "a/", None, 10).await;
        let seen = Expectation::Listing { listing, page };
        expecting(&driver, seen.clone()).await.unwrap();
        write(&driver, &[(appeared, Some("x"))]).await;
        assert!(matches!(expecting(&driver, seen).await, Err(Error::Conflict)), "{appeared} was overlooked");
    }
}

pub(crate) async fn a_name_that_vanished_from_a_listing_is_a_conflict(driver: impl Driver) {
    write(&driver, &[("a/1", Some("x")), ("a/2", Some("x")), ("a/3/only", Some("x"))]).await;
    for vanished in ["a/1", "a/3/only"] {
        let page = page(&driver, "a/", None, 10).await;
        let seen = Expectation::Listing { listing: listing("a/", None, 10), page };
        write(&driver, &[(vanished, None)]).await;
        assert!(matches!(expecting(&driver, seen).await, Err(Error::Conflict)), "{vanished} was overlooked");
    }
}

pub(crate) async fn a_change_outside_what_was_read_is_no_conflict(driver: impl Driver) {
    write(&driver, &[("a/1", Some("x")), ("a/2", Some("x")), ("a/3/deep", Some("x"))]).await;
    let key = Expectation::Key { key: "a/1".into(), version: version(&driver, "a/1").await };
    let first = Expectation::Listing { listing: listing("a/", None, 1), page: page(&driver, "a/", None, 1).await };
    let rest = page(&driver, "a/", Some("1"), 10).await;
    let rest = Expectation::Listing { listing: listing("a/", Some("1"), 10), page: rest };
    write(&driver, &[("a/2", Some("changed")), ("a/3/deeper", Some("x")), ("b/1", Some("x")), ("a", Some("x"))]).await;
    for seen in [key, first, rest] {
        expecting(&driver, seen).await.unwrap();
    }
}

pub(crate) async fn only_one_of_many_writers_wins_each_version(driver: impl Driver) {
    let driver = Arc::new(driver);
    write(&*driver, &[("a", Some("0"))]).await;
    for _ in 0..20 {
        let seen = Expectation::Key { key: "a".into(), version: version(&*driver, "a").await };
        let writers: Vec<_> = (0..16)
            .map(|writer| {
                let (driver, seen) = (Arc::clone(&driver), seen.clone());
                tokio::spawn(async move {
                    let text = writer.to_string();
                    let mut batch = writes(&[("a", Some(text.as_str()))]);
                    batch.expectations.push(seen);
                    driver.commit(batch).await.is_ok()
                })
            })
            .collect();
        let mut winners = 0;
        for writer in writers {
            winners += usize::from(writer.await.unwrap());
        }
        assert_eq!(winners, 1);
    }
}
