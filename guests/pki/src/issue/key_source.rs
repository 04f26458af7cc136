//! Where a CA's key comes from: made here, taken from here, or lent by the operator.

use innkeeper_guest::prelude::*;

use super::form::{Form, PrivateKey};
use super::wish::KeyWish;
use crate::records::KeyRecord;
use crate::x509::key::{KeyShape, PublicKey};

/// The `:type` of the generating paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeySource {
    Internal,
    Exported,
    Existing,
    Kms,
}

/// A key, opened, with its record.
pub(crate) struct Obtained {
    pub(crate) key: Key,
    pub(crate) public: PublicKey,
    pub(crate) record: KeyRecord,
    exported: bool,
}

impl KeySource {
    /// Reads the path.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        match text {
            "internal" => Ok(Self::Internal),
            "exported" => Ok(Self::Exported),
            "existing" => Ok(Self::Existing),
            "kms" => Ok(Self::Kms),
            _ => Err(Fault::invalid(format!(
                "unknown key source {text:?}: the path must end in internal, exported, existing or kms"
            ))),
        }
    }

    /// Gets the key. One that is new in this mount is recorded.
    pub(crate) fn obtain(self, sent: &Sent) -> Result<Obtained, Fault> {
        let wish: KeyWish = sent.read()?;
        if matches!(self, Self::Existing | Self::Kms) && (sent.has("key_type") || sent.has("key_bits")) {
            return Err(Fault::invalid(
                "invalid parameter for the kms/existing path parameter, key_type nor key_bits arguments can be set in \
                 this mode",
            ));
        }
        match self {
            Self::Internal | Self::Exported => {
                KeyRecord::check_name(&wish.key_name)?;
                let key_type = wish.key_type.as_deref().filter(|text| !text.is_empty()).unwrap_or("rsa");
                let shape = KeyShape::wanted(key_type, wish.key_bits.unwrap_or(0))?;
                let key = keys::generate(shape.key_type(), self == Self::Exported)?;
                recorded(key, &wish.key_name, self == Self::Exported)
            }
            Self::Existing => {
                if wish.key_ref.is_empty() {
                    return Err(Fault::invalid("missing argument key_ref for existing type"));
                }
                let record = KeyRecord::resolve(&wish.key_ref)?;
                let key = record.link.open()?;
                Ok(Obtained { public: PublicKey::of(&key)?, key, record, exported: false })
            }
            Self::Kms => managed(&wish),
        }
    }
}

fn managed(wish: &KeyWish) -> Result<Obtained, Fault> {
    let refuse = |why: &str| Fault::invalid(format!("unable to determine managed key id: {why}"));
    let name = match (wish.managed_key_name.as_str(), wish.external_key_ref.as_str()) {
        (name, "") => name,
        ("", name) if name.contains(':') => name,
        ("", _) => return Err(refuse("external_key_ref: must be config:key")),
        _ => return Err(refuse("only one argument of managed_key_name or external_key_ref should be specified")),
    };
    let reference = match (name, wish.managed_key_id.as_str()) {
        ("", "") => return Err(refuse("missing argument managed_key_name or managed_key_id")),
        (name, "") => name,
        ("", id) => id,
        _ => {
            return Err(refuse("only one argument of managed_key_name or managed_key_id should be specified"));
        }
    };
    // Before the key is asked for: that may make it, and what is made in a token stays there.
    let named = KeyRecord::find(&wish.key_name)?.filter(|record| record.name == wish.key_name);
    if named.is_none_or(|record| !record.is_managed_by(reference)) {
        KeyRecord::check_name(&wish.key_name)?;
    }
    let doing = "failed to lookup public key from managed key";
    let key = keys::managed(reference).map_err(|error| Fault::from(error).context(doing))?;
    let public = PublicKey::of(&key).map_err(|fault| fault.context(doing))?;
    if let Some(record) = KeyRecord::by_public(&public)? {
        return Ok(Obtained { key, public, record, exported: false });
    }
    recorded(key, &wish.key_name, false)
}

fn recorded(key: Key, name: &str, exported: bool) -> Result<Obtained, Fault> {
    let public = PublicKey::of(&key)?;
    let record = KeyRecord::new(&key, &public, name)?;
    record.save()?;
    record.default_if_first()?;
    Ok(Obtained { key, public, record, exported })
}

impl Obtained {
    /// The private key for the client, where the path said `exported`.
    pub(crate) fn private_key(&self, form: Form) -> Result<Option<PrivateKey>, Fault> {
        self.exported.then(|| form.private_key(&self.key, self.public.shape)).transpose()
    }
}
