//! `sys/remount`: gives a mount another path in the same namespace. Its keys and data hang on its id and stay.

use model::{Fault, MountClass, MountPath, NamespacePath, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use storage::Drawer;
use tenancy::Mount;

use crate::{Call, builtin, fresh_id, mounts, params, unsupported};

/// How many moves of a namespace are remembered for `sys/remount/status`.
const MOVES_KEPT: usize = 64;
const MOVES: &str = "moves";

/// A move that was made.
#[derive(Serialize, Deserialize)]
struct Move {
    id: String,
    from: MountPath,
    to: MountPath,
}

pub(crate) async fn start(call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let (from, to) = (path(&call, "from")?, path(&call, "to")?);
    if builtin::find(MountClass::Secret, from.as_str()).is_some() {
        return Err(Fault::invalid(format!("from: cannot remount {from}: it is part of every namespace")));
    }
    if from == to {
        return Err(Fault::invalid(format!("to: path is already in use at {to}")));
    }
    let mount = mounts::find(&call, &from).ok_or_else(|| tenancy::Error::NoMount(from.clone()))?;
    let mut moved = Mount::clone(&mount);
    mount.expect(call.transaction)?;
    moved.path = to.clone();
    moved.place(call.transaction, call.tree).await?;
    let id = fresh_id()?.to_string();
    let drawer = drawer(&call);
    let mut moves: Vec<Move> =
        call.transaction.get_json(&drawer, MOVES).await.map_err(crate::stored)?.unwrap_or_default();
    moves.push(Move { id: id.clone(), from, to });
    moves.drain(..moves.len().saturating_sub(MOVES_KEPT));
    call.transaction.put_json(&drawer, MOVES, &moves).map_err(crate::stored)?;
    let data = Map::from_iter([("migration_id".to_owned(), json!(id))]);
    let warning = format!("The mount has moved with its keys and data. Its status is at sys/remount/status/{id}");
    Ok(Reply::flattened(data).warning(warning))
}

/// `sys/remount/status/:id`. A move is part of the request that asked for it, so one that is known has succeeded.
pub(crate) async fn status(call: Call<'_>, id: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let moves: Option<Vec<Move>> = call.transaction.get_json(&drawer(&call), MOVES).await.map_err(crate::stored)?;
    let found = moves.unwrap_or_default().into_iter().find(|made| made.id == id).ok_or_else(Fault::absent)?;
    Reply::data(&json!({
        "migration_id": found.id,
        "migration_info": { "source_mount": found.from, "target_mount": found.to, "status": "success" },
    }))
}

/// Reads a path of the request's own namespace. One that begins with a namespace below it leads out of it: data, keys
/// and grants of a mount are its namespace's and do not follow it elsewhere.
fn path(call: &Call<'_>, field: &str) -> Result<MountPath, Fault> {
    let text = params::text(&call.body, field)?.unwrap_or_default();
    let path = MountPath::parse(text).map_err(|e| Fault::invalid(format!("{field}: {e}")))?;
    let first = path.as_str().split('/').next().unwrap_or_default();
    let below = NamespacePath::parse(first).ok().map(|first| call.namespace.path.join(&first));
    if below.is_some_and(|below| call.tree.namespace(&below).is_some()) {
        let why = "a mount cannot be moved to or from another namespace, since its keys and data belong to its own; \
                   name the namespace in X-Vault-Namespace and move it inside";
        return Err(Fault::invalid(format!("{field}: {why}")));
    }
    Ok(path)
}

fn drawer(call: &Call<'_>) -> Drawer {
    tenancy::namespace_drawer(call.namespace.id, "remount")
}
