//! `sys/host-info`: the machine that this node runs on.

use model::{Fault, Operation, Reply};
use serde_json::json;

use crate::{Call, rfc3339, unsupported};

pub(crate) fn read(call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let (memory, uptime) = (kernel("meminfo"), kernel("uptime"));
    let bytes = |field: &str| kibibytes(&memory, field).map(|size| size * 1024);
    let uptime: Option<f64> = uptime.split_whitespace().next().and_then(|seconds| seconds.parse().ok());
    Reply::data(&json!({
        "timestamp": rfc3339(call.now)?,
        "cpu": { "count": std::thread::available_parallelism().map(usize::from).unwrap_or_default() },
        "host": {
            "hostname": hostname(), "os": std::env::consts::OS,
            "kernelArch": std::env::consts::ARCH, "kernelVersion": kernel("sys/kernel/osrelease").trim(),
            "uptime": uptime.map(|seconds| seconds as u64),
        },
        "memory": { "total": bytes("MemTotal:"), "available": bytes("MemAvailable:"), "free": bytes("MemFree:") },
    }))
}

/// What this machine calls itself.
pub(crate) fn hostname() -> String {
    kernel("sys/kernel/hostname").trim().to_owned()
}

/// What the kernel says, without any disk; empty where it does not.
fn kernel(file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{file}")).unwrap_or_default()
}

fn kibibytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
