//! `sys/quotas/lease-count`: how many leases there may be below a path.
//!
//! A rule has a [`Counter`]. Whoever makes a lease asks the most specific rule for room and lets the lease count in its
//! counter, in the transaction that makes it; leases that were there before the rule are counted by [`super::recount`].

use ::leases::Counter;
use model::{Fault, Id, Kind, NamespacePath, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use storage::Transaction;
use tenancy::Tree;

use super::record::{drawer, path_of, refuse_grouping};
use super::{QUOTAS_MAX, leads, limits, recount};
use crate::{Call, System, fresh_id, params, unsupported};

/// The version of the record.
const RECORD: u32 = 1;
/// Most leases that a rule may name.
const LEASES_MAX: u64 = 1_000_000_000;

/// So many leases, at `count/<name>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LeaseCount {
    record: u32,
    /// Its counter; new where the rule moves.
    pub(super) counter: Id,
    pub(super) name: String,
    /// From the root namespace, without slashes around it; empty for everything.
    pub(super) path: String,
    pub(super) max_leases: u64,
    /// Whether a rule for a namespace holds for those below it.
    pub(super) inheritable: bool,
}

/// What wants to make a lease.
#[derive(Clone, Copy)]
pub struct Leasing<'a> {
    /// All namespaces.
    pub tree: &'a Tree,
    /// Where the lease is to be.
    pub namespace: Id,
    /// Of which request, below the namespace.
    pub path: &'a str,
    /// It is never refused, but counts like any other.
    pub exempt: bool,
}

impl System {
    /// The counter that a new lease is to count in, if a quota bounds its path; a fault refuses it. A rule that is made
    /// meanwhile lets the request be run again, so that no lease is overlooked.
    pub async fn lease_quota(&self, transaction: &mut Transaction, leasing: Leasing<'_>) -> Result<Option<Id>, Fault> {
        transaction.get(&drawer(), "version").await?;
        let limits = self.quotas.limits(transaction).await?;
        let Some(rule) = limits.lease_count(leasing.tree, leasing.namespace, leasing.path) else { return Ok(None) };
        let counter = Counter(rule.counter);
        if leasing.exempt || counter.has_room(transaction, rule.max_leases).await? {
            return Ok(Some(rule.counter));
        }
        self.meter.refused();
        // As a list of one, which is how clients know the text.
        let text = format!("1 error occurred:\n\t* request path {:?}: lease count quota exceeded\n\n", leasing.path);
        Err(Fault::new(Kind::TooMany, text))
    }
}

pub(super) async fn list(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let limits = system.quotas.limits(call.transaction).await?;
    let mut names: Vec<&str> = limits.counts().map(|rule| rule.name.as_str()).collect();
    names.sort_unstable();
    if names.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": names })) }
}

pub(super) async fn one(system: &System, call: Call<'_>, name: &str) -> Result<Reply, Fault> {
    let key = format!("count/{name}");
    let found: Option<LeaseCount> = call.transaction.get_json(&drawer(), &key).await?;
    match call.operation {
        Operation::Read => match found {
            Some(rule) => {
                let count = Counter(rule.counter).count(call.transaction).await?;
                Reply::data(&rule.shown(count))
            }
            None => Err(Fault::absent()),
        },
        Operation::Update => write(system, call, (name, &key), found).await,
        Operation::Delete => {
            if let Some(rule) = found {
                call.transaction.delete(&drawer(), &key)?;
                Counter(rule.counter).close(call.transaction)?;
                limits::changed(call.transaction).await?;
                recount::demand(call.transaction, &rule.path)?;
                return recount::at_once(system, call.transaction, call.tree).await;
            }
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

/// The rule is committed before leases are counted: from then on whoever makes one sees it, so that none is overlooked.
async fn write(
    system: &System,
    call: Call<'_>,
    (name, key): (&str, &str),
    before: Option<LeaseCount>,
) -> Result<Reply, Fault> {
    let limits = system.quotas.limits(call.transaction).await?;
    let rule = LeaseCount::from_params(name, fresh_id()?, before.clone(), &call.body)?;
    if before.is_none() && limits.counts().count() >= QUOTAS_MAX {
        return Err(Fault::invalid("there are 10000 quotas already: delete one first"));
    }
    if let Some(other) = limits.counts().find(|other| other.path == rule.path && other.name != rule.name) {
        let text = format!("quota rule with similar properties exists under the name {:?}", other.name);
        return Err(Fault::invalid(text));
    }
    if !leads(&call, &rule.path) {
        return Err(Fault::invalid(format!("path: no namespace or mount is at {:?}", rule.path)));
    }
    call.transaction.put_json(&drawer(), key, &rule)?;
    limits::changed(call.transaction).await?;
    let moved = before.as_ref().is_none_or(|before| before.counter != rule.counter);
    if moved {
        Counter(rule.counter).open(call.transaction)?;
        if let Some(before) = before {
            Counter(before.counter).close(call.transaction)?;
            recount::demand(call.transaction, &before.path)?;
        }
        recount::demand(call.transaction, &rule.path)?;
    }
    recount::at_once(system, call.transaction, call.tree).await
}

impl LeaseCount {
    /// A rule as it was sent, over the one that was there.
    fn from_params(name: &str, counter: Id, before: Option<Self>, body: &Map<String, Value>) -> Result<Self, Fault> {
        let fresh = || Self {
            record: RECORD,
            counter,
            name: name.to_owned(),
            path: String::new(),
            max_leases: 0,
            inheritable: false,
        };
        let place = before.as_ref().map(|before| (before.path.clone(), before.inheritable));
        let mut rule = before.unwrap_or_else(fresh);
        if let Some(path) = params::text(body, "path")? {
            rule.path = path_of(path)?;
        }
        let positive = "max_leases: must be a whole number above 0, at most 1000000000";
        if let Some(most) = params::count(body, "max_leases", positive)? {
            rule.max_leases = most;
        }
        if !(1..=LEASES_MAX).contains(&rule.max_leases) {
            return Err(Fault::invalid(positive));
        }
        if let Some(inheritable) = params::flag(body, "inheritable")? {
            rule.inheritable = inheritable;
        }
        refuse_grouping(body, &["role"])?;
        if place.is_some_and(|place| place != (rule.path.clone(), rule.inheritable)) {
            rule.counter = counter;
        }
        Ok(rule)
    }

    fn shown(&self, count: u64) -> Value {
        let path = if self.path.is_empty() { String::new() } else { format!("{}/", self.path) };
        json!({
            "type": "lease-count", "name": self.name, "path": path, "max_leases": self.max_leases, "counter": count,
            "inheritable": self.inheritable || self.path.is_empty(), "role": "",
        })
    }
}

/// Where a rule at this path holds: inside one namespace, or, where those below it may be meant too, everywhere.
pub(super) fn scope(tree: &Tree, path: &str) -> Option<(Id, String)> {
    let whole = format!("{path}/");
    let (namespace, inside) = tree.descend(tree.namespace(&NamespacePath::root())?, &whole);
    let inside = inside.trim_end_matches('/');
    (!inside.is_empty()).then(|| (namespace.id, inside.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(before: Option<LeaseCount>, body: Value) -> Result<LeaseCount, String> {
        let Value::Object(body) = body else { panic!("an object") };
        let fresh = Id::from_random([7; 16]);
        LeaseCount::from_params("a", fresh, before, &body).map_err(|fault| fault.messages.join(""))
    }

    #[test]
    fn a_rule_that_moves_counts_anew_and_one_that_is_only_widened_goes_on() {
        let old = Id::from_random([1; 16]);
        let rule = read(None, json!({"max_leases": "10", "path": "team/pki/*"})).unwrap();
        assert_eq!((rule.max_leases, rule.path.as_str()), (10, "team/pki"));
        let rule = LeaseCount { counter: old, ..rule };
        assert_eq!(read(Some(rule.clone()), json!({"max_leases": 20})).unwrap().counter, old);
        assert_ne!(read(Some(rule.clone()), json!({"path": "team"})).unwrap().counter, old);
        assert_ne!(read(Some(rule), json!({"inheritable": true})).unwrap().counter, old);
    }

    #[test]
    fn wrong_values_name_their_field() {
        for (body, field) in [
            (json!({}), "max_leases:"),
            (json!({"max_leases": 0}), "max_leases:"),
            (json!({"max_leases": -1}), "max_leases:"),
            (json!({"max_leases": "many"}), "max_leases:"),
            (json!({"max_leases": 1.5}), "max_leases:"),
            (json!({"max_leases": 1_000_000_001u64}), "max_leases:"),
            (json!({"max_leases": 1, "path": "a/+/b"}), "path:"),
            (json!({"max_leases": 1, "path": 5}), "path:"),
            (json!({"max_leases": 1, "inheritable": "maybe"}), "inheritable:"),
            (json!({"max_leases": 1, "role": "x"}), "role:"),
        ] {
            assert!(read(None, body).unwrap_err().starts_with(field), "{field}");
        }
    }
}
