//! The record of a user, under `user/<name>`.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

/// Longest name, in bytes.
const NAME_MAX: usize = 128;

/// A user.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct User {
    /// Version of this record's shape.
    record: u8,
    /// What the host made of the password.
    pub(crate) password_hash: String,
    /// What tokens logins get.
    #[serde(flatten)]
    pub(crate) token: TokenFields,
}

impl User {
    pub(crate) fn new() -> Self {
        Self { record: 1, ..Self::default() }
    }

    pub(crate) fn load(name: &str) -> Result<Option<Self>, Fault> {
        storage::get_json(&key(name))
    }

    pub(crate) fn store(&self, name: &str) -> Result<(), Fault> {
        storage::put_json(&key(name), self)
    }

    pub(crate) fn remove(name: &str) -> Result<(), Fault> {
        Ok(storage::delete(&key(name))?)
    }
}

/// Where the records lie.
pub(crate) const FOLDER: &str = "user/";

fn key(name: &str) -> String {
    format!("{FOLDER}{name}")
}

/// The name in the path, in lower case: people are the same however they write themselves.
pub(crate) fn name(request: &Request) -> Result<String, Fault> {
    let name = request.capture("username").to_lowercase();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let ends = name.starts_with(word) && name.ends_with(word);
    if name.len() > NAME_MAX || !ends || !name.chars().all(|c| word(c) || "-.@+".contains(c)) {
        let wanted =
            "username: must have 1 to 128 bytes of letters, digits, '_', and inside also '-', '.', '@' and '+'";
        return Err(Fault::invalid(wanted));
    }
    Ok(name)
}
