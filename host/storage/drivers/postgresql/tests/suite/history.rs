//! What was overwritten or removed: how long it can be seen, and that it goes.

use std::time::{Duration, Instant};

use async_trait::async_trait;
use postgresql::Settings;
use storage::{Driver, Error, Records, Value};

use crate::{cluster, fresh, get, listing, names, open, put, writes};

fn count(table: &str) -> usize {
    cluster().sql("postgres", &format!("SELECT count(*) FROM {table}")).trim().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn history_is_collected_and_a_snapshot_that_needs_it_is_refused() {
    let settings = Settings { retention: Duration::from_secs(1), ..fresh() };
    let driver = open(&settings).await;
    // Another node that collects too does no harm.
    let other = open(&settings).await;
    for turn in 0..30 {
        let turn = turn.to_string();
        driver.commit(writes(&[("kept", Some(&turn)), (&format!("gone/{turn}"), Some("x"))])).await.unwrap();
    }
    let old = driver.snapshot().await.unwrap();
    let gone: Vec<String> = (0..30).map(|turn| format!("gone/{turn}")).collect();
    let removals: Vec<(&str, Option<&str>)> = gone.iter().map(|key| (key.as_str(), None)).collect();
    driver.commit(writes(&removals)).await.unwrap();
    put(&driver, "kept", "last").await.unwrap();
    assert_eq!(&*old.get("kept").await.unwrap().unwrap().value, b"29");
    assert_eq!(old.list(&listing("gone/", None, 1000)).await.unwrap().names.len(), 30);
    let past = format!("{}_past", settings.table);
    assert!(count(&past) >= 31);
    let until = Instant::now() + Duration::from_secs(30);
    while count(&past) > 0 {
        assert!(Instant::now() < until, "history stays for ever");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(count(&settings.table), 1);
    for refused in [
        old.get("kept").await.map(drop),
        old.list(&listing("gone/", None, 10)).await.map(drop),
        old.scan(None).await.map(drop),
    ] {
        assert!(matches!(&refused, Err(Error::Unavailable(text)) if text.contains("too old")), "{refused:?}");
    }
    assert_eq!(get(&other, "kept").await.as_deref(), Some("last"));
    assert!(names(&driver, "gone/").await.is_empty());
    // Nothing has been ended since, so however old this one gets, it is read.
    let still = driver.snapshot().await.unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(still.get("kept").await.unwrap().is_some());
    drop(other);
}

/// Steps with a wait between them, and perhaps a failure at the end.
struct Slowly {
    steps: usize,
    fails: bool,
}

#[async_trait]
impl Records for Slowly {
    async fn next(&mut self) -> Result<Vec<(String, Value)>, Error> {
        if self.steps == 0 {
            return if self.fails { Err(Error::Unavailable("broke off".into())) } else { Ok(Vec::new()) };
        }
        self.steps -= 1;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let record = |number: usize| (format!("new/{:03}-{number:04}", 999 - self.steps), Value::from(vec![7; 1000]));
        Ok((0..1000).map(record).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn others_go_on_while_a_replacement_comes_over_and_see_it_whole_or_not_at_all() {
    let settings = fresh();
    let (driver, other) = (open(&settings).await, open(&settings).await);
    put(&driver, "old/1", "x").await.unwrap();
    let failed = driver.replace(Box::new(Slowly { steps: 5, fails: true })).await;
    assert!(matches!(failed, Err(Error::Unavailable(text)) if text.contains("broke off")));
    assert_eq!(names(&driver, "").await, ["old/"]);
    let before = other.snapshot().await.unwrap();
    let replacing = tokio::spawn(async move { driver.replace(Box::new(Slowly { steps: 20, fails: false })).await });
    let mut written = 0;
    loop {
        put(&other, &format!("old/during-{written}"), "x").await.unwrap();
        written += 1;
        match names(&other, "").await.as_slice() {
            [one] if one == "old/" => {}
            // The write of this turn may have come after it.
            [first, ..] if first == "new/" => break,
            mixed => panic!("{mixed:?}"),
        }
    }
    replacing.await.unwrap().unwrap();
    assert!(written > 3, "others had to wait");
    assert_eq!(names(&other, "new/").await.len(), 20_000);
    assert!(names(&other, "old/").await.len() <= 1);
    assert_eq!(before.list(&listing("", None, 10)).await.unwrap().names, ["old/"]);
}
