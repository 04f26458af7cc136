//! `sys/config/ui/headers`: headers that a user interface of this server is to be answered with.
//!
//! This server has none of its own: the headers are kept for whoever serves one, and for tools that manage them.

use model::{Fault, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::Drawer;

use crate::{Call, params, unsupported};

/// The version of the record.
const RECORD: u32 = 1;
/// Most headers.
const HEADERS_MAX: usize = 64;
/// Most values of one header.
const VALUES_MAX: usize = 16;
/// Longest name, in bytes.
const NAME_MAX: usize = 128;
/// Longest value, in bytes.
const VALUE_MAX: usize = 4096;
/// Headers that mean something to clients of the API begin so; nobody else may say something with them.
const RESERVED: &str = "x-vault-";

/// At `header/<name in lower case>`.
#[derive(Serialize, Deserialize)]
struct Header {
    record: u32,
    /// As it was written.
    name: String,
    values: Vec<String>,
}

fn drawer() -> Drawer {
    Drawer::new(&["ui"])
}

pub(crate) async fn all(call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::List {
        return Err(unsupported());
    }
    let mut keys = Vec::new();
    for name in call.transaction.names(&drawer(), "header/").await? {
        let key = format!("header/{name}");
        let header: Option<Header> = call.transaction.get_json(&drawer(), &key).await?;
        keys.extend(header.map(|header| header.name));
    }
    if keys.is_empty() { Err(Fault::absent()) } else { Reply::data(&json!({ "keys": keys })) }
}

pub(crate) async fn one(call: Call<'_>, name: &str) -> Result<Reply, Fault> {
    let key = key(name)?;
    let found: Option<Header> = call.transaction.get_json(&drawer(), &key).await?;
    match call.operation {
        Operation::Read => {
            let Header { values, .. } = found.ok_or_else(Fault::absent)?;
            if params::flag(&call.body, "multivalue")?.unwrap_or_default() {
                return Reply::data(&json!({ "values": values }));
            }
            Reply::data(&json!({ "value": values.first() }))
        }
        Operation::Update => {
            let known = call.transaction.names(&drawer(), "header/").await?.len();
            if found.is_none() && known >= HEADERS_MAX {
                return Err(Fault::invalid("there are 64 headers already: delete one first"));
            }
            let header = Header { record: RECORD, name: name.to_owned(), values: values(&call)? };
            call.transaction.put_json(&drawer(), &key, &header)?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            call.transaction.delete(&drawer(), &key)?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

fn key(name: &str) -> Result<String, Fault> {
    let lower = name.to_ascii_lowercase();
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if lower.is_empty() || lower.len() > NAME_MAX || !lower.bytes().all(sound) {
        return Err(Fault::invalid("header: must be letters, digits, '-' and '_', at most 128"));
    }
    if lower.starts_with(RESERVED) {
        return Err(Fault::invalid("header: X-Vault headers cannot be set"));
    }
    Ok(format!("header/{lower}"))
}

/// The values stand as they are: a header's value may hold commas.
fn values(call: &Call<'_>) -> Result<Vec<String>, Fault> {
    let values = match call.body.get("values") {
        Some(serde_json::Value::String(text)) => vec![text.clone()],
        _ => params::entries(&call.body, "values")?,
    };
    let sound = |value: &String| {
        !value.is_empty()
            && value.len() <= VALUE_MAX
            && value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    };
    if values.is_empty() || values.len() > VALUES_MAX || !values.iter().all(sound) {
        return Err(Fault::invalid("values: must be 1 to 16 texts of 1 to 4096 visible characters"));
    }
    Ok(values)
}
