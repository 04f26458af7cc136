//! `sys/rotate`, `sys/rotate/config` and `sys/key-status`: the keys of the barrier.

use model::{Fault, Operation, Reply};
use seal::rotation::{self, Policy};
use serde_json::{Value, json};
use storage::barrier::Barrier;

use crate::{Call, params, unsupported};

pub(crate) fn rotate(barrier: &Barrier, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let term = rotation::rotate(call.transaction, barrier, call.now)?;
    tracing::info!(request = call.request, term = term.number, "the key of the barrier is replaced");
    Ok(Reply::nothing())
}

pub(crate) async fn config(call: Call<'_>) -> Result<Reply, Fault> {
    let policy = rotation::policy(call.transaction).await?;
    match call.operation {
        Operation::Read => Reply::data(&json!({
            "enabled": policy.enabled, "max_operations": policy.max_operations,
            "interval": policy.interval,
        })),
        Operation::Update => {
            let policy = Policy {
                enabled: params::flag(&call.body, "enabled")?.unwrap_or(policy.enabled),
                max_operations: params::number(&call.body, "max_operations")?.unwrap_or(policy.max_operations),
                interval: params::seconds(&call.body, "interval")?.unwrap_or(policy.interval),
            };
            rotation::set_policy(call.transaction, policy)?;
            Ok(Reply::nothing())
        }
        _ => Err(unsupported()),
    }
}

pub(crate) async fn key_status(barrier: &Barrier, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let (term, encryptions) = rotation::status(call.transaction, barrier).await?;
    let fields = [
        ("term", json!(term.number)),
        ("install_time", Value::String(crate::rfc3339(term.installed)?)),
        ("encryptions", json!(encryptions)),
    ];
    Ok(Reply::flattened(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}
