//! `sys/plugins/pins`: which version mounts get that name none.

use model::{Fault, Operation, Reply};
use serde_json::json;

use crate::catalog::{class, name, version};
use crate::{Call, unsupported};

/// `sys/plugins/pins`.
pub(crate) async fn all(call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let pins = plugins::pins(call.transaction).await?;
    let pins: Vec<_> =
        pins.iter().map(|(of, name, version)| json!({ "type": of.name(), "name": name, "version": version })).collect();
    Reply::data(&json!({ "pinned_versions": pins }))
}

/// `sys/plugins/pins/:type/:name`.
pub(crate) async fn one(call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    let (sort, named) = path.split_once('/').ok_or_else(|| Fault::invalid("name: must be there"))?;
    let (of, named) = (class(sort)?, name(named)?);
    match call.operation {
        Operation::Read => match plugins::pinned(call.transaction, of, named).await? {
            Some(version) => Reply::data(&json!({ "type": of.name(), "name": named, "version": version })),
            None => Err(Fault::absent()),
        },
        Operation::Update => {
            let version = version(&call.body, "version")?;
            if version.is_none() {
                return Err(Fault::invalid("version: must be that of a registered plugin, as v1.2.3"));
            }
            plugins::pin(call.transaction, of, named, &version).await?;
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            plugins::unpin(call.transaction, of, named)?;
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}
