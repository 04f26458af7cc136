//! `sys/remount`: gives a mount another path, in the same namespace or in another one. Its keys and data hang on its id and
//! stay; what it lent ends.

use std::sync::Arc;

use keys::ManagedKeys;
use model::{Fault, MountClass, MountPath, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};
use storage::Drawer;
use tenancy::{Mount, Namespace};

use crate::{Call, System, builtin, fresh_id, leases, params, unsupported};

/// How many moves of a namespace are remembered for `sys/remount/status`.
const MOVES_KEPT: usize = 64;
const MOVES: &str = "moves";

/// A move that was made, with paths from the namespace that it was asked in.
#[derive(Serialize, Deserialize)]
struct Move {
    id: String,
    from: MountPath,
    to: MountPath,
}

/// Where a mount is, or is to be.
struct Place {
    namespace: Arc<Namespace>,
    /// Below the namespace.
    path: MountPath,
    /// As it was asked for.
    asked: MountPath,
}

pub(crate) async fn start(system: &System, keys: &ManagedKeys, mut call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let (from, to) = (place(&call, "from")?, place(&call, "to")?);
    if builtin::find(MountClass::Secret, from.path.as_str()).is_some() {
        return Err(Fault::invalid(format!("from: cannot remount {}: it is part of every namespace", from.asked)));
    }
    let elsewhere = from.namespace.id != to.namespace.id;
    if !elsewhere && from.path == to.path {
        return Err(Fault::invalid(format!("to: path is already in use at {}", to.asked)));
    }
    let found = call.tree.mount_above(from.namespace.id, from.path.as_str());
    let found = found.map(|(mount, _)| mount).filter(|mount| mount.path == from.path);
    let mount = found.ok_or_else(|| tenancy::Error::NoMount(from.asked.clone()))?;
    if elsewhere {
        same_keys(keys, &mut call, &mount, (&from, &to)).await?;
        if let Some(running) = &mount.running {
            let runs = (mount.kind.as_str(), running.sha256.as_str());
            system.catalog.admit_running(call.transaction, &to.namespace.path, runs).await?;
        }
    }
    let mut moved = Mount::clone(&mount);
    mount.expect(call.transaction)?;
    (moved.namespace, moved.path) = (to.namespace.id, to.path);
    moved.place(call.transaction, call.tree).await?;
    leases::end_of_mount(&system.tokens, &mut call, &mount).await?;
    let id = fresh_id()?.to_string();
    let drawer = drawer(&call);
    let mut moves: Vec<Move> = call.transaction.get_json(&drawer, MOVES).await?.unwrap_or_default();
    moves.push(Move { id: id.clone(), from: from.asked, to: to.asked });
    moves.drain(..moves.len().saturating_sub(MOVES_KEPT));
    call.transaction.put_json(&drawer, MOVES, &moves)?;
    let data = Map::from_iter([("migration_id".to_owned(), json!(id))]);
    let warning = format!("The mount has moved with its keys and data. Its status is at sys/remount/status/{id}");
    Ok(Reply::flattened(data).warning(warning))
}

/// Refuses to take a mount away from a managed key that it lists, and to lend it another of the same name: who has keys
/// in the other namespace has granted nothing.
async fn same_keys(
    keys: &ManagedKeys,
    call: &mut Call<'_>,
    mount: &Mount,
    (from, to): (&Place, &Place),
) -> Result<(), Fault> {
    let (above_here, above_there) = (above(call, from), above(call, to));
    for name in &mount.config.allowed_managed_keys {
        let here = keys.seen_from(call.transaction, from.namespace.id, &above_here, name).await?;
        let there = keys.seen_from(call.transaction, to.namespace.id, &above_there, name).await?;
        if there.is_none() || here != there {
            return Err(Fault::invalid(format!(
                "from: {} may use the managed key {name:?}, which is not in the namespace {:?}: remove it from \
                 allowed_managed_keys first",
                from.asked,
                to.namespace.path.as_str(),
            )));
        }
    }
    Ok(())
}

fn above(call: &Call<'_>, place: &Place) -> Vec<model::Id> {
    call.tree.above(&place.namespace.path).into_iter().map(|(id, _)| id).collect()
}

/// `sys/remount/status/:id`. A move is part of the request that asked for it, so one that is known has succeeded.
pub(crate) async fn status(call: Call<'_>, id: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let moves: Option<Vec<Move>> = call.transaction.get_json(&drawer(&call), MOVES).await?;
    let found = moves.unwrap_or_default().into_iter().find(|made| made.id == id).ok_or_else(Fault::absent)?;
    Reply::data(&json!({
        "migration_id": found.id,
        "migration_info": { "source_mount": found.from, "target_mount": found.to, "status": "success" },
    }))
}

/// Reads a path that leads to a mount of the request's namespace or of one below it.
fn place(call: &Call<'_>, field: &str) -> Result<Place, Fault> {
    let text = params::text(&call.body, field)?.unwrap_or_default();
    let wrong = |e: model::Invalid| Fault::invalid(format!("{field}: {e}"));
    let asked = MountPath::parse(text).map_err(wrong)?;
    let (namespace, path) = call.tree.descend(&call.namespace, asked.as_str());
    call.tree.expect_unlocked(namespace)?;
    let path = MountPath::parse(path).map_err(wrong)?;
    Ok(Place { namespace: Arc::clone(namespace), path, asked: asked.clone() })
}

fn drawer(call: &Call<'_>) -> Drawer {
    tenancy::namespace_drawer(call.namespace.id, "remount")
}
