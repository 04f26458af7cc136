//! `sys/health`, `sys/seal-status`, `sys/init`, `sys/leader`: open to all, without an envelope.

use model::Reply;
use serde_json::json;

use crate::{Call, Info};

/// Initialised, unsealed and active: the memory store knows no other state.
pub(crate) fn health(info: &Info, call: &Call<'_>) -> Reply {
    let asked = call.body.get("activecode").and_then(|code| code.as_str()).and_then(|code| code.parse().ok());
    let code = asked.filter(|code| (200..600).contains(code)).unwrap_or(200);
    let body = json!({
        "initialized": true, "sealed": false, "standby": false, "performance_standby": false,
        "replication_performance_mode": "disabled", "replication_dr_mode": "disabled",
        "server_time_utc": call.now, "version": info.reported_version, "enterprise": true,
        "cluster_name": info.cluster_name, "innkeeper_version": env!("CARGO_PKG_VERSION"),
    });
    Reply::bare(code, body)
}

pub(crate) fn seal_status(info: &Info) -> Reply {
    let body = json!({
        "type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1, "progress": 0, "nonce": "",
        "version": info.reported_version, "build_date": "", "migration": false, "cluster_name": info.cluster_name,
        "recovery_seal": false, "storage_type": info.storage_type,
    });
    Reply::bare(200, body)
}

pub(crate) fn init() -> Reply {
    Reply::bare(200, json!({ "initialized": true }))
}

pub(crate) fn leader() -> Reply {
    let body = json!({
        "ha_enabled": false, "is_self": true, "active_time": "0001-01-01T00:00:00Z", "leader_address": "",
        "leader_cluster_address": "", "performance_standby": false, "performance_standby_last_remote_wal": 0,
    });
    Reply::bare(200, body)
}
