//! Who asks: an application with a secret, or the node itself.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::http::{ClientOptions, RetryOptions, Transport};
use azure_identity::{
    ClientAssertionCredentialOptions, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use keys::Error;
use keys::registry::AzureKeyVaultProvider;
use secrecy::{ExposeSecret, SecretString};

use crate::cloud::Place;
use crate::settings::NodeIdentity;
use crate::wire::{Trouble, Wire};

/// Where a virtual machine asks for its identity's tokens.
const MACHINE: &str = "http://169.254.169.254";

/// How long after a renewal there is no other.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);

/// Tokens for one vault, and nothing else: what a vault asks for in its challenge is compared and never taken over.
pub(crate) struct Identity {
    provider: AzureKeyVaultProvider,
    place: Place,
    node: NodeIdentity,
    held: Mutex<Held>,
}

struct Held {
    credential: Arc<dyn TokenCredential>,
    renewed: Option<Instant>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl Identity {
    /// The identity that a record speaks in. Reads the file of a workload identity: blocks for a moment. Dials nobody.
    pub(crate) fn new(provider: AzureKeyVaultProvider, place: Place, node: NodeIdentity) -> Result<Self, Error> {
        let credential = credential(&provider, &place, &node)?;
        Ok(Self { provider, place, node, held: Mutex::new(Held { credential, renewed: None }) })
    }

    /// Lets go of the tokens, because the vault refuses one that should be good; the SDK would hold on to it until it
    /// expires. Whether asking again may help: not so soon after the last time. Blocks for a moment.
    pub(crate) fn renew(&self) -> bool {
        let now = Instant::now();
        if self.held().renewed.is_some_and(|last| now < last + RENEWAL_PAUSE) {
            return false;
        }
        let Ok(credential) = credential(&self.provider, &self.place, &self.node) else { return false };
        *self.held() = Held { credential, renewed: Some(now) };
        true
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        if scopes != [self.place.scope.as_str()] {
            return Err(Trouble::Audience.into());
        }
        let credential = Arc::clone(&self.held().credential);
        credential.get_token(scopes, options).await
    }
}

fn credential(
    provider: &AzureKeyVaultProvider,
    place: &Place,
    node: &NodeIdentity,
) -> Result<Arc<dyn TokenCredential>, Error> {
    match (&provider.client_secret, &provider.client_id, node) {
        (Some(secret), Some(client_id), _) => application(provider, client_id, secret, place),
        (Some(_), None, _) => Err(Error::invalid("client_id: is required with client_secret")),
        (None, ..) if !place.azure => Err(Error::invalid(
            "client_secret: is required: the identity of this node is used in Azure's own clouds only",
        )),
        (None, _, NodeIdentity::Forbidden) => {
            Err(Error::invalid("client_secret: is required: this node lends its own identity to no key"))
        }
        (None, named, NodeIdentity::Workload { token_file, client_id }) => {
            let client_id = named.clone().or_else(|| client_id.clone());
            let client_id =
                client_id.ok_or_else(|| Error::invalid("client_id: is required for a workload identity"))?;
            workload(provider, client_id, token_file, place)
        }
        (None, _, NodeIdentity::Managed | NodeIdentity::Environment) => managed(provider, place),
    }
}

fn workload(
    provider: &AzureKeyVaultProvider,
    client_id: String,
    token_file: &Path,
    place: &Place,
) -> Result<Arc<dyn TokenCredential>, Error> {
    let client_options = options(place.to_authority()?, Some(&place.authority));
    let made = WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
        credential_options: ClientAssertionCredentialOptions { client_options },
        client_id: Some(client_id),
        tenant_id: Some(provider.tenant_id.clone()),
        token_file_path: Some(token_file.to_owned()),
    }));
    Ok(made.map_err(|_| unusable("workload"))?)
}

fn application(
    provider: &AzureKeyVaultProvider,
    client_id: &str,
    secret: &SecretString,
    place: &Place,
) -> Result<Arc<dyn TokenCredential>, Error> {
    let options =
        ClientSecretCredentialOptions { client_options: options(place.to_authority()?, Some(&place.authority)) };
    let secret = Secret::new(secret.expose_secret().to_owned());
    let made = ClientSecretCredential::new(&provider.tenant_id, client_id.to_owned(), secret, Some(options));
    Ok(made.map_err(|_| Error::invalid("tenant_id, client_id or client_secret: is malformed"))?)
}

fn managed(provider: &AzureKeyVaultProvider, place: &Place) -> Result<Arc<dyn TokenCredential>, Error> {
    let source = std::env::var("IDENTITY_ENDPOINT").ok().filter(|source| !source.is_empty());
    let wire = place.to_machine(source.as_deref().unwrap_or(MACHINE))?;
    let made = ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
        user_assigned_id: provider.client_id.clone().map(UserAssignedId::ClientId),
        client_options: options(wire, None),
    }));
    Ok(made.map_err(|_| unusable("managed"))?)
}

fn unusable(sort: &str) -> Error {
    Error::Login(format!("the node's {sort} identity cannot be used: see the environment that the node runs in"))
}

/// Retries are the caller's, who knows the deadline.
pub(crate) fn options(wire: Wire, authority: Option<&str>) -> ClientOptions {
    let cloud = authority.map(|authority| {
        let mut custom = CustomConfiguration::default();
        custom.authority_host = authority.to_owned();
        Arc::new(CloudConfiguration::from(custom))
    });
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(Transport::new(Arc::new(wire))),
        cloud,
        ..ClientOptions::default()
    }
}
