//! How the refusals of the host are told to the client.

use std::fmt::Debug;

use innkeeper_guest::keys::KeyError;
use innkeeper_guest::serde_json::{Value, json};
use innkeeper_guest::storage::StorageError;

/// The last word of what a variant prints as: `StorageError::InvalidKey` is `InvalidKey`.
pub(crate) fn name(variant: impl Debug) -> String {
    let text = format!("{variant:?}");
    text.rsplit("::").next().unwrap_or_default().to_owned()
}

/// `ok`, or the refusal's name in the contract.
pub(crate) fn outcome<T>(result: &Result<T, StorageError>) -> &'static str {
    result.as_ref().map_or_else(StorageError::name, |_| "ok")
}

/// A refusal to use a key, with the step that was refused.
pub(crate) fn key_error(step: &str, error: &KeyError) -> Value {
    json!({ "step": step, "refused": name(error.kind), "message": error.message })
}
