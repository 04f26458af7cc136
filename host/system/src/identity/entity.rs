//! `identity/entity`.

use ::identity::{Directory, Entity};
use model::{Fault, Id, Operation, Reply};
use serde_json::{Map, Value, json};

use super::{Named, id, ids, listed, metadata, mount, time};
use crate::{Call, fresh_id, params, unsupported};

/// Most entities that one request removes or merges.
const MANY_MAX: usize = 1000;

pub(super) async fn list_ids(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let keys = directory.entity_ids(call.transaction).await?;
    let mut info = Map::new();
    for key in keys.iter().take(MANY_MAX) {
        let Some(entity) = Id::parse(key) else { continue };
        if let Some(entity) = directory.entity(call.transaction, entity).await? {
            let mut aliases = Vec::new();
            for alias in &entity.aliases {
                let Some(alias) = directory.alias(call.transaction, *alias).await? else { continue };
                let (path, kind) = mount(&call, &alias.mount_accessor);
                aliases.push(json!({
                    "id": alias.id, "name": alias.name, "mount_accessor": alias.mount_accessor, "mount_path": path,
                    "mount_type": kind,
                }));
            }
            info.insert(key.clone(), json!({ "name": entity.name, "aliases": aliases }));
        }
    }
    listed(keys, Some(info))
}

pub(super) async fn list_names(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    listed(directory.entity_names(call.transaction).await?, None)
}

pub(super) async fn one(call: Call<'_>, directory: &Directory, named: Named<'_>) -> Result<Reply, Fault> {
    let found = find(&mut *call.transaction, directory, named).await?;
    match call.operation {
        Operation::Read => {
            let entity = found.ok_or_else(Fault::absent)?;
            Reply::data(&show(call, directory, entity).await?)
        }
        Operation::Delete => {
            if let Some(entity) = found {
                directory.delete_entity(call.transaction, entity.id).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::Update | Operation::Create => write(call, directory, Some((named, found))).await,
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

async fn find(tx: &mut storage::Transaction, directory: &Directory, named: Named<'_>) -> Result<Option<Entity>, Fault> {
    match named {
        Named::Id(text) => match Id::parse(text) {
            Some(id) => directory.entity(tx, id).await,
            None => Ok(None),
        },
        Named::Name(name) => directory.entity_by_name(tx, name).await,
    }
}

/// Creates an entity or changes one: the one in the path, or the one that the body names.
pub(super) async fn write(
    call: Call<'_>,
    directory: &Directory,
    at: Option<(Named<'_>, Option<Entity>)>,
) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Update | Operation::Create) {
        return Err(unsupported());
    }
    let name = params::text(&call.body, "name")?.filter(|name| !name.is_empty());
    let (existing, name) = match at {
        Some((Named::Id(_), None)) => return Err(Fault::invalid("id: no entity has it")),
        Some((Named::Id(_), found)) => (found, name),
        Some((Named::Name(named), found)) => (found, Some(named)),
        None => match (id(&call.body, "id")?, name) {
            (Some(id), _) => {
                let found = directory.entity(call.transaction, id).await?;
                (Some(found.ok_or_else(|| Fault::invalid("id: no entity has it"))?), name)
            }
            (None, Some(named)) => (directory.entity_by_name(call.transaction, named).await?, name),
            (None, None) => (None, None),
        },
    };
    let created = existing.is_none();
    let mut entity = match existing {
        Some(entity) => entity,
        None => Entity::new(fresh_id()?, name, call.now),
    };
    if let Some(name) = name {
        entity.name = name.to_owned();
    }
    if let Some(metadata) = metadata(&call.body, "metadata")? {
        entity.metadata = metadata;
    }
    if let Some(policies) = params::list(&call.body, "policies")? {
        entity.policies = policies;
    }
    if let Some(disabled) = params::flag(&call.body, "disabled")? {
        entity.disabled = disabled;
    }
    entity.updated = call.now;
    let entity = directory.put_entity(call.transaction, entity).await?;
    if !created {
        return Ok(Reply::nothing());
    }
    Reply::data(&json!({ "id": entity.id, "name": entity.name, "aliases": null }))
}

pub(super) async fn delete_many(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let gone = ids(&call.body, "entity_ids")?.unwrap_or_default();
    if gone.is_empty() || gone.len() > MANY_MAX {
        return Err(Fault::invalid("entity_ids: must name 1 to 1000 entities"));
    }
    for id in gone {
        directory.delete_entity(call.transaction, id).await?;
    }
    Ok(Reply::nothing())
}

pub(super) async fn merge(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let into = id(&call.body, "to_entity_id")?.ok_or_else(|| Fault::invalid("to_entity_id: missing"))?;
    let from = ids(&call.body, "from_entity_ids")?.unwrap_or_default();
    if from.is_empty() || from.len() > MANY_MAX {
        return Err(Fault::invalid("from_entity_ids: must name 1 to 1000 entities"));
    }
    directory.merge(call.transaction, into, &from, call.now).await?;
    Ok(Reply::nothing())
}

/// An entity as clients see it, with its aliases and groups.
pub(super) async fn show(call: Call<'_>, directory: &Directory, entity: Entity) -> Result<Value, Fault> {
    let facts = directory.facts(&mut *call.transaction, entity.id).await?.ok_or_else(Fault::absent)?;
    let aliases: Vec<Value> = facts.aliases.iter().map(|alias| super::alias::show(&call, alias)).collect();
    let direct = directory.groups_of(call.transaction, entity.id).await?;
    let inherited: Vec<&Id> = facts.groups.keys().filter(|group| !direct.contains(group)).collect();
    Ok(json!({
        "id": entity.id, "name": entity.name, "metadata": entity.metadata, "policies": entity.policies,
        "disabled": entity.disabled, "aliases": aliases, "merged_entity_ids": entity.merged,
        "group_ids": facts.groups.keys().collect::<Vec<_>>(), "direct_group_ids": direct,
        "inherited_group_ids": inherited, "namespace_id": call.namespace.public_id(),
        "creation_time": time(entity.created), "last_update_time": time(entity.updated),
    }))
}
