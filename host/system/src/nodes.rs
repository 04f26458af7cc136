//! `sys/ha-status`, `sys/step-down`, `sys/replication/status` and `sys/experiments`: what clients ask about the nodes of a
//! cluster. Every node serves reads and writes over one store, so that none leads, none follows and nothing is replicated.

use model::{Fault, Operation, Reply};
use serde_json::{Map, Value, json};

use crate::{Call, System, host_info, unsupported};

/// This node. Of others, none knows.
pub(crate) fn ha_status(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, Operation::Read)?;
    let version = &system.info.reported_version;
    let node = json!({
        "hostname": host_info::hostname(), "api_address": "", "cluster_address": "", "active_node": true,
        "last_echo": null, "echo_duration_ms": 0, "clock_skew_ms": 0, "version": version, "upgrade_version": version,
        "redundancy_zone": "",
    });
    Ok(Reply::flattened(Map::from_iter([("nodes".to_owned(), json!([node]))])))
}

/// There is nothing to step down from.
pub(crate) fn step_down(call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, Operation::Update)?;
    Ok(Reply::nothing())
}

/// `sys/replication/status`, and that of one sort.
pub(crate) fn replication(call: &Call<'_>, sort: Option<&str>) -> Result<Reply, Fault> {
    only(call, Operation::Read)?;
    let disabled = json!({ "mode": "disabled" });
    match sort {
        None => Reply::data(&json!({ "dr": disabled, "performance": disabled })),
        Some("dr" | "performance") => Reply::data(&disabled),
        Some(_) => Err(Fault::new(model::Kind::NotFound, "unsupported path")),
    }
}

/// There are none to be enabled.
pub(crate) fn experiments(call: &Call<'_>) -> Result<Reply, Fault> {
    only(call, Operation::Read)?;
    let none = Value::Array(Vec::new());
    Reply::data(&json!({ "available": none, "enabled": none }))
}

fn only(call: &Call<'_>, operation: Operation) -> Result<(), Fault> {
    if call.operation == operation { Ok(()) } else { Err(unsupported()) }
}
