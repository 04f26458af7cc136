//! What a store must be able to do.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use crate::Error;

/// Most names on one page of a listing.
pub const LIST_LIMIT_MAX: usize = 1000;

/// A value and the version it has had since it was last written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The bytes.
    pub value: Arc<[u8]>,
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
    pub writes: BTreeMap<String, Option<Arc<[u8]>>>,
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
}

/// The store at one moment.
#[async_trait]
pub trait Snapshot: Send + Sync {
    /// The record under a full key.
    async fn get(&self, key: &str) -> Result<Option<Record>, Error>;

    /// The names directly below a prefix. What lies below a name is skipped, not walked.
    async fn list(&self, listing: &Listing) -> Result<Page, Error>;
}
