//! `sys/managed-keys/:type`, `sys/managed-keys/:type/:name`, what can be done with one, and how all of them are.

use keys::{Health, ManagedKeys, Material, NewKey, Place, ProviderType, Replaced, TestSign};
use model::{Fault, Kind, Operation, Reply};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::{Call, grants, params, unsupported};

/// Keys whose providers are asked for one answer, at most.
const HEALTH_LIMIT_MAX: usize = 200;

/// Answers at a path below `sys/managed-keys/`.
pub(crate) async fn at(keys: &ManagedKeys, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    let (kind, below) = path.split_once('/').unwrap_or((path, ""));
    if (kind, below) == ("health", "") {
        return all_health(keys, call).await;
    }
    let kind = ProviderType::parse(kind)?;
    match below.split('/').collect::<Vec<_>>()[..] {
        [""] => list(keys, call, kind).await,
        [name] => one(keys, call, kind, name).await,
        [name, "test", "sign"] => test_sign(keys, call, kind, name).await,
        [name, "health"] => health(keys, call, kind, name).await,
        [name, "generate"] => put(keys, call, kind, name, None).await,
        [name, "import"] => import(keys, call, kind, name).await,
        _ => Err(Fault::new(Kind::NotFound, "unsupported path")),
    }
}

async fn list(keys: &ManagedKeys, call: Call<'_>, kind: ProviderType) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let limit = params::number(&call.body, "limit")?.filter(|limit| *limit > 0);
    let mut left = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    let mut after = params::text(&call.body, "after")?.filter(|after| !after.is_empty()).map(str::to_owned);
    let mut names: Vec<String> = Vec::new();
    loop {
        let page = left.min(storage::LIST_LIMIT_MAX);
        let page = keys.list(call.transaction, call.namespace.id, kind, after.as_deref(), page).await?;
        left = left.saturating_sub(page.names.len());
        names.extend(page.names);
        if !page.more || left == 0 {
            break;
        }
        after = names.last().cloned();
    }
    if names.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": names })) }
}

async fn one(keys: &ManagedKeys, mut call: Call<'_>, kind: ProviderType, name: &str) -> Result<Reply, Fault> {
    let namespace = call.namespace.id;
    match call.operation {
        Operation::Read => match keys.read(call.transaction, namespace, kind, name).await? {
            Some(fields) => Reply::data(&fields),
            None => Err(Fault::absent()),
        },
        Operation::Update => {
            // The namespace must still be there, or the credentials would outlive it.
            call.tree.expect(call.transaction).await?;
            let place = Place { namespace, path: &call.namespace.path };
            let replaced = keys.write(call.transaction, place, kind, name, &call.body).await?;
            committed(keys, call, replaced).await
        }
        Operation::Delete => {
            // A mount that begins to list the name meanwhile must win.
            call.tree.expect(call.transaction).await?;
            let used_by = match keys.read(call.transaction, namespace, kind, name).await? {
                Some(_) => grants::holders(keys, &mut call, name).await?,
                None => Vec::new(),
            };
            let used_by: Vec<String> = used_by.into_iter().map(|(path, _)| path).collect();
            let replaced = keys.delete(call.transaction, namespace, kind, name, &used_by).await?;
            committed(keys, call, replaced).await
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

/// Commits, and only then lets the driver forget the old credentials.
pub(crate) async fn committed(keys: &ManagedKeys, call: Call<'_>, replaced: Replaced) -> Result<Reply, Fault> {
    call.transaction.checkpoint().await.map_err(keys::Error::from)?;
    keys.forget(replaced).await;
    Ok(Reply::nothing())
}

async fn test_sign(keys: &ManagedKeys, call: Call<'_>, kind: ProviderType, name: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let test = TestSign::from_params(&call.body)?;
    let place = Place { namespace: call.namespace.id, path: &call.namespace.path };
    keys.test_sign(call.transaction, place, kind, name, test, call.deadline).await?;
    Ok(Reply::nothing())
}

async fn health(keys: &ManagedKeys, call: Call<'_>, kind: ProviderType, name: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let place = Place { namespace: call.namespace.id, path: &call.namespace.path };
    let health = keys.health(call.transaction, place, kind, name, call.deadline).await?;
    Reply::data(&shown(&health))
}

/// The health of the providers of a page of keys of every type: `after` is `type/name`.
async fn all_health(keys: &ManagedKeys, call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let limit = params::number(&call.body, "limit")?.and_then(|limit| usize::try_from(limit).ok());
    let mut left = limit.filter(|limit| *limit > 0).unwrap_or(HEALTH_LIMIT_MAX).min(HEALTH_LIMIT_MAX);
    let after = params::text(&call.body, "after")?.unwrap_or_default();
    let (after_type, after_name) = after.split_once('/').unwrap_or((after, ""));
    let place = Place { namespace: call.namespace.id, path: &call.namespace.path };
    let mut found = Map::new();
    let mut kinds = ProviderType::ALL;
    kinds.sort_unstable_by_key(|kind| kind.name());
    for kind in kinds.into_iter().filter(|kind| kind.name() >= after_type) {
        if left == 0 {
            break;
        }
        let after = Some(after_name).filter(|name| kind.name() == after_type && !name.is_empty());
        let page = keys.health_of_all(call.transaction, place, kind, after, left, call.deadline).await?;
        left -= page.len().min(left);
        found.extend(page.iter().map(|(name, health)| (format!("{}/{name}", kind.name()), shown(health))));
    }
    let healthy = found.values().all(|health| health["healthy"] == true);
    Reply::data(&json!({ "healthy": healthy, "keys": found, "more": left == 0 }))
}

fn shown(health: &Health) -> Value {
    let took = u64::try_from(health.took.as_millis()).unwrap_or(u64::MAX);
    let mut shown = json!({ "healthy": health.error.is_none(), "milliseconds": took });
    if let (Some(error), Some(fields)) = (&health.error, shown.as_object_mut()) {
        tracing::warn!(%error, "a home of keys is not healthy");
        fields.insert("error".into(), json!(error.public()));
        if let Some(wait) = error.retry_after() {
            fields.insert("retry_after".into(), json!(wait.as_secs().max(1)));
        }
    }
    shown
}

/// Takes a key that is handed over once: `private_key`, or `secret_key` for a symmetric one.
async fn import(keys: &ManagedKeys, mut call: Call<'_>, kind: ProviderType, name: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let mut secret = |field: &str| match call.body.remove(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.is_empty() => Ok(None),
        Some(Value::String(text)) => Ok(Some(SecretString::from(text))),
        // Never repeated.
        Some(_) => Err(Fault::invalid(format!("{field}: must be a string"))),
    };
    let material = match (secret("private_key")?, secret("secret_key")?) {
        (Some(text), None) => Material::private_key(&text)?,
        (None, Some(text)) => Material::secret_key(&text)?,
        _ => return Err(Fault::invalid("private_key or secret_key: give one of them")),
    };
    put(keys, call, kind, name, Some(&material)).await
}

/// Has a key made (`generate`), or stored (`import`); with `replace` in the place of one that is there.
async fn put(
    keys: &ManagedKeys,
    call: Call<'_>,
    kind: ProviderType,
    name: &str,
    given: Option<&Material>,
) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let replace = params::flag(&call.body, "replace")?.unwrap_or(false);
    let place = Place { namespace: call.namespace.id, path: &call.namespace.path };
    let new = given.map_or(NewKey::Made, NewKey::Given);
    let put = keys.put(call.transaction, place, (kind, name), new, replace, call.deadline).await?;
    let by = call.admitted.principal().map_or("", |principal| principal.accessor.as_str());
    let (namespace, key_type) = (call.namespace.path.as_str(), put.key_type);
    let act = if given.is_some() { "stored" } else { "made" };
    tracing::info!(request = call.request, namespace, key = name, by, %key_type, act, replace, "a key was put in its home by request");
    let mut said = json!({ "name": name, "key_type": key_type.to_string() });
    if key_type.is_pair() {
        said["public_key"] = json!(keys::spki::pem(&put.public_key)?);
    }
    Reply::data(&said)
}
