//! What a mount's engine may use beside its own drawer.

use serde::{Deserialize, Serialize};

/// What operators granted a mount's engine, and how much. What is `None` was never said: then the host's own bounds hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Powers {
    /// Hosts that it may ask, of those that the server's configuration allows, as `host:port`. Never said: an auth method
    /// may ask all of them, a secrets engine none.
    pub http_out: Option<Vec<String>>,
    /// The methods that it may ask by.
    pub http_out_methods: Option<Vec<String>>,
    /// The only certificate authorities that it trusts there, PEM.
    pub http_out_ca_pem: Option<String>,
    /// Longest body of what it asks and of what it is answered, in bytes.
    pub http_out_size_max: Option<u64>,
    /// Longest time of one question, in milliseconds.
    pub http_out_time_max: Option<u64>,
    /// The names of the usages that it has managed keys for, of those that each key is for.
    pub managed_key_usages: Option<Vec<String>>,
    /// Most linear memory of one request, in bytes.
    pub memory_max: Option<u64>,
    /// Most time of a processor for one request, in milliseconds.
    pub cpu_time_max: Option<u64>,
    /// Most that it keeps, in bytes of names and values.
    pub storage_max: Option<u64>,
    /// Most requests at once, on each node.
    pub concurrency_max: Option<u64>,
    /// Most lines of the log for one request.
    pub log_lines_max: Option<u64>,
}

impl Powers {
    /// Whether nothing was ever said.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
