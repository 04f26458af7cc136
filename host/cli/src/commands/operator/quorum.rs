//! Shares: for whom they are, and how they are given.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use crate::client::Ask;
use crate::session::Session;
use crate::{Error, input};

/// Largest file that holds a PGP key, in bytes.
const KEY_MAX: u64 = 1 << 20;

/// A share as an argument, from standard input where that is `-`, or else from the person at the terminal.
pub(super) fn share(argument: Option<&str>, what: &str, session: &mut Session<'_>) -> Result<SecretString, Error> {
    match session.terminal.given(argument)? {
        Some(share) => Ok(SecretString::from(share)),
        None => session.terminal.hidden(what),
    }
}

/// Which try a share is for, as was said, else the one in progress. `which` says what is tried.
pub(super) fn nonce(said: Option<&str>, share: Option<&str>, status: &Value, which: &str) -> Result<String, Error> {
    match said {
        Some(nonce) => Ok(nonce.to_owned()),
        // Whoever gives the share as an argument must know what for.
        None if share.is_some() => {
            Err(Error::Usage(format!("-nonce: say which {which} the share is for, as -status tells")))
        }
        None => Ok(status["nonce"].as_str().unwrap_or_default().to_owned()),
    }
}

/// Gives a share for that try.
pub(super) fn give(
    session: &Session<'_>,
    path: &str,
    share: &SecretString,
    nonce: &str,
    doing: &str,
) -> Result<Value, Error> {
    session.data(Ask::put(path, &json!({ "key": sent(share), "nonce": nonce })), doing)
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

/// The texts that a field of an answer lists: shares, or the fingerprints of whom they are for.
pub(super) fn texts<'a>(body: &'a Value, field: &str) -> Vec<&'a str> {
    body[field].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A secret for the body of a request.
pub(super) fn sent(secret: &SecretString) -> Value {
    Value::String(secret.expose_secret().to_owned())
}
