//! `sys/policies/egp` and `sys/policies/rgp`: policies that guests judge by; and `sys/policies/evaluate`, which lets one judge
//! what nobody did.

use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use governing::{Level, Policy, Sort};
use model::{Fault, Id, NamespacePath, Operation, PluginType, Reply};
use sandbox::judging::{self, Act, KeyUse, Place, Principal, Question, RequestFacts};
use sandbox::{PARAMETERS_MAX, Unjudged, Verdict};
use serde_json::{Map, Value, json};
use storage::Transaction;
use tenancy::Running;

use crate::{Call, System, params, unsupported};

/// The language of policies that name none.
const LANGUAGE: &str = "cel";

/// `sys/policies/egp` and `sys/policies/rgp`.
pub(crate) async fn all(system: &System, call: Call<'_>, sort: Sort) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::List | Operation::Read) {
        return Err(unsupported());
    }
    let names = system.governing.names(call.transaction, call.namespace.id, sort).await?;
    if names.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": names })) }
}

/// One policy.
pub(crate) async fn one(system: &System, call: Call<'_>, sort: Sort, name: &str) -> Result<Reply, Fault> {
    let (namespace, name) = (call.namespace.id, name.to_lowercase());
    match call.operation {
        Operation::Read => {
            let found = system.governing.read(call.transaction, namespace, sort, &name).await?;
            Reply::data(&shown(&found.ok_or_else(Fault::absent)?, sort))
        }
        Operation::Create | Operation::Update => {
            let policy = read(system, call.transaction, &call.namespace.path, (&call.body, sort), name).await?;
            let before = system.governing.write(call.transaction, namespace, sort, &policy).await?;
            let title = title(namespace, sort, &policy.name);
            let_go(call.transaction, before, &title)?;
            if let Some(running) = &policy.running {
                plugins::keep_for(call.transaction, &running.sha256, &title)?;
            }
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            let before = system.governing.delete(call.transaction, namespace, sort, &name).await?;
            let_go(call.transaction, before, &title(namespace, sort, &name))?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

fn title(namespace: Id, sort: Sort, name: &str) -> String {
    format!("{namespace}-{}-{name}", sort.name())
}

/// The component that a policy was read by may be removed from the catalog now.
fn let_go(transaction: &mut Transaction, before: Option<Policy>, title: &str) -> Result<(), Fault> {
    match before.and_then(|policy| policy.running) {
        Some(running) => Ok(plugins::let_go_of(transaction, &running.sha256, title)?),
        None => Ok(()),
    }
}

fn shown(policy: &Policy, sort: Sort) -> Value {
    let mut data = json!({
        "name": policy.name, "policy": policy.text, "enforcement_level": policy.level.name(), "language": policy.language,
    });
    if let Value::Object(fields) = &mut data {
        if sort == Sort::Endpoint {
            fields.insert("paths".into(), json!(policy.paths));
            fields.insert("managed_keys".into(), json!(policy.managed_keys));
        }
        if let Some(most) = policy.cpu_time_max {
            fields.insert("cpu_time_max".into(), json!(most));
        }
        if let Some(Running { version, sha256 }) = &policy.running {
            fields.insert("running_plugin_version".into(), json!(version));
            fields.insert("running_sha256".into(), json!(sha256));
        }
    }
    data
}

/// Reads a policy that was sent, and lets its guest read it too.
async fn read(
    system: &System,
    transaction: &mut Transaction,
    namespace: &NamespacePath,
    (body, sort): (&Map<String, Value>, Sort),
    name: String,
) -> Result<Policy, Fault> {
    let text = params::text(body, "policy")?.filter(|text| !text.is_empty());
    let text = decoded(text.ok_or_else(|| Fault::invalid("'policy' parameter not supplied or empty"))?);
    let level = params::text(body, "enforcement_level")?.filter(|level| !level.is_empty());
    let level = Level::parse(
        level.ok_or_else(|| Fault::invalid("enforcement_level: must be advisory, soft-mandatory or hard-mandatory"))?,
    )?;
    let of_endpoint = |field: &str| match sort {
        Sort::Endpoint => Ok(params::list(body, field)?.unwrap_or_default()),
        Sort::Role if body.get(field).is_some_and(|value| !value.is_null()) => {
            Err(Fault::invalid(format!("{field}: a role governing policy lies on whoever has it, and on no place")))
        }
        Sort::Role => Ok(Vec::new()),
    };
    let (language, running) = language(system, transaction, namespace, body).await?;
    let policy = Policy {
        record: 1,
        name,
        level,
        language,
        running,
        text,
        paths: of_endpoint("paths")?,
        managed_keys: of_endpoint("managed_keys")?,
        cpu_time_max: params::number(body, "cpu_time_max")?,
    };
    policy.check(sort)?;
    let guest = system.catalog.policy(transaction, &policy.language, policy.running.as_ref()).await?;
    guest.check(&policy.text).await.map_err(|Unjudged(why)| Fault::invalid(format!("policy: {why}")))?;
    Ok(policy)
}

/// The language that is asked for, and what reads it now.
async fn language(
    system: &System,
    transaction: &mut Transaction,
    namespace: &NamespacePath,
    body: &Map<String, Value>,
) -> Result<(String, Option<Running>), Fault> {
    let language = params::text(body, "language")?.filter(|language| !language.is_empty()).unwrap_or(LANGUAGE);
    let version = params::text(body, "plugin_version")?.unwrap_or_default();
    let running = system.choose(transaction, namespace, (PluginType::Policy, language), version).await;
    let running = running.map_err(|fault| match fault.messages.first() {
        Some(text) => Fault::invalid(format!("language: {text}")),
        None => fault,
    })?;
    Ok((language.to_owned(), running))
}

/// What is no base64, or none of a text, is the text itself.
fn decoded(text: &str) -> String {
    let bytes = STANDARD.decode(text.trim()).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

/// `sys/policies/evaluate`: what a policy would say, and what would follow from it. Nothing is done, and nothing remembered.
pub(crate) async fn evaluate(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let (egp, rgp) = (params::text(&call.body, "egp")?, params::text(&call.body, "rgp")?);
    let named = match (egp.filter(|name| !name.is_empty()), rgp.filter(|name| !name.is_empty())) {
        (Some(name), None) => Some((Sort::Endpoint, name.to_lowercase())),
        (None, Some(name)) => Some((Sort::Role, name.to_lowercase())),
        (None, None) => None,
        (Some(_), Some(_)) => return Err(Fault::invalid("egp: name one policy, not two")),
    };
    let question = question(&call)?;
    let (language, running, text, cpu) = match named {
        Some((sort, name)) => {
            let found = system.governing.read(call.transaction, call.namespace.id, sort, &name).await?;
            let policy = found.ok_or_else(|| Fault::invalid(format!("{}: there is no policy {name}", sort.name())))?;
            (policy.language, policy.running, policy.text, policy.cpu_time_max)
        }
        None => {
            let text = params::text(&call.body, "policy")?.filter(|text| !text.is_empty());
            let text = text.ok_or_else(|| Fault::invalid("policy: send a policy, or name one by egp or rgp"))?;
            if text.len() > governing::TEXT_MAX {
                return Err(Fault::invalid("policy: must have 1 byte to 64 KiB"));
            }
            let (language, running) = language(system, call.transaction, &call.namespace.path, &call.body).await?;
            (language, running, decoded(text), None)
        }
    };
    let guest = system.catalog.policy(call.transaction, &language, running.as_ref()).await?;
    let began = Instant::now();
    let judged = guest.evaluate(&text, &Arc::new(question), cpu.map(Duration::from_millis), call.deadline).await;
    let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    let (verdict, reason) = match judged {
        Ok(Verdict::Allow) => ("allow", String::new()),
        Ok(Verdict::Deny(reason)) => ("deny", reason),
        Err(Unjudged(why)) => ("none", why),
    };
    Reply::data(&json!({ "verdict": verdict, "reason": reason, "microseconds": took }))
}

/// The question of a dry run, with what was left out empty.
fn question(call: &Call<'_>) -> Result<Question, Fault> {
    let body = &call.body;
    let request = object(body, "request")?.map(request_facts).transpose()?;
    let act = match (object(body, "key")?, request) {
        (Some(key), request) => Act::KeyUse(key_use(key, request)?),
        (None, Some(request)) => Act::Request(request),
        (None, None) => return Err(Fault::invalid("request: must be an object, where key is none")),
    };
    let empty = Map::new();
    let place = object(body, "place")?.unwrap_or(&empty);
    let namespace = params::text(place, "namespace")?.unwrap_or(call.namespace.path.as_str());
    Ok(Question {
        request_id: call.request.to_owned(),
        time: params::number(body, "time")?.unwrap_or(call.now),
        principal: object(body, "principal")?.map(|fields| principal(fields, call.now)).transpose()?,
        remote_address: params::text(body, "remote_address")?.map(str::to_owned),
        place: Place {
            namespace: namespace.to_owned(),
            mount_path: owned(place, "mount_path")?,
            mount_type: owned(place, "mount_type")?,
            mount_accessor: owned(place, "mount_accessor")?,
        },
        act,
    })
}

fn object<'a>(body: &'a Map<String, Value>, field: &str) -> Result<Option<&'a Map<String, Value>>, Fault> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(fields)) => Ok(Some(fields)),
        Some(_) => Err(Fault::invalid(format!("{field}: must be an object"))),
    }
}

fn owned(fields: &Map<String, Value>, field: &str) -> Result<String, Fault> {
    Ok(params::text(fields, field)?.unwrap_or_default().to_owned())
}

fn pairs(fields: &Map<String, Value>, field: &str) -> Result<Vec<(String, String)>, Fault> {
    Ok(params::map(fields, field)?.unwrap_or_default().into_iter().collect())
}

fn request_facts(fields: &Map<String, Value>) -> Result<RequestFacts, Fault> {
    let operation = match params::text(fields, "operation")? {
        Some("read") => judging::Operation::Read,
        Some("list") => judging::Operation::List,
        Some("create") => judging::Operation::Create,
        None | Some("update") => judging::Operation::Update,
        Some("patch") => judging::Operation::Patch,
        Some("delete") => judging::Operation::Delete,
        Some(_) => {
            return Err(Fault::invalid("request.operation: must be read, list, create, update, patch or delete"));
        }
    };
    let parameters = object(fields, "parameters")?.map_or_else(|| "{}".to_owned(), |all| json!(all).to_string());
    if parameters.len() > PARAMETERS_MAX {
        return Err(Fault::invalid("request.parameters: must have at most 256 KiB"));
    }
    let wrap_ttl = params::number(fields, "wrap_ttl")?;
    Ok(RequestFacts { operation, path: owned(fields, "path")?, parameters, wrap_ttl })
}

fn principal(fields: &Map<String, Value>, now: u64) -> Result<Principal, Fault> {
    Ok(Principal {
        entity_id: params::text(fields, "entity_id")?.map(str::to_owned),
        entity_name: owned(fields, "entity_name")?,
        entity_metadata: pairs(fields, "entity_metadata")?,
        groups: params::list(fields, "groups")?.unwrap_or_default(),
        display_name: owned(fields, "display_name")?,
        policies: params::list(fields, "policies")?.unwrap_or_default(),
        metadata: pairs(fields, "metadata")?,
        token_path: owned(fields, "token_path")?,
        token_time: params::number(fields, "token_time")?.unwrap_or(now),
        namespace: owned(fields, "namespace")?,
    })
}

fn key_use(fields: &Map<String, Value>, request: Option<RequestFacts>) -> Result<KeyUse, Fault> {
    Ok(KeyUse {
        key: owned(fields, "name")?,
        namespace: owned(fields, "namespace")?,
        uuid: owned(fields, "uuid")?,
        home: owned(fields, "home")?,
        key_type: owned(fields, "type")?,
        usage: owned(fields, "usage")?,
        algorithm: owned(fields, "algorithm")?,
        digest: owned(fields, "digest")?,
        input_length: params::number(fields, "input_length")?.unwrap_or_default(),
        request,
    })
}
