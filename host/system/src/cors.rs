//! `sys/config/cors`: which pages of others may speak with this server from a browser.

use model::{Fault, Operation, Reply};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use storage::{Drawer, Transaction};

use crate::{Call, params, unsupported};

/// The version of the record.
const RECORD: u32 = 1;
/// Most origins, and most headers, that may be named.
const NAMED_MAX: usize = 256;
/// Longest origin, and longest name of a header, in bytes.
const TEXT_MAX: usize = 512;
/// Headers that pages may always send.
const HEADERS: [&str; 12] = [
    "Content-Type",
    "X-Requested-With",
    "X-Vault-AWS-IAM-Server-ID",
    "X-Vault-MFA",
    "X-Vault-No-Request-Forwarding",
    "X-Vault-Wrap-Format",
    "X-Vault-Wrap-TTL",
    "X-Vault-Policy-Override",
    "Authorization",
    "X-Vault-Token",
    "X-Vault-Namespace",
    "X-Vault-Request",
];

/// What a page from elsewhere may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrossOrigin {
    /// Nothing was said about pages: browsers then keep answers from them.
    Unsaid,
    /// It may speak with this server, and send these headers.
    Allowed(String),
    /// It may not.
    Refused,
}

/// At `config`: absent where nothing was said.
#[derive(Serialize, Deserialize)]
struct Rules {
    record: u32,
    /// `*` alone stands for all.
    allowed_origins: Vec<String>,
    allowed_headers: Vec<String>,
}

fn drawer() -> Drawer {
    Drawer::new(&["cors"])
}

/// What a page of this origin may do.
pub async fn cross_origin(transaction: &Transaction, origin: &str) -> Result<CrossOrigin, Fault> {
    let Some(stored) = transaction.peek(&drawer(), "config").await? else {
        return Ok(CrossOrigin::Unsaid);
    };
    let damaged = |e: serde_json::Error| Fault::internal(format!("cors/config: {e}"));
    let rules: Rules = serde_json::from_slice(&stored).map_err(damaged)?;
    let named = |allowed: &String| allowed == "*" || allowed.eq_ignore_ascii_case(origin);
    if rules.allowed_origins.iter().any(named) {
        Ok(CrossOrigin::Allowed(rules.allowed_headers.join(", ")))
    } else {
        Ok(CrossOrigin::Refused)
    }
}

pub(crate) async fn at(call: Call<'_>) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Read => {
            let rules: Option<Rules> = call.transaction.get_json(&drawer(), "config").await?;
            Ok(Reply::flattened(shown(rules)))
        }
        Operation::Update => {
            let rules = from_params(&call.body)?;
            call.transaction.put_json(&drawer(), "config", &rules)?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            call.transaction.delete(&drawer(), "config")?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

fn shown(rules: Option<Rules>) -> Map<String, Value> {
    let fields = match rules {
        None => json!({ "enabled": false }),
        Some(Rules { allowed_origins, allowed_headers, .. }) => {
            json!({ "enabled": true, "allowed_origins": allowed_origins, "allowed_headers": allowed_headers })
        }
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn from_params(body: &Map<String, Value>) -> Result<Rules, Fault> {
    let allowed_origins = params::list(body, "allowed_origins")?.unwrap_or_default();
    if allowed_origins.is_empty() {
        return Err(Fault::invalid("allowed_origins: at least one origin or the wildcard should be provided"));
    }
    if allowed_origins.len() > 1 && allowed_origins.iter().any(|origin| origin == "*") {
        return Err(Fault::invalid("allowed_origins: to allow all origins the '*' must be the only value"));
    }
    bounded("allowed_origins", &allowed_origins, |byte| byte.is_ascii_graphic())?;
    let own = params::list(body, "allowed_headers")?.unwrap_or_default();
    bounded("allowed_headers", &own, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')?;
    let mut allowed_headers: Vec<String> = HEADERS.map(str::to_owned).to_vec();
    for header in own {
        if !allowed_headers.iter().any(|known| known.eq_ignore_ascii_case(&header)) {
            allowed_headers.push(header);
        }
    }
    Ok(Rules { record: RECORD, allowed_origins, allowed_headers })
}

fn bounded(field: &str, entries: &[String], fine: fn(u8) -> bool) -> Result<(), Fault> {
    let wrong = |entry: &String| entry.len() > TEXT_MAX || !entry.bytes().all(fine);
    if entries.len() > NAMED_MAX || entries.iter().any(wrong) {
        return Err(Fault::invalid(format!("{field}: at most 256 entries of at most 512 visible characters")));
    }
    Ok(())
}
