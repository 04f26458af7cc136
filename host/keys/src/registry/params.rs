//! The parameters of a write, as clients send them: numbers and booleans also as strings, `""` for "not given".

use model::Id;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::{Curve, Error, Usage, Usages};

use super::record::{
    Locator, MAX_PARALLEL_MAX, Pkcs11Locator, Pkcs11Provider, Provider, ProviderType, Record, TokenRef, VERSION,
};

/// Longest text of a parameter, in bytes.
const TEXT_MAX: usize = 512;
/// What a PIN reads as; sent back, it means "the same as before".
const REDACTED: &str = "redacted";

/// The fields of a request. A field that is absent, null or `""` is not given.
pub(super) struct Params<'a>(&'a Map<String, Value>);

impl<'a> Params<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Whether a field was sent as `""`, which takes back what was set before.
    fn cleared(&self, field: &str) -> bool {
        self.0.get(field).is_some_and(|value| value.as_str().is_some_and(str::is_empty) || value.is_null())
    }

    fn text(&self, field: &str) -> Result<Option<String>, Error> {
        let text = match self.0.get(field) {
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

    fn boolean(&self, field: &str) -> Result<Option<bool>, Error> {
        if let Some(Value::Bool(value)) = self.0.get(field) {
            return Ok(Some(*value));
        }
        match self.text(field)?.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None => Ok(None),
            Some("true" | "1" | "t") => Ok(Some(true)),
            Some("false" | "0" | "f") => Ok(Some(false)),
            Some(other) => Err(Error::invalid(format!("{field}: {other:?} is not a boolean; use true or false"))),
        }
    }

    fn number(&self, field: &str) -> Result<Option<u64>, Error> {
        let Some(text) = self.text(field)? else { return Ok(None) };
        let number = text.trim().parse().ok();
        number.map(Some).ok_or_else(|| Error::invalid(format!("{field}: {text:?} is not a decimal number")))
    }

    fn usages(&self) -> Result<Option<Usages>, Error> {
        let words: Vec<String> = match self.0.get("usages") {
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

/// The record that a write makes: the fields that were given over those of the old record.
pub(super) fn record(
    params: &Params<'_>,
    old: Option<&Record>,
    uuid: Id,
    name: &str,
    kind: ProviderType,
) -> Result<Record, Error> {
    let ProviderType::Pkcs11 = kind;
    let flag = |field: &str, old: Option<bool>| Ok::<_, Error>(params.boolean(field)?.or(old).unwrap_or(false));
    let allow_generate_key = flag("allow_generate_key", old.map(|old| old.allow_generate_key))?;
    let (old_provider, old_locator) = match old.map(|old| (&old.provider, &old.locator)) {
        Some((Provider::Pkcs11(provider), Locator::Pkcs11(locator))) => (Some(provider), Some(locator)),
        None => (None, None),
    };
    let record = Record {
        version: VERSION,
        uuid,
        name: name.to_owned(),
        allow_generate_key,
        allow_replace_key: flag("allow_replace_key", old.map(|old| old.allow_replace_key))?,
        allow_store_key: flag("allow_store_key", old.map(|old| old.allow_store_key))?,
        any_mount: flag("any_mount", old.map(|old| old.any_mount))?,
        usages: params.usages()?.or(old.map(|old| old.usages)).unwrap_or_else(default_usages),
        provider: Provider::Pkcs11(pkcs11_provider(params, old_provider)?),
        locator: Locator::Pkcs11(pkcs11_locator(params, old_locator)?),
        description: None,
    };
    let Locator::Pkcs11(locator) = &record.locator;
    if allow_generate_key && locator.key_id.is_some() {
        return Err(Error::invalid(
            "key_id: cannot be combined with allow_generate_key, because a key that is made gets its own id; use \
             key_label",
        ));
    }
    Ok(record)
}

fn default_usages() -> Usages {
    [Usage::Sign, Usage::Verify].into_iter().collect()
}

fn pkcs11_provider(params: &Params<'_>, old: Option<&Pkcs11Provider>) -> Result<Pkcs11Provider, Error> {
    let library = params.text("library")?.or_else(|| old.map(|old| old.library.clone()));
    let pin = params.text("pin")?.filter(|pin| pin != REDACTED).map(SecretString::from);
    let max_parallel = match params.number("max_parallel")? {
        // Clients that know no better value send 0.
        None | Some(0) => old.map_or(1, |old| old.max_parallel),
        Some(given) => u32::try_from(given).ok().filter(|given| *given <= MAX_PARALLEL_MAX).ok_or_else(|| {
            Error::invalid(format!("max_parallel: {given} is out of bounds; use 1 to {MAX_PARALLEL_MAX}"))
        })?,
    };
    Ok(Pkcs11Provider {
        library: library.ok_or_else(|| required("library", "the name of a kms_library of the configuration"))?,
        token: token(params, old.map(|old| &old.token))?,
        pin: pin.or_else(|| old.map(|old| old.pin.clone())).ok_or_else(|| required("pin", "the token's user PIN"))?,
        force_rw_session: params.boolean("force_rw_session")?.or(old.map(|old| old.force_rw_session)).unwrap_or(false),
        max_parallel,
    })
}

/// The token: one of `slot` and `token_label`. On an update the one that is given replaces the other.
fn token(params: &Params<'_>, old: Option<&TokenRef>) -> Result<TokenRef, Error> {
    match (params.number("slot")?, params.text("token_label")?) {
        (Some(_), Some(_)) => Err(Error::invalid("slot and token_label: only one of them may be given")),
        (Some(slot), None) => Ok(TokenRef::Slot(slot)),
        (None, Some(label)) => Ok(TokenRef::Label(label.trim_end().to_owned())),
        (None, None) => {
            let kept = old.filter(|old| match old {
                TokenRef::Slot(_) => !params.cleared("slot"),
                TokenRef::Label(_) => !params.cleared("token_label"),
            });
            kept.cloned().ok_or_else(|| required("slot or token_label", "the token; the label outlives slot numbers"))
        }
    }
}

fn pkcs11_locator(params: &Params<'_>, old: Option<&Pkcs11Locator>) -> Result<Pkcs11Locator, Error> {
    let kept = |field: &str, old: Option<String>| -> Result<Option<String>, Error> {
        Ok(params.text(field)?.or(old.filter(|_| !params.cleared(field))))
    };
    let key_label = kept("key_label", old.and_then(|old| old.key_label.clone()))?;
    let key_id = kept("key_id", old.and_then(|old| old.key_id.clone()))?.map(|id| key_id(&id)).transpose()?;
    if key_label.is_none() && key_id.is_none() {
        return Err(required("key_label or key_id", "which key of the token it is"));
    }
    let mechanism = match params.text("mechanism")? {
        Some(text) => pkcs11_mechanism(&text)?,
        None => old.map(|old| old.mechanism).ok_or_else(|| required("mechanism", MECHANISM_FORM))?,
    };
    let curve = match params.text("curve")? {
        Some(text) => Some(
            Curve::parse(&text)
                .ok_or_else(|| Error::invalid(format!("curve: {text:?} is not supported; use P256, P384 or P521")))?,
        ),
        None => old.and_then(|old| old.curve).filter(|_| !params.cleared("curve")),
    };
    let key_bits = match params.number("key_bits")? {
        None | Some(0) => old.and_then(|old| old.key_bits).filter(|_| !params.cleared("key_bits")),
        Some(2048) => Some(2048),
        Some(3072) => Some(3072),
        Some(4096) => Some(4096),
        Some(other) => {
            return Err(Error::invalid(format!("key_bits: {other} is not supported; use 2048, 3072 or 4096")));
        }
    };
    Ok(Pkcs11Locator { key_label, key_id, mechanism, key_bits, curve })
}

/// CKA_ID: hexadecimal digits, with or without `0x`, stored without it in lower case.
fn key_id(text: &str) -> Result<String, Error> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text).to_ascii_lowercase();
    match hex::decode(&digits) {
        Ok(bytes) if !bytes.is_empty() => Ok(digits),
        _ => Err(Error::invalid(format!("key_id: {text:?} is not an even number of hexadecimal digits"))),
    }
}

const MECHANISM_FORM: &str = "the number of a CKM_ mechanism, hexadecimal like 0x1041 or decimal";

/// Reads a mechanism number: hexadecimal with `0x`, or decimal.
pub fn pkcs11_mechanism(text: &str) -> Result<u64, Error> {
    let text = text.trim();
    let number = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| Error::invalid(format!("mechanism: {text:?} cannot be read; give {MECHANISM_FORM}")))
}

fn required(field: &str, what: &str) -> Error {
    Error::invalid(format!("{field}: is required: {what}"))
}
