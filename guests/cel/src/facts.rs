//! What a policy can name.
//!
//! - `now`: a timestamp; `now.getHours("Europe/Berlin")` and its likes read it.
//! - `request`: `operation` (`"read"`, `"list"`, `"create"`, `"update"`, `"patch"`, `"delete"`), `path`, `parameters`, `wrap_ttl`
//!   in seconds; `null` where an engine uses a key without being asked.
//! - `principal`: `entity_id`, `entity_name`, `entity_metadata`, `groups`, `display_name`, `policies`, `metadata`, `token_path`,
//!   `token_time` (a timestamp), `namespace`; `null` without a token.
//! - `place`: `namespace`, `mount_path`, `mount_type`, `mount_accessor`, `remote_address`.
//! - `key`: `name`, `namespace`, `uuid`, `home`, `type`, `usage`, `algorithm`, `digest`, `digest_length` in bytes,
//!   `input_length`; `null` where it is a request that is judged.

use std::collections::HashMap;
use std::sync::Arc;

use cel::Value;
use cel::objects::{Key, Map};
use chrono::DateTime;
use innkeeper_guest::policy::{Act, KeyUse, Place, Principal, Question, RequestFacts};

/// The variables.
pub(crate) fn of(question: &Question) -> Result<[(&'static str, Value); 5], String> {
    let (request, key) = match &question.act {
        Act::Request(request) => (Some(request), None),
        Act::KeyUse(key) => (key.request.as_ref(), Some(key)),
    };
    let request = request.map(request_of).transpose()?;
    Ok([
        ("now", time(question.time)?),
        ("request", request.unwrap_or(Value::Null)),
        ("principal", question.principal.as_ref().map(principal).transpose()?.unwrap_or(Value::Null)),
        ("place", place(&question.place, question.remote_address.as_deref())),
        ("key", key.map_or(Value::Null, key_of)),
    ])
}

fn request_of(facts: &RequestFacts) -> Result<Value, String> {
    let parameters = serde_json::from_str(&facts.parameters).map_err(|error| format!("the parameters: {error}"))?;
    let seconds = facts.wrap_ttl.map_or(Value::Null, number);
    Ok(map([
        ("operation", text(facts.operation.name())),
        ("path", text(&facts.path)),
        ("parameters", json(parameters)),
        ("wrap_ttl", seconds),
    ]))
}

fn principal(who: &Principal) -> Result<Value, String> {
    Ok(map([
        ("entity_id", text(who.entity_id.as_deref().unwrap_or_default())),
        ("entity_name", text(&who.entity_name)),
        ("entity_metadata", pairs(&who.entity_metadata)),
        ("groups", list(&who.groups)),
        ("display_name", text(&who.display_name)),
        ("policies", list(&who.policies)),
        ("metadata", pairs(&who.metadata)),
        ("token_path", text(&who.token_path)),
        ("token_time", time(who.token_time)?),
        ("namespace", text(&who.namespace)),
    ]))
}

fn place(place: &Place, remote_address: Option<&str>) -> Value {
    map([
        ("namespace", text(&place.namespace)),
        ("mount_path", text(&place.mount_path)),
        ("mount_type", text(&place.mount_type)),
        ("mount_accessor", text(&place.mount_accessor)),
        ("remote_address", text(remote_address.unwrap_or_default())),
    ])
}

fn key_of(key: &KeyUse) -> Value {
    map([
        ("name", text(&key.key)),
        ("namespace", text(&key.namespace)),
        ("uuid", text(&key.uuid)),
        ("home", text(&key.home)),
        ("type", text(&key.key_type)),
        ("usage", text(&key.usage)),
        ("algorithm", text(&key.algorithm)),
        ("digest", text(&key.digest)),
        ("digest_length", number(key.digest.len() as u64 / 2)),
        ("input_length", number(key.input_length)),
    ])
}

fn time(seconds: u64) -> Result<Value, String> {
    let time = i64::try_from(seconds).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    time.map(|time| Value::Timestamp(time.fixed_offset())).ok_or_else(|| "a time out of range".to_owned())
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

/// Whole numbers are all of one type, so that policies can write them as they are.
fn number(number: u64) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn list(texts: &[String]) -> Value {
    Value::List(Arc::new(texts.iter().map(|each| text(each)).collect()))
}

fn pairs(pairs: &[(String, String)]) -> Value {
    map(pairs.iter().map(|(name, value)| (name.as_str(), text(value))))
}

fn map<'a>(fields: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let fields = fields.into_iter().map(|(name, value)| (Key::String(Arc::new(name.to_owned())), value));
    Value::Map(Map { map: Arc::new(fields.collect::<HashMap<_, _>>()) })
}

fn json(value: serde_json::Value) -> Value {
    use serde_json::Value as Json;
    match value {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::Bool(value),
        Json::Number(value) => match value.as_i64() {
            Some(whole) => Value::Int(whole),
            None => Value::Float(value.as_f64().unwrap_or(f64::NAN)),
        },
        Json::String(value) => Value::String(Arc::new(value)),
        Json::Array(values) => Value::List(Arc::new(values.into_iter().map(json).collect())),
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(name, value)| (Key::String(Arc::new(name)), json(value)));
            Value::Map(Map { map: Arc::new(fields.collect::<HashMap<_, _>>()) })
        }
    }
}
