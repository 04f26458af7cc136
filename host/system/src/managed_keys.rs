//! `sys/managed-keys/:type`, `sys/managed-keys/:type/:name` and its `test/sign`.

use keys::{ManagedKeys, Place, ProviderType, Replaced, TestSign};
use model::{Fault, Kind, Operation, Reply};
use serde_json::json;

use crate::{Call, params, unsupported};

/// Answers at a path below `sys/managed-keys/`.
pub(crate) async fn at(keys: &ManagedKeys, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    let (kind, below) = path.split_once('/').unwrap_or((path, ""));
    let kind = ProviderType::parse(kind)?;
    match below.split('/').collect::<Vec<_>>()[..] {
        [""] => list(keys, call, kind).await,
        [name] => one(keys, call, kind, name).await,
        [name, "test", "sign"] => test_sign(keys, call, kind, name).await,
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

async fn one(keys: &ManagedKeys, call: Call<'_>, kind: ProviderType, name: &str) -> Result<Reply, Fault> {
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
            let in_use = call.tree.managed_keys_in_use(namespace);
            let used_by: Vec<String> = in_use.get(name).into_iter().flatten().map(ToString::to_string).collect();
            let replaced = keys.delete(call.transaction, namespace, kind, name, &used_by).await?;
            committed(keys, call, replaced).await
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

/// Commits, and only then lets the driver forget the old credentials.
async fn committed(keys: &ManagedKeys, call: Call<'_>, replaced: Replaced) -> Result<Reply, Fault> {
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
