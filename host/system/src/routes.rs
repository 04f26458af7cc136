//! Which native endpoint a path is.

use access::Demands;
use governing::Sort;
use matchit::Router;
use model::Fault;

use crate::capabilities::Whose;
use crate::policies::Dialect;
use crate::token::At;
use crate::{Matched, Template};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoint {
    Audit,
    AuditDevice,
    AuditHash,
    AuditHeader,
    AuditHeaders,
    Auth,
    AuthMethod,
    Capabilities(Whose),
    Cubbyhole,
    Cors,
    Evaluate,
    Experiments,
    ExternalKeys,
    FeatureFlags,
    GenerateRoot,
    GenerateRootUpdate,
    Governing(Sort),
    GoverningOne(Sort),
    Identity,
    ConfigState,
    HaStatus,
    HostInfo,
    InFlight,
    KeyStatus,
    LeaseCount,
    LeaseLookup,
    LeaseRenew,
    LeaseRevoke,
    LeaseRevokeForce,
    LeaseRevokePrefix,
    LeaseTidy,
    Leases,
    LockedUser,
    LockedUsers,
    Logger,
    Loggers,
    ManagedKeys,
    Metrics,
    Mount,
    Mounts,
    Namespace,
    NamespaceLock,
    NamespaceUnlock,
    Namespaces,
    OpenApi,
    Quotas,
    PasswordPolicies,
    PasswordPolicy,
    Pin,
    Pins,
    Plugin,
    Plugins,
    Policies(Dialect),
    Policy(Dialect),
    Rekey,
    RekeyBackup,
    RekeyRecovery,
    RekeyRecoveryBackup,
    ReloadMounts,
    ReloadPlugin,
    Remount,
    RemountStatus,
    Root,
    Replication,
    ReplicationOf,
    ResultantAcl,
    Rewrap,
    Rotate,
    RotateConfig,
    Seal,
    Snapshot,
    SnapshotForce,
    StepDown,
    Token(At),
    ToolsHash,
    ToolsRandom,
    UiHeader,
    UiHeaders,
    UiMount,
    UiMounts,
    UiNamespaces,
    Unwrap,
    VersionHistory,
    Wrap,
    WrappingLookup,
}

impl Endpoint {
    /// Whether it is of the whole server, and so answers in the root namespace only.
    pub(crate) fn is_of_the_root(self) -> bool {
        matches!(
            self,
            Self::ConfigState
                | Self::Audit
                | Self::AuditDevice
                | Self::AuditHash
                | Self::AuditHeader
                | Self::AuditHeaders
                | Self::Cors
                | Self::Experiments
                | Self::GenerateRoot
                | Self::GenerateRootUpdate
                | Self::HaStatus
                | Self::HostInfo
                | Self::InFlight
                | Self::KeyStatus
                | Self::Logger
                | Self::Loggers
                | Self::Metrics
                | Self::Pin
                | Self::Pins
                | Self::Plugin
                | Self::Plugins
                | Self::Quotas
                | Self::Rekey
                | Self::RekeyBackup
                | Self::RekeyRecovery
                | Self::RekeyRecoveryBackup
                | Self::Replication
                | Self::ReplicationOf
                | Self::Rotate
                | Self::RotateConfig
                | Self::Seal
                | Self::StepDown
                | Self::UiHeader
                | Self::UiHeaders
                | Self::VersionHistory
        )
    }
}

/// Paths below `sys/`, and those below `auth/token/`.
pub(crate) struct Routes {
    system: Routed,
    token: Routed,
}

const OPEN: Demands = Demands { unauthenticated: true, sudo: false };
const TOKEN: Demands = Demands { unauthenticated: false, sudo: false };
const SUDO: Demands = Demands { unauthenticated: false, sudo: true };

impl Routes {
    pub(crate) fn new() -> Result<Self, Fault> {
        let system = [
            ("audit", Endpoint::Audit, SUDO),
            ("audit/{*path}", Endpoint::AuditDevice, SUDO),
            ("audit-hash/{*path}", Endpoint::AuditHash, TOKEN),
            ("config/auditing/request-headers", Endpoint::AuditHeaders, SUDO),
            ("config/auditing/request-headers/{name}", Endpoint::AuditHeader, SUDO),
            ("generate-root/attempt", Endpoint::GenerateRoot, OPEN),
            ("generate-root/update", Endpoint::GenerateRootUpdate, OPEN),
            ("key-status", Endpoint::KeyStatus, TOKEN),
            ("rekey/backup", Endpoint::RekeyBackup, TOKEN),
            ("rekey/recovery-key-backup", Endpoint::RekeyRecoveryBackup, TOKEN),
            ("rekey-recovery-key/backup", Endpoint::RekeyRecoveryBackup, TOKEN),
            ("rekey/{*path}", Endpoint::Rekey, OPEN),
            ("rekey-recovery-key/{*path}", Endpoint::RekeyRecovery, OPEN),
            ("rotate", Endpoint::Rotate, SUDO),
            ("rotate/keyring", Endpoint::Rotate, SUDO),
            ("rotate/config", Endpoint::RotateConfig, TOKEN),
            ("rotate/keyring/config", Endpoint::RotateConfig, TOKEN),
            ("seal", Endpoint::Seal, SUDO),
            ("external-keys/configs", Endpoint::ExternalKeys, TOKEN),
            ("external-keys/configs/{*path}", Endpoint::ExternalKeys, TOKEN),
            ("managed-keys/{*path}", Endpoint::ManagedKeys, TOKEN),
            ("mounts", Endpoint::Mounts, TOKEN),
            ("mounts/{*path}", Endpoint::Mount, TOKEN),
            ("auth", Endpoint::Auth, TOKEN),
            ("auth/{*path}", Endpoint::AuthMethod, SUDO),
            ("locked-users", Endpoint::LockedUsers, TOKEN),
            ("locked-users/{*path}", Endpoint::LockedUser, TOKEN),
            ("plugins/catalog", Endpoint::Plugins, TOKEN),
            ("plugins/catalog/{*path}", Endpoint::Plugin, SUDO),
            ("plugins/pins", Endpoint::Pins, TOKEN),
            ("plugins/pins/{*path}", Endpoint::Pin, SUDO),
            ("plugins/reload/backend", Endpoint::ReloadMounts, SUDO),
            ("plugins/reload/{*path}", Endpoint::ReloadPlugin, SUDO),
            ("remount", Endpoint::Remount, SUDO),
            ("remount/status/{id}", Endpoint::RemountStatus, TOKEN),
            ("namespaces", Endpoint::Namespaces, TOKEN),
            ("namespaces/{*path}", Endpoint::Namespace, TOKEN),
            ("capabilities-self", Endpoint::Capabilities(Whose::Own), TOKEN),
            ("capabilities", Endpoint::Capabilities(Whose::Token), TOKEN),
            ("capabilities-accessor", Endpoint::Capabilities(Whose::Accessor), TOKEN),
            ("policies/acl", Endpoint::Policies(Dialect::Current), TOKEN),
            ("policies/acl/{*name}", Endpoint::Policy(Dialect::Current), TOKEN),
            ("policies/egp", Endpoint::Governing(Sort::Endpoint), TOKEN),
            ("policies/egp/{*name}", Endpoint::GoverningOne(Sort::Endpoint), TOKEN),
            ("policies/evaluate", Endpoint::Evaluate, TOKEN),
            ("policies/rgp", Endpoint::Governing(Sort::Role), TOKEN),
            ("policies/rgp/{*name}", Endpoint::GoverningOne(Sort::Role), TOKEN),
            ("policies/password", Endpoint::PasswordPolicies, TOKEN),
            ("policies/password/{*path}", Endpoint::PasswordPolicy, TOKEN),
            ("policy", Endpoint::Policies(Dialect::Old), TOKEN),
            ("policy/{*name}", Endpoint::Policy(Dialect::Old), TOKEN),
            ("namespaces/api-lock/lock", Endpoint::NamespaceLock, TOKEN),
            ("namespaces/api-lock/lock/{*path}", Endpoint::NamespaceLock, TOKEN),
            ("namespaces/api-lock/unlock", Endpoint::NamespaceUnlock, TOKEN),
            ("namespaces/api-lock/unlock/{*path}", Endpoint::NamespaceUnlock, TOKEN),
            ("internal/ui/namespaces", Endpoint::UiNamespaces, TOKEN),
            ("storage/snapshot", Endpoint::Snapshot, SUDO),
            ("storage/raft/snapshot", Endpoint::Snapshot, SUDO),
            ("storage/raft/snapshot-force", Endpoint::SnapshotForce, SUDO),
            ("config/cors", Endpoint::Cors, SUDO),
            ("config/state/sanitized", Endpoint::ConfigState, SUDO),
            ("config/ui/headers", Endpoint::UiHeaders, SUDO),
            ("config/ui/headers/{name}", Endpoint::UiHeader, SUDO),
            ("experiments", Endpoint::Experiments, TOKEN),
            ("ha-status", Endpoint::HaStatus, TOKEN),
            ("loggers", Endpoint::Loggers, TOKEN),
            ("loggers/{name}", Endpoint::Logger, TOKEN),
            ("replication/status", Endpoint::Replication, OPEN),
            ("replication/{sort}/status", Endpoint::ReplicationOf, OPEN),
            ("step-down", Endpoint::StepDown, SUDO),
            ("version-history", Endpoint::VersionHistory, TOKEN),
            ("host-info", Endpoint::HostInfo, SUDO),
            ("in-flight-req", Endpoint::InFlight, SUDO),
            ("metrics", Endpoint::Metrics, TOKEN),
            ("quotas/{*path}", Endpoint::Quotas, TOKEN),
            ("internal/specs/openapi", Endpoint::OpenApi, TOKEN),
            ("leases", Endpoint::Leases, SUDO),
            ("leases/count", Endpoint::LeaseCount, TOKEN),
            ("leases/lookup", Endpoint::LeaseLookup, TOKEN),
            ("leases/lookup/{*path}", Endpoint::LeaseLookup, SUDO),
            ("leases/renew", Endpoint::LeaseRenew, TOKEN),
            ("leases/renew/{*path}", Endpoint::LeaseRenew, TOKEN),
            ("renew", Endpoint::LeaseRenew, TOKEN),
            ("renew/{*path}", Endpoint::LeaseRenew, TOKEN),
            ("leases/revoke", Endpoint::LeaseRevoke, TOKEN),
            ("leases/revoke/{*path}", Endpoint::LeaseRevoke, TOKEN),
            ("revoke", Endpoint::LeaseRevoke, TOKEN),
            ("revoke/{*path}", Endpoint::LeaseRevoke, TOKEN),
            ("leases/revoke-prefix/{*path}", Endpoint::LeaseRevokePrefix, SUDO),
            ("revoke-prefix/{*path}", Endpoint::LeaseRevokePrefix, SUDO),
            ("leases/revoke-force/{*path}", Endpoint::LeaseRevokeForce, SUDO),
            ("revoke-force/{*path}", Endpoint::LeaseRevokeForce, SUDO),
            ("leases/tidy", Endpoint::LeaseTidy, TOKEN),
            ("wrapping/wrap", Endpoint::Wrap, TOKEN),
            ("wrapping/unwrap", Endpoint::Unwrap, OPEN),
            ("wrapping/rewrap", Endpoint::Rewrap, OPEN),
            ("wrapping/lookup", Endpoint::WrappingLookup, OPEN),
            ("tools/hash", Endpoint::ToolsHash, TOKEN),
            ("tools/hash/{*path}", Endpoint::ToolsHash, TOKEN),
            ("tools/random", Endpoint::ToolsRandom, TOKEN),
            ("tools/random/{*path}", Endpoint::ToolsRandom, TOKEN),
            ("internal/ui/feature-flags", Endpoint::FeatureFlags, OPEN),
            ("internal/ui/resultant-acl", Endpoint::ResultantAcl, TOKEN),
            ("internal/ui/mounts", Endpoint::UiMounts, OPEN),
            ("internal/ui/mounts/{*path}", Endpoint::UiMount, OPEN),
        ];
        let token = [
            ("accessors", At::Accessors, SUDO),
            ("create", At::Create, TOKEN),
            ("create-orphan", At::CreateOrphan, TOKEN),
            ("create/{role}", At::CreateByRole, TOKEN),
            ("lookup", At::Lookup, TOKEN),
            ("lookup-accessor", At::LookupAccessor, TOKEN),
            ("lookup-self", At::LookupSelf, TOKEN),
            ("renew", At::Renew, TOKEN),
            ("renew-accessor", At::RenewAccessor, TOKEN),
            ("renew-self", At::RenewSelf, TOKEN),
            ("revoke", At::Revoke, TOKEN),
            ("revoke-accessor", At::RevokeAccessor, TOKEN),
            ("revoke-orphan", At::RevokeOrphan, SUDO),
            ("revoke-self", At::RevokeSelf, TOKEN),
            ("roles", At::Roles, TOKEN),
            ("roles/{name}", At::Role, TOKEN),
            ("tidy", At::Tidy, TOKEN),
        ];
        let token = token.map(|(template, at, demands)| (template, Endpoint::Token(at), demands));
        Ok(Self { system: router("sys/", system)?, token: router("auth/token/", token)? })
    }

    /// Below `sys/`.
    pub(crate) fn find(&self, path: &str) -> Option<(Matched, Demands)> {
        found(&self.system, path).or_else(|| root("sys/", path))
    }

    /// Below `auth/token/`.
    pub(crate) fn find_token(&self, path: &str) -> Option<(Matched, Demands)> {
        found(&self.token, path).or_else(|| root("auth/token/", path))
    }
}

type Routed = Router<(Template, Endpoint, Demands)>;

fn router<const N: usize>(room: &'static str, routes: [(&'static str, Endpoint, Demands); N]) -> Result<Routed, Fault> {
    let mut router = Router::new();
    for (below, endpoint, demands) in routes {
        let refused = |e| Fault::internal(format!("route {below}: {e}"));
        router.insert(below, (Template { room, below }, endpoint, demands)).map_err(refused)?;
    }
    Ok(router)
}

/// What stands above all routes: there is help for it, and nothing to do.
fn root(room: &'static str, path: &str) -> Option<(Matched, Demands)> {
    let matched =
        || Matched { endpoint: Endpoint::Root, template: Template { room, below: "" }, capture: String::new() };
    path.is_empty().then(|| (matched(), Demands::default()))
}

fn found(router: &Routed, path: &str) -> Option<(Matched, Demands)> {
    let found = router.at(path.trim_end_matches('/')).ok()?;
    let capture = found.params.iter().next().map_or("", |(_, value)| value).to_owned();
    let (template, endpoint, demands) = *found.value;
    Some((Matched { endpoint, template, capture }, demands))
}
