//! `sys/namespaces`.

use model::{Fault, NamespacePath, Operation, Reply};
use serde_json::{Map, Value, json};
use tenancy::Namespace;

use crate::{Call, fresh_id, params, unsupported};

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

pub(crate) async fn one(call: Call<'_>, below: &str) -> Result<Reply, Fault> {
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
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create => Err(unsupported()),
    }
}

fn show(namespace: &Namespace) -> Value {
    json!({
        "id": namespace.public_id(), "path": namespace.path.as_str(), "custom_metadata": namespace.custom_metadata,
        "uuid": namespace.id.to_string(),
    })
}
