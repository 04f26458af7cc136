//! `sys/auth`: auth methods. There is the built-in `token/` and, until the first engine for logins, no other.

use model::{Fault, MountPath, Operation, Reply};
use serde_json::{Map, Value};

use crate::builtin::TOKEN;
use crate::{Call, System, params, unsupported};

pub(crate) fn all(call: &Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let data: Map<String, Value> = [(TOKEN.path.to_owned(), TOKEN.show(&call.namespace))].into_iter().collect();
    Ok(Reply::flattened(data))
}

pub(crate) fn one(system: &System, call: &Call<'_>, at: &str) -> Result<Reply, Fault> {
    let (at, tuning) = at.strip_suffix("/tune").map_or((at, false), |path| (path, true));
    let path = MountPath::parse(at).map_err(|e| Fault::invalid(e.to_string()))?;
    let token = path.as_str() == TOKEN.path;
    match call.operation {
        Operation::Read if !token => Err(Fault::invalid(format!("No auth engine at {path}"))),
        Operation::Read if tuning => Reply::data(&TOKEN.tuned(&system.info)),
        Operation::Read => Reply::data(&TOKEN.show(&call.namespace)),
        Operation::Update if tuning && token => {
            Err(Fault::invalid("token/ is part of every namespace: it cannot be tuned"))
        }
        Operation::Update if tuning => Err(Fault::invalid(format!("No auth engine at {path}"))),
        Operation::Update if token => Err(Fault::invalid(format!("path is already in use at {path}"))),
        Operation::Update => Err(unknown(&call.body)),
        Operation::Delete if token => Err(Fault::invalid("token credential backend cannot be disabled")),
        Operation::Delete if tuning => Err(unsupported()),
        Operation::Delete => Ok(Reply::nothing()),
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

/// No engine answers logins yet, so whatever was asked for is not in the catalog.
fn unknown(body: &Map<String, Value>) -> Fault {
    match params::text(body, "type") {
        Ok(Some(kind)) if kind.len() <= model::NAME_MAX => {
            Fault::invalid(format!("plugin not found in the catalog: {kind}"))
        }
        Ok(_) => Fault::invalid("type: must name an auth method"),
        Err(fault) => fault,
    }
}
