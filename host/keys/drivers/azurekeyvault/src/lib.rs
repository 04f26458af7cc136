//! Keys in Azure Key Vault and Managed HSM.
//!
//! **For:** the [`keys::Driver`] of type `azurekeyvault`, over Azure's clouds and those that the node's settings add.
//! **Never:** dials a host that a record names (records name clouds and vaults, the node knows their domains), sends a
//! token to another host than its vault or asks for one of another scope, lets the node's own identity out of Azure's
//! own domains, tries a refused client secret again, sends a message instead of its digest, or repeats what a service
//! wrote. **In, out:** the registry's records and digests in; public keys and signatures out. **Meet first:**
//! [`Driver`], [`Settings`]. **Errors:** [`keys::Error`]; codes and statuses go to the log, bodies nowhere.
//!
//! Inside: `Clouds` is what the node knows, a `Place` is where a record points; a `Vault` is one vault with one
//! `Identity`, which holds the tokens; a `Wire` is the transport to a single host; `versions` says which version of a
//! key is meant, and how nodes agree on it when they make a key at once. A warm signature is one request.
//!
//! The version of a key is pinned: a description tells it, and [`keys::Locator::pinned`] hands it back with each use, so
//! that a key that is rotated in the vault goes on signing with what was described until its record is written again.
//! Whoever calls with a locator without a version gets the version that this driver described last.
//!
//! Limits: a rotation within ten seconds of a key's making is not seen; RS, PS and ES with SHA-256, 384 and 512, the
//! hash of ES bound to its curve; OAEP with SHA-1 and SHA-256; no secp256k1 and no symmetric keys; the SDK holds client
//! secrets and tokens in memory that is not wiped; permissions that are needed: get and sign, for decrypting decrypt,
//! for making create, and list where a version is not named (without it the newest counts).
#![forbid(unsafe_code)]

mod cloud;
mod failure;
mod identity;
mod key;
mod settings;
mod vault;
mod versions;
mod wire;

use std::sync::Arc;

use async_trait::async_trait;
use azure_security_keyvault_keys::ResourceExt;
use azure_security_keyvault_keys::models::{KeyClientSignOptions, KeyOperationParameters, SignParameters};
use keys::registry::{AzureKeyVaultLocator, AzureKeyVaultProvider};
use keys::{Cipher, Description, Error, Hash, Locator, Provider, SignRequest};
use quick_cache::sync::Cache;
use secrecy::ExposeSecret;
use tokio::time::Instant;
use zeroize::Zeroizing;

use cloud::Clouds;
use failure::{Asked, Failure};
pub use settings::{Cloud, NodeIdentity, Settings};
use vault::Vault;

/// Vaults that are kept ready, with their tokens and connections.
const VAULTS_MAX: usize = 1024;
/// A name that nobody gives to a key, to ask a vault for.
const PROBE: &str = "innkeeper-health-probe";

/// The driver. Nobody is dialled until a key is first used.
pub struct Driver {
    clouds: Arc<Clouds>,
    node_identity: NodeIdentity,
    vaults: Cache<Vec<u8>, Arc<Vault>>,
}

impl Driver {
    /// The driver of this node. Reads the files of certificates; [`Error::Invalid`] names the setting that is wrong.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let clouds = Arc::new(Clouds::new(&settings)?);
        Ok(Self { clouds, node_identity: settings.node_identity.settled(), vaults: Cache::new(VAULTS_MAX) })
    }

    async fn vault(&self, provider: &Provider, deadline: Instant) -> Result<Arc<Vault>, Error> {
        let provider = own(provider)?;
        let open = async {
            let (clouds, node, provider) = (Arc::clone(&self.clouds), self.node_identity.clone(), provider.clone());
            // Certificates and the file of a workload identity are read from disk.
            let opened = tokio::task::spawn_blocking(move || {
                let place = clouds.place(&provider)?;
                Vault::new(provider, place, node).map(Arc::new)
            });
            opened.await.map_err(|_| Error::Internal("a vault could not be opened".into()))?
        };
        let identity = identity(provider)?;
        let opened = tokio::time::timeout_at(deadline, self.vaults.get_or_insert_async(&identity, open));
        opened.await.map_err(|_| Error::Timeout)?
    }

    /// The version that a locator means: its own, else the one that was described last.
    async fn version(&self, vault: &Vault, locator: &AzureKeyVaultLocator, deadline: Instant) -> Result<String, Error> {
        if let Some(version) = locator.key_version.clone().or_else(|| vault.chosen.get(&locator.key_name)) {
            return Ok(version);
        }
        described(vault, locator, deadline).await?.version.ok_or_else(|| key::garbage("names no version"))
    }
}

/// What makes two records share a vault: all that says where it is and who asks. A digest, so that the map holds no
/// second copy of the secret.
fn identity(provider: &AzureKeyVaultProvider) -> Result<Vec<u8>, Error> {
    let secret = provider.client_secret.as_ref().map(ExposeSecret::expose_secret);
    let fields = [
        Some(provider.environment.as_str()),
        Some(provider.resource.as_str()),
        Some(provider.vault_name.as_str()),
        Some(provider.tenant_id.as_str()),
        provider.client_id.as_deref(),
        secret,
    ];
    let mut bytes = Zeroizing::new(Vec::new());
    for field in fields {
        let length = field.map_or(u64::MAX, |field| field.len() as u64);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(field.unwrap_or_default().as_bytes());
    }
    Hash::Sha256.digest(&bytes)
}

async fn described(vault: &Vault, locator: &AzureKeyVaultLocator, deadline: Instant) -> Result<Description, Error> {
    let key = vault.find(locator, deadline).await?;
    remembered(vault, locator, key::describe(&key, locator, versions::now())?)
}

fn remembered(vault: &Vault, locator: &AzureKeyVaultLocator, found: Description) -> Result<Description, Error> {
    if let (None, Some(version)) = (&locator.key_version, &found.version) {
        vault.chosen.insert(locator.key_name.clone(), version.clone());
    }
    Ok(found)
}

/// A refusal that may come from the key's state, which codes do not always tell: the key is asked.
async fn explain(
    vault: &Vault,
    locator: &AzureKeyVaultLocator,
    version: &str,
    failure: Failure,
    asked: Asked,
    deadline: Instant,
) -> Error {
    if let Failure::Denied(_) = &failure
        && let Ok(key) = vault.get(&locator.key_name, Some(version), deadline).await
        && let Some(state) = key::state(&key, versions::now())
    {
        return Error::Unusable(state.into());
    }
    failure.into_error(asked)
}

#[async_trait]
impl keys::Driver for Driver {
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        let vault = self.vault(provider, deadline).await?;
        described(&vault, key_of(locator)?, deadline).await
    }

    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        let (vault, locator) = (self.vault(provider, deadline).await?, key_of(locator)?);
        match described(&vault, locator, deadline).await {
            Err(Error::Absent) if locator.key_version.is_none() => {}
            other => return other,
        }
        let key = vault.make(locator, deadline).await?;
        remembered(&vault, locator, key::describe(&key, locator, versions::now())?)
    }

    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let locator = key_of(locator)?;
        let (algorithm, digest) = key::signature(locator, request)?;
        let vault = self.vault(provider, deadline).await?;
        let version = self.version(&vault, locator, deadline).await?;
        let sign = || async {
            let parameters = SignParameters { algorithm: Some(algorithm.clone()), value: Some(digest.clone()) };
            let options = KeyClientSignOptions { key_version: Some(version.clone()), ..Default::default() };
            vault.client.sign(&locator.key_name, parameters.try_into()?, Some(options)).await?.into_model()
        };
        let signed = match vault.attempt(Asked::Sign, deadline, sign).await? {
            Ok(signed) => signed,
            Err(failure) => return Err(explain(&vault, locator, &version, failure, Asked::Sign, deadline).await),
        };
        if signed.resource_id().ok().and_then(|id| id.version).is_none_or(|other| other != version) {
            return Err(key::garbage("is signed by another version"));
        }
        key::finish(request.scheme, signed.result.ok_or_else(|| key::garbage("holds no signature"))?)
    }

    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error> {
        let vault = self.vault(provider, deadline).await?;
        // Takes no other permission than describing does. That there is no such key proves all that is asked.
        match vault.get(PROBE, None, deadline).await {
            Ok(_) | Err(Error::Absent) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn forget(&self, provider: &Provider) {
        if let Ok(identity) = own(provider).and_then(identity) {
            self.vaults.remove(&identity);
        }
    }

    async fn forget_all(&self) {
        self.vaults.clear();
    }

    fn cipher(&self) -> Option<&dyn Cipher> {
        Some(self)
    }
}

#[async_trait]
impl Cipher for Driver {
    async fn decrypt(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let locator = key_of(locator)?;
        if !locator.key_type.starts_with("RSA") {
            return Err(Error::Unsupported("decrypting with a key that is not RSA".into()));
        }
        let algorithm = key::oaep(hash)?;
        let vault = self.vault(provider, deadline).await?;
        let version = self.version(&vault, locator, deadline).await?;
        let decrypt = || async {
            let parameters = KeyOperationParameters {
                algorithm: Some(algorithm.clone()),
                value: Some(ciphertext.to_vec()),
                ..Default::default()
            };
            let decrypted = vault.client.decrypt(&locator.key_name, &version, parameters.try_into()?, None);
            decrypted.await?.into_model()
        };
        match vault.attempt(Asked::Decrypt, deadline, decrypt).await? {
            Ok(opened) => opened.result.map(Zeroizing::new).ok_or_else(|| key::garbage("holds no plaintext")),
            Err(failure) => Err(explain(&vault, locator, &version, failure, Asked::Decrypt, deadline).await),
        }
    }
}

fn own(provider: &Provider) -> Result<&AzureKeyVaultProvider, Error> {
    match provider {
        Provider::AzureKeyVault(provider) => Ok(provider),
        other => Err(Error::Internal(format!("a provider of type {} at the driver of vaults", other.kind().name()))),
    }
}

fn key_of(locator: &Locator) -> Result<&AzureKeyVaultLocator, Error> {
    match locator {
        Locator::AzureKeyVault(locator) => Ok(locator),
        _ => Err(Error::Internal("the locator of another type at the driver of vaults".into())),
    }
}
