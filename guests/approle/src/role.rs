//! The record of a role, under `role/<name>`, and the way to it from its id, under `role-id/<keyed hash>`.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::hidden;

/// Longest name of a role, in bytes.
const NAME_MAX: usize = 128;
/// Longest id of a role, in bytes.
const ID_MAX: usize = 512;

/// A role.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    /// Version of this record's shape.
    record: u8,
    /// What logins name the role by.
    pub(crate) role_id: String,
    /// Where its secrets lie; a role of the same name that comes later has another.
    pub(crate) uid: String,
    /// Key of the hashes that its secrets are found by, in hexadecimal.
    pub(crate) key: String,
    /// Whether a login needs a secret.
    pub(crate) bind_secret_id: bool,
    /// Networks that logins may come from; for new secrets also the widest that they may name.
    pub(crate) secret_id_bound_cidrs: Vec<String>,
    /// Uses of a new secret; 0 for without limit.
    pub(crate) secret_id_num_uses: u64,
    /// Seconds that a new secret lives; 0 for without end.
    pub(crate) secret_id_ttl: u64,
    /// Accepted and shown again; everything is kept alike.
    pub(crate) local_secret_ids: bool,
    /// What tokens logins get.
    #[serde(flatten)]
    pub(crate) token: TokenFields,
}

/// Where the records lie.
pub(crate) const FOLDER: &str = "role/";

impl Role {
    pub(crate) fn new() -> Self {
        Self {
            record: 1,
            role_id: fresh_uuid(),
            uid: hex::encode(random::array::<16>()),
            key: hex::encode(random::array::<32>()),
            bind_secret_id: true,
            secret_id_bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl: 0,
            local_secret_ids: false,
            token: TokenFields::default(),
        }
    }

    pub(crate) fn load(name: &str) -> Result<Option<Self>, Fault> {
        storage::get_json(&format!("{FOLDER}{name}"))
    }

    /// The role of the request's path, with its name; 404 when it is not there.
    pub(crate) fn of(request: &Request) -> Result<(String, Self), Fault> {
        let name = name(request)?;
        match Self::load(&name)? {
            Some(role) => Ok((name, role)),
            None => Err(Fault::new(FaultKind::NotFound, format!("role \"{name}\" does not exist"))),
        }
    }

    /// The role with an id.
    pub(crate) fn by_id(role_id: &str) -> Result<Option<(String, Self)>, Fault> {
        let Some(key) = hidden::key()? else { return Ok(None) };
        let name: Option<String> = storage::get_json(&format!("role-id/{}", hidden::hash(&key, role_id)))?;
        let Some(name) = name else { return Ok(None) };
        Ok(Self::load(&name)?.filter(|role| role.role_id == role_id).map(|role| (name, role)))
    }

    /// Checks the whole and writes it.
    pub(crate) fn store(&self, name: &str) -> Result<(), Fault> {
        let bound =
            self.bind_secret_id || !self.secret_id_bound_cidrs.is_empty() || !self.token.token_bound_cidrs.is_empty();
        if !bound {
            return Err(Fault::invalid("at least one constraint should be enabled on the role"));
        }
        storage::put_json(&format!("{FOLDER}{name}"), self)
    }

    /// Gives the role this id, by which it is found from now on.
    pub(crate) fn take_id(&mut self, name: &str, role_id: &str) -> Result<(), Fault> {
        if role_id.is_empty() || role_id.len() > ID_MAX || role_id.chars().any(char::is_control) {
            return Err(Fault::invalid("role_id: must have 1 to 512 bytes, without control characters"));
        }
        let key = hidden::key_or_new()?;
        if Self::by_id(role_id)?.is_some_and(|(other, _)| other != name) {
            return Err(Fault::invalid("role_id already in use"));
        }
        storage::delete(&format!("role-id/{}", hidden::hash(&key, &self.role_id)))?;
        storage::put_json(&format!("role-id/{}", hidden::hash(&key, role_id)), &name)?;
        self.role_id = role_id.to_owned();
        Ok(())
    }

    /// Removes the role; its secrets are of no use any more.
    pub(crate) fn remove(&self, name: &str) -> Result<(), Fault> {
        if let Some(key) = hidden::key()? {
            storage::delete(&format!("role-id/{}", hidden::hash(&key, &self.role_id)))?;
        }
        Ok(storage::delete(&format!("{FOLDER}{name}"))?)
    }
}

/// The name in the path, in lower case.
pub(crate) fn name(request: &Request) -> Result<String, Fault> {
    let name = request.capture("role_name").to_lowercase();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let ends = name.starts_with(word) && name.ends_with(word);
    if name.len() > NAME_MAX || !ends || !name.chars().all(|c| word(c) || c == '-' || c == '.') {
        let wanted = "role_name: must have 1 to 128 bytes of letters, digits, '_', and inside also '-' and '.'";
        return Err(Fault::invalid(wanted));
    }
    Ok(name)
}

/// A random UUID.
pub(crate) fn fresh_uuid() -> String {
    uuid::Builder::from_random_bytes(random::array::<16>()).into_uuid().to_string()
}
