//! The driver against servers that these tests start for themselves; that it is a store like any other is told by
//! `host/storage/tests/conformance.rs`.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "tests")]

#[path = "suite/against_memory.rs"]
mod against_memory;
#[path = "suite/failures.rs"]
mod failures;
#[path = "suite/history.rs"]
mod history;
#[path = "suite/measure.rs"]
mod measure;
#[path = "suite/nodes.rs"]
mod nodes;
#[path = "suite/opening.rs"]
mod opening;
#[path = "suite/tls.rs"]
mod tls;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use postgresql::{Postgresql, Settings};
use postgresql_testing::Cluster;
use storage::{Batch, Driver, Error, Expectation, Listing, Page, Value};

/// A server for tests that leave it as it is.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// Settings for a table of its own in the shared server.
fn fresh() -> Settings {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let table = format!("store{}", NEXT.fetch_add(1, Ordering::Relaxed));
    Settings { table, max_parallel: 8, ..Settings::new(cluster().url()) }
}

async fn open(settings: &Settings) -> Postgresql {
    Postgresql::open(settings.clone()).await.unwrap()
}

/// A batch that expects nothing; `None` removes.
fn writes(pairs: &[(&str, Option<&str>)]) -> Batch {
    let value = |text: &str| Value::from(text.as_bytes());
    let writes = pairs.iter().map(|(key, text)| ((*key).to_owned(), text.map(value))).collect();
    Batch { expectations: Vec::new(), writes }
}

async fn put(driver: &Postgresql, key: &str, text: &str) -> Result<(), Error> {
    driver.commit(writes(&[(key, Some(text))])).await
}

async fn get(driver: &Postgresql, key: &str) -> Option<String> {
    let record = driver.snapshot().await.unwrap().get(key).await.unwrap()?;
    Some(String::from_utf8(record.value.to_vec()).unwrap())
}

/// A batch that expects a key to be as it was read.
async fn reading(driver: &Postgresql, key: &str) -> Result<(Batch, Option<Value>), Error> {
    let record = driver.snapshot().await?.get(key).await?;
    let version = record.as_ref().map(|record| record.version);
    let expectations = vec![Expectation::Key { key: key.to_owned(), version }];
    Ok((Batch { expectations, ..Batch::default() }, record.map(|record| record.value)))
}

fn listing(prefix: &str, after: Option<&str>, limit: usize) -> Listing {
    Listing { prefix: prefix.to_owned(), after: after.map(str::to_owned), limit }
}

async fn names(driver: &Postgresql, prefix: &str) -> Vec<String> {
    let snapshot = driver.snapshot().await.unwrap();
    let mut names = Vec::new();
    loop {
        let after = names.last().cloned();
        let page: Page = snapshot.list(&listing(prefix, after.as_deref(), 1000)).await.unwrap();
        names.extend(page.names);
        if !page.more {
            return names;
        }
    }
}
