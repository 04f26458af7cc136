//! The configuration as `sys/config/state/sanitized` shows it: what was chosen, and nothing that is a secret or a path.

use serde_json::{Value, json};

use super::{Config, Listener};

impl Config {
    /// Without secrets.
    pub fn shown(&self) -> Value {
        let seal = self.seal.as_ref().filter(|seal| !seal.disabled).map_or("shamir", |_| "pkcs11");
        json!({
            "cluster_name": self.cluster_name, "default_lease_ttl": self.default_lease_ttl,
            "max_lease_ttl": self.max_lease_ttl, "log_format": self.log_format, "log_level": self.log_level,
            "listeners": self.listeners.iter().map(Listener::shown).collect::<Vec<_>>(),
            "seals": [{ "type": seal, "disabled": false }],
            "storage": { "type": self.storage.kind() },
            "traces": self.traces.is_some(),
            "kms_libraries": self.libraries.iter().map(|library| library.name.as_str()).collect::<Vec<_>>(),
        })
    }
}

impl Listener {
    fn shown(&self) -> Value {
        json!({
            "type": if self.unix.is_some() { "unix" } else { "tcp" },
            "config": {
                "address": self.address, "tls_disable": self.tls.is_none(), "max_request_size": self.max_request_size,
                "max_request_duration": self.max_request_duration.as_secs(), "max_connections": self.max_connections,
                "max_in_flight_requests": self.max_requests,
            },
        })
    }
}
