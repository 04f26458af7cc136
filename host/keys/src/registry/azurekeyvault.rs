//! Keys in Azure Key Vault and Managed HSM: the records and their parameters.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Curve, Error};

use super::params::{Params, REDACTED, required};

/// A vault, and how to prove who is asking.
#[derive(Clone, Serialize, Deserialize)]
pub struct AzureKeyVaultProvider {
    /// The tenant of Microsoft Entra ID.
    pub tenant_id: String,
    /// With `client_secret`: a registered application. Alone: a managed or workload identity of this client id.
    pub client_id: Option<String>,
    /// The application's secret.
    #[serde(with = "super::secret::optional", default)]
    pub client_secret: Option<SecretString>,
    /// The cloud, `AZUREPUBLICCLOUD` unless another is named.
    pub environment: String,
    /// The first label of the vault's host name.
    pub vault_name: String,
    /// The service: `vault.azure.net`, or `managedhsm.azure.net` for a Managed HSM.
    pub resource: String,
}

impl fmt::Debug for AzureKeyVaultProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AzureKeyVaultProvider").field("vault_name", &self.vault_name).finish_non_exhaustive()
    }
}

/// A key of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AzureKeyVaultLocator {
    /// Its name.
    pub key_name: String,
    /// Its version; the newest at the first use if none is named, and pinned from then on.
    pub key_version: Option<String>,
    /// `RSA`, `RSA-HSM`, `EC` or `EC-HSM`.
    pub key_type: String,
    /// Bits of an RSA key to make.
    pub key_bits: Option<u32>,
    /// Curve of an EC key to make.
    pub curve: Option<Curve>,
}

impl AzureKeyVaultProvider {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("tenant_id", json!(self.tenant_id));
        put("client_id", json!(self.client_id.as_deref().unwrap_or_default()));
        put("client_secret", json!(if self.client_secret.is_some() { REDACTED[0] } else { "" }));
        put("environment", json!(self.environment));
        put("vault_name", json!(self.vault_name));
        put("resource", json!(self.resource));
    }
}

impl AzureKeyVaultLocator {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("key_name", json!(self.key_name));
        put("key_type", json!(self.key_type));
        for (name, value) in [
            ("key_version", self.key_version.as_ref().map(|version| json!(version))),
            ("key_bits", self.key_bits.map(|bits| json!(bits.to_string()))),
            ("curve", self.curve.map(|curve| json!(curve.name()))),
        ] {
            value.into_iter().for_each(|value| put(name, value));
        }
    }

    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        if self.key_version.is_some() {
            return Err(Error::invalid(
                "key_version: cannot be combined with allow_generate_key, because a vault names versions itself",
            ));
        }
        match self.key_type.as_str() {
            "RSA" | "RSA-HSM" if self.key_bits.is_none() => Err(required("key_bits", "2048, 3072 or 4096")),
            "EC" | "EC-HSM" if self.curve.is_none() => Err(required("curve", "P256, P384 or P521")),
            _ => Ok(()),
        }
    }
}

pub(super) fn provider(
    params: &Params<'_>,
    old: Option<&AzureKeyVaultProvider>,
) -> Result<AzureKeyVaultProvider, Error> {
    let or = |given: Option<String>, usual: &str| given.unwrap_or_else(|| usual.to_owned());
    Ok(AzureKeyVaultProvider {
        tenant_id: params.needed("tenant_id", old.map(|old| &old.tenant_id), "the tenant of Microsoft Entra ID")?,
        client_id: params.kept("client_id", old.and_then(|old| old.client_id.as_ref()))?,
        client_secret: params.secret("client_secret", old.and_then(|old| old.client_secret.as_ref()))?,
        environment: or(params.kept("environment", old.map(|old| &old.environment))?, "AZUREPUBLICCLOUD"),
        vault_name: params.needed("vault_name", old.map(|old| &old.vault_name), "the name of the vault")?,
        resource: or(params.kept("resource", old.map(|old| &old.resource))?, "vault.azure.net"),
    })
}

pub(super) fn locator(params: &Params<'_>, old: Option<&AzureKeyVaultLocator>) -> Result<AzureKeyVaultLocator, Error> {
    let types = "RSA-HSM, RSA, EC-HSM or EC";
    let key_type = params.needed("key_type", old.map(|old| &old.key_type), types)?.to_ascii_uppercase();
    if !["RSA-HSM", "RSA", "EC-HSM", "EC"].contains(&key_type.as_str()) {
        return Err(Error::invalid(format!("key_type: {key_type:?} is not supported; use {types}")));
    }
    Ok(AzureKeyVaultLocator {
        key_name: params.needed("key_name", old.map(|old| &old.key_name), "the name of the key in the vault")?,
        key_version: params.kept("key_version", old.and_then(|old| old.key_version.as_ref()))?,
        key_type,
        key_bits: params.key_bits(old.and_then(|old| old.key_bits))?,
        curve: params.curve(old.and_then(|old| old.curve))?,
    })
}
