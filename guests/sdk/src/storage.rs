//! The mount's own drawer.
//!
//! All reads of one request see one moment; all its writes are applied together when the handler answers `Ok`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Fault;

#[cfg(target_family = "wasm")]
use crate::bindings::innkeeper::engine::storage as host;
#[cfg(not(target_family = "wasm"))]
use native as host;

pub use crate::bindings::innkeeper::engine::storage::{Page, StorageError};

/// The value under a key.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, StorageError> {
    host::get(key)
}

/// Writes a value of at most 1 MiB.
pub fn put(key: &str, value: &[u8]) -> Result<(), StorageError> {
    host::put(key, value)
}

/// Removes a key. Removing what is not there is no error.
pub fn delete(key: &str) -> Result<(), StorageError> {
    host::delete(key)
}

/// One page of the names directly below a prefix (`""`, or ending in `/`); folders end in `/`. At most `limit` names
/// (1 to 1000; 0 means 1000), those after `after`.
pub fn page(prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
    host::list(prefix, after, limit)
}

/// All the names directly below a prefix, page by page as they are wanted.
pub fn names(prefix: &str) -> Names<'_> {
    Names { prefix, page: Vec::new().into_iter(), after: None, more: true }
}

/// Makes everything written so far durable and goes on from there. For long work in steps.
pub fn checkpoint() -> Result<(), StorageError> {
    host::checkpoint()
}

/// Reads a JSON record.
pub fn get_json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Fault> {
    match get(key)? {
        None => Ok(None),
        Some(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(e) => Err(Fault::internal(format!("the record {key} cannot be read: {e}"))),
        },
    }
}

/// Writes a JSON record.
pub fn put_json(key: &str, value: &impl Serialize) -> Result<(), Fault> {
    match serde_json::to_vec(value) {
        Ok(bytes) => Ok(put(key, &bytes)?),
        Err(e) => Err(Fault::internal(format!("the record {key} cannot be written: {e}"))),
    }
}

/// An iterator over names, made by [`names`].
pub struct Names<'a> {
    prefix: &'a str,
    page: std::vec::IntoIter<String>,
    after: Option<String>,
    more: bool,
}

impl Iterator for Names<'_> {
    type Item = Result<String, StorageError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(name) = self.page.next() {
                self.after = Some(name.clone());
                return Some(Ok(name));
            }
            if !self.more {
                return None;
            }
            match page(self.prefix, self.after.as_deref(), 0) {
                Ok(page) => {
                    self.more = page.more;
                    self.page = page.names.into_iter();
                }
                Err(error) => {
                    self.more = false;
                    return Some(Err(error));
                }
            }
        }
    }
}

/// Drops what was written since the last checkpoint, as the host does when an engine answers with a fault. For unit tests,
/// on this thread.
#[cfg(not(target_family = "wasm"))]
pub fn drop_writes() {
    native::drop_writes();
}

/// A drawer in memory, one per thread, for unit tests.
#[cfg(not(target_family = "wasm"))]
mod native {
    use std::cell::RefCell;
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Page, StorageError};

    thread_local! {
        static DRAWER: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
        /// The drawer as it was at the last checkpoint.
        static DURABLE: RefCell<BTreeMap<String, Vec<u8>>> = const { RefCell::new(BTreeMap::new()) };
    }

    pub(super) fn get(key: &str) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(DRAWER.with_borrow(|drawer| drawer.get(key).cloned()))
    }

    pub(super) fn put(key: &str, value: &[u8]) -> Result<(), StorageError> {
        DRAWER.with_borrow_mut(|drawer| drawer.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    pub(super) fn delete(key: &str) -> Result<(), StorageError> {
        DRAWER.with_borrow_mut(|drawer| drawer.remove(key));
        Ok(())
    }

    pub(super) fn list(prefix: &str, after: Option<&str>, limit: u32) -> Result<Page, StorageError> {
        let limit = if limit == 0 { 1000 } else { limit as usize };
        let names: BTreeSet<String> = DRAWER.with_borrow(|drawer| {
            let rests = drawer.keys().filter_map(|key| key.strip_prefix(prefix));
            rests.map(|rest| rest.find('/').map_or(rest, |at| &rest[..=at]).to_owned()).collect()
        });
        let mut rest = names.into_iter().filter(|name| after.is_none_or(|after| name.as_str() > after));
        let names: Vec<String> = rest.by_ref().take(limit).collect();
        Ok(Page { names, more: rest.next().is_some() })
    }

    pub(super) fn checkpoint() -> Result<(), StorageError> {
        DURABLE.set(DRAWER.with_borrow(BTreeMap::clone));
        Ok(())
    }

    pub(super) fn drop_writes() {
        DRAWER.set(DURABLE.with_borrow(BTreeMap::clone));
    }
}
