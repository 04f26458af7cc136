//! What a policy can name: `input`.
//!
//! - `input.now`: seconds since 1970, as `time.now_ns()` says in nanoseconds.
//! - `input.request`: `operation` (`"read"`, `"list"`, `"create"`, `"update"`, `"patch"`, `"delete"`), `path`, `parameters`,
//!   `wrap_ttl` in seconds; `null` where an engine uses a key without being asked.
//! - `input.principal`: `entity_id`, `entity_name`, `entity_metadata`, `groups`, `display_name`, `policies`, `metadata`,
//!   `token_path`, `token_time` in seconds, `namespace`; `null` without a token.
//! - `input.place`: `namespace`, `mount_path`, `mount_type`, `mount_accessor`, `remote_address`.
//! - `input.key`: `name`, `namespace`, `uuid`, `home`, `type`, `usage`, `algorithm`, `digest`, `digest_length` in bytes,
//!   `input_length`; `null` where it is a request that is judged.

use innkeeper_guest::policy::{Act, KeyUse, Place, Principal, Question, RequestFacts};
use regorus::Value;
use serde_json::{Map, Value as Json, json};

/// The document `input`.
pub(crate) fn of(question: &Question) -> Result<Value, String> {
    let (request, key) = match &question.act {
        Act::Request(request) => (Some(request), None),
        Act::KeyUse(key) => (key.request.as_ref(), Some(key)),
    };
    let facts = json!({
        "now": question.time,
        "request": request.map(request_of).transpose()?,
        "principal": question.principal.as_ref().map(principal),
        "place": place(&question.place, question.remote_address.as_deref()),
        "key": key.map(key_of),
    });
    // `Value::from` would come to undefined where it cannot: then what a `deny` speaks of would not be there.
    serde_json::from_value(facts).map_err(|error| format!("the facts: {error}"))
}

fn request_of(facts: &RequestFacts) -> Result<Json, String> {
    let parameters: Json =
        serde_json::from_str(&facts.parameters).map_err(|error| format!("the parameters: {error}"))?;
    Ok(json!({
        "operation": facts.operation.name(),
        "path": facts.path,
        "parameters": parameters,
        "wrap_ttl": facts.wrap_ttl,
    }))
}

fn principal(who: &Principal) -> Json {
    json!({
        "entity_id": who.entity_id.as_deref().unwrap_or_default(),
        "entity_name": who.entity_name,
        "entity_metadata": pairs(&who.entity_metadata),
        "groups": who.groups,
        "display_name": who.display_name,
        "policies": who.policies,
        "metadata": pairs(&who.metadata),
        "token_path": who.token_path,
        "token_time": who.token_time,
        "namespace": who.namespace,
    })
}

fn place(place: &Place, remote_address: Option<&str>) -> Json {
    json!({
        "namespace": place.namespace,
        "mount_path": place.mount_path,
        "mount_type": place.mount_type,
        "mount_accessor": place.mount_accessor,
        "remote_address": remote_address.unwrap_or_default(),
    })
}

fn key_of(key: &KeyUse) -> Json {
    json!({
        "name": key.key,
        "namespace": key.namespace,
        "uuid": key.uuid,
        "home": key.home,
        "type": key.key_type,
        "usage": key.usage,
        "algorithm": key.algorithm,
        "digest": key.digest,
        "digest_length": key.digest.len() / 2,
        "input_length": key.input_length,
    })
}

fn pairs(pairs: &[(String, String)]) -> Map<String, Json> {
    pairs.iter().map(|(name, value)| (name.clone(), Json::String(value.clone()))).collect()
}
