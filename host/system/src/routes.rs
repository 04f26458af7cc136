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
    ConfigState,
    Cors,
    ExternalKeys,
    GenerateRoot,
    GenerateRootUpdate,
    HostInfo,
    InFlight,
    KeyStatus,
    LookupSelf,
    ManagedKeys,
    Metrics,
    Mount,
    Mounts,
    Namespace,
    Namespaces,
    OpenApi,
    Quotas,
    Rekey,
    RekeyBackup,
    RekeyRecovery,
    RekeyRecoveryBackup,
    Remount,
    RemountStatus,
    Rotate,
    RotateConfig,
    Seal,
    Snapshot,
    SnapshotForce,
    UiMount,
    UiMounts,
}

impl Endpoint {
    /// Whether it is of the whole server, and so answers in the root namespace only.
    pub(crate) fn is_of_the_root(self) -> bool {
        matches!(
            self,
            Self::ConfigState
                | Self::Cors
                | Self::GenerateRoot
                | Self::GenerateRootUpdate
                | Self::HostInfo
                | Self::InFlight
                | Self::KeyStatus
                | Self::Metrics
                | Self::Quotas
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
            ("capabilities-self", Endpoint::CapabilitiesSelf, TOKEN),
            ("storage/snapshot", Endpoint::Snapshot, SUDO),
            ("storage/raft/snapshot", Endpoint::Snapshot, SUDO),
            ("storage/raft/snapshot-force", Endpoint::SnapshotForce, SUDO),
            ("config/cors", Endpoint::Cors, SUDO),
            ("config/state/sanitized", Endpoint::ConfigState, SUDO),
            ("host-info", Endpoint::HostInfo, SUDO),
            ("in-flight-req", Endpoint::InFlight, SUDO),
            ("metrics", Endpoint::Metrics, TOKEN),
            ("quotas/{*path}", Endpoint::Quotas, TOKEN),
            ("internal/specs/openapi", Endpoint::OpenApi, TOKEN),
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
