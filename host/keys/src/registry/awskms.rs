//! Keys in AWS KMS: the records and their parameters.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Curve, Error};

use super::params::{Params, REDACTED, required};

/// An account and region of AWS, and how to prove who is asking.
#[derive(Clone, Serialize, Deserialize)]
pub struct AwsKmsProvider {
    /// Both keys are given, or the node's own chain is used: environment, profile, web identity, instance role.
    #[serde(with = "super::secret::optional", default)]
    pub access_key: Option<SecretString>,
    /// See `access_key`.
    #[serde(with = "super::secret::optional", default)]
    pub secret_key: Option<SecretString>,
    /// The region; without one the node's chain says it, and `us-east-1` if it does not.
    pub region: Option<String>,
    /// Another endpoint than the region's own: a VPC endpoint, or a local server.
    pub endpoint: Option<String>,
}

impl fmt::Debug for AwsKmsProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKmsProvider").field("region", &self.region).finish_non_exhaustive()
    }
}

/// The sort of key that AWS KMS is to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AwsKmsKeyType {
    /// RSA.
    Rsa,
    /// ECDSA.
    Ecdsa,
}

impl AwsKmsKeyType {
    const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ecdsa => "ECDSA",
        }
    }
}

/// A key of AWS KMS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AwsKmsLocator {
    /// An alias (`alias/name`), an id or an ARN.
    pub kms_key: String,
    /// What it is, or is to be.
    pub key_type: AwsKmsKeyType,
    /// Bits of an RSA key to make.
    pub key_bits: Option<u32>,
    /// Curve of an EC key to make.
    pub curve: Option<Curve>,
}

impl AwsKmsProvider {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        for (name, secret) in [("access_key", &self.access_key), ("secret_key", &self.secret_key)] {
            put(name, json!(if secret.is_some() { REDACTED[0] } else { "" }));
        }
        put("region", json!(self.region.as_deref().unwrap_or_default()));
        put("endpoint", json!(self.endpoint.as_deref().unwrap_or_default()));
    }
}

impl AwsKmsLocator {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("kms_key", json!(self.kms_key));
        put("key_type", json!(self.key_type.name()));
        if let Some(bits) = self.key_bits {
            put("key_bits", json!(bits.to_string()));
        }
        if let Some(curve) = self.curve {
            put("curve", json!(curve.name()));
        }
    }

    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        if !self.kms_key.starts_with("alias/") {
            return Err(Error::invalid(
                "kms_key: must be an alias (alias/name) when allow_generate_key is set, because AWS gives ids itself",
            ));
        }
        match self.key_type {
            AwsKmsKeyType::Rsa if self.key_bits.is_none() => Err(required("key_bits", "2048, 3072 or 4096")),
            AwsKmsKeyType::Ecdsa if self.curve.is_none() => Err(required("curve", "P256, P384 or P521")),
            _ => Ok(()),
        }
    }
}

pub(super) fn provider(params: &Params<'_>, old: Option<&AwsKmsProvider>) -> Result<AwsKmsProvider, Error> {
    let access_key = params.secret("access_key", old.and_then(|old| old.access_key.as_ref()))?;
    let secret_key = params.secret("secret_key", old.and_then(|old| old.secret_key.as_ref()))?;
    if access_key.is_some() != secret_key.is_some() {
        return Err(Error::invalid("access_key and secret_key: give both, or none to use the node's own credentials"));
    }
    Ok(AwsKmsProvider {
        access_key,
        secret_key,
        region: params.kept("region", old.and_then(|old| old.region.as_ref()))?,
        endpoint: params.kept("endpoint", old.and_then(|old| old.endpoint.as_ref()))?,
    })
}

pub(super) fn locator(params: &Params<'_>, old: Option<&AwsKmsLocator>) -> Result<AwsKmsLocator, Error> {
    let kms_key = params.needed("kms_key", old.map(|old| &old.kms_key), "an alias (alias/name), a key id or an ARN")?;
    let key_type = match params.text("key_type")? {
        None => old.map(|old| old.key_type).ok_or_else(|| required("key_type", "RSA or ECDSA"))?,
        Some(text) => match text.to_ascii_uppercase().as_str() {
            "RSA" => AwsKmsKeyType::Rsa,
            "ECDSA" => AwsKmsKeyType::Ecdsa,
            _ => return Err(Error::invalid(format!("key_type: {text:?} is not supported; use RSA or ECDSA"))),
        },
    };
    let key_bits = params.key_bits(old.and_then(|old| old.key_bits))?;
    let curve = params.curve(old.and_then(|old| old.curve))?;
    Ok(AwsKmsLocator { kms_key, key_type, key_bits, curve })
}
