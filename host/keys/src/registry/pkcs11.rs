//! Keys in PKCS#11 tokens: the records and their parameters.

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Curve, Error, Hash};

use super::params::{Params, REDACTED, RSA_BITS, required};

/// Most operations that one key may have running in its token.
pub const MAX_PARALLEL_MAX: u32 = 128;
/// The mechanisms of RSA keys: CKM_RSA_PKCS, CKM_RSA_PKCS_OAEP, CKM_RSA_PKCS_PSS.
const RSA_MECHANISMS: [u64; 3] = [0x1, 0x9, 0xd];
/// The sizes of keys that can be made, of all types: what fits the mechanism is checked when one is made.
const KEY_BITS: [u32; 8] = [128, 192, 256, 384, 512, 2048, 3072, 4096];

/// Which token of a library.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRef {
    /// The slot's number. Tokens may change theirs when they are initialised again.
    Slot(u64),
    /// The token's label, without its padding.
    Label(String),
    /// The token that is all of this. At least one is given.
    Match {
        /// The slot's number.
        slot: Option<u64>,
        /// The token's label, without its padding.
        label: Option<String>,
        /// The token's serial number, without its padding.
        serial: Option<String>,
    },
}

impl TokenRef {
    /// A token by what is known of it. `None` when nothing is.
    fn of(slot: Option<u64>, label: Option<String>, serial: Option<String>) -> Option<Self> {
        let label = label.map(|label| label.trim_end().to_owned());
        match (slot, label, serial) {
            (None, None, None) => None,
            (Some(slot), None, None) => Some(Self::Slot(slot)),
            (None, Some(label), None) => Some(Self::Label(label)),
            (slot, label, serial) => Some(Self::Match { slot, label, serial }),
        }
    }

    /// The slot's number, the label, and the serial number, where the token is known by them.
    pub fn parts(&self) -> (Option<u64>, Option<&str>, Option<&str>) {
        match self {
            Self::Slot(slot) => (Some(*slot), None, None),
            Self::Label(label) => (None, Some(label), None),
            Self::Match { slot, label, serial } => (*slot, label.as_deref(), serial.as_deref()),
        }
    }
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
    /// The CKM_ number of the mechanism that the key is used with; without one the key's own type decides.
    pub mechanism: Option<u64>,
    /// Bits of an RSA or symmetric key to make.
    pub key_bits: Option<u32>,
    /// Curve of an EC key to make.
    pub curve: Option<Curve>,
    /// The one hash of RSAES-OAEP; without one whoever uses the key chooses.
    #[serde(default)]
    pub rsa_oaep_hash: Option<Hash>,
    /// CKA_ID of the symmetric key that was described, where that is known: another one of the same label is not used in
    /// its place. (A key pair is known by its public half.)
    #[serde(default)]
    pub described: Option<String>,
}

impl Pkcs11Provider {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        put("library", json!(self.library));
        let (slot, label, serial) = self.token.parts();
        for (name, value) in [
            ("slot", slot.map(|slot| json!(slot))),
            ("token_label", label.map(|label| json!(label))),
            ("token_serial", serial.map(|serial| json!(serial))),
        ] {
            value.into_iter().for_each(|value| put(name, value));
        }
        put("pin", json!(REDACTED[0]));
        put("force_rw_session", json!(self.force_rw_session));
        put("max_parallel", json!(self.max_parallel));
    }
}

impl Pkcs11Locator {
    pub(super) fn show(&self, put: &mut dyn FnMut(&str, Value)) {
        for (name, value) in [
            ("mechanism", self.mechanism.map(|mechanism| json!(mechanism))),
            ("key_label", self.key_label.as_ref().map(|label| json!(label))),
            ("key_id", self.key_id.as_ref().map(|id| json!(id))),
            ("key_bits", self.key_bits.map(|bits| json!(bits))),
            ("curve", self.curve.map(|curve| json!(curve.name()))),
            ("rsa_oaep_hash", self.rsa_oaep_hash.map(|hash| json!(hash.name().replace("sha2-", "sha")))),
        ] {
            value.into_iter().for_each(|value| put(name, value));
        }
    }

    pub(super) fn can_be_made(&self) -> Result<(), Error> {
        if self.mechanism.is_none() {
            return Err(required("mechanism", "it says what key is to be made when allow_generate_key is set"));
        }
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

/// The token: `slot` or `token_label`, and `token_serial` alone or beside one of them. The OpenBao API takes any of the
/// three together. On an update what is given replaces all that was known of it.
fn token(params: &Params<'_>, old: Option<&TokenRef>) -> Result<TokenRef, Error> {
    let (slot, label) = (params.number("slot")?, params.text("token_label")?);
    if slot.is_some() && label.is_some() && !params.are_external {
        return Err(Error::invalid("slot and token_label: only one of them may be given"));
    }
    let serial = match params.text("token_serial")? {
        Some(serial) => Some(serial),
        None => params.text("serial")?,
    };
    if let Some(given) = TokenRef::of(slot, label, serial) {
        return Ok(given);
    }
    let (slot, label, serial) = old.map_or((None, None, None), TokenRef::parts);
    let slot = slot.filter(|_| !params.cleared("slot"));
    let label = label.filter(|_| !params.cleared("token_label")).map(str::to_owned);
    let serial = serial.filter(|_| !params.cleared("token_serial") && !params.cleared("serial")).map(str::to_owned);
    TokenRef::of(slot, label, serial)
        .ok_or_else(|| required("slot or token_label", "the token; the label outlives slot numbers"))
}

/// The parameters of the key.
pub(super) fn locator(params: &Params<'_>, old: Option<&Pkcs11Locator>) -> Result<Pkcs11Locator, Error> {
    let key_label = params.kept("key_label", old.and_then(|old| old.key_label.as_ref()))?;
    let key_id = params.kept("key_id", old.and_then(|old| old.key_id.as_ref()))?.map(|id| key_id(&id)).transpose()?;
    if key_label.is_none() && key_id.is_none() {
        return Err(required("key_label or key_id", "which key of the token it is"));
    }
    let mechanism = match params.text("mechanism")? {
        Some(text) => Some(pkcs11_mechanism(&text)?),
        None if params.are_external => old.and_then(|old| old.mechanism),
        None => old.map(|old| old.mechanism).ok_or_else(|| required("mechanism", MECHANISM_FORM))?,
    };
    let curve = params.curve(old.and_then(|old| old.curve))?;
    let is_rsa = mechanism.is_some_and(|mechanism| RSA_MECHANISMS.contains(&mechanism));
    let known: &[u32] = if is_rsa { &RSA_BITS } else { &KEY_BITS };
    let key_bits = params.key_bits_of(old.and_then(|old| old.key_bits), known)?;
    let rsa_oaep_hash = params.oaep_hash(old.and_then(|old| old.rsa_oaep_hash))?;
    Ok(Pkcs11Locator { key_label, key_id, mechanism, key_bits, curve, rsa_oaep_hash, described: None })
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
