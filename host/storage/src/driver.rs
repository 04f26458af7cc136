//! What a store must be able to do.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::{Error, Value};

/// Most names on one page of a listing.
pub const LIST_LIMIT_MAX: usize = 1000;
/// Most records that one step of a scan answers.
pub const SCAN_KEYS_MAX: usize = 1000;
/// After how many bytes of values a step of a scan ends, in bytes. One record always fits.
pub const SCAN_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A value and the version it has had since it was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The bytes.
    pub value: Value,
    /// Changes with every write of this key; never the same for two different values of one key.
    pub version: u64,
}

/// A question for the names directly below a prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Full prefix, ending in `/`.
    pub prefix: String,
    /// Only names after this one.
    pub after: Option<String>,
    /// At most this many, 1 to [`LIST_LIMIT_MAX`].
    pub limit: usize,
}

/// One page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Names in byte order; a name with more below it ends in `/`.
    pub names: Vec<String>,
    /// Whether more names follow.
    pub more: bool,
}

/// Something a transaction read, and that must still be so when it commits.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// The key has this version, or is absent.
    Key {
        /// Full key.
        key: String,
        /// `None`: there was no such key.
        version: Option<u64>,
    },
    /// The listing gives this page.
    Listing {
        /// The question.
        listing: Listing,
        /// The answer that was seen.
        page: Page,
    },
}

/// What a transaction wants applied, all or nothing.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Everything that was read.
    pub expectations: Vec<Expectation>,
    /// Full key to new value; `None` removes.
    pub writes: BTreeMap<String, Option<Value>>,
}

/// A store: it gives snapshots and applies batches.
///
/// Implementations are shared by all requests and must not block the async runtime.
#[async_trait]
pub trait Driver: Send + Sync + 'static {
    /// A consistent view of everything committed so far. Cheap: taken once per request.
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, Error>;

    /// Applies all writes if all expectations still hold, else changes nothing and answers [`Error::Conflict`]. When it
    /// answers `Ok`, the writes are as durable as this driver makes them.
    async fn commit(&self, batch: Batch) -> Result<(), Error>;

    /// Replaces everything that is stored by these records, all or nothing: when the source or the store fails, what
    /// was there stays. Each record gets a version newer than any that this store has given, so that what was read
    /// before conflicts and no cache mistakes an old value for a new one. For restoring a snapshot.
    async fn replace(&self, records: Box<dyn Records>) -> Result<(), Error>;
}

/// Records from elsewhere, on their way into a store.
#[async_trait]
pub trait Records: Send {
    /// The next records, in order of their keys; none: that was all. An error ends it.
    async fn next(&mut self) -> Result<Vec<(String, Value)>, Error>;
}

/// The store at one moment.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// The record under a full key.
    async fn get(&self, key: &str) -> Result<Option<Record>, Error>;

    /// The names directly below a prefix. What lies below a name is skipped, not walked.
    async fn list(&self, listing: &Listing) -> Result<Page, Error>;

    /// The records whose keys follow `after`, in byte order: at most [`SCAN_KEYS_MAX`] of them, and no more once their
    /// values have [`SCAN_BYTES_MAX`] bytes. None: that was all.
    async fn scan_versioned(&self, after: Option<&str>) -> Result<Vec<(String, Record)>, Error>;

    /// Of the records that follow `after`, those below a prefix, as far as one scan reaches, and whether it reached behind
    /// them. `after` is the prefix, or the key of one of them.
    async fn scan_below(&self, prefix: &str, after: &str) -> Result<(Vec<(String, Record)>, bool), Error> {
        let mut found = self.scan_versioned(Some(after)).await?;
        let below = found.iter().take_while(|(key, _)| key.starts_with(prefix)).count();
        let ended = below < found.len() || found.is_empty();
        found.truncate(below);
        Ok((found, ended))
    }

    /// The records whose keys follow `after`, as [`Self::scan_versioned`] gives them, without their versions.
    async fn scan(&self, after: Option<&str>) -> Result<Vec<(String, Value)>, Error> {
        let found = self.scan_versioned(after).await?;
        Ok(found.into_iter().map(|(key, record)| (key, record.value)).collect())
    }
}
