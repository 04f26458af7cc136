//! `sys/leases`: what was given for a time.

use std::collections::BTreeMap;

use access::Tokens;
use leases::{Held, Lease, Leases, Sweep};
use model::{Fault, Id, MountClass, Operation, Reply};
use serde_json::{Value, json};
use storage::Transaction;
use tenancy::{Mount, Namespace};

use crate::{Call, fresh_id, params, rfc3339, unsupported};

/// Leases that one request ends itself; a sweep behind it ends the others.
const END_MAX: usize = 500;
/// Most names in one listing, and most leases in one list.
const LISTED_MAX: usize = 10_000;
/// Names and leases that are read at once.
const PAGE: usize = 1000;

/// What an endpoint leaves to be done by whoever has the engines.
#[derive(Debug)]
pub enum Duty {
    /// Before the request's writes are applied: let the engine extend a lease, and answer with it.
    Renew(Box<Renewal>),
    /// Once they are applied: take these back. They have ended already, so that it is done later if it is not now.
    TakeBack {
        /// The leases.
        leases: Vec<Lease>,
        /// What is still to end, where one transaction could not end all: it is ended before the answer too.
        rest: Option<Box<Sweep>>,
        /// The answer waits until all of them are taken back, and tells if one was not.
        sync: bool,
    },
}

/// The wish to keep a secret longer.
#[derive(Debug)]
pub struct Renewal {
    /// The lease, which can be renewed.
    pub lease: Lease,
    /// Seconds from now; none: as long as it was given for.
    pub increment: Option<u64>,
}

/// `sys/leases`: leases that could not be taken back.
pub(crate) async fn all(call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    irrevocable_only(&call)?;
    let limit = match call.body.get("limit").and_then(Value::as_str) {
        None | Some("" | "none") => LISTED_MAX,
        Some(_) => params::number(&call.body, "limit")?
            .and_then(|limit| usize::try_from(limit).ok())
            .filter(|limit| (1..=LISTED_MAX).contains(limit))
            .ok_or_else(|| Fault::invalid("limit: must be a number from 1 to 10000, or \"none\""))?,
    };
    let mut shown = Vec::new();
    let mut more = false;
    for namespace in namespaces(&call)? {
        let mut after = None;
        loop {
            let page = Leases::irrevocable(call.transaction, namespace, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            more |= shown.len() + page.len() > limit;
            let room = limit - shown.len();
            shown.extend(page.iter().take(room).map(
                |lease| json!({ "lease_id": lease.id, "mount_id": mount(&call, lease), "error": lease.irrevocable }),
            ));
            if more {
                break;
            }
        }
        if more {
            break;
        }
    }
    let reply = Reply::data(&json!({ "lease_count": shown.len(), "leases": shown }))?;
    Ok(if more { reply.warning(format!("there are more than these {limit} irrevocable leases")) } else { reply })
}

/// `sys/leases/count`.
pub(crate) async fn count(call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    irrevocable_only(&call)?;
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for namespace in namespaces(&call)? {
        let mut after = None;
        loop {
            let page = Leases::irrevocable(call.transaction, namespace, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            for lease in &page {
                *counts.entry(mount(&call, lease)).or_default() += 1;
            }
        }
    }
    Reply::data(&json!({ "lease_count": counts.values().sum::<u64>(), "counts": counts }))
}

/// `sys/leases/lookup`, and `sys/leases/lookup/:prefix`.
pub(crate) async fn lookup(call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    match call.operation {
        Operation::List => list(call, path).await,
        Operation::Update => {
            let (_, (lease, now)) = named(call, path).await?;
            Reply::data(&json!({
                "id": lease.id, "issue_time": rfc3339(lease.issued)?, "expire_time": lease.expires.map(rfc3339).transpose()?,
                "last_renewal": lease.renewed.map(rfc3339).transpose()?,
                "renewable": lease.renewable, "ttl": lease.ttl(now),
            }))
        }
        _ => Err(unsupported()),
    }
}

async fn list(call: Call<'_>, prefix: &str) -> Result<Reply, Fault> {
    // Below a prefix, the route demands sudo; this is the same right at the top.
    if prefix.is_empty() && !call.admitted.principal().is_some_and(|principal| principal.is_root()) {
        return Err(Fault::denied());
    }
    let mut keys: Vec<String> = Vec::new();
    loop {
        let after = keys.last().map(String::as_str);
        let (names, more) = Leases::names(call.transaction, call.namespace.id, prefix, after, PAGE).await?;
        keys.extend(names);
        if !more {
            break;
        }
        if keys.len() >= LISTED_MAX {
            let text = format!("there are more than these {LISTED_MAX} names: list deeper prefixes");
            return Ok(Reply::data(&json!({ "keys": keys }))?.warning(text));
        }
    }
    if keys.is_empty() { Ok(Reply::nothing()) } else { Reply::data(&json!({ "keys": keys })) }
}

/// `sys/leases/renew`, `sys/renew`, and both with the id in the path.
pub(crate) async fn renew(call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let increment = params::seconds(&call.body, "increment")?;
    let (duty, (lease, _)) = named(call, path).await?;
    if matches!(lease.held, Held::Token(_)) {
        return Err(Fault::invalid("tokens cannot be renewed through this endpoint"));
    }
    if !lease.renewable || lease.expires.is_none() {
        return Err(Fault::invalid("lease is not renewable"));
    }
    *duty = Some(Duty::Renew(Box::new(Renewal { lease, increment })));
    Ok(Reply::nothing())
}

/// `sys/leases/revoke`, `sys/revoke`, and both with the id in the path. What is gone already is no error.
pub(crate) async fn revoke(tokens: &Tokens, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let sync = params::flag(&call.body, "sync")?.unwrap_or(false);
    let id = id(&call, path)?;
    let Some(namespace) = namespace(&call, &id) else { return Ok(Reply::nothing()) };
    let Some(mut lease) = Leases::get(call.transaction, namespace, &id).await? else { return Ok(Reply::nothing()) };
    lease.end(call.now);
    Leases::write(call.transaction, &lease).await?;
    tokens.revoke_lent(call.transaction, std::slice::from_ref(&lease)).await?;
    *call.duty = Some(Duty::TakeBack { leases: vec![lease], rest: None, sync });
    Ok(Reply::nothing())
}

/// `sys/leases/revoke-prefix/:prefix`, and `revoke-force`, which forgets what cannot be taken back.
pub(crate) async fn revoke_below(tokens: &Tokens, call: Call<'_>, prefix: &str, force: bool) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let sync = !force && params::flag(&call.body, "sync")?.unwrap_or(false);
    let prefix = prefix.trim_matches('/');
    let (namespace, now) = (call.namespace.id, call.now);
    let mut leases = Vec::new();
    if let Some(mut lease) = Leases::get(call.transaction, namespace, prefix).await? {
        lease.end(now);
        lease.forced |= force;
        Leases::write(call.transaction, &lease).await?;
        leases.push(lease);
    }
    let sweep = Sweep::new(fresh_id()?, namespace, prefix, force, now);
    *call.duty = Some(end(tokens, call.transaction, (sweep, leases), (now, sync)).await?);
    Ok(Reply::nothing())
}

/// Ends what a mount lent, with the request that removes or moves it: the tokens of an auth method, the secrets of an
/// engine, which takes them back wherever it is by then.
pub(crate) async fn end_of_mount(tokens: &Tokens, call: &mut Call<'_>, mount: &Mount) -> Result<(), Fault> {
    let force = mount.class == MountClass::Auth;
    let sweep = Sweep::new(fresh_id()?, mount.namespace, mount.path.as_str(), force, call.now);
    *call.duty = Some(end(tokens, call.transaction, (sweep, Vec::new()), (call.now, false)).await?);
    Ok(())
}

/// Ends the first leases of a sweep, and the tokens that they or these others are of. What is left to do is in the duty.
async fn end(
    tokens: &Tokens,
    transaction: &mut Transaction,
    (mut sweep, mut leases): (Sweep, Vec<Lease>),
    (now, sync): (u64, bool),
) -> Result<Duty, Fault> {
    leases.extend(sweep.step(transaction, now, END_MAX).await?);
    tokens.revoke_lent(transaction, &leases).await?;
    let rest = sweep.has_more().then(|| Box::new(sweep));
    Ok(Duty::TakeBack { leases, rest, sync })
}

/// `sys/leases/tidy`. A lease and all that names it are written together, so there is never anything to tidy up.
pub(crate) fn tidy(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let text = "Leases keep themselves in order: there was nothing to tidy up.";
    Ok(Reply { status: Some(202), ..Reply::nothing() }.warning(text))
}

/// The lease that a request names and that has not ended, the time, and where a duty goes.
async fn named<'a>(call: Call<'a>, path: &str) -> Result<(&'a mut Option<Duty>, (Lease, u64)), Fault> {
    let id = id(&call, path)?;
    let invalid = || Fault::invalid("invalid lease");
    let namespace = namespace(&call, &id).ok_or_else(invalid)?;
    let lease = Leases::get(call.transaction, namespace, &id).await?;
    let lease = lease.filter(|lease| !lease.is_over(call.now)).ok_or_else(invalid)?;
    Ok((call.duty, (lease, call.now)))
}

fn id(call: &Call<'_>, path: &str) -> Result<String, Fault> {
    let id = match params::text(&call.body, "lease_id")? {
        Some(id) if !id.is_empty() => id,
        _ => match params::text(&call.body, "url_lease_id")? {
            Some(id) if path.is_empty() => id,
            _ => path,
        },
    };
    if id.is_empty() { Err(Fault::invalid("invalid lease ID")) } else { Ok(id.to_owned()) }
}

/// The namespace that an id names, if it is the request's or below it.
fn namespace(call: &Call<'_>, id: &str) -> Option<Id> {
    let namespace = call.tree.namespace_by_id(leases::namespace_of(id)?)?;
    namespace.path.as_str().starts_with(call.namespace.path.as_str()).then_some(namespace.id)
}

/// The request's namespace, and those below it if that is asked for.
fn namespaces(call: &Call<'_>) -> Result<Vec<Id>, Fault> {
    if !params::flag(&call.body, "include_child_namespaces")?.unwrap_or(false) {
        return Ok(vec![call.namespace.id]);
    }
    let mut found = vec![&call.namespace];
    let mut next = 0;
    while let Some(namespace) = found.get(next) {
        let namespace: &Namespace = namespace;
        found.extend(call.tree.children(&namespace.path));
        next += 1;
    }
    Ok(found.into_iter().map(|namespace| namespace.id).collect())
}

fn irrevocable_only(call: &Call<'_>) -> Result<(), Fault> {
    match params::text(&call.body, "type")? {
        Some(kind) if kind.eq_ignore_ascii_case("irrevocable") => Ok(()),
        _ => Err(Fault::invalid("type: must be \"irrevocable\"")),
    }
}

/// The accessor of the mount that a lease came of, or its id once it is gone.
fn mount(call: &Call<'_>, lease: &Lease) -> String {
    match &lease.held {
        Held::Token(_) => "auth_token".to_owned(),
        Held::Secret { mount, .. } => {
            call.tree.mount_by_id(*mount).map_or_else(|| mount.to_string(), |mount| mount.accessor.clone())
        }
    }
}
