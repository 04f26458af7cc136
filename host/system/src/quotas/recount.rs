//! Lets leases that are there already count where the rules of today let new ones count: after a rule was made, moved or
//! removed. It goes page by page, each in a transaction of its own; what is left when a request ends, or a node does, is
//! done by whoever looks after leases.

use ::leases::Leases;
use model::{Fault, Reply};
use serde::{Deserialize, Serialize};
use storage::Transaction;
use tenancy::Tree;

use super::lease_count::scope;
use super::record::drawer;
use crate::{System, fresh_id};

/// The version of the record.
const RECORD: u32 = 1;
const DEMANDS: &str = "recount/";
/// Leases that are counted in one transaction.
const PAGE: usize = 250;
/// Pages that the request itself counts that changed a rule.
const PAGES_AT_ONCE: usize = 40;

/// The demand that the leases below a path are counted anew, at `recount/<id>`.
#[derive(Serialize, Deserialize)]
struct Demand {
    record: u32,
    /// That of a rule, from the root namespace.
    path: String,
    /// Up to where it has come.
    after: Option<String>,
}

/// Demands that the leases below a rule's path are counted anew.
pub(super) fn demand(transaction: &mut Transaction, path: &str) -> Result<(), Fault> {
    let demand = Demand { record: RECORD, path: path.to_owned(), after: None };
    transaction.put_json(&drawer(), &format!("{DEMANDS}{}", fresh_id()?), &demand).map_err(Fault::from)
}

/// Counts what a request's own changes demand, as far as it is not too much; says so if the rest follows.
pub(super) async fn at_once(system: &System, transaction: &mut Transaction, tree: &Tree) -> Result<Reply, Fault> {
    transaction.checkpoint().await?;
    for _ in 0..PAGES_AT_ONCE {
        if !system.recount(transaction, tree).await? {
            return Ok(Reply::nothing());
        }
        transaction.checkpoint().await?;
    }
    Ok(Reply::nothing().warning("There are many leases below this path: the others are counted within minutes."))
}

impl System {
    /// Whether leases are to be counted because a rule has changed.
    pub async fn demands_recount(transaction: &mut Transaction) -> Result<bool, Fault> {
        let page = transaction.list(&drawer(), DEMANDS, None, 1).await?;
        Ok(!page.names.is_empty())
    }

    /// Counts the next page of leases that a changed rule demands; says whether there was anything to do. To be
    /// committed by the caller.
    pub async fn recount(&self, transaction: &mut Transaction, tree: &Tree) -> Result<bool, Fault> {
        let names = transaction.list(&drawer(), DEMANDS, None, 1).await?.names;
        let Some(key) = names.first().map(|name| format!("{DEMANDS}{name}")) else { return Ok(false) };
        let found: Option<Demand> = transaction.get_json(&drawer(), &key).await?;
        let Some(mut demand) = found else { return Ok(false) };
        // A page that was decided by rules that have changed meanwhile is not committed.
        transaction.get(&drawer(), "version").await?;
        let limits = self.quotas.limits(transaction).await?;
        let scope = scope(tree, &demand.path);
        let within = scope.as_ref().map(|(namespace, path)| (*namespace, path.as_str()));
        let (page, next) = Leases::walk(transaction, within, demand.after.as_deref(), PAGE).await?;
        for lease in &page {
            let counter = limits.lease_count(tree, lease.namespace, &lease.path).map(|rule| rule.counter);
            if counter != lease.counted {
                Leases::count_in(transaction, lease, counter).await?;
            }
        }
        demand.after = next;
        match demand.after {
            Some(_) => transaction.put_json(&drawer(), &key, &demand)?,
            None => transaction.delete(&drawer(), &key)?,
        }
        Ok(true)
    }
}
