//! Which native endpoint a path is.

use access::Demands;
use matchit::Router;
use model::Fault;

use crate::Matched;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoint {
    Auth,
    AuthMethod,
    CapabilitiesSelf,
    ExternalKeys,
    GenerateRoot,
    GenerateRootUpdate,
    Identity,
    KeyStatus,
    LeaseCount,
    LeaseLookup,
    LeaseRenew,
    LeaseRevoke,
    LeaseRevokeForce,
    LeaseRevokePrefix,
    LeaseTidy,
    Leases,
    LookupSelf,
    ManagedKeys,
    Mount,
    Mounts,
    Namespace,
    NamespaceLock,
    NamespaceUnlock,
    Namespaces,
    Rekey,
    RekeyBackup,
    RekeyRecovery,
    RekeyRecoveryBackup,
    Remount,
    RemountStatus,
    Rewrap,
    Rotate,
    RotateConfig,
    Seal,
    Snapshot,
    SnapshotForce,
    ToolsHash,
    ToolsRandom,
    UiMount,
    UiMounts,
    UiNamespaces,
    Unwrap,
    Wrap,
    WrappingLookup,
}

impl Endpoint {
    /// Whether it is of the whole server, and so answers in the root namespace only.
    pub(crate) fn is_of_the_root(self) -> bool {
        matches!(
            self,
            Self::GenerateRoot
                | Self::GenerateRootUpdate
                | Self::KeyStatus
                | Self::Rekey
                | Self::RekeyBackup
                | Self::RekeyRecovery
                | Self::RekeyRecoveryBackup
                | Self::Rotate
                | Self::RotateConfig
                | Self::Seal
        )
    }
}

pub(crate) struct Routes(Router<(Endpoint, Demands)>);

const OPEN: Demands = Demands { unauthenticated: true, sudo: false };
const TOKEN: Demands = Demands { unauthenticated: false, sudo: false };
const SUDO: Demands = Demands { unauthenticated: false, sudo: true };

impl Routes {
    pub(crate) fn new() -> Result<Self, Fault> {
        let mut router = Router::new();
        for (template, endpoint, demands) in [
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
            ("rotate/config", Endpoint::RotateConfig, SUDO),
            ("rotate/keyring/config", Endpoint::RotateConfig, SUDO),
            ("seal", Endpoint::Seal, SUDO),
            ("external-keys/configs", Endpoint::ExternalKeys, TOKEN),
            ("external-keys/configs/{*path}", Endpoint::ExternalKeys, TOKEN),
            ("managed-keys/{*path}", Endpoint::ManagedKeys, TOKEN),
            ("mounts", Endpoint::Mounts, TOKEN),
            ("mounts/{*path}", Endpoint::Mount, TOKEN),
            ("auth", Endpoint::Auth, TOKEN),
            ("auth/{*path}", Endpoint::AuthMethod, SUDO),
            ("remount", Endpoint::Remount, SUDO),
            ("remount/status/{id}", Endpoint::RemountStatus, SUDO),
            ("namespaces", Endpoint::Namespaces, TOKEN),
            ("namespaces/{*path}", Endpoint::Namespace, TOKEN),
            ("namespaces/api-lock/lock", Endpoint::NamespaceLock, TOKEN),
            ("namespaces/api-lock/lock/{*path}", Endpoint::NamespaceLock, TOKEN),
            ("namespaces/api-lock/unlock", Endpoint::NamespaceUnlock, TOKEN),
            ("namespaces/api-lock/unlock/{*path}", Endpoint::NamespaceUnlock, TOKEN),
            ("internal/ui/namespaces", Endpoint::UiNamespaces, TOKEN),
            ("capabilities-self", Endpoint::CapabilitiesSelf, TOKEN),
            ("storage/snapshot", Endpoint::Snapshot, SUDO),
            ("storage/raft/snapshot", Endpoint::Snapshot, SUDO),
            ("storage/raft/snapshot-force", Endpoint::SnapshotForce, SUDO),
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
            ("internal/ui/mounts", Endpoint::UiMounts, OPEN),
            ("internal/ui/mounts/{*path}", Endpoint::UiMount, TOKEN),
        ] {
            router
                .insert(template, (endpoint, demands))
                .map_err(|e| Fault::internal(format!("route {template}: {e}")))?;
        }
        Ok(Self(router))
    }

    pub(crate) fn find(&self, path: &str) -> Option<(Matched, Demands)> {
        let found = self.0.at(path.trim_end_matches('/')).ok()?;
        let capture = found.params.iter().next().map_or("", |(_, value)| value).to_owned();
        let (endpoint, demands) = *found.value;
        Some((Matched { endpoint, capture }, demands))
    }
}
