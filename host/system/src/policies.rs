//! `sys/policies/acl`, and `sys/policy`, its name before.

use access::policy::normalized;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{Fault, Operation, Reply};
use serde_json::{Map, Value, json};

use crate::{Call, System, params, unsupported};

/// Under which of its two names the API was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `sys/policies/acl`.
    Current,
    /// `sys/policy`: texts are called rules, and answers also stand at the top level.
    Old,
}

impl Dialect {
    fn reply(self, fields: Value) -> Result<Reply, Fault> {
        match (self, fields) {
            (Self::Old, Value::Object(fields)) => Ok(Reply::flattened(fields)),
            (_, fields) => Reply::data(&fields),
        }
    }
}

pub(crate) async fn all(system: &System, call: Call<'_>, dialect: Dialect) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::List | Operation::Read) {
        return Err(unsupported());
    }
    let names = system.policies.names(call.transaction, call.namespace.id).await?;
    dialect.reply(json!({ "keys": names, "policies": names }))
}

pub(crate) async fn one(system: &System, call: Call<'_>, dialect: Dialect, name: &str) -> Result<Reply, Fault> {
    let (policies, namespace) = (&system.policies, call.namespace.id);
    match call.operation {
        Operation::Read => {
            let found = policies.read(call.transaction, namespace, name).await?.ok_or_else(Fault::absent)?;
            let text = if dialect == Dialect::Old { "rules" } else { "policy" };
            dialect.reply(json!({ "name": found.name, (text): found.text }))
        }
        Operation::Create | Operation::Update => {
            let (text, old) = sent(&call.body, dialect)?;
            let mut reply = Reply::nothing();
            if old {
                reply = reply.warning("'rules' is deprecated, please use 'policy' instead");
            }
            for warning in policies.write(call.transaction, namespace, &normalized(name), text)? {
                reply = reply.warning(warning);
            }
            Ok(reply)
        }
        Operation::Delete => {
            policies.delete(call.transaction, namespace, name)?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Patch => Err(unsupported()),
    }
}

/// The text of a policy, which may be sent in base64, and whether it came under its old name.
fn sent(body: &Map<String, Value>, dialect: Dialect) -> Result<(String, bool), Fault> {
    let current = params::text(body, "policy")?.filter(|text| !text.is_empty());
    let old = if current.is_none() && dialect == Dialect::Old { params::text(body, "rules")? } else { None };
    let text = current.or(old).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Fault::invalid("'policy' parameter not supplied or empty"))?;
    Ok((decoded(text), old.is_some()))
}

/// What is no base64, or none of a text, is the text itself.
pub(crate) fn decoded(text: &str) -> String {
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let bytes = STANDARD.decode(packed).ok();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_as_they_are_or_in_base64() {
        let policy = r#"path "a" { capabilities = ["read"] }"#;
        assert_eq!(decoded(policy), policy);
        assert_eq!(decoded(&STANDARD.encode(policy)), policy);
        assert_eq!(decoded("cGF0aCAiYSIg\neyB9\r\n"), "path \"a\" { }");
        // Base64 of what is no text.
        assert_eq!(decoded("/////w=="), "/////w==");
    }
}
