//! Keys in Azure Key Vault and Managed HSM: the records and their parameters.
//!
//! Names become parts of URLs: what Azure itself would not take is refused when the record is written.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Curve, Error};

use super::params::{Params, REDACTED, required};

/// The domains of Azure's clouds that keys live in: vaults, then Managed HSMs; public, US government, China.
pub const AZURE_RESOURCES: [&str; 6] = [
    "vault.azure.net",
    "vault.usgovcloudapi.net",
    "vault.azure.cn",
    "managedhsm.azure.net",
    "managedhsm.usgovcloudapi.net",
    "managedhsm.azure.cn",
];

/// A vault, and how to prove who is asking.
#[derive(Clone, Serialize, Deserialize)]
pub struct AzureKeyVaultProvider {
    /// The tenant of Microsoft Entra ID: its id or a domain of it.
    pub tenant_id: String,
    /// With `client_secret`: a registered application. Alone: a managed or workload identity of this client id. Neither:
    /// whatever identity the node has.
    pub client_id: Option<String>,
    /// The application's secret.
    #[serde(with = "super::secret::optional", default)]
    pub client_secret: Option<SecretString>,
    /// The cloud, `AZUREPUBLICCLOUD` unless another is named. In capitals.
    pub environment: String,
    /// The first label of the vault's host name.
    pub vault_name: String,
    /// The service: one of [`AZURE_RESOURCES`].
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
    let provider = AzureKeyVaultProvider {
        tenant_id: params.needed("tenant_id", old.map(|old| &old.tenant_id), "the tenant of Microsoft Entra ID")?,
        client_id: params.kept("client_id", old.and_then(|old| old.client_id.as_ref()))?,
        client_secret: params.secret("client_secret", old.and_then(|old| old.client_secret.as_ref()))?,
        environment: or(params.kept("environment", old.map(|old| &old.environment))?, "AZUREPUBLICCLOUD")
            .to_ascii_uppercase(),
        vault_name: params.needed("vault_name", old.map(|old| &old.vault_name), "the name of the vault")?,
        resource: or(params.kept("resource", old.map(|old| &old.resource))?, AZURE_RESOURCES[0]).to_ascii_lowercase(),
    };
    encryption_mode(params)?;
    check(&provider)?;
    Ok(provider)
}

fn check(provider: &AzureKeyVaultProvider) -> Result<(), Error> {
    let wrong = |field: &str, what: &str| Err(Error::invalid(format!("{field}: must be {what}")));
    let tenant = &provider.tenant_id;
    if !made_of(tenant, 1..=253, "-.") || tenant.split('.').any(|label| !edged(label)) {
        return wrong("tenant_id", "the id of a tenant or one of its domains");
    }
    if provider.client_id.as_ref().is_some_and(|id| !made_of(id, 1..=64, "-") || !edged(id)) {
        return wrong("client_id", "the id of an application or a managed identity");
    }
    if provider.client_secret.is_some() && provider.client_id.is_none() {
        return Err(required("client_id", "the application that client_secret belongs to"));
    }
    let vault = &provider.vault_name;
    if !made_of(vault, 3..=24, "-") || !edged(vault) || !starts_with_letter(vault) || vault.contains("--") {
        return wrong("vault_name", "3 to 24 letters, digits and single hyphens, and begin with a letter");
    }
    if !made_of(&provider.environment, 1..=64, "-_") {
        return wrong("environment", "the name of a cloud, such as AZUREPUBLICCLOUD");
    }
    if !AZURE_RESOURCES.contains(&provider.resource.as_str()) {
        return wrong("resource", "vault.azure.net or managedhsm.azure.net, or their like in the cloud of the vault");
    }
    Ok(())
}

/// What OAEP encrypts here is the data itself, which is Vault's `raw`: nothing is kept, but another wish is not ignored.
fn encryption_mode(params: &Params<'_>) -> Result<(), Error> {
    match params.text("encryption_mode")?.as_deref() {
        None | Some("raw") => Ok(()),
        Some(other) => Err(Error::invalid(format!("encryption_mode: {other:?} is not supported; use raw"))),
    }
}

pub(super) fn locator(params: &Params<'_>, old: Option<&AzureKeyVaultLocator>) -> Result<AzureKeyVaultLocator, Error> {
    let types = "RSA-HSM, RSA, EC-HSM or EC";
    let key_type = params.needed("key_type", old.map(|old| &old.key_type), types)?.to_ascii_uppercase();
    if key_type == "OCT" || key_type == "OCT-HSM" {
        return Err(Error::invalid(format!(
            "key_type: symmetric keys of Azure Managed HSM are not supported; use {types}"
        )));
    }
    if !["RSA-HSM", "RSA", "EC-HSM", "EC"].contains(&key_type.as_str()) {
        return Err(Error::invalid(format!("key_type: {key_type:?} is not supported; use {types}")));
    }
    let locator = AzureKeyVaultLocator {
        key_name: params.needed("key_name", old.map(|old| &old.key_name), "the name of the key in the vault")?,
        key_version: params.kept("key_version", old.and_then(|old| old.key_version.as_ref()))?,
        key_type,
        key_bits: params.key_bits(old.and_then(|old| old.key_bits))?,
        curve: params.curve(old.and_then(|old| old.curve))?,
    };
    if !made_of(&locator.key_name, 1..=127, "-") {
        return Err(Error::invalid("key_name: must be 1 to 127 letters, digits and hyphens"));
    }
    let hexadecimal = |version: &String| version.len() == 32 && version.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !locator.key_version.as_ref().is_none_or(hexadecimal) {
        return Err(Error::invalid("key_version: must be the 32 hexadecimal digits that the vault shows"));
    }
    Ok(locator)
}

fn made_of(text: &str, len: std::ops::RangeInclusive<usize>, also: &str) -> bool {
    len.contains(&text.len()) && text.chars().all(|sign| sign.is_ascii_alphanumeric() || also.contains(sign))
}

/// Whether a label begins and ends with a letter or a digit.
fn edged(label: &str) -> bool {
    let alphanumeric = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    alphanumeric(label.as_bytes().first()) && alphanumeric(label.as_bytes().last())
}

fn starts_with_letter(text: &str) -> bool {
    text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic())
}
