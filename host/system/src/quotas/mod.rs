//! `sys/quotas`: how many requests a client may make, and how many leases there may be.
//!
//! Rules are kept in the store, for the whole server; how much of a rule a client has used is each node's own matter, so a
//! client that speaks to two nodes may have it twice. A client is an address; of IPv6, the network of 64 bits it is in.

mod lease_count;
mod limits;
mod record;
mod recount;

use std::net::IpAddr;
use std::sync::Arc;

use model::{Fault, Kind, NamespacePath, Operation, Reply};
use serde_json::json;
use storage::Transaction;

use crate::{Call, System, fresh_id, params, unsupported};
pub use lease_count::Leasing;
use limits::Limits;
pub(crate) use limits::Quotas;
use record::{Config, Rate, drawer};

/// Most rules of one sort.
const QUOTAS_MAX: usize = 10_000;
/// Most paths that no rule limits.
const EXEMPT_MAX: usize = 256;

/// A request that wants to be let through.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The namespace that it is in; the root where it leads nowhere.
    pub namespace: &'a NamespacePath,
    /// The path from the root namespace, below `/v1/`.
    pub path: &'a str,
    /// Where it comes from.
    pub peer: IpAddr,
}

/// What a request is told by its quota.
#[derive(Debug, Default)]
pub struct Weighed {
    /// Headers of its answer that say what its client has left; none unless operators want them.
    pub headers: Vec<(String, String)>,
    /// Why it does not go on.
    pub refused: Option<Fault>,
    /// Whether operators want that in the audit log.
    pub recorded: bool,
}

impl System {
    /// Lets a request through, or refuses it because its client made too many. To be asked once per request, before any
    /// work is done for it.
    pub async fn quota(&self, transaction: &mut Transaction, asking: Asking<'_>) -> Result<Weighed, Fault> {
        let limits = self.quotas.limits(transaction).await?;
        let weighed = self.quotas.admit(&limits, asking);
        if weighed.refused.is_some() {
            self.meter.refused();
        }
        Ok(weighed)
    }
}

/// Answers at a path below `sys/quotas/`.
pub(crate) async fn at(system: &System, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    match path.split_once('/').unwrap_or((path, "")) {
        ("config", "") => config(call).await,
        ("rate-limit", "") => list(system, call).await,
        ("rate-limit", name) if model::name(name).is_ok() => one(system, call, name).await,
        ("lease-count", "") => lease_count::list(system, call).await,
        ("lease-count", name) if model::name(name).is_ok() => lease_count::one(system, call, name).await,
        ("rate-limit" | "lease-count", _) => {
            Err(Fault::invalid("name: must be letters, digits, '_', '-' and '.', at most 128"))
        }
        _ => Err(Fault::new(Kind::NotFound, "unsupported path")),
    }
}

async fn list(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let limits = system.quotas.limits(call.transaction).await?;
    let names = limits.names();
    if names.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": names })) }
}

async fn one(system: &System, call: Call<'_>, name: &str) -> Result<Reply, Fault> {
    let key = format!("rate/{name}");
    let found: Option<Rate> = call.transaction.get_json(&drawer(), &key).await?;
    match call.operation {
        Operation::Read => match found {
            Some(rate) => Reply::data(&rate.shown()),
            None => Err(Fault::absent()),
        },
        Operation::Update => {
            let limits = system.quotas.limits(call.transaction).await?;
            let rate = Rate::from_params(name, fresh_id()?, found, &call.body)?;
            checked(&limits, &rate, &call)?;
            call.transaction.put_json(&drawer(), &key, &rate)?;
            limits::changed(call.transaction).await?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            if found.is_some() {
                call.transaction.delete(&drawer(), &key)?;
                limits::changed(call.transaction).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

/// A rule leads somewhere, and no other stands there.
fn checked(limits: &Arc<Limits>, rate: &Rate, call: &Call<'_>) -> Result<(), Fault> {
    if limits.len() >= QUOTAS_MAX && limits.names().binary_search(&rate.name).is_err() {
        return Err(Fault::invalid("there are 10000 quotas already: delete one first"));
    }
    if let Some(other) = limits.at(&rate.path).filter(|other| other.name != rate.name) {
        let text = format!("quota rule with similar properties exists under the name {:?}", other.name);
        return Err(Fault::invalid(text));
    }
    if leads(call, &rate.path) {
        Ok(())
    } else {
        Err(Fault::invalid(format!("path: no namespace or mount is at {:?}", rate.path)))
    }
}

/// Whether a rule's path is a namespace or leads to something that answers.
fn leads(call: &Call<'_>, path: &str) -> bool {
    let answers = || call.tree.resolve(&NamespacePath::root(), &format!("{path}/x")).is_ok();
    let is_namespace = || NamespacePath::parse(path).is_ok_and(|path| call.tree.namespace(&path).is_some());
    path.is_empty() || answers() || is_namespace()
}

async fn config(call: Call<'_>) -> Result<Reply, Fault> {
    let found: Option<Config> = call.transaction.get_json(&drawer(), "config").await?;
    let mut config = found.unwrap_or_default();
    match call.operation {
        Operation::Read => Reply::data(&config.shown()),
        Operation::Update => {
            for (field, flag) in [
                ("enable_rate_limit_audit_logging", &mut config.recorded),
                ("enable_rate_limit_response_headers", &mut config.headers),
            ] {
                *flag = params::flag(&call.body, field)?.unwrap_or(*flag);
            }
            if let Some(paths) = params::list(&call.body, "rate_limit_exempt_paths")? {
                if paths.len() > EXEMPT_MAX || paths.iter().any(|path| path.len() > model::PATH_MAX) {
                    return Err(Fault::invalid("rate_limit_exempt_paths: at most 256 paths of at most 1024 bytes"));
                }
                config.exempt = paths.iter().map(|path| path.trim_matches('/').to_owned()).collect();
            }
            call.transaction.put_json(&drawer(), "config", &config)?;
            limits::changed(call.transaction).await?;
            Ok(Reply::nothing())
        }
        _ => Err(unsupported()),
    }
}
