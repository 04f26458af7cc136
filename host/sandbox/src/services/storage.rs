//! `storage`: the mount's own drawer, inside the request's transaction.

use meter::Bound;
use storage::{Drawer, Transaction};
use traces::Asks;

use crate::bindings::innkeeper::engine::storage::{Host, Page, StorageError};
use crate::state::State;

type Result<T> = wasmtime::Result<std::result::Result<T, StorageError>>;

impl State {
    fn drawer(&mut self) -> std::result::Result<(Drawer, &mut Transaction), StorageError> {
        let grant = self.grant.as_mut().ok_or(StorageError::NotGranted)?;
        Ok((tenancy::mount_drawer(grant.mount.id), &mut grant.transaction))
    }

    /// Counts a refusal for what is over a bound.
    fn noted<T>(&mut self, done: std::result::Result<T, StorageError>) -> std::result::Result<T, StorageError> {
        if matches!(done, Err(StorageError::TooLarge | StorageError::InvalidKey)) {
            self.met(Bound::Storage);
        }
        done
    }
}

impl Host for State {
    async fn get(&mut self, key: String) -> Result<Option<Vec<u8>>> {
        self.touched.gets += 1;
        let mut span = self.span.span("storage.get", Asks::Nobody);
        let (drawer, transaction) = match self.drawer() {
            Ok(granted) => granted,
            Err(e) => return Ok(Err(e)),
        };
        let found = transaction.get(&drawer, &key).await.map(|value| value.map(|v| v.to_vec())).map_err(translate);
        if found.is_err() {
            span.failed("not read");
        }
        Ok(self.noted(found))
    }

    async fn put(&mut self, key: String, value: Vec<u8>) -> Result<()> {
        // Written with the answer: until then it costs nothing.
        self.touched.puts += 1;
        let put =
            self.drawer().and_then(|(drawer, transaction)| transaction.put(&drawer, &key, value).map_err(translate));
        Ok(self.noted(put))
    }

    async fn delete(&mut self, key: String) -> Result<()> {
        self.touched.deletes += 1;
        let gone = self.drawer().and_then(|(drawer, transaction)| transaction.delete(&drawer, &key).map_err(translate));
        Ok(self.noted(gone))
    }

    async fn list(&mut self, prefix: String, after: Option<String>, limit: u32) -> Result<Page> {
        self.touched.lists += 1;
        let mut span = self.span.span("storage.list", Asks::Nobody);
        let (drawer, transaction) = match self.drawer() {
            Ok(granted) => granted,
            Err(e) => return Ok(Err(e)),
        };
        let page = transaction.list(&drawer, &prefix, after.as_deref(), limit as usize).await;
        let page = page.map(|page| Page { names: page.names, more: page.more }).map_err(translate);
        match &page {
            Ok(page) => span.number("innkeeper.storage.names", page.names.len() as u64),
            Err(_) => span.failed("not read"),
        }
        Ok(self.noted(page))
    }

    async fn checkpoint(&mut self) -> Result<()> {
        let mut span = self.span.span("storage.checkpoint", Asks::Nobody);
        let Some(grant) = self.grant.as_mut() else { return Ok(Err(StorageError::NotGranted)) };
        if let Err(error) = grant.transaction.checkpoint().await {
            span.failed("not committed");
            return Ok(Err(translate(error)));
        }
        // What follows is on the same terms: the mount is still there, and what is lent to it.
        Ok(grant.mount.expect(&mut grant.transaction).map_err(|_| StorageError::Internal))
    }
}

fn translate(error: storage::Error) -> StorageError {
    match error {
        storage::Error::InvalidKey(_) => StorageError::InvalidKey,
        storage::Error::TooLarge(_) => StorageError::TooLarge,
        storage::Error::Conflict => StorageError::Conflict,
        storage::Error::Unavailable(_) | storage::Error::Sealed => StorageError::Unavailable,
        storage::Error::UnknownTerm(_)
        | storage::Error::NoRandomness
        | storage::Error::Damaged { .. }
        | storage::Error::Archive(_)
        | storage::Error::Source(_) => {
            tracing::error!(%error, "a guest met a damaged record");
            StorageError::Internal
        }
    }
}
