//! Keys in Google Cloud KMS: the records and their parameters.

mod account;
mod resource;

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Error;

pub use account::ServiceAccount;

use super::params::{Params, REDACTED, required};

/// What a version can do: the algorithms of Cloud KMS that are served, by its names for them.
pub const GCPCKMS_ALGORITHMS: [&str; 22] = [
    "EC_SIGN_P256_SHA256",
    "EC_SIGN_P384_SHA384",
    "EC_SIGN_ED25519",
    "RSA_SIGN_PSS_2048_SHA256",
    "RSA_SIGN_PSS_3072_SHA256",
    "RSA_SIGN_PSS_4096_SHA256",
    "RSA_SIGN_PSS_4096_SHA512",
    "RSA_SIGN_PKCS1_2048_SHA256",
    "RSA_SIGN_PKCS1_3072_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA256",
    "RSA_SIGN_PKCS1_4096_SHA512",
    "RSA_DECRYPT_OAEP_2048_SHA256",
    "RSA_DECRYPT_OAEP_3072_SHA256",
    "RSA_DECRYPT_OAEP_4096_SHA256",
    "RSA_DECRYPT_OAEP_4096_SHA512",
    "RSA_DECRYPT_OAEP_2048_SHA1",
    "RSA_DECRYPT_OAEP_3072_SHA1",
    "RSA_DECRYPT_OAEP_4096_SHA1",
    "GOOGLE_SYMMETRIC_ENCRYPTION",
    "HMAC_SHA256",
    "HMAC_SHA384",
    "HMAC_SHA512",
];

/// The version that a key has when it is made.
const FIRST_VERSION: &str = "1";

/// A key ring, and how to prove who is asking.
#[derive(Clone, Serialize, Deserialize)]
pub struct GcpCkmsProvider {
    /// The key file of a service account, as JSON ([`ServiceAccount`]); without it the node's own identity is used.
    #[serde(with = "super::secret::optional", default)]
    pub credentials: Option<SecretString>,
    /// The project's id or number.
    pub project: String,
    /// The location.
    pub region: String,
    /// The key ring, which must exist.
    pub key_ring: String,
}

impl fmt::Debug for GcpCkmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GcpCkmsProvider").field("project", &self.project).finish_non_exhaustive()
    }
}

/// Where the private half of a key that is made lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GcpCkmsProtection {
    /// In an HSM of Google's.
    #[default]
    Hsm,
    /// In software of Google's.
    Software,
}

impl GcpCkmsProtection {
    const fn name(self) -> &'static str {
        match self {
            Self::Hsm => "hsm",
            Self::Software => "software",
        }
    }
}

/// A version of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GcpCkmsLocator {
    /// The key.
    pub crypto_key: String,
    /// Its version, `1` unless another is named.
    pub crypto_key_version: String,
    /// What the version can do, and nothing else: one of [`GCPCKMS_ALGORITHMS`].
    pub algorithm: String,
    /// For a key that is made; one that is there is taken as it is.
    #[serde(default)]
    pub protection_level: GcpCkmsProtection,
}

impl GcpCkmsProvider {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("credentials", json!(if self.credentials.is_some() { REDACTED[0] } else { "" }));
        put("project", json!(self.project));
        put("region", json!(self.region));
        put("key_ring", json!(self.key_ring));
    }
}

impl GcpCkmsLocator {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("crypto_key", json!(self.crypto_key));
        put("crypto_key_version", json!(self.crypto_key_version));
        put("algorithm", json!(self.algorithm));
        put("protection_level", json!(self.protection_level.name()));
    }

    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        if self.crypto_key_version == FIRST_VERSION {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "crypto_key_version: a key that is made has the version {FIRST_VERSION}, not {}; set allow_generate_key to \
             false to use a version that is there",
            self.crypto_key_version
        )))
    }
}

pub(super) fn provider(params: &Params<'_>, old: Option<&GcpCkmsProvider>) -> Result<GcpCkmsProvider, Error> {
    let provider = GcpCkmsProvider {
        credentials: params.secret("credentials", old.and_then(|old| old.credentials.as_ref()))?,
        project: params.needed("project", old.map(|old| &old.project), "the project")?,
        region: params.needed("region", old.map(|old| &old.region), "the location of the key ring")?,
        key_ring: params.needed("key_ring", old.map(|old| &old.key_ring), "the key ring, which must exist")?,
    };
    provider.resource()?;
    provider.account()?;
    Ok(provider)
}

pub(super) fn locator(params: &Params<'_>, old: Option<&GcpCkmsLocator>) -> Result<GcpCkmsLocator, Error> {
    let version = params.kept("crypto_key_version", old.map(|old| &old.crypto_key_version))?;
    let locator = GcpCkmsLocator {
        crypto_key: params.needed("crypto_key", old.map(|old| &old.crypto_key), "the name of the key")?,
        crypto_key_version: version.unwrap_or_else(|| FIRST_VERSION.to_owned()),
        algorithm: algorithm(params, old)?,
        protection_level: protection(params, old)?,
    };
    locator.check()?;
    Ok(locator)
}

fn algorithm(params: &Params<'_>, old: Option<&GcpCkmsLocator>) -> Result<String, Error> {
    let given = params.text("algorithm")?.map(|text| text.to_ascii_uppercase());
    match given.or_else(|| old.map(|old| old.algorithm.clone())) {
        None => Err(required("algorithm", "the algorithm of the version, by Cloud KMS's name for it")),
        Some(known) if GCPCKMS_ALGORITHMS.contains(&known.as_str()) => Ok(known),
        Some(other) => {
            let known = GCPCKMS_ALGORITHMS.join(", ");
            Err(Error::invalid(format!("algorithm: {other:?} is not supported; use one of {known}")))
        }
    }
}

fn protection(params: &Params<'_>, old: Option<&GcpCkmsLocator>) -> Result<GcpCkmsProtection, Error> {
    let field = "protection_level";
    match params.text(field)?.map(|text| text.to_ascii_lowercase()).as_deref() {
        None if params.cleared(field) => Ok(GcpCkmsProtection::default()),
        None => Ok(old.map(|old| old.protection_level).unwrap_or_default()),
        Some("hsm") => Ok(GcpCkmsProtection::Hsm),
        Some("software") => Ok(GcpCkmsProtection::Software),
        Some(other) => Err(Error::invalid(format!("{field}: {other:?} is not supported; use hsm or software"))),
    }
}

#[cfg(test)]
mod tests;
