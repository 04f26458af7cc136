//! The policies that are there without being written.

use std::sync::{Arc, LazyLock};

use super::Policy;

/// A policy that nobody can write, for tokens that the server makes for itself.
pub(crate) struct Reserved {
    pub(crate) name: &'static str,
    pub(crate) text: &'static str,
    policy: fn() -> Arc<Policy>,
}

/// Not listed, not written, and not assigned by anybody.
pub(crate) const RESERVED: [Reserved; 2] = [
    Reserved { name: "response-wrapping", text: RESPONSE_WRAPPING, policy: response_wrapping },
    Reserved { name: "control-group", text: CONTROL_GROUP, policy: control_group },
];

const RESPONSE_WRAPPING: &str = r#"
path "cubbyhole/response" {
    capabilities = ["create", "read"]
}

path "sys/wrapping/unwrap" {
    capabilities = ["update"]
}
"#;

const CONTROL_GROUP: &str = r#"
path "cubbyhole/control-group" {
    capabilities = ["update", "create", "read"]
}

path "sys/wrapping/unwrap" {
    capabilities = ["update"]
}
"#;

/// The policy `default`, as long as nobody wrote another.
pub(crate) const DEFAULT: &str = r#"
# What a token may ask and do about itself
path "auth/token/lookup-self" {
    capabilities = ["read"]
}
path "auth/token/renew-self" {
    capabilities = ["update"]
}
path "auth/token/revoke-self" {
    capabilities = ["update"]
}
path "sys/capabilities-self" {
    capabilities = ["update"]
}

# The entity that the token belongs to, by its id or its name
path "identity/entity/id/{{identity.entity.id}}" {
    capabilities = ["read"]
}
path "identity/entity/name/{{identity.entity.name}}" {
    capabilities = ["read"]
}

# What all policies of the token come to, for user interfaces
path "sys/internal/ui/resultant-acl" {
    capabilities = ["read"]
}

# Leases, for whoever knows their ids; the first path is that of old clients
path "sys/renew" {
    capabilities = ["update"]
}
path "sys/leases/renew" {
    capabilities = ["update"]
}
path "sys/leases/lookup" {
    capabilities = ["update"]
}

# The token's own storage
path "cubbyhole/*" {
    capabilities = ["create", "read", "update", "delete", "list"]
}

# Wrapping of answers
path "sys/wrapping/wrap" {
    capabilities = ["update"]
}
path "sys/wrapping/lookup" {
    capabilities = ["update"]
}
path "sys/wrapping/unwrap" {
    capabilities = ["update"]
}

# Hashes
path "sys/tools/hash" {
    capabilities = ["update"]
}
path "sys/tools/hash/*" {
    capabilities = ["update"]
}

# Requests that wait for others to agree
path "sys/control-group/request" {
    capabilities = ["update"]
}

# Signing in elsewhere by way of this server
path "identity/oidc/provider/+/authorize" {
    capabilities = ["read", "update"]
}
"#;

static READ_DEFAULT: LazyLock<Arc<Policy>> = LazyLock::new(|| read(DEFAULT));
static READ_RESPONSE_WRAPPING: LazyLock<Arc<Policy>> = LazyLock::new(|| read(RESPONSE_WRAPPING));
static READ_CONTROL_GROUP: LazyLock<Arc<Policy>> = LazyLock::new(|| read(CONTROL_GROUP));

/// They are our own words, and a test reads them; what could not be read would permit nothing.
fn read(text: &str) -> Arc<Policy> {
    Arc::new(Policy::parse(text).unwrap_or_default())
}

fn response_wrapping() -> Arc<Policy> {
    Arc::clone(&READ_RESPONSE_WRAPPING)
}

fn control_group() -> Arc<Policy> {
    Arc::clone(&READ_CONTROL_GROUP)
}

/// What `default` says, as long as nobody wrote another.
pub(crate) fn default_policy() -> Arc<Policy> {
    Arc::clone(&READ_DEFAULT)
}

/// The reserved policy of this name.
pub(crate) fn reserved(name: &str) -> Option<&'static Reserved> {
    RESERVED.iter().find(|reserved| reserved.name == name)
}

impl Reserved {
    pub(crate) fn policy(&self) -> Arc<Policy> {
        (self.policy)()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policies_that_come_with_the_server_can_be_read() {
        for text in [DEFAULT, RESPONSE_WRAPPING, CONTROL_GROUP] {
            assert!(!Policy::parse(text).unwrap().is_empty());
        }
        assert!(default_policy().is_templated());
    }
}
