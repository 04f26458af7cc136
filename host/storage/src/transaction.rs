//! One request's reads and writes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use meter::{Commit, Meter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::driver::{Batch, Driver, Expectation, LIST_LIMIT_MAX, Listing, Page, Record, Snapshot};
use crate::{Drawer, Error, KEY_MAX, Value};

/// Largest value, in bytes.
pub const VALUE_MAX: usize = 1024 * 1024;
/// Most bytes that one transaction may write.
pub const TRANSACTION_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most keys that one transaction may write.
pub const TRANSACTION_KEYS_MAX: usize = 10_000;
/// Most keys and listed names that one transaction may read and remember, between checkpoints.
pub const TRANSACTION_READS_MAX: usize = 100_000;

/// Reads from one snapshot, writes that wait, and a record of what was read. Dropping it forgets the writes.
pub struct Transaction {
    driver: Arc<dyn Driver>,
    snapshot: Box<dyn Snapshot>,
    seen: HashMap<String, Option<u64>>,
    /// What must hold at every commit, checkpoints among them.
    pinned: Vec<(String, u64)>,
    listed: Vec<(Listing, Page)>,
    listed_names: usize,
    writes: BTreeMap<String, Option<Value>>,
    written_bytes: usize,
    /// A checkpoint failed: what it had to write is lost, so nothing that follows may be written either.
    broken: bool,
    meter: Meter,
}

impl Transaction {
    pub(crate) fn new(driver: Arc<dyn Driver>, snapshot: Box<dyn Snapshot>, meter: Meter) -> Self {
        Self {
            driver,
            snapshot,
            seen: HashMap::new(),
            pinned: Vec::new(),
            listed: Vec::new(),
            listed_names: 0,
            writes: BTreeMap::new(),
            written_bytes: 0,
            broken: false,
            meter,
        }
    }

    /// The value under a key, as this transaction sees it: its own write, else the snapshot's.
    pub async fn get(&mut self, drawer: &Drawer, key: &str) -> Result<Option<Value>, Error> {
        let key = drawer.key(key)?;
        match self.writes.get(&key) {
            Some(written) => Ok(written.clone()),
            None => Ok(self.read(key).await?.map(|record| record.value)),
        }
    }

    /// Like [`Self::get`], with the version, for callers that cache what they made of the value. A key that this
    /// transaction itself wrote has no version yet: `None`.
    pub async fn get_versioned(&mut self, drawer: &Drawer, key: &str) -> Result<Option<(Value, Option<u64>)>, Error> {
        let key = drawer.key(key)?;
        match self.writes.get(&key) {
            Some(written) => Ok(written.clone().map(|value| (value, None))),
            None => Ok(self.read(key).await?.map(|record| (record.value, Some(record.version)))),
        }
    }

    /// The value under a key without expecting it to be the same at commit: for counters that say whether a cache is
    /// stale, where the caller then expects what it really used (see [`Self::expect`]).
    pub async fn peek(&self, drawer: &Drawer, key: &str) -> Result<Option<Value>, Error> {
        Ok(self.peek_versioned(drawer, key).await?.map(|(value, _)| value))
    }

    /// Like [`Self::peek`], with the version.
    pub async fn peek_versioned(&self, drawer: &Drawer, key: &str) -> Result<Option<(Value, Option<u64>)>, Error> {
        let key = drawer.key(key)?;
        match self.writes.get(&key) {
            Some(written) => Ok(written.clone().map(|value| (value, None))),
            None => Ok(self.snapshot.get(&key).await?.map(|record| (record.value, Some(record.version)))),
        }
    }

    /// Visits every record below a prefix (empty, or ending in `/`) with its key inside the drawer and its version, in
    /// order, many at a time, without expecting them to be the same at commit. Own writes are seen, without a version.
    pub async fn peek_each<E: From<Error>>(
        &self,
        drawer: &Drawer,
        prefix: &str,
        mut visit: impl FnMut(&str, &[u8], Option<u64>) -> Result<(), E>,
    ) -> Result<(), E> {
        let (prefix, inside) = (drawer.prefix_of(prefix)?, drawer.prefix().len());
        let own = self.writes.range::<str, _>((Bound::Excluded(prefix.as_str()), Bound::Unbounded));
        // Collected, because an iterator with a closure in it cannot be held over the waits below.
        let own: Vec<_> = own.take_while(|(key, _)| key.starts_with(&prefix)).collect();
        let mut own = own.into_iter().peekable();
        let mut after = prefix.clone();
        loop {
            let (below, ended) = self.snapshot.scan_below(&prefix, &after).await?;
            for (key, record) in below {
                while let Some((written, value)) = own.next_if(|(written, _)| **written < key) {
                    value.as_ref().map_or(Ok(()), |value| visit(&written[inside..], value, None))?;
                }
                match own.next_if(|(written, _)| **written == key) {
                    Some((_, value)) => value.as_ref().map_or(Ok(()), |value| visit(&key[inside..], value, None))?,
                    None => visit(&key[inside..], &record.value, Some(record.version))?,
                }
                after = key;
            }
            if ended {
                break;
            }
        }
        own.try_for_each(|(written, value)| {
            value.as_ref().map_or(Ok(()), |value| visit(&written[inside..], value, None))
        })
    }

    /// The first records below a prefix (empty, or ending in `/`) that follow `after`, with their keys inside the drawer,
    /// in order, however deep they lie: at most `limit` of them (1 to [`LIST_LIMIT_MAX`]). Does not expect them to be the
    /// same at commit. Own writes are seen.
    pub async fn peek_page(
        &self,
        drawer: &Drawer,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Value)>, Error> {
        let (prefix, inside) = (drawer.prefix_of(prefix)?, drawer.prefix().len());
        let first = after.map_or_else(|| Ok(prefix.clone()), |after| drawer.key(after))?;
        let limit = limit.clamp(1, LIST_LIMIT_MAX);
        let mut found = BTreeMap::new();
        let mut reached = first.clone();
        loop {
            let (below, ended) = self.snapshot.scan_below(&prefix, &reached).await?;
            for (key, record) in below {
                reached.clone_from(&key);
                if !self.writes.contains_key(&key) {
                    found.insert(key, record.value);
                }
            }
            if ended || found.len() >= limit {
                let own = self.writes.range::<str, _>((Bound::Excluded(first.as_str()), Bound::Unbounded));
                let own = own.take_while(|(key, _)| key.starts_with(&prefix) && (ended || **key <= reached));
                found.extend(own.filter_map(|(key, value)| Some((key.clone(), value.clone()?))));
                break;
            }
        }
        Ok(found.into_iter().take(limit).map(|(key, value)| (key[inside..].to_owned(), value)).collect())
    }

    /// Expects a key to still have this version at commit, for what was taken from a versioned cache.
    pub fn expect(&mut self, drawer: &Drawer, key: &str, version: u64) -> Result<(), Error> {
        let key = drawer.key(key)?;
        self.seen.insert(key.clone(), Some(version));
        self.pinned.push((key, version));
        Ok(())
    }

    /// Reads a JSON record.
    pub async fn get_json<T: DeserializeOwned>(&mut self, drawer: &Drawer, key: &str) -> Result<Option<T>, Error> {
        let Some(bytes) = self.get(drawer, key).await? else { return Ok(None) };
        match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(e) => Err(Error::Damaged { key: drawer.key(key)?, reason: e.to_string() }),
        }
    }

    /// Writes a value, applied at commit.
    pub fn put(&mut self, drawer: &Drawer, key: &str, value: Vec<u8>) -> Result<(), Error> {
        if value.len() > VALUE_MAX {
            return Err(Error::TooLarge("a value may have 1 MiB"));
        }
        self.write(drawer.key(key)?, Some(value.into()))
    }

    /// Writes a JSON record.
    pub fn put_json<T: Serialize>(&mut self, drawer: &Drawer, key: &str, value: &T) -> Result<(), Error> {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.put(drawer, key, bytes),
            Err(e) => Err(Error::Damaged { key: drawer.key(key)?, reason: e.to_string() }),
        }
    }

    /// Removes a key, at commit. Removing what is not there is no error.
    pub fn delete(&mut self, drawer: &Drawer, key: &str) -> Result<(), Error> {
        self.write(drawer.key(key)?, None)
    }

    /// The names directly below a prefix (empty, or ending in `/`), those after `after`, at most `limit` of them
    /// (0 or more than [`LIST_LIMIT_MAX`] means that many). Own writes are seen.
    pub async fn list(
        &mut self,
        drawer: &Drawer,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        let listing = listing(drawer, prefix, after, limit)?;
        if self.writes_below(&listing.prefix).next().is_none() {
            return self.read_page(listing).await;
        }
        self.list_merged(listing).await
    }

    /// All the names directly below a prefix, as [`Self::list`] gives them page by page.
    pub async fn names(&mut self, drawer: &Drawer, prefix: &str) -> Result<Vec<String>, Error> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().cloned();
            let page = self.list(drawer, prefix, after.as_deref(), LIST_LIMIT_MAX).await?;
            names.extend(page.names);
            if !page.more {
                return Ok(names);
            }
        }
    }

    /// Removes up to `limit` keys anywhere below the drawer; says how many it found.
    pub async fn clear(&mut self, drawer: &Drawer, limit: usize) -> Result<usize, Error> {
        let mut folders = vec![String::new()];
        let mut removed = 0;
        while let Some(folder) = folders.pop() {
            let mut after: Option<String> = None;
            loop {
                let page = self.list(drawer, &folder, after.as_deref(), LIST_LIMIT_MAX).await?;
                for name in &page.names {
                    let path = format!("{folder}{name}");
                    if name.ends_with('/') {
                        folders.push(path);
                    } else if removed < limit {
                        self.delete(drawer, &path)?;
                        removed += 1;
                    }
                }
                if removed >= limit {
                    return Ok(removed);
                }
                match page.names.last() {
                    Some(last) if page.more => after = Some(last.clone()),
                    _ => break,
                }
            }
        }
        Ok(removed)
    }

    /// Whether anything would be written at commit.
    pub fn is_dirty(&self) -> bool {
        !self.writes.is_empty()
    }

    /// Applies the writes if everything that was read is still so; [`Error::Conflict`] if not. Without writes there is
    /// nothing to apply and nothing to check: one snapshot was consistent by itself.
    pub async fn commit(mut self) -> Result<(), Error> {
        if self.broken {
            return Err(Error::Conflict);
        }
        self.flush().await
    }

    /// Commits what was written so far and goes on with a new snapshot. For long work in steps. After one that failed
    /// the commit is a conflict, and so is another with writes: whoever goes on regardless must not write the second half of
    /// their work. One without writes begins again.
    pub async fn checkpoint(&mut self) -> Result<(), Error> {
        let broken = std::mem::replace(&mut self.broken, true);
        // Whoever has written nothing since has taken note, and begins again from what is there now.
        if broken && self.is_dirty() {
            self.forget();
            return Err(Error::Conflict);
        }
        self.flush().await?;
        self.snapshot = self.driver.snapshot().await?;
        self.broken = false;
        self.seen.extend(self.pinned.iter().map(|(key, version)| (key.clone(), Some(*version))));
        Ok(())
    }

    /// Forgets the writes and everything that was read, and takes a new snapshot: the request starts over.
    pub async fn restart(&mut self) -> Result<(), Error> {
        self.forget();
        self.pinned.clear();
        self.snapshot = self.driver.snapshot().await?;
        self.broken = false;
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Error> {
        if self.writes.is_empty() {
            self.forget();
            return Ok(());
        }
        let seen = std::mem::take(&mut self.seen);
        let listed = std::mem::take(&mut self.listed);
        let keys = seen.into_iter().map(|(key, version)| Expectation::Key { key, version });
        let lists = listed.into_iter().map(|(listing, page)| Expectation::Listing { listing, page });
        let batch = Batch { expectations: keys.chain(lists).collect(), writes: std::mem::take(&mut self.writes) };
        self.forget();
        let committed = self.driver.commit(batch).await;
        self.meter.committed(match &committed {
            Ok(()) => Commit::Done,
            Err(Error::Conflict) => Commit::Lost,
            Err(_) => Commit::Failed,
        });
        committed
    }

    fn forget(&mut self) {
        self.seen.clear();
        self.listed.clear();
        self.listed_names = 0;
        self.writes.clear();
        self.written_bytes = 0;
    }

    /// Whatever is read is remembered until the commit: that must not grow without end.
    fn room_for_a_read(&self) -> Result<(), Error> {
        if self.seen.len() + self.listed.len() + self.listed_names >= TRANSACTION_READS_MAX {
            return Err(Error::TooLarge("one request may read 100000 keys and names"));
        }
        Ok(())
    }

    async fn read_page(&mut self, listing: Listing) -> Result<Page, Error> {
        self.room_for_a_read()?;
        let page = self.snapshot.list(&listing).await?;
        self.listed_names += page.names.len();
        self.listed.push((listing, page.clone()));
        Ok(page)
    }

    async fn read(&mut self, key: String) -> Result<Option<Record>, Error> {
        self.room_for_a_read()?;
        let record = self.snapshot.get(&key).await?;
        self.seen.insert(key, record.as_ref().map(|record| record.version));
        Ok(record)
    }

    fn write(&mut self, key: String, value: Option<Value>) -> Result<(), Error> {
        let size = |value: &Option<Value>| value.as_ref().map_or(0, |value| value.len());
        let bytes = self.written_bytes - self.writes.get(&key).map_or(0, size) + size(&value);
        if bytes > TRANSACTION_BYTES_MAX {
            return Err(Error::TooLarge("one request may write 16 MiB"));
        }
        if self.writes.len() >= TRANSACTION_KEYS_MAX && !self.writes.contains_key(&key) {
            return Err(Error::TooLarge("one request may write 10000 keys"));
        }
        self.writes.insert(key, value);
        self.written_bytes = bytes;
        Ok(())
    }

    fn writes_below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, bool)> {
        self.writes
            .range::<str, _>((Bound::Excluded(prefix), Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(move |(key, value)| (&key[prefix.len()..], value.is_some()))
    }

    /// Merges a page of the snapshot with own writes. A folder that own writes may have emptied is looked into.
    async fn list_merged(&mut self, listing: Listing) -> Result<Page, Error> {
        let mut names = BTreeSet::new();
        let mut after = listing.after.clone();
        let written: Vec<(String, bool)> =
            self.writes_below(&listing.prefix).map(|(key, kept)| (key.to_owned(), kept)).collect();
        loop {
            let step = Listing { prefix: listing.prefix.clone(), after: after.clone(), limit: LIST_LIMIT_MAX };
            let page = self.read_page(step).await?;
            for name in page.names {
                if self.still_there(&listing.prefix, &name, &written).await? {
                    names.insert(name.clone());
                }
                after = Some(name);
            }
            if !page.more || names.len() > listing.limit {
                let horizon = page.more.then_some(after).flatten();
                add_written(&mut names, &written, &listing, horizon.as_deref());
                break;
            }
        }
        let more = names.len() > listing.limit;
        Ok(Page { names: names.into_iter().take(listing.limit).collect(), more })
    }

    /// Whether a name of the snapshot survives own deletions.
    async fn still_there(&self, prefix: &str, name: &str, written: &[(String, bool)]) -> Result<bool, Error> {
        if !name.ends_with('/') {
            return Ok(written.iter().all(|(key, kept)| key != name || *kept));
        }
        let deleted: BTreeSet<&str> =
            written.iter().filter(|(key, kept)| !kept && key.starts_with(name)).map(|(key, _)| key.as_str()).collect();
        if deleted.is_empty() {
            return Ok(true);
        }
        self.folder_survives(prefix, name, &deleted).await
    }

    async fn folder_survives(&self, prefix: &str, folder: &str, deleted: &BTreeSet<&str>) -> Result<bool, Error> {
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let mut after = None;
            loop {
                let listing = Listing { prefix: format!("{prefix}{folder}"), after, limit: LIST_LIMIT_MAX };
                let page = self.snapshot.list(&listing).await?;
                for name in &page.names {
                    let path = format!("{folder}{name}");
                    if name.ends_with('/') {
                        folders.push(path);
                    } else if !deleted.contains(path.as_str()) {
                        return Ok(true);
                    }
                }
                match page.names.last() {
                    Some(last) if page.more => after = Some(last.clone()),
                    _ => break,
                }
            }
        }
        Ok(false)
    }
}

fn listing(drawer: &Drawer, prefix: &str, after: Option<&str>, limit: usize) -> Result<Listing, Error> {
    let limit = if limit == 0 { LIST_LIMIT_MAX } else { limit.min(LIST_LIMIT_MAX) };
    if after.is_some_and(|after| after.len() > KEY_MAX) {
        return Err(Error::InvalidKey("a name to go on after must not be longer than 512 bytes"));
    }
    Ok(Listing { prefix: drawer.prefix_of(prefix)?, after: after.map(str::to_owned), limit })
}

/// Adds the names that own writes bring, up to the horizon that the snapshot's pages have reached.
fn add_written(names: &mut BTreeSet<String>, written: &[(String, bool)], listing: &Listing, horizon: Option<&str>) {
    for (key, kept) in written {
        if !kept {
            continue;
        }
        let name = key.find('/').map_or(key.as_str(), |slash| &key[..=slash]);
        let after = listing.after.as_deref().is_none_or(|after| name > after);
        let within = horizon.is_none_or(|horizon| name <= horizon);
        if after && within {
            names.insert(name.to_owned());
        }
    }
}
