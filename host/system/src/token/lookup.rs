//! Shows tokens.

use access::Principal;
use model::{Fault, Id, Kind, Reply};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tenancy::Tree;

use super::{caller, find, identity_policies};
use crate::{Call, System, rfc3339};

/// Most accessors in one answer.
const LISTED_MAX: usize = 100_000;

pub(super) async fn by_token(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    let Some(token) = find::sent(&call)? else { return own(call).await };
    let found = find::by_token(system, &mut call, &token).await?;
    let found = found.ok_or_else(|| Fault::new(Kind::Denied, "bad token"))?;
    shown(call, token.expose_secret(), &found).await
}

pub(super) async fn by_accessor(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    let found = find::by_accessor(system, &mut call).await?.ok_or_else(find::invalid_accessor)?;
    shown(call, "", &found).await
}

/// The one answer that repeats a token, to whoever sent it.
pub(super) async fn own(call: Call<'_>) -> Result<Reply, Fault> {
    let token = call.token.map(ExposeSecret::expose_secret).unwrap_or_default();
    let principal = caller(&call)?;
    shown(call, token, principal).await
}

async fn shown(mut call: Call<'_>, id: &str, token: &Principal) -> Result<Reply, Fault> {
    let mut data = fields(id, token, &call)?;
    let identity_policies = identity_policies(&mut call, token).await?;
    if !identity_policies.is_empty() {
        data["identity_policies"] = json!(identity_policies);
        data["external_namespace_policies"] = json!({});
    }
    Reply::data(&data)
}

fn fields(id: &str, token: &Principal, call: &Call<'_>) -> Result<Value, Fault> {
    let meta = if token.meta.is_empty() { Value::Null } else { json!(token.meta) };
    let mut data = json!({
        "id": id, "accessor": token.accessor, "policies": token.policies, "path": token.path, "meta": meta,
        "display_name": token.display_name, "num_uses": token.num_uses, "orphan": token.is_orphan(),
        "creation_time": token.creation_time, "creation_ttl": token.creation_ttl, "expire_time": null,
        "ttl": token.ttl(call.now), "explicit_max_ttl": token.explicit_max_ttl, "entity_id": token.entity_id,
        "type": token.kind.name(), "renewable": token.renewable,
    });
    if let Some(end) = token.expire_time {
        data["expire_time"] = json!(rfc3339(end)?);
        data["issue_time"] = json!(rfc3339(token.creation_time)?);
    }
    if let Some(renewed) = token.last_renewal {
        data["last_renewal"] = json!(rfc3339(renewed)?);
        data["last_renewal_time"] = json!(renewed);
    }
    if !token.role.is_empty() {
        data["role"] = json!(token.role);
    }
    if token.period > 0 {
        data["period"] = json!(token.period);
    }
    if !token.bound_cidrs.is_empty() {
        data["bound_cidrs"] = json!(access::cidr::shown(&token.bound_cidrs));
    }
    if let Some(path) = namespace_path(call.tree, token.namespace) {
        data["namespace_path"] = json!(path);
    }
    Ok(data)
}

fn namespace_path(tree: &Tree, namespace: Id) -> Option<&str> {
    let found = tree.namespace_by_id(namespace).filter(|_| namespace != Id::nil());
    found.map(|namespace| namespace.path.as_str())
}

pub(super) async fn accessors(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    let (mut keys, more) = system.tokens.accessors(call.transaction, call.namespace.id, LISTED_MAX).await?;
    if keys.is_empty() {
        return Err(Fault::absent());
    }
    keys.sort_unstable();
    let reply = Reply::data(&json!({ "keys": keys }))?;
    Ok(if more { reply.warning(format!("there are more accessors than the {LISTED_MAX} listed")) } else { reply })
}
