//! Keys in PKCS#11 tokens: the records and their parameters.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Curve, Error};

use super::params::{Params, REDACTED, required};

/// Most operations that one key may have running in its token.
pub const MAX_PARALLEL_MAX: u32 = 128;

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

impl Pkcs11Provider {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("library", json!(self.library));
        match &self.token {
            TokenRef::Slot(slot) => put("slot", json!(slot)),
            TokenRef::Label(label) => put("token_label", json!(label)),
        }
        put("pin", json!(REDACTED[0]));
        put("force_rw_session", json!(self.force_rw_session));
        put("max_parallel", json!(self.max_parallel));
    }
}

impl Pkcs11Locator {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("mechanism", json!(self.mechanism));
        for (name, value) in [
            ("key_label", self.key_label.as_ref().map(|label| json!(label))),
            ("key_id", self.key_id.as_ref().map(|id| json!(id))),
            ("key_bits", self.key_bits.map(|bits| json!(bits))),
            ("curve", self.curve.map(|curve| json!(curve.name()))),
        ] {
            value.into_iter().for_each(|value| put(name, value));
        }
    }

    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        if self.key_id.is_none() {
            return Ok(());
        }
        Err(Error::invalid(
            "key_id: cannot be combined with allow_generate_key, because a key that is made gets its own id; use \
             key_label",
        ))
    }
}

/// The parameters of the provider.
pub(super) fn provider(params: &Params<'_>, old: Option<&Pkcs11Provider>) -> Result<Pkcs11Provider, Error> {
    let what = "the name of a kms_library of the configuration";
    let library = params.needed("library", old.map(|old| &old.library), what)?;
    let pin = params.secret("pin", old.map(|old| &old.pin))?;
    let max_parallel = match params.number("max_parallel")? {
        // Clients that know no better value send 0.
        None | Some(0) => old.map_or(1, |old| old.max_parallel),
        Some(given) => u32::try_from(given).ok().filter(|given| *given <= MAX_PARALLEL_MAX).ok_or_else(|| {
            Error::invalid(format!("max_parallel: {given} is out of bounds; use 1 to {MAX_PARALLEL_MAX}"))
        })?,
    };
    Ok(Pkcs11Provider {
        library,
        token: token(params, old.map(|old| &old.token))?,
        pin: pin.ok_or_else(|| required("pin", "the token's user PIN"))?,
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

/// The parameters of the key.
pub(super) fn locator(params: &Params<'_>, old: Option<&Pkcs11Locator>) -> Result<Pkcs11Locator, Error> {
    let key_label = params.kept("key_label", old.and_then(|old| old.key_label.as_ref()))?;
    let key_id = params.kept("key_id", old.and_then(|old| old.key_id.as_ref()))?.map(|id| key_id(&id)).transpose()?;
    if key_label.is_none() && key_id.is_none() {
        return Err(required("key_label or key_id", "which key of the token it is"));
    }
    let mechanism = match params.text("mechanism")? {
        Some(text) => pkcs11_mechanism(&text)?,
        None => old.map(|old| old.mechanism).ok_or_else(|| required("mechanism", MECHANISM_FORM))?,
    };
    let curve = params.curve(old.and_then(|old| old.curve))?;
    let key_bits = params.key_bits(old.and_then(|old| old.key_bits))?;
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
