//! `identity/group-alias`: what an auth method calls an external group.

use ::identity::{Directory, Group, GroupAlias};
use model::{Fault, Id, Operation, Reply};
use serde_json::{Map, Value, json};

use super::{id, known_mount, listed, mount};
use crate::{Call, fresh_id, params, unsupported};

/// Most aliases that a list tells about.
const TOLD_MAX: usize = 1000;

pub(super) async fn list(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let keys = directory.group_alias_ids(call.transaction).await?;
    let mut info = Map::new();
    for key in keys.iter().take(TOLD_MAX) {
        let Some(alias) = Id::parse(key) else { continue };
        if let Some((group, alias)) = of(directory.group_of_alias(call.transaction, alias).await?) {
            info.insert(key.clone(), show(&call, &group, &alias));
        }
    }
    listed(keys, Some(info))
}

pub(super) async fn one(call: Call<'_>, directory: &Directory, at: &str) -> Result<Reply, Fault> {
    let found = match Id::parse(at) {
        Some(id) => of(directory.group_of_alias(call.transaction, id).await?),
        None => None,
    };
    match call.operation {
        Operation::Read => {
            let (group, alias) = found.ok_or_else(Fault::absent)?;
            Reply::data(&show(&call, &group, &alias))
        }
        Operation::Delete => {
            if let Some((mut group, _)) = found {
                group.alias = None;
                group.updated = call.now;
                directory.put_group(call.transaction, group).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::Update | Operation::Create => {
            let found = found.ok_or_else(|| Fault::invalid("id: no alias of a group has it"))?;
            write(call, directory, Some(found)).await
        }
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

fn of(group: Option<Group>) -> Option<(Group, GroupAlias)> {
    let group = group?;
    let alias = group.alias.clone()?;
    Some((group, alias))
}

/// Gives an external group its alias, or changes it.
pub(super) async fn write(
    call: Call<'_>,
    directory: &Directory,
    at: Option<(Group, GroupAlias)>,
) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Update | Operation::Create) {
        return Err(unsupported());
    }
    let name = params::text(&call.body, "name")?.filter(|name| !name.is_empty());
    let accessor = params::text(&call.body, "mount_accessor")?.filter(|accessor| !accessor.is_empty());
    let canonical = id(&call.body, "canonical_id")?;
    let at = match (at, id(&call.body, "id")?) {
        (None, Some(id)) => {
            let found = of(directory.group_of_alias(call.transaction, id).await?);
            Some(found.ok_or_else(|| Fault::invalid("id: no alias of a group has it"))?)
        }
        (at, _) => at,
    };
    let named = match canonical {
        None => None,
        Some(id) => {
            let group = directory.group(call.transaction, id).await?;
            Some(group.ok_or_else(|| Fault::invalid("canonical_id: no such group"))?)
        }
    };
    let (mut group, before) = match (at, named) {
        (Some((mut left, alias)), Some(group)) if left.id != group.id => {
            if group.alias.is_some() {
                return Err(Fault::invalid("canonical_id: the group has an alias of its own"));
            }
            left.alias = None;
            left.updated = call.now;
            directory.put_group(call.transaction, left).await?;
            (group, Some(alias))
        }
        (Some((group, alias)), _) => (group, Some(alias)),
        (None, Some(group)) => {
            let before = group.alias.clone();
            (group, before)
        }
        (None, None) => return Err(Fault::invalid("canonical_id: must name an external group")),
    };
    let name = name.map(str::to_owned).or_else(|| before.as_ref().map(|alias| alias.name.clone()));
    let name = name.ok_or_else(|| Fault::invalid("name: missing alias name"))?;
    let accessor = accessor.map(str::to_owned).or_else(|| before.as_ref().map(|alias| alias.mount_accessor.clone()));
    let accessor = accessor.ok_or_else(|| Fault::invalid("mount_accessor: missing mount_accessor"))?;
    known_mount(&call, &accessor)?;
    let id = match &before {
        Some(alias) => alias.id,
        None => fresh_id()?,
    };
    group.alias = Some(GroupAlias { id, name, mount_accessor: accessor });
    group.updated = call.now;
    let group = directory.put_group(call.transaction, group).await?;
    Reply::data(&json!({ "id": id, "canonical_id": group.id }))
}

fn show(call: &Call<'_>, group: &Group, alias: &GroupAlias) -> Value {
    let (path, kind) = mount(call, &alias.mount_accessor);
    json!({
        "id": alias.id, "name": alias.name, "canonical_id": group.id, "mount_accessor": alias.mount_accessor,
        "mount_path": path, "mount_type": kind, "namespace_id": call.namespace.public_id(),
    })
}
