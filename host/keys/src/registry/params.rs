//! The parameters of a write, as clients send them: numbers and booleans also as strings, `""` for "not given".

use model::Id;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{Curve, Error, Hash, Usage, Usages};

use super::record::{Home, Locator, Provider, ProviderType, Record, VERSION};
use super::{awskms, azurekeyvault, gcpckms, pkcs11};

/// Longest text of a parameter, in bytes.
const TEXT_MAX: usize = 512;
/// Longest secret, in bytes: a service account's file with its private key.
const SECRET_MAX: usize = 16 << 10;
/// The sizes of RSA keys that are made, in bits.
pub(super) const RSA_BITS: [u32; 3] = [2048, 3072, 4096];
/// What a secret reads as; sent back, it means "the same as before". The second is OpenBao's.
pub(super) const REDACTED: [&str; 2] = ["redacted", "(redacted)"];

/// The fields of a request. A field that is absent, null or `""` is not given.
pub(super) struct Params<'a> {
    fields: &'a Map<String, Value>,
    /// Whether they are as the OpenBao API has them, which asks for less in places.
    pub(super) are_external: bool,
}

impl<'a> Params<'a> {
    /// As the Vault API has them.
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Self { fields, are_external: false }
    }

    /// As the OpenBao API has them, in the names of the other.
    pub(super) fn external(fields: &'a Map<String, Value>) -> Self {
        Self { fields, are_external: true }
    }

    /// Whether a field was sent as `""`, which takes back what was set before.
    pub(super) fn cleared(&self, field: &str) -> bool {
        self.fields.get(field).is_some_and(|value| value.as_str().is_some_and(str::is_empty) || value.is_null())
    }

    pub(super) fn text(&self, field: &str) -> Result<Option<String>, Error> {
        let text = match self.fields.get(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::String(text)) => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            Some(_) => return Err(Error::invalid(format!("{field}: must be a string"))),
        };
        if text.len() > TEXT_MAX {
            return Err(Error::invalid(format!("{field}: must not be longer than {TEXT_MAX} bytes")));
        }
        if text.chars().any(char::is_control) {
            return Err(Error::invalid(format!("{field}: must not hold control characters")));
        }
        Ok((!text.is_empty()).then_some(text))
    }

    pub(super) fn boolean(&self, field: &str) -> Result<Option<bool>, Error> {
        if let Some(Value::Bool(value)) = self.fields.get(field) {
            return Ok(Some(*value));
        }
        match self.text(field)?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "t") => Ok(Some(true)),
            Some("false" | "0" | "f") => Ok(Some(false)),
            Some(other) => Err(Error::invalid(format!("{field}: {other:?} is not a boolean; use true or false"))),
        }
    }

    pub(super) fn number(&self, field: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let number = text.trim().parse().ok();
        number.map(Some).ok_or_else(|| Error::invalid(format!("{field}: {text:?} is not a decimal number")))
    }

    /// The text that is given, else the old one unless it was taken back.
    pub(super) fn kept(&self, field: &str, old: Option<&String>) -> Result<Option<String>, Error> {
        Ok(self.text(field)?.or_else(|| old.filter(|_| !self.cleared(field)).cloned()))
    }

    /// A text that must be there, now or before; `what` says what it is.
    pub(super) fn needed(&self, field: &str, old: Option<&String>, what: &str) -> Result<String, Error> {
        self.text(field)?.or_else(|| old.cloned()).ok_or_else(|| required(field, what))
    }

    /// A secret: the one that is given, else the old one unless it was taken back. What a secret reads as is none.
    pub(super) fn secret(&self, field: &str, old: Option<&SecretString>) -> Result<Option<SecretString>, Error> {
        match self.fields.get(field) {
            Some(Value::String(text)) if text.len() > SECRET_MAX => {
                Err(Error::invalid(format!("{field}: must not be longer than {SECRET_MAX} bytes")))
            }
            Some(Value::String(text)) if !text.is_empty() && !REDACTED.contains(&text.as_str()) => {
                Ok(Some(SecretString::from(text.clone())))
            }
            None | Some(Value::Null | Value::String(_)) => Ok(old.filter(|_| !self.cleared(field)).cloned()),
            // Never repeated: it may be a secret of the wrong type.
            Some(_) => Err(Error::invalid(format!("{field}: must be a string"))),
        }
    }

    /// The curve of a key to make, as Vault names it.
    pub(super) fn curve(&self, old: Option<Curve>) -> Result<Option<Curve>, Error> {
        match self.text("curve")? {
            Some(text) => Curve::parse(&text)
                .map(Some)
                .ok_or_else(|| Error::invalid(format!("curve: {text:?} is not supported; use P256, P384 or P521"))),
            None => Ok(old.filter(|_| !self.cleared("curve"))),
        }
    }

    /// The bits of an RSA key to make.
    pub(super) fn key_bits(&self, old: Option<u32>) -> Result<Option<u32>, Error> {
        self.key_bits_of(old, &RSA_BITS)
    }

    /// The bits of a key to make, one of these.
    pub(super) fn key_bits_of(&self, old: Option<u32>, known: &[u32]) -> Result<Option<u32>, Error> {
        match self.number("key_bits")? {
            None | Some(0) => Ok(old.filter(|_| !self.cleared("key_bits"))),
            Some(given) => match u32::try_from(given).ok().filter(|given| known.contains(given)) {
                Some(bits) => Ok(Some(bits)),
                None => {
                    let known: Vec<String> = known.iter().map(u32::to_string).collect();
                    Err(Error::invalid(format!("key_bits: {given} is not supported; use one of {}", known.join(", "))))
                }
            },
        }
    }

    /// The one hash of RSAES-OAEP, by `sha256` and its like.
    pub(super) fn oaep_hash(&self, old: Option<Hash>) -> Result<Option<Hash>, Error> {
        let field = "rsa_oaep_hash";
        let Some(text) = self.text(field)? else { return Ok(old.filter(|_| !self.cleared(field))) };
        let masked = [Hash::Sha1, Hash::Sha224, Hash::Sha256, Hash::Sha384, Hash::Sha512];
        let found = Hash::parse(&text.to_ascii_lowercase().replace("sha-", "sha")).filter(|hash| masked.contains(hash));
        found.map(Some).ok_or_else(|| {
            Error::invalid(format!("{field}: {text:?} is not supported; use sha1, sha224, sha256, sha384 or sha512"))
        })
    }

    fn usages(&self) -> Result<Option<Usages>, Error> {
        let words: Vec<String> = match self.fields.get("usages") {
            Some(Value::Array(items)) => {
                let words = items.iter().map(|item| match item {
                    Value::String(text) => Ok(text.clone()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err(Error::invalid("usages: must be a list of names")),
                });
                words.collect::<Result<_, _>>()?
            }
            _ => match self.text("usages")? {
                Some(text) => text.split(',').map(str::to_owned).collect(),
                None => return Ok(None),
            },
        };
        let usages = words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).map(|word| {
            let names: Vec<&str> = Usage::ALL.into_iter().map(Usage::name).collect();
            let wrong = || Error::invalid(format!("usages: {word:?} is not a usage; use {}", names.join(", ")));
            Usage::parse(word).ok_or_else(wrong)
        });
        let usages = usages.collect::<Result<Usages, _>>()?;
        Ok((!usages.is_empty()).then_some(usages))
    }
}

/// The record of a key that a write makes: the fields that were given over those of the old record.
pub(super) fn key(params: &Params<'_>, old: Option<&Record>, new: NewKey<'_>) -> Result<Record, Error> {
    let flag = |field: &str, old: Option<bool>| Ok::<_, Error>(params.boolean(field)?.or(old).unwrap_or(false));
    let allow_generate_key = flag("allow_generate_key", old.map(|old| old.allow_generate_key))?;
    let usages = params.usages()?.or(old.map(|old| old.usages));
    let usages = usages.unwrap_or_else(|| new.usages.iter().copied().collect());
    let record = Record {
        version: VERSION,
        uuid: new.uuid,
        name: new.name.to_owned(),
        allow_generate_key,
        allow_replace_key: flag("allow_replace_key", old.map(|old| old.allow_replace_key))?,
        allow_store_key: flag("allow_store_key", old.map(|old| old.allow_store_key))?,
        any_mount: flag("any_mount", old.map(|old| old.any_mount))?,
        inherits: flag("inherits", old.map(|old| old.inherits))?,
        usages,
        home: new.home,
        locator: locator(params, old.map(|old| &old.locator), new.kind)?.for_usages(usages),
        description: None,
    };
    if allow_generate_key {
        record.locator.can_be_made()?;
    }
    Ok(record)
}

/// What a key's record holds that no parameter says.
pub(super) struct NewKey<'a> {
    pub(super) uuid: Id,
    pub(super) name: &'a str,
    pub(super) kind: ProviderType,
    pub(super) home: Home,
    /// What it may be used for unless the parameters say otherwise.
    pub(super) usages: &'static [Usage],
}

/// The provider that a write makes: the fields that were given over those of the old one, of the same type.
pub(super) fn provider(params: &Params<'_>, old: Option<&Provider>, kind: ProviderType) -> Result<Provider, Error> {
    macro_rules! read {
        ($variant:ident, $module:ident) => {{
            let old = old.and_then(|old| match old {
                Provider::$variant(old) => Some(old),
                _ => None,
            });
            Provider::$variant($module::provider(params, old)?)
        }};
    }
    Ok(match kind {
        ProviderType::Pkcs11 => read!(Pkcs11, pkcs11),
        ProviderType::AwsKms => read!(AwsKms, awskms),
        ProviderType::AzureKeyVault => read!(AzureKeyVault, azurekeyvault),
        ProviderType::GcpCkms => read!(GcpCkms, gcpckms),
    })
}

/// The locator that a write makes, likewise.
pub(super) fn locator(params: &Params<'_>, old: Option<&Locator>, kind: ProviderType) -> Result<Locator, Error> {
    macro_rules! read {
        ($variant:ident, $module:ident) => {{
            let old = old.and_then(|old| match old {
                Locator::$variant(old) => Some(old),
                _ => None,
            });
            Locator::$variant($module::locator(params, old)?)
        }};
    }
    Ok(match kind {
        ProviderType::Pkcs11 => read!(Pkcs11, pkcs11),
        ProviderType::AwsKms => read!(AwsKms, awskms),
        ProviderType::AzureKeyVault => read!(AzureKeyVault, azurekeyvault),
        ProviderType::GcpCkms => read!(GcpCkms, gcpckms),
    })
}

pub(super) fn required(field: &str, what: &str) -> Error {
    Error::invalid(format!("{field}: is required: {what}"))
}
