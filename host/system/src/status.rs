//! `sys/health`, `sys/seal-status`, `sys/init`, `sys/leader`: open to all, without an envelope.

use model::{Fault, Operation, Reply};
use serde_json::{Value, json};

use crate::{Call, Info, unsupported};

/// The day of this version. A constant, so that equal sources make equal binaries.
const RELEASED: &str = "2026-11-24T00:00:00Z";
/// What a probe may choose its own status for.
const CODES: [&str; 6] =
    ["activecode", "standbycode", "drsecondarycode", "performancestandbycode", "sealedcode", "uninitcode"];

/// Initialised, unsealed and active: the memory store knows no other state.
pub(crate) fn health(info: &Info, call: &Call<'_>) -> Result<Reply, Fault> {
    only_read(call)?;
    let mut active = 200;
    for name in CODES {
        let Some(code) = call.body.get(name) else { continue };
        let code = code.as_str().and_then(|text| text.parse().ok()).filter(|code| (200..600).contains(code));
        let code = code.ok_or_else(|| Fault::invalid(format!("{name}: must be a status from 200 to 599")))?;
        if name == "activecode" {
            active = code;
        }
    }
    let body = json!({
        "initialized": true, "sealed": false, "standby": false, "performance_standby": false,
        "replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
        "server_time_utc": call.now, "version": info.reported_version, "enterprise": enterprise(info),
        "cluster_name": info.cluster_name, "cluster_id": info.cluster_id, "echo_duration_ms": 0, "clock_skew_ms": 0,
        "innkeeper_version": env!("CARGO_PKG_VERSION"),
    });
    Ok(Reply::bare(active, body))
}

pub(crate) fn seal_status(info: &Info, call: &Call<'_>) -> Result<Reply, Fault> {
    only_read(call)?;
    let body = json!({
        "type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1, "progress": 0, "nonce": "",
        "version": info.reported_version, "build_date": RELEASED, "migration": false,
        "cluster_name": info.cluster_name, "cluster_id": info.cluster_id, "recovery_seal": false,
        "storage_type": info.storage_type, "innkeeper_version": env!("CARGO_PKG_VERSION"),
    });
    Ok(Reply::bare(200, body))
}

pub(crate) fn init(call: &Call<'_>) -> Result<Reply, Fault> {
    match call.operation {
        Operation::Read => Ok(Reply::bare(200, json!({ "initialized": true }))),
        Operation::Update => Err(Fault::invalid("Vault is already initialized")),
        _ => Err(unsupported()),
    }
}

pub(crate) fn leader(call: &Call<'_>) -> Result<Reply, Fault> {
    only_read(call)?;
    let body: Value = json!({
        "ha_enabled": false, "is_self": true, "active_time": "0001-01-01T00:00:00Z", "leader_address": "",
        "leader_cluster_address": "", "performance_standby": false, "performance_standby_last_remote_wal": 0,
    });
    Ok(Reply::bare(200, body))
}

fn only_read(call: &Call<'_>) -> Result<(), Fault> {
    if call.operation == Operation::Read { Ok(()) } else { Err(unsupported()) }
}

/// Whether the reported version says so: clients unlock features by either.
fn enterprise(info: &Info) -> bool {
    info.reported_version.split_once('+').is_some_and(|(_, build)| build.contains("ent"))
}
