//! A folder of its own for each test, and short ways to use a store.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use embedded::{Embedded, OpenError};
use storage::{Batch, Driver, Error, Records, Value};

/// Where a child process finds the folder that its parent made.
pub(crate) const FOLDER: &str = "INNKEEPER_TEST_FOLDER";

/// Longest time in which a child becomes a program of its own.
const CHILD_MAX: Duration = Duration::from_secs(5);

/// Goes when it is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("innkeeper-embedded-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Where the store is.
    pub(crate) fn store(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(crate) fn records(&self) -> PathBuf {
        self.store().join("records")
    }

    pub(crate) fn open(&self) -> Embedded {
        self.try_open().unwrap()
    }

    /// Opens the store that this test had open before. A child that another test begins at this moment holds what this
    /// process had open until it becomes a program of its own.
    pub(crate) fn try_open(&self) -> Result<Embedded, OpenError> {
        let late = Instant::now() + CHILD_MAX;
        loop {
            match Embedded::open(&self.store()) {
                Err(OpenError::InUse { .. }) if Instant::now() < late => std::thread::sleep(Duration::from_millis(1)),
                opened => return opened,
            }
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn batch<K: Into<String>, V: AsRef<[u8]>>(pairs: impl IntoIterator<Item = (K, V)>) -> Batch {
    let writes = pairs.into_iter().map(|(key, value)| (key.into(), Some(value.as_ref().into()))).collect();
    Batch { expectations: Vec::new(), writes }
}

pub(crate) async fn put(store: &Embedded, key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    store.commit(batch([(key, value)])).await
}

pub(crate) async fn get(store: &Embedded, key: &str) -> Result<Option<Value>, Error> {
    Ok(store.snapshot().await?.get(key).await?.map(|record| record.value))
}

pub(crate) async fn scan(store: &Embedded) -> Result<Vec<(String, Value)>, Error> {
    let snapshot = store.snapshot().await?;
    let mut found: Vec<(String, Value)> = Vec::new();
    loop {
        let step = snapshot.scan(found.last().map(|(key, _)| key.as_str())).await?;
        if step.is_empty() {
            return Ok(found);
        }
        found.extend(step);
    }
}

/// Records that are made one step at a time.
pub(crate) struct Made<F>(pub(crate) F);

#[async_trait]
impl<F: FnMut() -> Result<Vec<(String, Value)>, Error> + Send> Records for Made<F> {
    async fn next(&mut self) -> Result<Vec<(String, Value)>, Error> {
        (self.0)()
    }
}

/// Numbers that look random, and come again for the same seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    /// Another seed for each run; printed, so that a run can be had again with `INNKEEPER_SEED`.
    pub(crate) fn new() -> Self {
        let drawn = || std::time::UNIX_EPOCH.elapsed().unwrap().as_nanos() as u64;
        let seed = std::env::var("INNKEEPER_SEED").map_or_else(|_| drawn(), |seed| seed.parse().unwrap());
        println!("INNKEEPER_SEED={seed}");
        Self(seed)
    }
}

/// This test program again, to run one test of it that is ignored otherwise.
pub(crate) fn child_arguments(test: &str) -> [&str; 5] {
    [test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]
}
