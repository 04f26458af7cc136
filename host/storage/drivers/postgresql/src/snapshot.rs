//! The store as it was at one commit.

use std::sync::Arc;

use async_trait::async_trait;
use storage::{Error, Listing, Page, Record, Snapshot};
use tokio_postgres::Row;

use crate::ask::{Node, number};
use crate::error::Fault;
use crate::page::{Question, text};
use crate::parameters::Bytes;

/// A number, and whom to ask: nothing is held open meanwhile.
pub(crate) struct Frozen {
    node: Arc<Node>,
    commit: i64,
}

impl Frozen {
    /// The store at this commit.
    pub(crate) fn new(node: Arc<Node>, commit: i64) -> Self {
        Self { node, commit }
    }

    /// Refuses when something that this snapshot would show may have been removed for good. Running the request again
    /// at once would take as long again, so this is no conflict.
    fn check(&self, kept: i64) -> Result<(), Error> {
        if kept > self.commit {
            return Err(Error::Unavailable("this view of the store has become too old to be read: try again".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Snapshot for Frozen {
    async fn get(&self, key: &str) -> Result<Option<Record>, Error> {
        let rows = self.node.read(&self.node.sql.get, &[&Bytes(key.as_bytes()), &self.commit]).await?;
        self.check(number(&rows)?)?;
        let found = rows.first().map(record).transpose().map_err(Fault::from)?;
        Ok(found.flatten())
    }

    async fn list(&self, listing: &Listing) -> Result<Page, Error> {
        let question = Question::new(listing);
        let parameters = question.parameters(&self.commit);
        let (rows, kept) = self.node.read_history(&self.node.sql.list, &parameters).await?;
        self.check(kept)?;
        question.page(&rows)
    }

    async fn scan_versioned(&self, after: Option<&str>) -> Result<Vec<(String, Record)>, Error> {
        let mut from = after.unwrap_or_default().as_bytes().to_vec();
        if after.is_some() {
            from.push(0);
        }
        let (rows, kept) = self.node.read_history(&self.node.sql.scan, &[&Bytes(&from), &self.commit]).await?;
        self.check(kept)?;
        rows.iter()
            .map(|row| {
                let (key, value): (&[u8], &[u8]) =
                    (row.try_get(0).map_err(Fault::from)?, row.try_get(1).map_err(Fault::from)?);
                let version: i64 = row.try_get(2).map_err(Fault::from)?;
                Ok((text(key)?, Record { value: value.into(), version: version as u64 }))
            })
            .collect()
    }
}

fn record(row: &Row) -> Result<Option<Record>, tokio_postgres::Error> {
    let (version, value): (Option<i64>, Option<&[u8]>) = (row.try_get(1)?, row.try_get(2)?);
    Ok(version.zip(value).map(|(version, value)| Record { value: value.into(), version: version.unsigned_abs() }))
}
