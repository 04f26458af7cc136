//! `sys/namespaces`.

use std::sync::Arc;

use access::Tokens;
use aws_lc_rs::digest;
use model::{Fault, NamespacePath, Operation, Reply};
use serde_json::{Map, Value, json};
use tenancy::Namespace;
use zeroize::Zeroizing;

use crate::{Call, fresh_id, params, random, unsupported};

pub(crate) fn all(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let children: Vec<_> = call.tree.children(&call.namespace.path).collect();
    if children.is_empty() {
        return Err(Fault::absent());
    }
    let key = |child: &Namespace| format!("{}/", child.path.last());
    let keys: Vec<String> = children.iter().map(|child| key(child)).collect();
    let info: Map<String, Value> = children.iter().map(|child| (key(child), show(child))).collect();
    Reply::data(&json!({ "keys": keys, "key_info": info }))
}

pub(crate) async fn one(tokens: &Tokens, call: Call<'_>, below: &str) -> Result<Reply, Fault> {
    let below = NamespacePath::parse(below).map_err(|e| Fault::invalid(e.to_string()))?;
    if below.is_root() {
        return Err(Fault::invalid("namespace path: \"root\" is reserved"));
    }
    // Both halves were within bounds; what they make together has to be too.
    let path = NamespacePath::parse(call.namespace.path.join(&below).as_str());
    let path = path.map_err(|e| Fault::invalid(e.to_string()))?;
    match call.operation {
        Operation::Read => {
            call.tree.namespace(&path).map_or_else(|| Err(Fault::absent()), |found| Reply::data(&show(found)))
        }
        Operation::Update | Operation::Patch => {
            let metadata = if call.operation == Operation::Patch {
                let before = call.tree.namespace(&path).ok_or_else(Fault::absent)?.custom_metadata.clone();
                params::patch(&call.body, "custom_metadata", before)?
            } else {
                params::map(&call.body, "custom_metadata")?
            };
            let written = Namespace::write(call.transaction, call.tree, &path, metadata, fresh_id()?).await?;
            Reply::data(&show(&written))
        }
        Operation::Delete => {
            Namespace::delete(call.transaction, call.tree, &path).await?;
            if let Some(gone) = call.tree.namespace(&path) {
                tokens.end_namespace(call.transaction, gone.id)?;
            }
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create => Err(unsupported()),
    }
}

/// `sys/internal/ui/namespaces`: the namespaces directly below, for those who may see them.
pub(crate) fn below(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let live = call.tree.children(&call.namespace.path).filter(|child| !child.tainted);
    let keys: Vec<String> = live.map(|child| format!("{}/", child.path.last())).collect();
    Reply::data(&json!({ "keys": keys }))
}

/// `sys/namespaces/api-lock/lock[/:path]`: stops the API of a namespace and of all below it. Says once what unlocks it.
pub(crate) async fn lock(call: Call<'_>, below: &str) -> Result<Reply, Fault> {
    let namespace = lockable(&call, below)?;
    if namespace.locked.is_some() {
        return Err(Fault::invalid(format!("namespace {} is already locked", namespace.path)));
    }
    let key = Zeroizing::new(hex::encode(*Zeroizing::new(random::<24>()?)));
    Namespace::lock(call.transaction, &namespace, Some(hash(&key))).await?;
    Reply::data(&json!({ "unlock_key": *key }))
}

/// `sys/namespaces/api-lock/unlock[/:path]`: with the key that locking gave; the root token needs none.
pub(crate) async fn unlock(call: Call<'_>, below: &str) -> Result<Reply, Fault> {
    let namespace = lockable(&call, below)?;
    let Some(locked) = namespace.locked.clone() else {
        return Err(Fault::invalid(format!("namespace {} is not locked", namespace.path)));
    };
    let root = call.admitted.principal().is_some_and(|principal| principal.is_root());
    match params::text(&call.body, "unlock_key")? {
        Some(key)
            if aws_lc_rs::constant_time::verify_slices_are_equal(hash(key).as_bytes(), locked.as_bytes()).is_ok() => {}
        None | Some("") if root => {}
        _ => return Err(Fault::invalid("unlock_key: incorrect unlock key")),
    }
    Namespace::lock(call.transaction, &namespace, None).await?;
    Ok(Reply::nothing())
}

/// The namespace that a path below the request's names; the root cannot be locked, or nobody could unlock it.
fn lockable(call: &Call<'_>, below: &str) -> Result<Arc<Namespace>, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let below = NamespacePath::parse(below).map_err(|e| Fault::invalid(e.to_string()))?;
    let path = call.namespace.path.join(&below);
    if path.is_root() {
        return Err(Fault::invalid("the root namespace cannot be locked: name one below it"));
    }
    call.tree.namespace(&path).cloned().ok_or_else(|| Fault::invalid("no such namespace"))
}

fn hash(key: &str) -> String {
    hex::encode(digest::digest(&digest::SHA256, key.as_bytes()))
}

fn show(namespace: &Namespace) -> Value {
    json!({
        "id": namespace.public_id(), "path": namespace.path.as_str(), "custom_metadata": namespace.custom_metadata,
        "uuid": namespace.id.to_string(), "tainted": namespace.tainted, "locked": namespace.locked.is_some(),
    })
}
