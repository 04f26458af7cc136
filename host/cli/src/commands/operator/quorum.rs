//! Shares: how many, for whom, and how they are given.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::session::Session;
use crate::{Error, input};

/// Largest file that holds a PGP key, in bytes.
const KEY_MAX: u64 = 1 << 20;

/// A share as an argument, from standard input where that is `-`, or else from the person at the terminal.
pub(super) fn share(argument: Option<&str>, what: &str, session: &mut Session<'_>) -> Result<SecretString, Error> {
    match argument {
        Some("-") => Ok(SecretString::from(session.terminal.input()?.trim())),
        Some(share) => Ok(SecretString::from(share.trim())),
        None => session.terminal.hidden(what),
    }
}

/// PGP keys in files, as servers take them: what is binary becomes base64, what is text goes as it is.
pub(super) fn pgp_keys(files: &[String]) -> Result<Vec<String>, Error> {
    files.iter().flat_map(|files| files.split(',')).map(|file| pgp_key(file.trim())).collect()
}

/// One of them.
pub(super) fn pgp_key(file: &str) -> Result<String, Error> {
    use base64::Engine;
    let path = Path::new(file.strip_prefix('@').unwrap_or(file));
    let bytes = input::file(path, KEY_MAX)?;
    Ok(match String::from_utf8(bytes) {
        Ok(text) => text.trim().to_owned(),
        Err(binary) => base64::engine::general_purpose::STANDARD.encode(binary.as_bytes()),
    })
}

/// Shares in an answer, each on a line.
pub(super) fn shares<'a>(body: &'a Value, field: &str) -> Vec<&'a str> {
    body[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A share for the body of a request.
pub(super) fn sent(share: &SecretString) -> Value {
    Value::String(share.expose_secret().to_owned())
}
