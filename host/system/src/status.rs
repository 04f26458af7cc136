//! `sys/health`, `sys/seal-status`, `sys/leader`: open to all, without an envelope, sealed or not.

use model::{Fault, Operation, Reply};
use seal::Status;
use serde_json::{Map, Value, json};

use crate::{Info, unsupported};

/// The day of this version. A constant, so that equal sources make equal binaries.
pub(crate) const RELEASED: &str = "2026-11-24T00:00:00Z";
/// What a probe may choose its own status for.
const CODES: [&str; 6] =
    ["activecode", "standbycode", "drsecondarycode", "performancestandbycode", "sealedcode", "uninitcode"];

/// The state of a node that `sys/health` tells by its status.
pub(crate) fn health(
    info: &Info,
    query: &Map<String, Value>,
    status: &Status,
    open: Option<&str>,
    now: u64,
) -> Result<Reply, Fault> {
    let (mut active, mut sealed, mut uninitialized) = (200, 503, 501);
    for name in CODES {
        let Some(code) = query.get(name) else { continue };
        let code = code.as_str().and_then(|text| text.parse().ok()).filter(|code| (200..600).contains(code));
        let code = code.ok_or_else(|| Fault::invalid(format!("{name}: must be a status from 200 to 599")))?;
        match name {
            "activecode" => active = code,
            "sealedcode" => sealed = code,
            "uninitcode" => uninitialized = code,
            _ => {}
        }
    }
    let code = match (status.initialized, open) {
        (false, _) => uninitialized,
        (true, None) => sealed,
        (true, Some(_)) => active,
    };
    let mut body = json!({
        "initialized": status.initialized, "sealed": open.is_none(), "standby": open.is_none(),
        "performance_standby": false,
        "replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
        "server_time_utc": now, "version": info.reported_version, "enterprise": enterprise(info),
        "echo_duration_ms": 0, "clock_skew_ms": 0,
        "innkeeper_version": env!("CARGO_PKG_VERSION"),
    });
    name_cluster(&mut body, info, open);
    Ok(Reply::bare(code, body))
}

pub(crate) fn seal_status(info: &Info, status: &Status, open: Option<&str>) -> Reply {
    let (shares, threshold) = status.quorum.map_or((0, 0), |quorum| (quorum.shares, quorum.threshold));
    let mut body = json!({
        "type": status.kind, "initialized": status.initialized, "sealed": open.is_none(), "t": threshold, "n": shares,
        "progress": status.progress, "nonce": status.nonce,
        "version": info.reported_version, "build_date": RELEASED, "migration": status.migration,
        "recovery_seal": status.recovery_seal,
        "storage_type": info.storage_type, "innkeeper_version": env!("CARGO_PKG_VERSION"),
    });
    name_cluster(&mut body, info, open);
    Reply::bare(200, body)
}

/// Every node of a cluster serves reads and writes: there is no leader to be found elsewhere.
pub(crate) fn leader(operation: Operation, sealed: bool) -> Result<Reply, Fault> {
    only_read(operation)?;
    if sealed {
        return Err(Fault::new(model::Kind::Sealed, "Vault is sealed"));
    }
    let body: Value = json!({
        "ha_enabled": false, "is_self": true, "active_time": "0001-01-01T00:00:00Z", "leader_address": "",
        "leader_cluster_address": "", "performance_standby": false, "performance_standby_last_remote_wal": 0,
    });
    Ok(Reply::bare(200, body))
}

pub(crate) fn only_read(operation: Operation) -> Result<(), Fault> {
    if operation == Operation::Read { Ok(()) } else { Err(unsupported()) }
}

/// The cluster is named once it is open: its identifier lies behind the barrier.
fn name_cluster(body: &mut Value, info: &Info, open: Option<&str>) {
    if let (Some(id), Some(fields)) = (open, body.as_object_mut()) {
        fields.insert("cluster_name".into(), json!(info.cluster_name));
        fields.insert("cluster_id".into(), json!(id));
    }
}

/// Whether the reported version says so: clients unlock features by either.
fn enterprise(info: &Info) -> bool {
    info.reported_version.split_once('+').is_some_and(|(_, build)| build.contains("ent"))
}
