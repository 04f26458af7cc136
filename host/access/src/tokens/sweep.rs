//! Clears away what ended tokens kept.

use model::{Fault, Kind};
use storage::{Store, Transaction};

use super::{Tokens, cubbyhole, drawer, lent};

/// How many tokens are removed in one transaction.
const BATCH: usize = 200;

impl Tokens {
    /// Removes what ended tokens left: the tokens below them, their cubbyholes, and the leases of what they were lent,
    /// which are due from now on. In batches; goes on where it stopped after an error, a restart, or another node. Says
    /// how many tokens it finished.
    pub async fn sweep(&self, store: &Store, now: u64) -> Result<usize, Fault> {
        let mut finished = 0;
        self.sweep_namespaces(store).await?;
        loop {
            let mut transaction = store.begin().await?;
            let doomed = transaction.list(&drawer(), "doomed/", None, BATCH).await?.names;
            drop(transaction);
            let before = finished;
            for key in &doomed {
                match self.clear_away(store, key, now).await {
                    Ok(()) => finished += 1,
                    // Another node is at it.
                    Err(fault) if fault.kind == Kind::Conflict => {}
                    Err(fault) => return Err(fault),
                }
                // A store in memory never makes this wait, and there may be many.
                tokio::task::yield_now().await;
            }
            if finished == before {
                return Ok(finished);
            }
        }
    }

    /// Another node may do the same, and be done: from then on the id of a token may be given out anew.
    async fn clear_away(&self, store: &Store, key: &str, now: u64) -> Result<(), Fault> {
        loop {
            let mut transaction = store.begin().await?;
            if !is_doomed(&mut transaction, key).await? {
                return Ok(());
            }
            let folder = format!("child/{key}/");
            let children = transaction.list(&drawer(), &folder, None, BATCH).await?.names;
            if children.is_empty() {
                break;
            }
            for child in &children {
                self.revoke(&mut transaction, child).await?;
                transaction.delete(&drawer(), &format!("{folder}{child}"))?;
            }
            transaction.commit().await?;
        }
        let mut last = None;
        loop {
            let mut transaction = store.begin().await?;
            if !is_doomed(&mut transaction, key).await? {
                return Ok(());
            }
            last = lent::end_of(&mut transaction, key, last.as_ref(), now).await?;
            transaction.commit().await?;
            if last.is_none() {
                break;
            }
        }
        store.purge(&cubbyhole(key)).await?;
        let mut transaction = store.begin().await?;
        transaction.delete(&drawer(), &format!("doomed/{key}"))?;
        transaction.commit().await.map_err(Fault::from)
    }

    /// Ends all tokens of namespaces that have ended.
    async fn sweep_namespaces(&self, store: &Store) -> Result<(), Fault> {
        let mut transaction = store.begin().await?;
        let doomed = transaction.list(&drawer(), "doomed-namespace/", None, 0).await?.names;
        drop(transaction);
        for namespace in doomed {
            loop {
                let mut transaction = store.begin().await?;
                let within = format!("in/{namespace}/");
                let keys = transaction.list(&drawer(), &within, None, BATCH).await?.names;
                for key in &keys {
                    self.revoke(&mut transaction, key).await?;
                    transaction.delete(&drawer(), &format!("{within}{key}"))?;
                }
                if keys.is_empty() {
                    transaction.delete(&drawer(), &format!("doomed-namespace/{namespace}"))?;
                }
                match transaction.commit().await {
                    Ok(()) if keys.is_empty() => break,
                    Ok(()) => {}
                    // Another node is at it.
                    Err(storage::Error::Conflict) => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }
}

/// Whether a token that ended is still to be cleared away, which is expected to be so at commit.
async fn is_doomed(transaction: &mut Transaction, key: &str) -> Result<bool, Fault> {
    Ok(transaction.get(&drawer(), &format!("doomed/{key}")).await?.is_some())
}
