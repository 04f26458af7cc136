//! `auth/token/roles`.

use model::{Fault, Id, Operation, Reply};
use serde_json::json;
use storage::{Drawer, Transaction};

use super::role::Role;
use crate::{Call, System, unsupported};

fn drawer(namespace: Id) -> Drawer {
    tenancy::namespace_drawer(namespace, "token-roles")
}

/// The role of this name, as requests name it.
pub(super) async fn get(transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Option<Role>, Fault> {
    let name = checked(name)?;
    transaction.get_json(&drawer(namespace), name).await.map_err(Fault::from)
}

pub(super) async fn all(call: Call<'_>) -> Result<Reply, Fault> {
    let keys = call.transaction.names(&drawer(call.namespace.id), "").await?;
    if keys.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": keys })) }
}

pub(super) async fn one(system: &System, call: Call<'_>, name: &str) -> Result<Reply, Fault> {
    let role = get(call.transaction, call.namespace.id, name).await?;
    match call.operation {
        Operation::Read => role.map_or_else(|| Err(Fault::absent()), |role| Reply::data(&role.shown())),
        Operation::Update => {
            let mut role = role.unwrap_or_else(|| Role::new(name));
            let warnings = role.write(&call.body, system.info.max_lease_ttl)?;
            call.transaction.put_json(&drawer(call.namespace.id), name, &role)?;
            Ok(Reply { warnings, ..Reply::nothing() })
        }
        Operation::Delete => {
            call.transaction.delete(&drawer(call.namespace.id), name)?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

fn checked(name: &str) -> Result<&str, Fault> {
    model::name(name).map_err(|e| Fault::invalid(format!("role {e}")))
}
