//! `sys/external-keys/configs`, the keys below them, and their grants: the registry of managed keys as OpenBao has it.

use std::collections::HashMap;
use std::sync::Arc;

use keys::{Change, ManagedKeys, Place, registry};
use model::{Fault, Id, Kind, MountPath, Operation, Reply};
use serde_json::{Map, Value, json};
use tenancy::{Mount, Target};

use crate::managed_keys::committed;
use crate::{Call, grants, params, unsupported};

/// Answers at a path below `sys/external-keys/configs`.
pub(crate) async fn at(keys: &ManagedKeys, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    let mut parts = path.splitn(5, '/');
    let (config, word, key, below) = (parts.next().unwrap_or(""), parts.next(), parts.next(), parts.next());
    match (config, word, key, below, parts.next()) {
        ("", None, ..) => list_configs(keys, call).await,
        (config, None, ..) => one_config(keys, call, config).await,
        (config, Some("keys"), None, ..) => list_keys(keys, call, config).await,
        (config, Some("keys"), Some(key), None, _) => one_key(keys, call, config, key).await,
        (config, Some("keys"), Some(key), Some("grants"), mount) => match mount {
            None => list_grants(keys, call, config, key).await,
            Some(mount) => one_grant(keys, call, (config, key), mount).await,
        },
        _ => Err(Fault::new(Kind::NotFound, "unsupported path")),
    }
}

/// The bounds of a listing.
fn bounds(body: &Map<String, Value>) -> Result<(Option<&str>, usize), Fault> {
    let after = params::text(body, "after")?.filter(|after| !after.is_empty());
    let limit = params::number(body, "limit")?.and_then(|limit| usize::try_from(limit).ok());
    Ok((after, limit.unwrap_or(0)))
}

fn listed(names: &[String]) -> Result<Reply, Fault> {
    if names.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": names })) }
}

async fn list_configs(keys: &ManagedKeys, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let (after, limit) = bounds(&call.body)?;
    listed(&keys.configs(call.transaction, call.namespace.id, after, limit).await?.names)
}

async fn list_keys(keys: &ManagedKeys, call: Call<'_>, config: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let (after, limit) = bounds(&call.body)?;
    listed(&keys.keys_of(call.transaction, call.namespace.id, config, after, limit).await?.names)
}

/// What a write is, and whether what it says is to be tried: `verify` is a parameter of the request and not kept.
fn change(call: &mut Call<'_>) -> Result<(Change, bool), Fault> {
    let verify = params::flag(&call.body, "verify")?.unwrap_or(true);
    call.body.remove("verify");
    Ok((if call.operation == Operation::Patch { Change::Merge } else { Change::Replace }, verify))
}

async fn one_config(keys: &ManagedKeys, mut call: Call<'_>, config: &str) -> Result<Reply, Fault> {
    let namespace = call.namespace.id;
    match call.operation {
        Operation::Read => match keys.read_config(call.transaction, namespace, config).await? {
            Some(fields) => Reply::data(&fields),
            None => Err(Fault::absent()),
        },
        Operation::Update | Operation::Patch => {
            if call.operation == Operation::Patch
                && keys.read_config(call.transaction, namespace, config).await?.is_none()
            {
                return Err(missing("config", config));
            }
            call.tree.expect(call.transaction).await?;
            let how = change(&mut call)?;
            let path = call.namespace.path.clone();
            let place = Place { namespace, path: &path };
            let replaced = keys.write_config(call.transaction, place, config, how, &call.body, call.deadline).await?;
            committed(keys, call, replaced).await
        }
        Operation::Delete => {
            call.tree.expect(call.transaction).await?;
            let mut names = Vec::new();
            let mut after: Option<String> = None;
            loop {
                let page = keys.keys_of(call.transaction, namespace, config, after.as_deref(), 0).await?;
                after = page.names.last().cloned();
                names.extend(page.names.iter().map(|key| registry::full_name(config, key)));
                if !page.more {
                    break;
                }
            }
            withdraw_all(keys, &mut call, &names).await?;
            let (_, replaced) = keys.delete_config(call.transaction, namespace, config).await?;
            committed(keys, call, replaced).await
        }
        Operation::List | Operation::Create => Err(unsupported()),
    }
}

/// Takes keys that are about to go from the lists of mounts: a new key of such a name must not be lent by an old grant.
async fn withdraw_all(keys: &ManagedKeys, call: &mut Call<'_>, names: &[String]) -> Result<(), Fault> {
    let mut mounts: HashMap<Id, (Arc<Mount>, Vec<String>)> = HashMap::new();
    for name in names {
        for (_, mount) in grants::holders(keys, call, name).await? {
            mounts.entry(mount.id).or_insert_with(|| (mount, Vec::new())).1.push(name.clone());
        }
    }
    for (mount, names) in mounts.values() {
        grants::withdraw(call, mount, names).await?;
    }
    Ok(())
}

fn missing(what: &str, name: &str) -> Fault {
    let name: String = name.chars().take(model::NAME_MAX).collect();
    Fault::new(Kind::NotFound, format!("{what} {name:?} not found"))
}

async fn one_key(keys: &ManagedKeys, mut call: Call<'_>, config: &str, key: &str) -> Result<Reply, Fault> {
    let namespace = call.namespace.id;
    match call.operation {
        Operation::Read => match keys.read_key(call.transaction, namespace, config, key).await? {
            Some(fields) => Reply::data(&fields),
            None => Err(Fault::absent()),
        },
        Operation::Update | Operation::Patch => {
            if call.operation == Operation::Patch
                && keys.read_key(call.transaction, namespace, config, key).await?.is_none()
            {
                return Err(missing("key", key));
            }
            call.tree.expect(call.transaction).await?;
            let how = change(&mut call)?;
            let path = call.namespace.path.clone();
            let place = Place { namespace, path: &path };
            let (body, deadline) = (&call.body, call.deadline);
            keys.write_key(call.transaction, place, (config, key), how, body, deadline).await?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            call.tree.expect(call.transaction).await?;
            withdraw_all(keys, &mut call, &[registry::full_name(config, key)]).await?;
            let (_, replaced) = keys.delete_key(call.transaction, namespace, config, key).await?;
            committed(keys, call, replaced).await
        }
        Operation::List | Operation::Create => Err(unsupported()),
    }
}

async fn existing(keys: &ManagedKeys, call: &mut Call<'_>, config: &str, key: &str) -> Result<String, Fault> {
    let found = keys.read_key(call.transaction, call.namespace.id, config, key).await?;
    found.map(|_| registry::full_name(config, key)).ok_or_else(|| missing("key", key))
}

async fn list_grants(keys: &ManagedKeys, mut call: Call<'_>, config: &str, key: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let name = existing(keys, &mut call, config, key).await?;
    let holders = grants::holders(keys, &mut call, &name).await?;
    let mut paths: Vec<String> = holders.into_iter().map(|(path, _)| path).collect();
    paths.sort_unstable();
    listed(&grants::page(paths, &call.body)?)
}

async fn one_grant(
    keys: &ManagedKeys,
    mut call: Call<'_>,
    (config, key): (&str, &str),
    mount: &str,
) -> Result<Reply, Fault> {
    let name = existing(keys, &mut call, config, key).await?;
    let found = mount_at(keys, &mut call, &name, mount).await?;
    match (call.operation, found) {
        (Operation::Update, Some(mount)) => grants::grant(&mut call, &mount, &name).await?,
        (Operation::Update, None) => {
            return Err(Fault::invalid(format!("mount: no secret engine is mounted at {mount}")));
        }
        (Operation::Delete, Some(mount)) => grants::withdraw(&mut call, &mount, &[name]).await?,
        (Operation::Delete, None) => {}
        _ => return Err(unsupported()),
    }
    Ok(Reply::nothing())
}

/// The mount at exactly this path from the call's namespace; in a namespace below only for a key that is inherited.
async fn mount_at(
    keys: &ManagedKeys,
    call: &mut Call<'_>,
    name: &str,
    path: &str,
) -> Result<Option<Arc<Mount>>, Fault> {
    let path = MountPath::parse(path).map_err(|error| Fault::invalid(format!("mount: {error}")))?;
    let Ok(place) = call.tree.resolve(&call.namespace.path, path.as_str()) else { return Ok(None) };
    let Target::Mount(mount) = place.target else { return Ok(None) };
    if !place.rest.is_empty() {
        return Ok(None);
    }
    if mount.namespace != call.namespace.id && !keys.is_inherited(call.transaction, call.namespace.id, name).await? {
        return Err(Fault::invalid("inherits: is not set on the key, so no mount of a namespace below can use it"));
    }
    Ok(Some(mount))
}
