//! The engine over one file, from opening it until its first failure.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use storage::Error;

use crate::CACHE_BYTES;
use crate::checked_file::CheckedFile;
use crate::disk::Disk;
use crate::failure::failure;
use crate::folder::{Folder, NEXT, RECORDS};
use crate::open_error::OpenError;

/// Key to eight bytes of version, lowest first, and the value.
pub(crate) const RECORD_TABLE: TableDefinition<'static, &[u8], &[u8]> = TableDefinition::new("records");
/// What the store knows about itself.
const FACT_TABLE: TableDefinition<'static, &str, u64> = TableDefinition::new("facts");
/// The newest version that was given.
const VERSION: &str = "version";
/// What the engine may keep in memory while it writes a store that is not yet the one.
const BUILDING_CACHE_BYTES: usize = 8 * 1024 * 1024;

/// The engine and its file. After a failure it serves nothing more, and another one is made by [`Self::resume`].
pub(crate) struct Engine {
    database: Option<Database>,
    file: CheckedFile,
    name: String,
    failed: AtomicBool,
    version: u64,
    folder: Arc<Folder>,
}

/// Why the engine did not do what it was asked.
pub(crate) struct Fault {
    /// What to tell.
    pub(crate) error: Error,
    /// Whether it failed earlier and only says so now.
    pub(crate) earlier: bool,
}

impl Engine {
    /// Opens the store, or makes an empty one.
    pub(crate) fn open(folder: &Arc<Folder>) -> Result<Self, OpenError> {
        if !folder.has_records()? {
            // Made under another name first: a file that is called records is always complete.
            drop(Self::create(folder, 0)?);
            folder.promote().map_err(|error| OpenError::io("make", folder.name_of(RECORDS), error))?;
        }
        Self::open_file(folder, RECORDS)
    }

    /// Opens the store that is to be the next one.
    pub(crate) fn open_next(folder: &Arc<Folder>) -> Result<Self, OpenError> {
        Self::open_file(folder, NEXT)
    }

    fn open_file(folder: &Arc<Folder>, file: &str) -> Result<Self, OpenError> {
        // What is opened as the next one will be called records from then on.
        let name = folder.name_of(RECORDS);
        let opened = folder.file(file).map_err(|error| OpenError::io("open", folder.name_of(file), error))?;
        Self::over(CheckedFile::open(Disk::new(opened, name.clone()))?, name, folder, CACHE_BYTES)
    }

    /// Makes an empty store beside the one that is there.
    pub(crate) fn create(folder: &Arc<Folder>, version: u64) -> Result<Self, OpenError> {
        let name = folder.name_of(NEXT);
        let made = folder
            .remove(NEXT)
            .and_then(|()| folder.new_file(NEXT))
            .map_err(|error| OpenError::io("make", &name, error))?;
        let file = CheckedFile::create(Disk::new(made, name.clone()));
        let first = |database: &Database| -> Result<(), redb::Error> {
            let transaction = database.begin_write()?;
            transaction.open_table(RECORD_TABLE)?;
            transaction.open_table(FACT_TABLE)?.insert(VERSION, version)?;
            Ok(transaction.commit()?)
        };
        let database = caught(|| {
            let database =
                redb::Builder::new().set_cache_size(BUILDING_CACHE_BYTES).create_with_backend(file.clone())?;
            first(&database)?;
            Ok(database)
        });
        let database = database.map_err(|error| OpenError::engine(&name, error))?;
        Ok(Self::new(database, file, name, version, folder))
    }

    /// The same store after a failure, as it was when it was last synced.
    pub(crate) fn resume(&self) -> Result<Self, OpenError> {
        self.failed.store(true, Ordering::Release);
        let reopened = self.folder.file(RECORDS).and_then(|file| self.file.resume(Disk::new(file, self.name.clone())));
        let file = reopened.map_err(|error| OpenError::io("open again", &self.name, error))?;
        Self::over(file, self.name.clone(), &self.folder, CACHE_BYTES)
    }

    fn over(file: CheckedFile, name: String, folder: &Arc<Folder>, cache: usize) -> Result<Self, OpenError> {
        let opened = caught(|| {
            let database = redb::Builder::new().set_cache_size(cache).create_with_backend(file.clone())?;
            let reading = database.begin_read()?;
            reading.open_table(RECORD_TABLE)?;
            let version = version(&reading.open_table(FACT_TABLE)?)?;
            Ok((database, version))
        });
        match opened {
            Ok((database, version)) => Ok(Self::new(database, file, name, version, folder)),
            Err(error) => {
                file.shut();
                Err(OpenError::engine(&name, error))
            }
        }
    }

    fn new(database: Database, file: CheckedFile, name: String, version: u64, folder: &Arc<Folder>) -> Self {
        let (failed, folder) = (AtomicBool::new(false), Arc::clone(folder));
        Self { database: Some(database), file, name, failed, version, folder }
    }

    /// The newest version when it was opened.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    pub(crate) fn failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Reads on, but writes no more: another file has taken its place.
    pub(crate) fn retire(&self) {
        self.file.retire();
    }

    /// Does something with the database. Any error, and a panic of the engine, ends the use of it.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, Fault> {
        let done = match &self.database {
            Some(database) => caught(|| work(database)),
            None => Err(redb::Error::DatabaseClosed),
        };
        done.map_err(|error| {
            let earlier = matches!(error, redb::Error::PreviousIo | redb::Error::DatabaseClosed);
            self.failed.store(true, Ordering::Release);
            Fault { error: failure(&self.name, error), earlier }
        })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.failed() {
            self.file.shut();
        }
        let database = self.database.take();
        // Closing writes, and an engine that has panicked before may do so again.
        let closed = caught(|| {
            drop(database);
            Ok(())
        });
        if closed.is_err() {
            tracing::error!(file = self.name, "the engine panicked while it closed the store");
        }
    }
}

/// The newest version that was given.
pub(crate) fn version(facts: &impl ReadableTable<&'static str, u64>) -> Result<u64, redb::Error> {
    match facts.get(VERSION)? {
        Some(version) => Ok(version.value()),
        None => Err(redb::Error::Corrupted("it does not say which version is its newest".to_owned())),
    }
}

/// The table of facts, to write the newest version into.
pub(crate) fn set_version(transaction: &redb::WriteTransaction, version: u64) -> Result<(), redb::Error> {
    transaction.open_table(FACT_TABLE)?.insert(VERSION, version)?;
    Ok(())
}

pub(crate) fn newest_version(transaction: &redb::WriteTransaction) -> Result<u64, redb::Error> {
    version(&transaction.open_table(FACT_TABLE)?)
}

/// The engine gives errors, but its code also has assertions: on a file that checks out they hold, and if one does not,
/// the store is damaged in a way that its blocks do not show.
fn caught<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(redb::Error::Corrupted("the engine found what it could not explain".to_owned())))
}
