//! `identity/lookup`: finds an entity or a group by whatever is known of it. What is not found is answered with 204.

use ::identity::Directory;
use model::{Fault, Operation, Reply};

use super::{entity as entities, group as groups, id};
use crate::{Call, params, unsupported};

pub(super) async fn entity(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let name = params::text(&call.body, "name")?;
    let by_id = id(&call.body, "id")?;
    let by_alias = id(&call.body, "alias_id")?;
    let alias = (params::text(&call.body, "alias_name")?, params::text(&call.body, "alias_mount_accessor")?);
    let tx = &mut *call.transaction;
    let found = match (by_id, name, by_alias, alias) {
        (Some(id), ..) => directory.entity(tx, id).await?,
        (_, Some(name), ..) => directory.entity_by_name(tx, name).await?,
        (_, _, Some(alias), _) => match directory.alias(tx, alias).await? {
            Some(alias) => directory.entity(tx, alias.canonical_id).await?,
            None => None,
        },
        (_, _, _, (Some(name), Some(accessor))) => match directory.alias_named(tx, accessor, name).await? {
            Some(alias) => directory.entity(tx, alias.canonical_id).await?,
            None => None,
        },
        _ => {
            let text = "query parameter not supplied: id, name, alias_id, or alias_name with alias_mount_accessor";
            return Err(Fault::invalid(text));
        }
    };
    match found {
        Some(entity) => Reply::data(&entities::show(call, directory, entity).await?),
        None => Ok(Reply::nothing()),
    }
}

pub(super) async fn group(call: Call<'_>, directory: &Directory) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let name = params::text(&call.body, "name")?;
    let by_id = id(&call.body, "id")?;
    let by_alias = id(&call.body, "alias_id")?;
    let alias = (params::text(&call.body, "alias_name")?, params::text(&call.body, "alias_mount_accessor")?);
    let tx = &mut *call.transaction;
    let found = match (by_id, name, by_alias, alias) {
        (Some(id), ..) => directory.group(tx, id).await?,
        (_, Some(name), ..) => directory.group_by_name(tx, name).await?,
        (_, _, Some(alias), _) => directory.group_of_alias(tx, alias).await?,
        (_, _, _, (Some(name), Some(accessor))) => directory.group_by_alias(tx, accessor, name).await?,
        _ => {
            let text = "query parameter not supplied: id, name, alias_id, or alias_name with alias_mount_accessor";
            return Err(Fault::invalid(text));
        }
    };
    let Some(group) = found else { return Ok(Reply::nothing()) };
    let parents = directory.groups_above(tx, group.id).await?;
    Reply::data(&groups::show(&call, &group, &parents))
}
