//! `sys/metrics` and `sys/in-flight-req`: what this node counts, and what it is doing.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::{Fault, Operation, Payload, Reply};
use serde_json::json;

use crate::{Call, System, params, unsupported};

pub(crate) fn metrics(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    match params::text(&call.body, "format")? {
        Some("prometheus") => {}
        _ => return Err(Fault::invalid("format: must be \"prometheus\"")),
    }
    system.meter.entries("mounts", call.tree.mount_count());
    Ok(text(&system.meter))
}

/// What a meter says.
pub fn text(meter: &meter::Meter) -> Reply {
    let payload =
        Payload::Raw { status: 200, content_type: meter::MEDIA_TYPE.to_owned(), bytes: meter.text().into_bytes() };
    Reply { payload, ..Reply::default() }
}

pub(crate) fn in_flight(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let shown = system.meter.under_way().into_iter().map(|request| {
        let since = i64::try_from(request.since).ok().and_then(|since| Timestamp::from_second(since).ok());
        let shown = json!({
            "start_time": since.unwrap_or_default().to_string(), "client_remote_address": request.peer.ip().to_string(),
            "request_path": format!("/v1/{}", request.path), "request_method": request.operation,
        });
        (request.id, shown)
    });
    Ok(Reply::bare(200, json!(shown.collect::<BTreeMap<_, _>>())))
}
