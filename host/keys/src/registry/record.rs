//! What a managed key's record holds.

use std::fmt;

use model::Id;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{Curve, Description, Error, Usages};

/// The layout of records that this code writes.
pub(super) const VERSION: u8 = 1;
/// Most operations that one key may have running in its token.
pub const MAX_PARALLEL_MAX: u32 = 128;

/// The types of managed keys, as they stand in paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderType {
    /// A PKCS#11 token.
    Pkcs11,
}

impl ProviderType {
    /// Reads the type of a path.
    pub fn parse(text: &str) -> Result<Self, Error> {
        match text {
            "pkcs11" => Ok(Self::Pkcs11),
            other => Err(Error::invalid(format!("unsupported managed key type {other:?}: this build has pkcs11"))),
        }
    }

    /// The name in paths and answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pkcs11 => "pkcs11",
        }
    }
}

/// Where keys live, and the credentials to reach them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Provider {
    /// A PKCS#11 token.
    Pkcs11(Pkcs11Provider),
}

impl Provider {
    /// The type.
    pub const fn kind(&self) -> ProviderType {
        match self {
            Self::Pkcs11(_) => ProviderType::Pkcs11,
        }
    }
}

/// Which key it is, inside its provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Locator {
    /// A key in a PKCS#11 token.
    Pkcs11(Pkcs11Locator),
}

/// Which token of a library.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRef {
    /// The slot's number. Tokens may change theirs when they are initialised again.
    Slot(u64),
    /// The token's label, without its padding.
    Label(String),
}

/// A PKCS#11 token and how to log in to it.
#[derive(Clone, Serialize, Deserialize)]
pub struct Pkcs11Provider {
    /// The name of a `kms_library`.
    pub library: String,
    /// The token.
    pub token: TokenRef,
    /// The user's PIN.
    #[serde(with = "super::secret")]
    pub pin: SecretString,
    /// Whether even sessions that only sign are opened read/write, as some tokens want.
    pub force_rw_session: bool,
    /// Sessions that may work at once, 1 to [`MAX_PARALLEL_MAX`].
    pub max_parallel: u32,
}

impl fmt::Debug for Pkcs11Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pkcs11Provider").field("library", &self.library).finish_non_exhaustive()
    }
}

/// A key in a PKCS#11 token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Pkcs11Locator {
    /// CKA_LABEL.
    pub key_label: Option<String>,
    /// CKA_ID, in hexadecimal digits of lower case.
    pub key_id: Option<String>,
    /// The CKM_ number of the mechanism that the key is used with.
    pub mechanism: u64,
    /// Bits of an RSA key to make.
    pub key_bits: Option<u32>,
    /// Curve of an EC key to make.
    pub curve: Option<Curve>,
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
    /// What the key may be used for.
    pub usages: Usages,
    /// Where it lives.
    pub provider: Provider,
    /// Which it is there.
    pub locator: Locator,
    /// What the provider said of it, once it was asked.
    pub description: Option<Description>,
}

impl Record {
    /// The read-back of the Vault API; the PIN reads `redacted`.
    pub fn to_fields(&self) -> Map<String, Value> {
        let usages: Vec<&str> = self.usages.iter().map(crate::Usage::name).collect();
        let (Provider::Pkcs11(provider), Locator::Pkcs11(locator)) = (&self.provider, &self.locator);
        let mut fields = Map::new();
        let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
        put("UUID", json!(self.uuid.to_string()));
        put("name", json!(self.name));
        put("type", json!(self.provider.kind().name()));
        put("allow_generate_key", json!(self.allow_generate_key));
        put("allow_replace_key", json!(self.allow_replace_key));
        put("allow_store_key", json!(self.allow_store_key));
        put("any_mount", json!(self.any_mount));
        put("usages", json!(usages));
        put("library", json!(provider.library));
        match &provider.token {
            TokenRef::Slot(slot) => put("slot", json!(slot)),
            TokenRef::Label(label) => put("token_label", json!(label)),
        }
        put("pin", json!("redacted"));
        put("force_rw_session", json!(provider.force_rw_session));
        put("max_parallel", json!(provider.max_parallel));
        put("mechanism", json!(locator.mechanism));
        for (name, value) in [
            ("key_label", locator.key_label.as_ref().map(|label| json!(label))),
            ("key_id", locator.key_id.as_ref().map(|id| json!(id))),
            ("key_bits", locator.key_bits.map(|bits| json!(bits))),
            ("curve", locator.curve.map(|curve| json!(curve.name()))),
        ] {
            value.into_iter().for_each(|value| put(name, value));
        }
        fields
    }
}
