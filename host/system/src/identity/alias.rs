//! `identity/entity-alias`.

use ::identity::{Alias, Directory, Entity};
use model::{Fault, Id, Operation, Reply};
use serde_json::{Map, Value, json};

use super::{id, known_mount, listed, metadata, mount, time};
use crate::{Call, fresh_id, params, unsupported};

/// Most aliases that a list tells about.
const TOLD_MAX: usize = 1000;

pub(super) async fn list(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let keys = directory.alias_ids(call.transaction).await?;
    let mut info = Map::new();
    for key in keys.iter().take(TOLD_MAX) {
        let Some(alias) = Id::parse(key) else { continue };
        if let Some(alias) = directory.alias(call.transaction, alias).await? {
            info.insert(key.clone(), show(&call, &alias));
        }
    }
    listed(keys, Some(info))
}

pub(super) async fn one(call: Call<'_>, directory: &Directory, at: &str) -> Result<Reply, Fault> {
    let found = match Id::parse(at) {
        Some(id) => directory.alias(call.transaction, id).await?,
        None => None,
    };
    match call.operation {
        Operation::Read => Reply::data(&show(&call, &found.ok_or_else(Fault::absent)?)),
        Operation::Delete => {
            if let Some(alias) = found {
                directory.delete_alias(call.transaction, alias.id).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::Update | Operation::Create => {
            let alias = found.ok_or_else(|| Fault::invalid("id: no alias has it"))?;
            write(call, directory, Some(alias)).await
        }
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

/// Creates an alias or changes one: the one in the path, the one that the body names, or the one of that name and auth
/// method. Without an entity it gets a new one.
pub(super) async fn write(call: Call<'_>, directory: &Directory, at: Option<Alias>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Update | Operation::Create) {
        return Err(unsupported());
    }
    let name = params::text(&call.body, "name")?.filter(|name| !name.is_empty());
    let accessor = params::text(&call.body, "mount_accessor")?.filter(|accessor| !accessor.is_empty());
    let named = match id(&call.body, "id")? {
        Some(id) if at.is_none() => {
            let found = directory.alias(call.transaction, id).await?;
            Some(found.ok_or_else(|| Fault::invalid("id: no alias has it"))?)
        }
        _ => at,
    };
    let mut entity = id(&call.body, "canonical_id")?;
    if entity.is_none() {
        entity = id(&call.body, "entity_id")?;
    }
    let mut alias = match named {
        Some(alias) => alias,
        None => {
            let name = name.ok_or_else(|| Fault::invalid("name: missing alias name"))?;
            let accessor = accessor.ok_or_else(|| Fault::invalid("mount_accessor: missing mount_accessor"))?;
            known_mount(&call, accessor)?;
            match directory.alias_named(call.transaction, accessor, name).await? {
                Some(alias) => alias,
                None => {
                    let entity = match entity {
                        Some(entity) => entity,
                        None => {
                            let new = Entity::new(fresh_id()?, None, call.now);
                            directory.put_entity(call.transaction, new).await?.id
                        }
                    };
                    Alias::new(fresh_id()?, entity, accessor, name, call.now)
                }
            }
        }
    };
    if let Some(name) = name {
        alias.name = name.to_owned();
    }
    if let Some(accessor) = accessor {
        known_mount(&call, accessor)?;
        alias.mount_accessor = accessor.to_owned();
    }
    if let Some(entity) = entity {
        alias.canonical_id = entity;
    }
    if let Some(noted) = metadata(&call.body, "custom_metadata")? {
        alias.custom_metadata = noted;
    }
    alias.updated = call.now;
    let alias = directory.put_alias(call.transaction, alias).await?;
    Reply::data(&json!({ "id": alias.id, "canonical_id": alias.canonical_id }))
}

/// An alias as clients see it.
pub(super) fn show(call: &Call<'_>, alias: &Alias) -> Value {
    let (path, kind) = mount(call, &alias.mount_accessor);
    json!({
        "id": alias.id, "name": alias.name, "canonical_id": alias.canonical_id, "metadata": alias.metadata,
        "custom_metadata": alias.custom_metadata, "mount_accessor": alias.mount_accessor, "mount_path": path,
        "mount_type": kind, "local": false, "merged_from_canonical_ids": null,
        "namespace_id": call.namespace.public_id(),
        "creation_time": time(alias.created), "last_update_time": time(alias.updated),
    })
}
