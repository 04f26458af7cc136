//! How much a mount's engine keeps, where that is bounded.
//!
//! It is counted in the transaction that changes it, in one of several records, so that requests which write at once seldom meet.
//! What is written at the same moment by others is not seen, so the bound may be passed by that much.

use model::Id;
use serde::{Deserialize, Serialize};
use storage::Transaction;

use crate::mount::{drawer, host_drawer};
use crate::{Error, Mount};

/// Over how many records the count is spread.
const PARTS: u8 = 16;
/// Most entries that a mount may have whose engine is given a bound: they are counted in one request.
pub const COUNTED_MAX: u64 = 200_000;

/// A part of the count; one may be below zero, all of them together are not.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Part {
    record: u8,
    bytes: i64,
}

fn key(part: u8) -> String {
    format!("kept/{part:02}")
}

/// Begins to count what a mount's engine keeps, or ends to, as a change of its bound wants it; `before` is what the mount was
/// until now. `false`: it has more than [`COUNTED_MAX`] entries, and is not counted.
pub async fn recount(transaction: &mut Transaction, before: &Mount, mount: &Mount) -> Result<bool, Error> {
    let had = before.config.powers.storage_max.is_some();
    let has = mount.config.powers.storage_max.is_some();
    if had == has {
        return Ok(true);
    }
    for part in 0..PARTS {
        transaction.delete(&host_drawer(mount.id), &key(part))?;
    }
    if !has {
        return Ok(true);
    }
    let (mut bytes, mut entries) = (0, 0);
    let drawer = drawer(mount.id);
    let counted = transaction.peek_each(&drawer, "", |key, value, _| {
        entries += 1;
        bytes += size(key, value.len());
        if entries > COUNTED_MAX { Err(Counted::TooMany) } else { Ok(()) }
    });
    match counted.await {
        Ok(()) => {}
        Err(Counted::TooMany) => return Ok(false),
        Err(Counted::Storage(error)) => return Err(error.into()),
    }
    transaction.put_json(&host_drawer(mount.id), &key(0), &Part { record: 1, bytes })?;
    Ok(true)
}

enum Counted {
    TooMany,
    Storage(storage::Error),
}

impl From<storage::Error> for Counted {
    fn from(error: storage::Error) -> Self {
        Self::Storage(error)
    }
}

/// What an entry counts for, in bytes.
pub fn size(key: &str, value: usize) -> i64 {
    i64::try_from(key.len() + value).unwrap_or(i64::MAX)
}

/// How many bytes a mount's engine keeps, as the transaction sees it. Does not expect it to be the same at commit.
pub async fn kept(transaction: &Transaction, mount: Id) -> Result<i64, storage::Error> {
    let mut bytes: i64 = 0;
    for part in 0..PARTS {
        let found = transaction.peek(&host_drawer(mount), &key(part)).await?;
        let part: Option<Part> = found.and_then(|found| serde_json::from_slice(&found).ok());
        bytes = bytes.saturating_add(part.unwrap_or_default().bytes);
    }
    Ok(bytes)
}

/// Counts what a request changed. `by` chooses the part: it should be another for another request.
pub async fn count(transaction: &mut Transaction, mount: Id, by: &str, bytes: i64) -> Result<(), storage::Error> {
    let part = by.bytes().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte)) % PARTS;
    let found: Option<Part> = transaction.get_json(&host_drawer(mount), &key(part)).await?;
    let bytes = found.unwrap_or_default().bytes.saturating_add(bytes);
    transaction.put_json(&host_drawer(mount), &key(part), &Part { record: 1, bytes })
}
