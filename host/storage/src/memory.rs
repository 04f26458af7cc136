//! The store that forgets: everything in memory, for `server -dev` and tests.
//!
//! The tree is persistent in the functional sense, so a snapshot is a pointer copy and never waits for a writer.

use std::ops::Bound;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use imbl::OrdMap;

use crate::Error;
use crate::driver::{
    Batch, Driver, Expectation, Listing, Page, Record, Records, SCAN_BYTES_MAX, SCAN_KEYS_MAX, Snapshot,
};

type Tree = OrdMap<Arc<str>, Record>;

/// The memory driver.
#[derive(Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tree: Tree,
    version: u64,
}

struct Frozen(Tree);

impl Memory {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Driver for Memory {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(Frozen(state.tree.clone())))
    }

    async fn commit(&self, batch: Batch) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !batch.expectations.iter().all(|expected| holds(&state.tree, expected)) {
            return Err(Error::Conflict);
        }
        state.version += 1;
        let version = state.version;
        for (key, value) in batch.writes {
            match value {
                Some(value) => drop(state.tree.insert(key.into(), Record { value, version })),
                None => drop(state.tree.remove(key.as_str())),
            }
        }
        Ok(())
    }

    async fn replace(&self, mut records: Box<dyn Records>) -> Result<(), Error> {
        let mut all = Vec::new();
        loop {
            let step = records.next().await?;
            if step.is_empty() {
                break;
            }
            all.extend(step);
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.version += 1;
        let version = state.version;
        state.tree = all.into_iter().map(|(key, value)| (Arc::from(key), Record { value, version })).collect();
        Ok(())
    }
}

#[async_trait]
impl Snapshot for Frozen {
    async fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        Ok(self.0.get(key).cloned())
    }

    async fn list(&self, listing: &Listing) -> Result<Page, Error> {
        Ok(list(&self.0, listing))
    }

    async fn scan_versioned(&self, after: Option<&str>) -> Result<Vec<(String, Record)>, Error> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut found = Vec::new();
        let mut bytes = 0;
        for (key, record) in self.0.range::<_, str>((from, Bound::Unbounded)).take(SCAN_KEYS_MAX) {
            if bytes >= SCAN_BYTES_MAX {
                break;
            }
            bytes += record.value.len();
            found.push((key.to_string(), record.clone()));
        }
        Ok(found)
    }
}

fn holds(tree: &Tree, expected: &Expectation) -> bool {
    match expected {
        Expectation::Key { key, version } => tree.get(key.as_str()).map(|record| record.version) == *version,
        Expectation::Listing { listing, page } => list(tree, listing) == *page,
    }
}

/// Walks the names below the prefix, jumping over what lies below each folder.
fn list(tree: &Tree, listing: &Listing) -> Page {
    let prefix = listing.prefix.as_str();
    let mut page = Page::default();
    let mut from = match &listing.after {
        Some(after) => past(prefix, after),
        None => Bound::Excluded(prefix.to_owned()),
    };
    while let Some((key, _)) = tree.range::<_, str>((as_str(&from), Bound::Unbounded)).next() {
        let Some(rest) = key.strip_prefix(prefix) else { break };
        if page.names.len() == listing.limit {
            page.more = true;
            break;
        }
        let name = match rest.find('/') {
            Some(slash) => &rest[..=slash],
            None => rest,
        };
        from = past(prefix, name);
        page.names.push(name.to_owned());
    }
    page
}

/// Where the names following `name` begin: after the name itself, or for a folder after everything below it, which is
/// where `0`, the byte after `/`, would stand in its place.
fn past(prefix: &str, name: &str) -> Bound<String> {
    match name.strip_suffix('/') {
        Some(folder) => Bound::Included(format!("{prefix}{folder}0")),
        None => Bound::Excluded(format!("{prefix}{name}")),
    }
}

fn as_str(bound: &Bound<String>) -> Bound<&str> {
    bound.as_ref().map(String::as_str)
}
