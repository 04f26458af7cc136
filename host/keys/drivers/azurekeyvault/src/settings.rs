//! What the operator decides for the whole node.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

/// What the operator decides for the node. API users choose among what stands here, and nothing else: a record names a
/// cloud of this node, never a host.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Whose name records without a `client_secret` speak in.
    pub node_identity: NodeIdentity,
    /// Clouds beside Azure's own three.
    pub clouds: Vec<Cloud>,
    /// Addresses of hosts that are not to be looked up, by the host's name: vaults and authorities behind private
    /// endpoints. TLS still proves the name.
    pub addresses: BTreeMap<String, SocketAddr>,
    /// A PEM file of certificates that are trusted beside the system's for Azure's own clouds: of an intercepting proxy.
    pub ca_file: Option<PathBuf>,
}

/// Whose name records without a `client_secret` speak in. It is the operator's identity, so it is used against Azure's
/// own domains only, never in a cloud of [`Settings::clouds`]: whoever runs such a host could use the token elsewhere.
/// Where several tenants share a node, forbid it: everybody who may write a record may use what it can reach.
#[derive(Clone, Debug, Default)]
pub enum NodeIdentity {
    /// A workload identity where `AZURE_FEDERATED_TOKEN_FILE` is set, else the managed identity of the machine.
    #[default]
    Environment,
    /// A workload identity of Kubernetes.
    Workload {
        /// The file with the service account's token.
        token_file: PathBuf,
        /// Who it is for, where a record names no `client_id`.
        client_id: Option<String>,
    },
    /// The managed identity of the machine: of the App Service where `IDENTITY_ENDPOINT` is set, else of the virtual
    /// machine. A record's `client_id` chooses one that was assigned by a user.
    Managed,
    /// No identity: records need a `client_id` and a `client_secret`.
    Forbidden,
}

impl NodeIdentity {
    /// What the environment stands for.
    pub(crate) fn settled(self) -> Self {
        match (self, std::env::var_os("AZURE_FEDERATED_TOKEN_FILE")) {
            (Self::Environment, Some(file)) if !file.is_empty() => {
                let client_id = std::env::var("AZURE_CLIENT_ID").ok().filter(|id| !id.is_empty());
                Self::Workload { token_file: file.into(), client_id }
            }
            (Self::Environment, _) => Self::Managed,
            (other, _) => other,
        }
    }
}

/// A cloud beside Azure's own: an Azure Stack, an emulator.
#[derive(Clone, Debug)]
pub struct Cloud {
    /// What records call it in `environment`, in any case.
    pub name: String,
    /// Where tokens come from: `https://` and a host, perhaps with a port.
    pub authority: String,
    /// The domain of its vaults, perhaps with a port: a vault is at `https://<vault_name>.<this>`. Tokens are asked for
    /// `https://<this>`, without the port.
    pub vault_suffix: String,
    /// Likewise of its Managed HSMs, if it has some.
    pub hsm_suffix: Option<String>,
    /// A PEM file of the only certificates that are trusted there; the system's if there is none.
    pub ca_file: Option<PathBuf>,
}
