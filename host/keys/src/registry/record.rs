//! What a managed key's record holds.

use std::borrow::Cow;

use model::Id;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Description, Error, Hash, Usage, Usages};

use super::awskms::{AwsKmsLocator, AwsKmsProvider};
use super::azurekeyvault::{AzureKeyVaultLocator, AzureKeyVaultProvider};
use super::gcpckms::{GcpCkmsLocator, GcpCkmsProvider};
use super::pkcs11::{Pkcs11Locator, Pkcs11Provider};

/// The layout of records that this code writes.
pub(crate) const VERSION: u8 = 1;
/// The types of managed keys, as they stand in paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderType {
    /// A PKCS#11 token.
    Pkcs11,
    /// AWS KMS.
    AwsKms,
    /// Azure Key Vault or Managed HSM.
    AzureKeyVault,
    /// Google Cloud KMS.
    GcpCkms,
}

impl ProviderType {
    /// Every type.
    pub const ALL: [Self; 4] = [Self::Pkcs11, Self::AwsKms, Self::AzureKeyVault, Self::GcpCkms];

    /// Reads the type of a path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| Error::invalid(format!("unsupported managed key type {text:?}: use {}", Self::names())))
    }

    /// The names of all types, for texts.
    pub(super) fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    /// The name in paths and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pkcs11 => "pkcs11",
            Self::AwsKms => "awskms",
            Self::AzureKeyVault => "azurekeyvault",
            Self::GcpCkms => "gcpckms",
        }
    }
}

/// Where keys live, and the credentials to reach them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Provider {
    /// A PKCS#11 token.
    Pkcs11(Pkcs11Provider),
    /// An account and region of AWS.
    AwsKms(AwsKmsProvider),
    /// A vault of Azure.
    AzureKeyVault(AzureKeyVaultProvider),
    /// A key ring of Google Cloud.
    GcpCkms(GcpCkmsProvider),
}

impl Provider {
    /// The type.
    pub const fn kind(&self) -> ProviderType {
        match self {
            Self::Pkcs11(_) => ProviderType::Pkcs11,
            Self::AwsKms(_) => ProviderType::AwsKms,
            Self::AzureKeyVault(_) => ProviderType::AzureKeyVault,
            Self::GcpCkms(_) => ProviderType::GcpCkms,
        }
    }

    /// The name of the `kms_library` that it needs, if it needs one.
    pub fn library(&self) -> Option<&str> {
        match self {
            Self::Pkcs11(provider) => Some(&provider.library),
            _ => None,
        }
    }

    /// The secrets, by the names of their parameters.
    pub(super) fn secrets(&self) -> Vec<(&'static str, Option<&SecretString>)> {
        match self {
            Self::Pkcs11(provider) => vec![("pin", Some(&provider.pin))],
            Self::AwsKms(provider) => {
                vec![("access_key", provider.access_key.as_ref()), ("secret_key", provider.secret_key.as_ref())]
            }
            Self::AzureKeyVault(provider) => vec![("client_secret", provider.client_secret.as_ref())],
            Self::GcpCkms(provider) => vec![("credentials", provider.credentials.as_ref())],
        }
    }

    /// The read-back of the provider alone.
    pub fn to_fields(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        self.show(&mut |name: &str, value: Value| drop(fields.insert(name.to_owned(), value)));
        fields
    }

    /// Gives each field of the read-back and its value, without secrets.
    fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        match self {
            Self::Pkcs11(provider) => provider.show(put),
            Self::AwsKms(provider) => provider.show(put),
            Self::AzureKeyVault(provider) => provider.show(put),
            Self::GcpCkms(provider) => provider.show(put),
        }
    }
}

/// Which key it is, inside its provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Locator {
    /// A key in a PKCS#11 token.
    Pkcs11(Pkcs11Locator),
    /// A key of AWS KMS.
    AwsKms(AwsKmsLocator),
    /// A key of a vault of Azure.
    AzureKeyVault(AzureKeyVaultLocator),
    /// A version of a key of Google Cloud.
    GcpCkms(GcpCkmsLocator),
}

impl Locator {
    /// The locator of the very key that was described: where a home keeps versions under one name and the record names
    /// none, of that version. A key that is rotated in its home stays what it was here until its record is written again.
    /// An alias of AWS KMS has no versions: one that points at another key is refused as [`Error::Replaced`].
    pub fn pinned(&self, description: &Description) -> Cow<'_, Self> {
        match (self, &description.version) {
            (Self::AzureKeyVault(locator), Some(version)) if locator.key_version.is_none() => {
                Cow::Owned(Self::AzureKeyVault(AzureKeyVaultLocator {
                    key_version: Some(version.clone()),
                    ..locator.clone()
                }))
            }
            (Self::Pkcs11(locator), Some(version)) => {
                Cow::Owned(Self::Pkcs11(Pkcs11Locator { described: Some(version.clone()), ..locator.clone() }))
            }
            (Self::AwsKms(locator), Some(version)) => {
                Cow::Owned(Self::AwsKms(AwsKmsLocator { described: Some(version.clone()), ..locator.clone() }))
            }
            _ => Cow::Borrowed(self),
        }
    }

    /// The locator of a key with these usages.
    pub(super) fn for_usages(self, usages: Usages) -> Self {
        match self {
            Self::AwsKms(locator) => {
                let opens = usages.contains(Usage::Encrypt) || usages.contains(Usage::Decrypt);
                let decrypts = opens && !usages.contains(Usage::Sign) && !usages.contains(Usage::Verify);
                Self::AwsKms(AwsKmsLocator { decrypts, ..locator })
            }
            other => other,
        }
    }

    /// The one hash of RSAES-OAEP that the record names.
    pub fn oaep_hash(&self) -> Option<Hash> {
        match self {
            Self::Pkcs11(locator) => locator.rsa_oaep_hash,
            _ => None,
        }
    }

    /// Refuses a record that says too little, or something else, of a key that is to be made.
    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        match self {
            Self::Pkcs11(locator) => locator.can_be_made(),
            Self::AwsKms(locator) => locator.can_be_made(),
            Self::AzureKeyVault(locator) => locator.can_be_made(),
            Self::GcpCkms(locator) => locator.can_be_made(),
        }
    }

    fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        match self {
            Self::Pkcs11(locator) => locator.show(put),
            Self::AwsKms(locator) => locator.show(put),
            Self::AzureKeyVault(locator) => locator.show(put),
            Self::GcpCkms(locator) => locator.show(put),
        }
    }
}

/// Where a key lives: a provider of its own, or one that it shares with other keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Home {
    /// As a managed key of the Vault API has it.
    Provider(Provider),
    /// The name of a [`Config`] of the same namespace, as an external key of the OpenBao API has it.
    Config(String),
}

/// A provider that keys share, as it is stored. Credentials live here once, and are rotated in one write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// The layout.
    pub version: u8,
    /// Unique in the namespace, over managed keys too.
    pub name: String,
    /// What it is.
    pub provider: Provider,
}

/// A managed key as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The layout.
    pub version: u8,
    /// Stays the same through updates.
    pub uuid: Id,
    /// Unique over all types of the namespace.
    pub name: String,
    /// Whether a key that is absent may be made.
    pub allow_generate_key: bool,
    /// Whether making a key may replace one.
    pub allow_replace_key: bool,
    /// Whether a private key of this server may be stored as this one.
    pub allow_store_key: bool,
    /// Whether any mount of the namespace may use the key.
    pub any_mount: bool,
    /// Whether mounts of namespaces below may use the key too.
    #[serde(default)]
    pub inherits: bool,
    /// What the key may be used for.
    pub usages: Usages,
    /// Where it lives.
    #[serde(flatten)]
    pub home: Home,
    /// Which it is there.
    pub locator: Locator,
    /// What the provider said of it, once it was asked.
    pub description: Option<Description>,
}

impl Record {
    /// The config that the key belongs to: the one it shares, or the one that it is by itself.
    pub fn config(&self) -> &str {
        match &self.home {
            Home::Provider(_) => &self.name,
            Home::Config(name) => name,
        }
    }

    /// The key's own name below its config.
    pub fn key(&self) -> &str {
        self.name.split_once(':').map_or(&self.name, |(_, key)| key)
    }

    /// What is said of the key and not of its provider.
    pub fn key_fields(&self) -> Map<String, Value> {
        let usages: Vec<&str> = self.usages.iter().map(crate::Usage::name).collect();
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("allow_generate_key", json!(self.allow_generate_key));
        put("allow_replace_key", json!(self.allow_replace_key));
        put("allow_store_key", json!(self.allow_store_key));
        put("any_mount", json!(self.any_mount));
        put("inherits", json!(self.inherits));
        put("usages", json!(usages));
        self.locator.show(&mut put);
        fields
    }

    /// The read-back of the Vault API; secrets read `redacted`.
    pub fn to_fields(&self, provider: &Provider) -> Map<String, Value> {
        let mut fields = self.key_fields();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("UUID", json!(self.uuid.to_string()));
        put("name", json!(self.name));
        put("type", json!(provider.kind().name()));
        provider.show(&mut put);
        fields
    }
}
