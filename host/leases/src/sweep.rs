//! Ends of many leases at once, more than one request can note.

use model::Id;
use serde::{Deserialize, Serialize};
use storage::Transaction;

use crate::shelf::drawer;
use crate::{Error, Lease, Leases};

const SWEEPS: &str = "sweep/";

/// The wish that all leases below a path end. It is kept until they have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sweep {
    /// Version of this record's shape.
    record: u8,
    /// Tells it from others.
    id: Id,
    /// The namespace.
    pub namespace: Id,
    /// Whole segments; empty: everything.
    pub path: String,
    /// Forget leases that cannot be taken back.
    pub force: bool,
    /// Leases that were given later stay. Seconds since 1970.
    pub until: u64,
    /// Up to where it has come.
    after: Option<Lease>,
    /// There may be more.
    #[serde(skip)]
    more: bool,
}

impl Sweep {
    /// A wish with a fresh id, not yet kept.
    pub fn new(id: Id, namespace: Id, path: &str, force: bool, now: u64) -> Self {
        Self { record: 1, id, namespace, path: path.to_owned(), force, until: now, after: None, more: true }
    }

    /// Whether the last step left leases that may be below the path.
    pub fn has_more(&self) -> bool {
        self.more
    }

    /// The wishes that are kept, at most `limit` of them.
    pub async fn all(transaction: &mut Transaction, limit: usize) -> Result<Vec<Self>, Error> {
        let names = transaction.list(&drawer(), SWEEPS, None, limit).await?.names;
        let mut found = Vec::new();
        for name in names {
            found.extend(transaction.get_json(&drawer(), &format!("{SWEEPS}{name}")).await?);
        }
        Ok(found)
    }

    /// Ends the next leases, at most `limit` of them, and keeps the wish as long as there may be more. Answers those that
    /// it ended; whoever called takes them back, or finds them due.
    pub async fn step(&mut self, transaction: &mut Transaction, now: u64, limit: usize) -> Result<Vec<Lease>, Error> {
        let found = Leases::under(transaction, self.namespace, &self.path, self.after.as_ref(), limit).await?;
        let key = format!("{SWEEPS}{}", self.id);
        match found.last() {
            Some(last) if found.len() >= limit => {
                self.more = true;
                self.after = Some(last.clone());
                transaction.put_json(&drawer(), &key, self)?;
            }
            _ => {
                self.more = false;
                transaction.delete(&drawer(), &key)?;
            }
        }
        let mut ended = Vec::new();
        for mut lease in found.into_iter().filter(|lease| lease.issued <= self.until) {
            lease.end(now);
            lease.forced |= self.force;
            Leases::write(transaction, &lease).await?;
            ended.push(lease);
        }
        Ok(ended)
    }
}
