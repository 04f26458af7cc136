//! `sys/audit`, `sys/audit-hash`, and the request headers that entries show. All of the root namespace only.

use std::time::{Duration, UNIX_EPOCH};

use audit::{Audit, Header, Wanted};
use model::{Fault, Operation, Reply};
use serde_json::{Map, Value, json};

use crate::{Call, params, unsupported};

/// Longest text that is hashed, in bytes.
const INPUT_MAX: usize = 1024 * 1024;

pub(crate) async fn all(audit: &Audit, call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let shown = audit.list(call.transaction).await?;
    Ok(Reply::flattened(shown.into_iter().map(|device| (device.path, device.fields)).collect()))
}

pub(crate) async fn one(audit: &Audit, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Update => {
            let wanted = Wanted {
                kind: params::text(&call.body, "type")?.unwrap_or_default().to_owned(),
                description: params::text(&call.body, "description")?.unwrap_or_default().to_owned(),
                local: params::flag(&call.body, "local")?.unwrap_or(false),
                options: params::map(&call.body, "options")?.unwrap_or_default(),
            };
            let now = UNIX_EPOCH + Duration::from_secs(call.now);
            audit.enable(call.transaction, path, wanted, now).await?;
            tracing::warn!(request = call.request, device = path, "an audit device is enabled");
        }
        Operation::Delete => {
            if audit.disable(call.transaction, path).await? {
                tracing::warn!(request = call.request, device = path, "an audit device is disabled");
            }
        }
        Operation::Read | Operation::List | Operation::Create | Operation::Patch => return Err(unsupported()),
    }
    Ok(Reply::nothing())
}

pub(crate) async fn hash(audit: &Audit, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let input = params::text(&call.body, "input")?.filter(|input| !input.is_empty());
    let input = input.ok_or_else(|| Fault::invalid("input: the \"input\" parameter is empty"))?;
    if input.len() > INPUT_MAX {
        return Err(Fault::invalid("input: at most 1 MiB"));
    }
    let hash = audit.hash(call.transaction, path, input).await?;
    Ok(Reply::flattened(Map::from_iter([("hash".to_owned(), Value::String(hash))])))
}

pub(crate) async fn headers(audit: &Audit, call: Call<'_>) -> Result<Reply, Fault> {
    let headers = audit.headers(call.transaction).await?;
    match call.operation {
        Operation::Read => Ok(Reply::flattened(Map::from_iter([("headers".to_owned(), json!(headers))]))),
        Operation::List if headers.is_empty() => Err(Fault::absent()),
        Operation::List => Reply::data(&json!({ "keys": headers.keys().collect::<Vec<_>>() })),
        _ => Err(unsupported()),
    }
}

pub(crate) async fn header(audit: &Audit, call: Call<'_>, name: &str) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Read => {
            let name = name.to_ascii_lowercase();
            let headers = audit.headers(call.transaction).await?;
            let header = headers.get(&name).ok_or_else(|| Fault::invalid("could not find header in config"))?;
            Ok(Reply::flattened(Map::from_iter([(name, json!(header))])))
        }
        Operation::Update => {
            let hmac = params::flag(&call.body, "hmac")?.unwrap_or(false);
            audit.set_header(call.transaction, name, Header { hmac }).await?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            audit.remove_header(call.transaction, name).await?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}
