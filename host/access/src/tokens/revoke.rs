//! Ends tokens.

use leases::{Held, Lease};
use model::{Fault, Id};
use storage::Transaction;

use super::{Record, Tokens, drawer, lent, uses};

/// Most children that a token may leave behind as orphans.
const ORPHANS_MAX: usize = 1000;

impl Tokens {
    /// Ends the token with this key, and with it every token below it: from this commit on none of them is found. What
    /// they kept goes with the next [`Self::sweep`]. Says whether there was one.
    pub async fn revoke(&self, transaction: &mut Transaction, key: &str) -> Result<bool, Fault> {
        let Some(record) = self.record(transaction, key).await? else { return Ok(false) };
        self.remove(transaction, key, &record).await?;
        transaction.put(&drawer(), &format!("doomed/{key}"), Vec::new())?;
        Ok(true)
    }

    /// Ends the tokens that these leases are of, at once: a token is looked up by its record, not by its lease.
    pub async fn revoke_lent(&self, transaction: &mut Transaction, leases: &[Lease]) -> Result<(), Fault> {
        for lease in leases {
            if let Held::Token(key) = &lease.held {
                self.revoke(transaction, key).await?;
            }
        }
        Ok(())
    }

    /// Whether the token with this key has not ended, which is expected to be so at commit. Says nothing of those above
    /// it.
    pub async fn is_kept(&self, transaction: &mut Transaction, key: &str, now: u64) -> Result<bool, Fault> {
        Ok(self.record(transaction, key).await?.is_some_and(|record| !record.is_over(now)))
    }

    /// Ends the token with this key alone: its children have no parent from then on. Refused if it has more than 1000
    /// of them. Says whether there was one.
    pub async fn revoke_orphan(&self, transaction: &mut Transaction, key: &str) -> Result<bool, Fault> {
        let Some(record) = self.record(transaction, key).await? else { return Ok(false) };
        let folder = format!("child/{key}/");
        let page = transaction.list(&drawer(), &folder, None, ORPHANS_MAX).await?;
        if page.more {
            return Err(Fault::invalid(format!(
                "the token has more than {ORPHANS_MAX} children, too many to be made orphans at once: revoke some of them first"
            )));
        }
        for child in page.names {
            if let Some(orphan) = self.record(transaction, &child).await? {
                let orphan = Record { parent: None, ..orphan };
                transaction.put_json(&drawer(), &format!("hash/{child}"), &orphan)?;
            }
            transaction.delete(&drawer(), &format!("{folder}{child}"))?;
        }
        self.remove(transaction, key, &record).await?;
        transaction.put(&drawer(), &format!("doomed/{key}"), Vec::new())?;
        Ok(true)
    }

    /// Notes that a namespace has ended: its tokens go with the next [`Self::sweep`]. Until then the tree no longer has
    /// the namespace, which is why they open nothing.
    pub fn end_namespace(&self, transaction: &mut Transaction, namespace: Id) -> Result<(), Fault> {
        transaction.put(&drawer(), &format!("doomed-namespace/{namespace}"), Vec::new()).map_err(Fault::from)
    }

    pub(super) async fn record(&self, transaction: &mut Transaction, key: &str) -> Result<Option<Record>, Fault> {
        transaction.get_json(&drawer(), &format!("hash/{key}")).await.map_err(Fault::from)
    }

    async fn remove(&self, transaction: &mut Transaction, key: &str, record: &Record) -> Result<(), Fault> {
        for gone in
            [format!("hash/{key}"), self.accessor_key(&record.accessor), format!("in/{}/{key}", record.namespace)]
        {
            transaction.delete(&drawer(), &gone)?;
        }
        if let Some(parent) = &record.parent {
            transaction.delete(&drawer(), &format!("child/{parent}/{key}"))?;
        }
        if record.uses_given > 0 {
            uses::forget(transaction, key)?;
        }
        lent::forget(transaction, key, record).await
    }

    /// The accessors of a namespace's tokens, at most `limit` of them, in no order that means anything; and whether
    /// there are more. Tokens that ended and were not yet cleared away are among them.
    pub async fn accessors(
        &self,
        transaction: &Transaction,
        namespace: Id,
        limit: usize,
    ) -> Result<(Vec<String>, bool), Fault> {
        let folder = format!("in/{namespace}/");
        let (mut found, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let page = transaction.peek_page(&drawer(), &folder, after.as_deref(), PAGE).await?;
            for (_, accessor) in &page {
                if found.len() == limit {
                    return Ok((found, true));
                }
                found.extend(serde_json::from_slice::<String>(accessor).ok());
            }
            match page.into_iter().next_back() {
                Some((last, _)) => after = Some(last),
                None => return Ok((found, false)),
            }
        }
    }
}

/// How many accessors are read at a time.
const PAGE: usize = 1000;
