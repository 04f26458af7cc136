//! What is kept in storage. Each record is one byte that says its version, then its content: JSON, or DER where the
//! content is a certificate. A version that this engine does not know is refused, never guessed at.

mod certificates;
mod config;
mod crl;
mod issuer;
mod key;
mod names;
mod role;

use innkeeper_guest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) use certificates::{Revoked, Stored};
pub(crate) use config::{CrlConfig, Defaults, KeyDefaults, Urls};
pub(crate) use crl::{CrlState, RevokedList};
pub(crate) use issuer::{Issuer, LeafNotAfter, Usage, adopt, rebuild_chains};
pub(crate) use key::{Home, KeyLink, KeyRecord};
pub(crate) use names::{ISSUER_NAMES, KEY_NAMES};
pub(crate) use role::Role;

/// The version that this engine writes.
const VERSION: u8 = 1;

/// Reads a record in JSON.
pub(crate) fn load<T: DeserializeOwned>(key: &str) -> Result<Option<T>, Fault> {
    let Some(bytes) = load_bytes(key)? else { return Ok(None) };
    match serde_json::from_slice(&bytes) {
        Ok(value) => Ok(Some(value)),
        Err(error) => Err(Fault::internal(format!("the record {key} cannot be read: {error}"))),
    }
}

/// Writes a record in JSON.
pub(crate) fn save(key: &str, value: &impl Serialize) -> Result<(), Fault> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value)
        .map_err(|error| Fault::internal(format!("the record {key} cannot be written: {error}")))?;
    Ok(storage::put(key, &bytes)?)
}

/// Reads a record of bytes.
pub(crate) fn load_bytes(key: &str) -> Result<Option<Vec<u8>>, Fault> {
    let Some(mut bytes) = storage::get(key)? else { return Ok(None) };
    if bytes.first() != Some(&VERSION) {
        return Err(Fault::internal(format!("the record {key} has an unknown version")));
    }
    bytes.remove(0);
    Ok(Some(bytes))
}

/// Writes a record of bytes.
pub(crate) fn save_bytes(key: &str, content: &[u8]) -> Result<(), Fault> {
    let mut bytes = Vec::with_capacity(content.len() + 1);
    bytes.push(VERSION);
    bytes.extend_from_slice(content);
    Ok(storage::put(key, &bytes)?)
}

/// All names directly below a prefix that are records, not folders.
pub(crate) fn names(prefix: &str) -> Result<Vec<String>, Fault> {
    let mut names = Vec::new();
    for name in storage::names(prefix) {
        let name = name?;
        if !name.ends_with('/') {
            names.push(name);
        }
    }
    Ok(names)
}

/// A new random identifier (RFC 9562 version 4).
pub(crate) fn new_id() -> String {
    uuid::Builder::from_random_bytes(random::array()).into_uuid().hyphenated().to_string()
}

/// Whether a text is a name for issuers and keys: word characters, with `-` and `.` inside.
pub(crate) fn is_name(text: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= 255
        && text.chars().next().is_some_and(word)
        && text.chars().next_back().is_some_and(word)
        && text.chars().all(|c| word(c) || c == '-' || c == '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_an_unknown_version_is_refused() {
        storage::put("config/urls", b"\x02{}").unwrap();
        let fault = load::<Urls>("config/urls").err().unwrap();
        assert_eq!(fault.kind, FaultKind::Internal);
        storage::put("config/urls", b"").unwrap();
        assert!(load::<Urls>("config/urls").is_err());
    }

    #[test]
    fn names_begin_and_end_with_a_word_character() {
        for name in ["a", "a-b", "a.b", "_a", "A1"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "-a", "a-", ".a", "a.", "a b", "a/b", "é"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
