//! Applying batches: many of them in one transaction of the engine.

use redb::{Database, ReadableTable, Table, WriteTransaction};
use storage::{Batch, Expectation};

use crate::engine::{RECORD_TABLE, newest_version, set_version};
use crate::listing::list;
use crate::view::split;

type Records<'a> = Table<'a, &'static [u8], &'static [u8]>;

/// A group of batches, applied and not yet committed.
pub(crate) struct Applied {
    transaction: WriteTransaction,
    /// For each batch, in order, whether its expectations held. What did not hold was not applied.
    pub(crate) held: Vec<bool>,
    /// The newest version, if anything was written.
    pub(crate) version: Option<u64>,
}

/// Applies batches in order. Each sees what those before it have written.
pub(crate) fn apply<'a>(database: &Database, batches: impl Iterator<Item = &'a Batch>) -> Result<Applied, redb::Error> {
    let mut transaction = database.begin_write()?;
    // After a crash the file is opened without walking it, however large it is.
    transaction.set_quick_repair(true);
    let before = newest_version(&transaction)?;
    let (mut version, mut held) = (before, Vec::new());
    let mut records = transaction.open_table(RECORD_TABLE)?;
    for batch in batches {
        let holds = all_hold(&records, &batch.expectations)?;
        held.push(holds);
        if holds && !batch.writes.is_empty() {
            version += 1;
            write(&mut records, batch, version)?;
        }
    }
    drop(records);
    let version = (version > before).then_some(version);
    if let Some(version) = version {
        set_version(&transaction, version)?;
    }
    Ok(Applied { transaction, held, version })
}

/// Makes it durable; does not sync when nothing was written.
pub(crate) fn commit(transaction: WriteTransaction, version: Option<u64>) -> Result<(), redb::Error> {
    match version {
        Some(_) => Ok(transaction.commit()?),
        None => Ok(transaction.abort()?),
    }
}

impl Applied {
    pub(crate) fn into_parts(self) -> (WriteTransaction, Vec<bool>, Option<u64>) {
        (self.transaction, self.held, self.version)
    }
}

fn all_hold(records: &Records<'_>, expectations: &[Expectation]) -> Result<bool, redb::Error> {
    for expected in expectations {
        let holds = match expected {
            Expectation::Key { key, version } => {
                let stored = records.get(key.as_bytes())?;
                stored.map(|stored| split(stored.value()).map(|(now, _)| now)).transpose()? == *version
            }
            Expectation::Listing { listing, page } => list(records, listing)? == *page,
        };
        if !holds {
            return Ok(false);
        }
    }
    Ok(true)
}

fn write(records: &mut Records<'_>, batch: &Batch, version: u64) -> Result<(), redb::Error> {
    for (key, value) in &batch.writes {
        match value {
            Some(value) => put(records, key, value, version)?,
            None => drop(records.remove(key.as_bytes())?),
        }
    }
    Ok(())
}

/// Writes a record in place, so that its value is not copied once more on the way.
pub(crate) fn put(records: &mut Records<'_>, key: &str, value: &[u8], version: u64) -> Result<(), redb::Error> {
    let mut stored = records.insert_reserve(key.as_bytes(), 8 + value.len())?;
    let (stored_version, stored_value) = stored.as_mut().split_at_mut(8);
    stored_version.copy_from_slice(&version.to_le_bytes());
    stored_value.copy_from_slice(value);
    Ok(())
}
