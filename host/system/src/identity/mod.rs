//! `identity/`: entities, their aliases, and groups.

mod alias;
mod entity;
mod group;
mod group_alias;
mod lookup;

use std::collections::BTreeMap;

use ::identity::Directory;
use model::{Fault, Id, Kind, Reply};
use serde_json::{Map, Value, json};

use crate::builtin::TOKEN;
use crate::{Call, auth};

/// The record that a path names.
#[derive(Clone, Copy, Debug)]
enum Named<'a> {
    Id(&'a str),
    Name(&'a str),
}

pub(crate) async fn at(call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    let directory = Directory::of(call.namespace.id);
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    match segments.as_slice() {
        ["entity"] => entity::write(call, &directory, None).await,
        ["entity", "batch-delete"] => entity::delete_many(call, &directory).await,
        ["entity", "merge"] => entity::merge(call, &directory).await,
        ["entity", "id"] => entity::list_ids(call, &directory).await,
        ["entity", "name"] => entity::list_names(call, &directory).await,
        ["entity", "id", id] => entity::one(call, &directory, Named::Id(id)).await,
        ["entity", "name", name] => entity::one(call, &directory, Named::Name(name)).await,
        ["entity-alias"] => alias::write(call, &directory, None).await,
        ["entity-alias", "id"] => alias::list(call, &directory).await,
        ["entity-alias", "id", id] => alias::one(call, &directory, id).await,
        ["group"] => group::write(call, &directory, None).await,
        ["group", "id"] => group::list_ids(call, &directory).await,
        ["group", "name"] => group::list_names(call, &directory).await,
        ["group", "id", id] => group::one(call, &directory, Named::Id(id)).await,
        ["group", "name", name] => group::one(call, &directory, Named::Name(name)).await,
        ["group-alias"] => group_alias::write(call, &directory, None).await,
        ["group-alias", "id"] => group_alias::list(call, &directory).await,
        ["group-alias", "id", id] => group_alias::one(call, &directory, id).await,
        ["lookup", "entity"] => lookup::entity(call, &directory).await,
        ["lookup", "group"] => lookup::group(call, &directory).await,
        _ => Err(Fault::new(Kind::NotFound, "unsupported path")),
    }
}

fn listed(keys: Vec<String>, info: Option<Map<String, Value>>) -> Result<Reply, Fault> {
    match (keys.is_empty(), info) {
        (true, _) => Err(Fault::absent()),
        (false, Some(info)) => Reply::data(&json!({ "keys": keys, "key_info": info })),
        (false, None) => Reply::data(&json!({ "keys": keys })),
    }
}

/// The identifier in a field; an absent or empty one is none.
fn id(body: &Map<String, Value>, field: &str) -> Result<Option<Id>, Fault> {
    match crate::params::text(body, field)? {
        None | Some("") => Ok(None),
        Some(text) => {
            Id::parse(text).map(Some).ok_or_else(|| Fault::invalid(format!("{field}: must be an identifier (a UUID)")))
        }
    }
}

/// The identifiers in a field.
fn ids(body: &Map<String, Value>, field: &str) -> Result<Option<Vec<Id>>, Fault> {
    let Some(texts) = crate::params::list(body, field)? else { return Ok(None) };
    let wrong = || Fault::invalid(format!("{field}: must be a list of identifiers (UUIDs)"));
    texts.iter().map(|text| Id::parse(text).ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
}

/// Metadata as an object of texts, or as a list of `name=value` as command lines send it.
fn metadata(body: &Map<String, Value>, field: &str) -> Result<Option<BTreeMap<String, String>>, Fault> {
    let sent = body.get(field);
    let Some(Value::Array(_) | Value::String(_)) = sent else { return crate::params::map(body, field) };
    let pairs = crate::params::list(body, field)?.unwrap_or_default();
    let wrong = || Fault::invalid(format!("{field}: must be an object of texts, or a list of name=value"));
    let split = |pair: &String| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    pairs.iter().map(|pair| split(pair).ok_or_else(wrong)).collect::<Result<_, _>>().map(Some)
}

fn time(seconds: u64) -> String {
    crate::rfc3339(seconds).unwrap_or_default()
}

/// What clients are told of the auth method that an alias is of.
fn mount(call: &Call<'_>, accessor: &str) -> (String, String) {
    let found = call.tree.mounts(call.namespace.id).find(|mount| mount.accessor == accessor);
    match found {
        Some(mount) => (mount.path.to_string(), mount.kind.clone()),
        None if accessor == TOKEN.accessor(&call.namespace) => ("auth/token/".to_owned(), "token".to_owned()),
        None => Default::default(),
    }
}

/// Refuses the accessor of what is no auth method of the namespace.
fn known_mount(call: &Call<'_>, accessor: &str) -> Result<(), Fault> {
    if auth::by_accessor(call, accessor).is_none() {
        return Err(Fault::invalid("mount_accessor: no auth method of this namespace has it"));
    }
    Ok(())
}
