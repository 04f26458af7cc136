//! `sys/capabilities-self`, `sys/capabilities` and `sys/capabilities-accessor`: what a token may do at which paths.

use std::sync::Arc;

use ::identity::{Directory, Facts};
use access::Principal;
use access::policy::{Acl, Alias, Group, Subject};
use model::{Fault, Id, Operation, Reply};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::token::find;
use crate::{Call, System, params, unsupported};

/// Most paths in one question.
const PATHS_MAX: usize = 1000;

/// Whose capabilities are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    /// Those of the token that asks.
    Own,
    /// Those of the token in `token`.
    Token,
    /// Those of the token that `accessor` names.
    Accessor,
}

pub(crate) async fn of(system: &System, mut call: Call<'_>, whose: Whose) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let paths = paths(&call.body)?;
    let acl = match whose {
        Whose::Own => call.admitted.acl().cloned().ok_or_else(Fault::denied)?,
        Whose::Token => {
            let principal = by_token(system, &mut call).await?;
            acl(system, &mut call, &principal).await?
        }
        Whose::Accessor => {
            let principal = by_accessor(system, &mut call).await?;
            acl(system, &mut call, &principal).await?
        }
    };
    let mut data = Map::new();
    for path in &paths {
        let whole = format!("{}{}", call.namespace.path, path.trim_start_matches('/'));
        let mut capabilities = acl.capabilities(&whole);
        capabilities.sort_unstable();
        data.insert(path.clone(), json!(capabilities));
    }
    if let [path] = paths.as_slice() {
        let capabilities = data.get(path).cloned().unwrap_or_default();
        data.insert("capabilities".into(), capabilities);
    }
    Ok(Reply::flattened(data))
}

fn paths(body: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let named = params::list(body, "paths")?.filter(|paths| !paths.is_empty());
    let paths = match named {
        Some(paths) => paths,
        None => params::list(body, "path")?.unwrap_or_default(),
    };
    if paths.is_empty() || paths.len() > PATHS_MAX {
        return Err(Fault::invalid("paths: must name 1 to 1000 paths"));
    }
    Ok(paths)
}

async fn by_token(system: &System, call: &mut Call<'_>) -> Result<Principal, Fault> {
    let token = params::text(&call.body, "token")?.filter(|token| !token.is_empty());
    let token = SecretString::from(token.ok_or_else(|| Fault::invalid("missing token"))?);
    let found = find::by_token(system, call, &token).await?;
    found.ok_or_else(|| Fault::invalid("invalid token"))
}

async fn by_accessor(system: &System, call: &mut Call<'_>) -> Result<Principal, Fault> {
    find::by_accessor(system, call).await?.ok_or_else(find::invalid_accessor)
}

/// What a token's policies, and those of its entity, say. Who holds one that would not be admitted may do nothing.
async fn acl(system: &System, call: &mut Call<'_>, principal: &Principal) -> Result<Arc<Acl>, Fault> {
    if principal.is_root() {
        return Ok(Arc::new(Acl::root()));
    }
    let home = call.tree.namespace_by_id(principal.namespace).filter(|home| !home.tainted).cloned();
    let home = home.ok_or_else(|| Fault::invalid("invalid token"))?;
    if !principal.methods().iter().all(|method| call.tree.mount_by_id(*method).is_some()) {
        return Err(Fault::denied());
    }
    let mut names = principal.policies.clone();
    let mut subject = Subject::default();
    if !principal.entity_id.is_empty() {
        let facts = facts(call, home.id, &principal.entity_id).await?.ok_or_else(Fault::denied)?;
        names.extend(facts.policies.iter().cloned());
        subject = self::subject(&facts, home.id);
    }
    let wanted = [(home.id, home.path.clone(), names.as_slice())];
    system.policies.acl(call.transaction, &wanted, &subject, call.now).await
}

async fn facts(call: &mut Call<'_>, home: Id, entity: &str) -> Result<Option<Facts>, Fault> {
    let Some(entity) = Id::parse(entity) else { return Ok(None) };
    let facts = Directory::of(home).facts(call.transaction, entity).await?;
    Ok(facts.filter(|facts| !facts.entity.disabled))
}

/// What templates in policies may ask of somebody.
pub fn subject(facts: &Facts, namespace: Id) -> Subject {
    let alias = |alias: &::identity::Alias| {
        let told = Alias {
            id: alias.id.to_string(),
            name: alias.name.clone(),
            metadata: alias.metadata.clone(),
            custom_metadata: alias.custom_metadata.clone(),
        };
        (alias.mount_accessor.clone(), told)
    };
    let group = |group: &::identity::Membership| Group {
        id: group.id.to_string(),
        name: group.name.clone(),
        namespace,
        metadata: group.metadata.clone(),
    };
    Subject {
        entity_id: facts.entity.id.to_string(),
        name: facts.entity.name.clone(),
        metadata: facts.entity.metadata.clone(),
        aliases: facts.aliases.iter().map(alias).collect(),
        groups: facts.groups.values().map(group).collect(),
    }
}
