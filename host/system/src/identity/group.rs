//! `identity/group`.

use ::identity::{Directory, Group};
use model::{Fault, Id, Operation, Reply};
use serde_json::{Map, Value, json};

use super::{Named, id, ids, listed, metadata, mount, time};
use crate::{Call, fresh_id, params, unsupported};

/// Most groups that a list tells about.
const TOLD_MAX: usize = 1000;

pub(super) async fn list_ids(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let keys = directory.group_ids(call.transaction).await?;
    let mut info = Map::new();
    for key in keys.iter().take(TOLD_MAX) {
        let Some(group) = Id::parse(key) else { continue };
        if let Some(group) = directory.group(call.transaction, group).await? {
            let (entities, groups) = (group.member_entity_ids.len(), group.member_group_ids.len());
            let told = json!({ "name": group.name, "num_member_entities": entities, "num_parent_groups": groups });
            info.insert(key.clone(), told);
        }
    }
    listed(keys, Some(info))
}

pub(super) async fn list_names(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    listed(directory.group_names(call.transaction).await?, None)
}

pub(super) async fn one(call: Call<'_>, directory: &Directory, named: Named<'_>) -> Result<Reply, Fault> {
    let found = match named {
        Named::Id(text) => match Id::parse(text) {
            Some(id) => directory.group(call.transaction, id).await?,
            None => None,
        },
        Named::Name(name) => directory.group_by_name(call.transaction, name).await?,
    };
    match call.operation {
        Operation::Read => {
            let group = found.ok_or_else(Fault::absent)?;
            let parents = directory.groups_above(call.transaction, group.id).await?;
            Reply::data(&show(&call, &group, &parents))
        }
        Operation::Delete => {
            if let Some(group) = found {
                directory.delete_group(call.transaction, group.id).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::Update | Operation::Create => write(call, directory, Some((named, found))).await,
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

/// Creates a group or changes one: the one in the path, or the one that the body names.
pub(super) async fn write(
    call: Call<'_>,
    directory: &Directory,
    at: Option<(Named<'_>, Option<Group>)>,
) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Update | Operation::Create) {
        return Err(unsupported());
    }
    let name = params::text(&call.body, "name")?.filter(|name| !name.is_empty());
    let (existing, name) = match at {
        Some((Named::Id(_), None)) => return Err(Fault::invalid("id: no group has it")),
        Some((Named::Id(_), found)) => (found, name),
        Some((Named::Name(named), found)) => (found, Some(named)),
        None => match (id(&call.body, "id")?, name) {
            (Some(id), _) => {
                let found = directory.group(call.transaction, id).await?;
                (Some(found.ok_or_else(|| Fault::invalid("id: no group has it"))?), name)
            }
            (None, Some(named)) => (directory.group_by_name(call.transaction, named).await?, name),
            (None, None) => (None, None),
        },
    };
    let created = existing.is_none();
    let mut group = match existing {
        Some(group) => group,
        None => Group::new(fresh_id()?, name, call.now),
    };
    if let Some(name) = name {
        group.name = name.to_owned();
    }
    configure(&mut group, &call.body, created)?;
    group.updated = call.now;
    let group = directory.put_group(call.transaction, group).await?;
    if !created {
        return Ok(Reply::nothing());
    }
    Reply::data(&json!({ "id": group.id, "name": group.name }))
}

fn configure(group: &mut Group, body: &Map<String, Value>, created: bool) -> Result<(), Fault> {
    match params::text(body, "type")? {
        None | Some("") => {}
        Some(kind @ ("internal" | "external")) => {
            let external = kind == "external";
            if !created && external != group.external {
                return Err(Fault::invalid("type: the type of a group cannot be changed"));
            }
            group.external = external;
        }
        Some(_) => return Err(Fault::invalid("type: must be \"internal\" or \"external\"")),
    }
    if let Some(metadata) = metadata(body, "metadata")? {
        group.metadata = metadata;
    }
    if let Some(policies) = params::list(body, "policies")? {
        group.policies = policies;
    }
    if let Some(entities) = ids(body, "member_entity_ids")? {
        if group.external && !entities.is_empty() {
            return Err(Fault::invalid("member_entity_ids: members of an external group are who the auth method says"));
        }
        if !group.external {
            group.member_entity_ids = entities.into_iter().collect();
        }
    }
    if let Some(groups) = ids(body, "member_group_ids")? {
        group.member_group_ids = groups.into_iter().collect();
    }
    Ok(())
}

/// A group as clients see it.
pub(super) fn show(call: &Call<'_>, group: &Group, parents: &[Id]) -> Value {
    let alias = group.alias.as_ref().map(|alias| {
        let (path, kind) = mount(call, &alias.mount_accessor);
        json!({
            "id": alias.id, "name": alias.name, "canonical_id": group.id, "mount_accessor": alias.mount_accessor,
            "mount_path": path, "mount_type": kind,
        })
    });
    json!({
        "id": group.id, "name": group.name, "type": if group.external { "external" } else { "internal" },
        "policies": group.policies, "metadata": group.metadata, "member_entity_ids": group.member_entity_ids,
        "member_group_ids": group.member_group_ids, "parent_group_ids": parents,
        "alias": alias.unwrap_or_else(|| json!({})), "modify_index": 1, "namespace_id": call.namespace.public_id(),
        "creation_time": time(group.created), "last_update_time": time(group.updated),
    })
}
