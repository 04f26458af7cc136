//! Keys in Google Cloud KMS: the records and their parameters.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Error;

use super::params::{Params, REDACTED, required};

/// The signature algorithms that a version can have here.
const ALGORITHMS: [&str; 12] = [
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
];

/// A key ring, and how to prove who is asking.
#[derive(Clone, Serialize, Deserialize)]
pub struct GcpCkmsProvider {
    /// A service account's key file, as JSON; without it the node's own identity is used.
    #[serde(with = "super::secret::optional", default)]
    pub credentials: Option<SecretString>,
    /// The project.
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

/// A version of a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GcpCkmsLocator {
    /// The key.
    pub crypto_key: String,
    /// Its version, `1` unless another is named.
    pub crypto_key_version: String,
    /// What the version can do, and nothing else.
    pub algorithm: String,
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
    }

    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        Ok(())
    }
}

pub(super) fn provider(params: &Params<'_>, old: Option<&GcpCkmsProvider>) -> Result<GcpCkmsProvider, Error> {
    let credentials = params.secret("credentials", old.and_then(|old| old.credentials.as_ref()))?;
    Ok(GcpCkmsProvider {
        credentials,
        project: params.needed("project", old.map(|old| &old.project), "the project")?,
        region: params.needed("region", old.map(|old| &old.region), "the location of the key ring")?,
        key_ring: params.needed("key_ring", old.map(|old| &old.key_ring), "the key ring, which must exist")?,
    })
}

pub(super) fn locator(params: &Params<'_>, old: Option<&GcpCkmsLocator>) -> Result<GcpCkmsLocator, Error> {
    let algorithm = params.text("algorithm")?.map(|text| text.to_ascii_uppercase());
    let algorithm = match algorithm.or_else(|| old.map(|old| old.algorithm.clone())) {
        None => return Err(required("algorithm", "the signature algorithm of the version")),
        Some(known) if ALGORITHMS.contains(&known.as_str()) => known,
        Some(other) => {
            let known = ALGORITHMS.join(", ");
            return Err(Error::invalid(format!("algorithm: {other:?} is not supported; use one of {known}")));
        }
    };
    let version = params.kept("crypto_key_version", old.map(|old| &old.crypto_key_version))?;
    Ok(GcpCkmsLocator {
        crypto_key: params.needed("crypto_key", old.map(|old| &old.crypto_key), "the name of the key")?,
        crypto_key_version: version.unwrap_or_else(|| "1".to_owned()),
        algorithm,
    })
}
