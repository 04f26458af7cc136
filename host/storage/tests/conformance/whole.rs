//! All records at once: reading them out and replacing them.

use storage::{Driver, Error, Expectation, SCAN_BYTES_MAX, SCAN_KEYS_MAX, VALUE_MAX};

use crate::{Given, bytes, expecting, value, version, write, writes};

fn record(key: &str, text: &str) -> (String, storage::Value) {
    (key.to_owned(), bytes(text).unwrap())
}

async fn scanned(driver: &impl Driver) -> Vec<(String, String)> {
    let snapshot = driver.snapshot().await.unwrap();
    let mut found: Vec<(String, String)> = Vec::new();
    loop {
        let step = snapshot.scan(found.last().map(|(key, _)| key.as_str())).await.unwrap();
        if step.is_empty() {
            return found;
        }
        let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
        found.extend(step.into_iter().map(|(key, value)| (key, text(&value))));
    }
}

pub(crate) async fn a_scan_gives_every_record_once_in_order(driver: impl Driver) {
    let keys: Vec<String> = (0..2 * SCAN_KEYS_MAX + 7).map(|number| format!("a/{number:05}/x")).collect();
    for part in keys.chunks(500) {
        let pairs: Vec<(&str, Option<&str>)> = part.iter().map(|key| (key.as_str(), Some(key.as_str()))).collect();
        write(&driver, &pairs).await;
    }
    write(&driver, &[("a", Some("folder's own name")), ("a0", Some("after the folder"))]).await;
    let found = scanned(&driver).await;
    let mut expected: Vec<(String, String)> = keys.iter().map(|key| (key.clone(), key.clone())).collect();
    expected.push(("a".into(), "folder's own name".into()));
    expected.push(("a0".into(), "after the folder".into()));
    expected.sort();
    assert_eq!(found, expected);
}

pub(crate) async fn steps_of_a_scan_are_bounded_in_records_and_bytes(driver: impl Driver) {
    let large = "x".repeat(VALUE_MAX);
    for number in 0..6 {
        write(&driver, &[(&format!("large/{number}"), Some(&large))]).await;
    }
    let step = driver.snapshot().await.unwrap().scan(None).await.unwrap();
    assert_eq!(step.len(), SCAN_BYTES_MAX / VALUE_MAX);
    let keys: Vec<String> = (0..SCAN_KEYS_MAX + 1).map(|number| format!("small/{number:05}")).collect();
    let pairs: Vec<(&str, Option<&str>)> = keys.iter().map(|key| (key.as_str(), Some(""))).collect();
    write(&driver, &pairs).await;
    let step = driver.snapshot().await.unwrap().scan(Some("small/")).await.unwrap();
    assert_eq!(step.len(), SCAN_KEYS_MAX);
}

pub(crate) async fn what_is_replaced_is_gone_and_what_came_has_a_new_version(driver: impl Driver) {
    write(&driver, &[("kept", Some("old")), ("gone", Some("old"))]).await;
    let before = version(&driver, "kept").await;
    let frozen = driver.snapshot().await.unwrap();
    let steps = vec![vec![record("came", "new"), record("kept", "old")], vec![record("later", "new")]];
    driver.replace(Given::boxed(steps, false)).await.unwrap();
    let found = scanned(&driver).await;
    let expected = [("came", "new"), ("kept", "old"), ("later", "new")];
    assert_eq!(found, expected.map(|(key, text)| (key.to_owned(), text.to_owned())));
    assert!(version(&driver, "kept").await > before);
    assert!(frozen.get("gone").await.unwrap().is_some(), "an older snapshot stays as it was");
    let stale = Expectation::Key { key: "kept".into(), version: before };
    assert!(matches!(expecting(&driver, stale).await, Err(Error::Conflict)));
    driver.commit(writes(&[("kept", Some("newer"))])).await.unwrap();
    assert_eq!(value(&driver, "kept").await.as_deref(), Some("newer"));
}

pub(crate) async fn a_replacement_that_fails_changes_nothing(driver: impl Driver) {
    write(&driver, &[("kept", Some("old"))]).await;
    let before = version(&driver, "kept").await;
    let failed = driver.replace(Given::boxed(vec![vec![record("came", "new")]], true)).await;
    assert!(matches!(failed, Err(Error::Unavailable(_))), "{failed:?}");
    assert_eq!(scanned(&driver).await, [("kept".to_owned(), "old".to_owned())]);
    assert_eq!(version(&driver, "kept").await, before);
    write(&driver, &[("kept", Some("new"))]).await;
    assert_eq!(value(&driver, "kept").await.as_deref(), Some("new"));
}
