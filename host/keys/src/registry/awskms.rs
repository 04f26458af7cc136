//! Keys in AWS KMS: the records and their parameters.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Curve, Error};

use super::params::{Params, REDACTED, required};

/// Longest access key or secret key, in bytes.
const SECRET_MAX: usize = 256;

/// An account and region of AWS, and how to prove who is asking.
#[derive(Clone, Serialize, Deserialize)]
pub struct AwsKmsProvider {
    /// Both keys are given, or the node's own chain is used: environment, profile, web identity, instance role.
    #[serde(with = "super::secret::optional", default)]
    pub access_key: Option<SecretString>,
    /// See `access_key`.
    #[serde(with = "super::secret::optional", default)]
    pub secret_key: Option<SecretString>,
    /// The region; without one the node's chain says it, and `us-east-1` if it does not. It becomes part of a host's
    /// name, so it is letters, digits and hyphens only.
    pub region: Option<String>,
    /// Another endpoint than the region's own: a VPC endpoint, or a local server. As it was written; asked is
    /// [`Self::endpoint_url`].
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
    /// A symmetric key that seals (AWS's SYMMETRIC_DEFAULT).
    Aes,
    /// A symmetric key for HMAC.
    Hmac,
}

impl AwsKmsKeyType {
    const fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ecdsa => "ECDSA",
            Self::Aes => "AES",
            Self::Hmac => "HMAC",
        }
    }
}

/// A key of AWS KMS.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AwsKmsLocator {
    /// An alias (`alias/name`), an id, or the ARN of one of them.
    pub kms_key: String,
    /// What it is, or is to be; a key that is something else is refused when it is first used.
    pub key_type: AwsKmsKeyType,
    /// Bits of an RSA key. Kept for ECDSA too, and without a meaning there: some clients always send it.
    pub key_bits: Option<u32>,
    /// Curve of an EC key. Likewise.
    pub curve: Option<Curve>,
    /// Whether an RSA key that is made is for decrypting: a key of AWS KMS has one usage for ever. The record's usages
    /// say so, where they name encrypting or decrypting, and neither signing nor verifying.
    #[serde(default)]
    pub decrypts: bool,
    /// The key that was described, where that is known: another one that the alias points at is not used in its place.
    #[serde(skip)]
    pub described: Option<String>,
}

impl AwsKmsProvider {
    /// The URL of the endpoint: with `https` where the record names none, as AWS's own tools read it.
    pub fn endpoint_url(&self) -> Option<String> {
        let endpoint = self.endpoint.as_deref()?;
        Some(if endpoint.contains("://") { endpoint.to_owned() } else { format!("https://{endpoint}") })
    }

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
        if self.kms_key.starts_with("alias/aws/") {
            return Err(Error::invalid(
                "kms_key: aliases that begin with alias/aws/ are AWS's own: choose another one",
            ));
        }
        match self.key_type {
            AwsKmsKeyType::Rsa if !matches!(self.key_bits, Some(2048 | 3072 | 4096)) => {
                Err(required("key_bits", "2048, 3072 or 4096"))
            }
            AwsKmsKeyType::Ecdsa if self.curve.is_none() => Err(required("curve", "P256, P384 or P521")),
            AwsKmsKeyType::Ecdsa if self.decrypts => Err(Error::invalid(
                "usages: an ECDSA key neither encrypts nor decrypts; use sign and verify, or another key_type",
            )),
            AwsKmsKeyType::Hmac if self.key_bits.is_none() => Err(required("key_bits", "256, 384 or 512")),
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
    check_secret("access_key", access_key.as_ref())?;
    check_secret("secret_key", secret_key.as_ref())?;
    let region = params.kept("region", old.and_then(|old| old.region.as_ref()))?;
    if let Some(region) = region.as_deref().filter(|region| !is_label(region)) {
        return Err(Error::invalid(format!("region: {region:?} is not a region; it is written like eu-central-1")));
    }
    let endpoint = params.kept("endpoint", old.and_then(|old| old.endpoint.as_ref()))?;
    let provider = AwsKmsProvider { access_key, secret_key, region, endpoint };
    if provider.endpoint_url().is_some_and(|url| !is_endpoint(&url)) {
        return Err(Error::invalid("endpoint: must be a URL of a scheme (https or http), a host and perhaps a port"));
    }
    Ok(provider)
}

pub(super) fn locator(params: &Params<'_>, old: Option<&AwsKmsLocator>) -> Result<AwsKmsLocator, Error> {
    let kms_key = params.needed("kms_key", old.map(|old| &old.kms_key), "an alias (alias/name), a key id or an ARN")?;
    check_kms_key(&kms_key)?;
    let key_type = match params.text("key_type")? {
        None => old.map(|old| old.key_type).ok_or_else(|| required("key_type", "RSA, ECDSA, AES or HMAC"))?,
        Some(text) => match text.to_ascii_uppercase().as_str() {
            "RSA" => AwsKmsKeyType::Rsa,
            "ECDSA" => AwsKmsKeyType::Ecdsa,
            "AES" | "SYMMETRIC_DEFAULT" => AwsKmsKeyType::Aes,
            "HMAC" => AwsKmsKeyType::Hmac,
            _ => {
                return Err(Error::invalid(format!(
                    "key_type: {text:?} is not supported; use RSA, ECDSA, AES or HMAC"
                )));
            }
        },
    };
    let old_bits = old.and_then(|old| old.key_bits);
    let key_bits = match (key_type, params.number("key_bits")?) {
        (AwsKmsKeyType::Ecdsa, Some(bits @ 1..=16_384)) => u32::try_from(bits).ok(),
        (AwsKmsKeyType::Aes, _) => params.key_bits_of(old_bits, &[256])?,
        (AwsKmsKeyType::Hmac, _) => params.key_bits_of(old_bits, &[256, 384, 512])?,
        _ => params.key_bits(old_bits)?,
    };
    let curve = params.curve(old.and_then(|old| old.curve))?;
    Ok(AwsKmsLocator { kms_key, key_type, key_bits, curve, decrypts: false, described: None })
}

/// A credential stands in a header of each request: letters, digits and signs of ASCII. It is never repeated.
fn check_secret(field: &str, secret: Option<&SecretString>) -> Result<(), Error> {
    let good = |secret: &SecretString| {
        let text = secret.expose_secret();
        text.len() <= SECRET_MAX && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    match secret {
        Some(secret) if !good(secret) => Err(Error::invalid(format!(
            "{field}: must be at most {SECRET_MAX} letters, digits and signs of ASCII, without spaces"
        ))),
        _ => Ok(()),
    }
}

/// Whether the text may be one part of a host's name.
fn is_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether the URL is a scheme, a host and perhaps a port: no user, path, query or fragment.
fn is_endpoint(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, after)) if address.parse::<std::net::Ipv6Addr>().is_ok() => ("ipv6", after.strip_prefix(':')),
        Some(_) => return false,
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    let closed = !rest.starts_with('[') || rest.ends_with(']') || port.is_some();
    matches!(scheme, "https" | "http")
        && closed
        && host.len() <= 253
        && host.split('.').all(|label| is_label(&label.to_ascii_lowercase()))
        && port.is_none_or(|port| !port.starts_with('+') && port.parse::<u16>().is_ok_and(|port| port > 0))
}

/// Refuses what AWS KMS cannot know, and says how an alias is written: a name alone is taken for an id.
fn check_kms_key(kms_key: &str) -> Result<(), Error> {
    let (arn, resource) = match kms_key.strip_prefix("arn:").map(|arn| arn.splitn(5, ':').collect::<Vec<_>>()) {
        None => (false, kms_key),
        Some(parts) => match parts.as_slice() {
            [partition, "kms", region, account, resource]
                if is_label(partition) && is_label(region) && account.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                (true, *resource)
            }
            _ => {
                return Err(Error::invalid(
                    "kms_key: is not the ARN of a key or an alias (arn:aws:kms:REGION:ACCOUNT:key/ID)",
                ));
            }
        },
    };
    let is_id = |text: &str| {
        let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        hex(text.strip_prefix("mrk-").unwrap_or(text)) && (32..=40).contains(&text.len())
    };
    let is_alias = |text: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'-');
        text.strip_prefix("alias/").is_some_and(|name| !name.is_empty() && text.len() <= 256 && name.bytes().all(plain))
    };
    let good =
        is_alias(resource) || if arn { resource.strip_prefix("key/").is_some_and(is_id) } else { is_id(resource) };
    match good {
        true => Ok(()),
        false if arn => Err(Error::invalid("kms_key: the ARN names neither key/ID nor alias/NAME")),
        false if resource.starts_with("alias/") => Err(Error::invalid(
            "kms_key: an alias is alias/ and at most 250 letters, digits, hyphens, underscores and slashes",
        )),
        false => Err(Error::invalid(format!(
            "kms_key: {kms_key:?} is neither an alias, a key id nor an ARN; an alias is written alias/{kms_key}"
        ))),
    }
}
