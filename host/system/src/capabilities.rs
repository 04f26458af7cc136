//! `sys/capabilities-self`.

use model::{Fault, Operation, Reply};
use serde_json::{Map, Value, json};

use crate::{Call, params, unsupported};

/// Most paths in one question.
const PATHS_MAX: usize = 1000;

pub(crate) fn own(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let named = params::list(&call.body, "paths")?;
    let paths = match named {
        Some(paths) if !paths.is_empty() => paths,
        _ => params::list(&call.body, "path")?.unwrap_or_default(),
    };
    if paths.is_empty() || paths.len() > PATHS_MAX {
        return Err(Fault::invalid("paths: must name 1 to 1000 paths"));
    }
    let root = call.admitted.principal().is_some_and(|principal| principal.is_root());
    let capabilities = if root { json!(["root"]) } else { json!(["deny"]) };
    let mut data: Map<String, Value> = paths.iter().map(|path| (path.clone(), capabilities.clone())).collect();
    if paths.len() == 1 {
        data.insert("capabilities".into(), capabilities);
    }
    Ok(Reply::flattened(data))
}
