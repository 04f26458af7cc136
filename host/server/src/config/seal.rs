//! `seal`: what opens the barrier where no operator has to.

use std::path::PathBuf;

use keys::registry::TokenRef;
use keys::{Hash, Library};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};

/// The name of the seal's own library. No managed key can be of it: names of libraries hold no colon.
const OWN_LIBRARY: &str = "seal:pkcs11";

/// `seal "pkcs11"`.
#[derive(Clone, Debug)]
pub struct Seal {
    /// The token and its key.
    pub pkcs11: seal::Pkcs11Seal,
    /// The module, unless the stanza names a `kms_library`.
    pub module: Option<PathBuf>,
    /// Whether the seal is only there to be left: the store is to go back to shares.
    pub disabled: bool,
}

impl Seal {
    /// The seal's own library, closed to all namespaces.
    pub fn own_library(&self) -> Option<Library> {
        let path = self.module.clone()?;
        Some(Library { name: OWN_LIBRARY.into(), path, namespaces: Some(Vec::new()) })
    }
}

/// What the stanza holds, or the environment in its place.
#[derive(Default)]
struct Given {
    lib: Option<String>,
    slot: Option<String>,
    token_label: Option<String>,
    pin: Option<String>,
    key_label: Option<String>,
    key_id: Option<String>,
    hash: Option<String>,
    generate_key: bool,
    force_rw_session: bool,
    disabled: bool,
}

impl Given {
    fn from_environment() -> Self {
        let variable = |name: &str| std::env::var(format!("VAULT_HSM_{name}")).ok().filter(|text| !text.is_empty());
        Self {
            lib: variable("LIB"),
            slot: variable("SLOT"),
            token_label: variable("TOKEN_LABEL"),
            pin: variable("PIN"),
            key_label: variable("KEY_LABEL"),
            key_id: variable("KEY_ID"),
            hash: variable("RSA_OAEP_HASH"),
            ..Self::default()
        }
    }
}

impl Reader<'_> {
    /// Reads a stanza; `seal "shamir"` is what there is without one.
    pub(super) fn seal(&mut self, value: &Value) -> Result<(), Error> {
        for labelled in flat(value) {
            let Value::Object(labelled) = labelled else {
                return Err(self.wrong("seal", "must be a block with a label, such as seal \"pkcs11\""));
            };
            for (label, bodies) in labelled {
                for body in flat(bodies) {
                    let Value::Object(body) = body else { return Err(self.wrong("seal", "must be a block")) };
                    match label.as_str() {
                        "shamir" => {}
                        "pkcs11" if self.config.seal.is_none() => self.pkcs11_seal(body)?,
                        "pkcs11" => return Err(self.wrong("seal", "there may be one")),
                        _ => return Err(self.wrong(format!("seal {label:?}"), "this build has shamir and pkcs11")),
                    }
                }
            }
        }
        Ok(())
    }

    fn pkcs11_seal(&mut self, body: &Map<String, Value>) -> Result<(), Error> {
        let mut given = Given::from_environment();
        for (name, value) in body {
            let key = format!("seal.{name}");
            // What the environment says wins over the file, as secrets are given there.
            let text = |now: &mut Option<String>| {
                if now.is_none() {
                    *now = Some(self.text(&key, value)?);
                }
                Ok(())
            };
            match name.as_str() {
                "lib" | "library" => text(&mut given.lib)?,
                "slot" => text(&mut given.slot)?,
                "token_label" => text(&mut given.token_label)?,
                "pin" => text(&mut given.pin)?,
                "key_label" => text(&mut given.key_label)?,
                "key_id" => text(&mut given.key_id)?,
                "rsa_oaep_hash" => text(&mut given.hash)?,
                "mechanism" => {
                    self.one_of(&key, value, &["0x9", "0x0009", "9", "ckm_rsa_pkcs_oaep", "rsa-pkcs-oaep"])?;
                }
                "generate_key" => given.generate_key = self.truth(&key, value)?,
                "force_rw_session" => given.force_rw_session = self.truth(&key, value)?,
                "disabled" => given.disabled = self.truth(&key, value)?,
                unknown => self.unknown(&format!("seal.{unknown}")),
            }
        }
        self.config.seal = Some(self.checked(given)?);
        Ok(())
    }

    fn checked(&self, given: Given) -> Result<Seal, Error> {
        let lib = given.lib.ok_or_else(|| self.wrong("seal.lib", "must name the PKCS#11 module"))?;
        let module = Some(PathBuf::from(&lib)).filter(|path| path.is_absolute());
        if module.is_none() && model::name(&lib).is_err() {
            return Err(self.wrong("seal.lib", "must be an absolute path, or the name of a kms_library"));
        }
        let token = match (given.token_label, given.slot) {
            (Some(label), None) => TokenRef::Label(label),
            (None, Some(slot)) => {
                let hexadecimal = slot.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
                let number = hexadecimal.unwrap_or_else(|| slot.parse());
                TokenRef::Slot(number.map_err(|_| self.wrong("seal.slot", "must be a number"))?)
            }
            _ => return Err(self.wrong("seal.token_label", "must be given, or slot, and not both")),
        };
        let pin = given.pin.ok_or_else(|| self.wrong("seal.pin", "must be given here or in VAULT_HSM_PIN"))?;
        if given.key_label.is_none() && given.key_id.is_none() {
            return Err(self.wrong("seal.key_label", "must be given, or key_id"));
        }
        let hash = match given.hash.as_deref().unwrap_or("sha256") {
            "sha1" => Hash::Sha1,
            "sha224" => Hash::Sha224,
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            "sha512" => Hash::Sha512,
            _ => return Err(self.wrong("seal.rsa_oaep_hash", "must be one of sha1, sha224, sha256, sha384, sha512")),
        };
        let library = if module.is_some() { OWN_LIBRARY.to_owned() } else { lib };
        let pkcs11 = seal::Pkcs11Seal {
            library,
            token,
            pin: SecretString::from(pin),
            key_label: given.key_label,
            key_id: given.key_id.map(|id| id.trim_start_matches("0x").to_ascii_lowercase()),
            hash,
            generate_key: given.generate_key,
            force_rw_session: given.force_rw_session,
        };
        Ok(Seal { pkcs11, module, disabled: given.disabled })
    }

    pub(super) fn truth(&self, key: &str, value: &Value) -> Result<bool, Error> {
        let told = self.one_of(key, value, &["true", "1", "false", "0"])?;
        Ok(told == "true" || told == "1")
    }
}
