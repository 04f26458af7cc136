//! Tokens: bearer secrets, kept as keyed hashes.
//!
//! | where | what |
//! |---|---|
//! | `salt` | keys the hashes |
//! | `batch-key` | encrypts batch tokens; made with the first of them |
//! | `hash/<key>` | the [`Record`] of a token; its key is the keyed hash of it |
//! | `uses/<key>` | how often a token can still be used whose uses are counted |
//! | `accessor/<hash>` | the key of the token that an accessor names |
//! | `in/<namespace>/<key>` | the accessors of a namespace's tokens |
//! | `child/<parent's key>/<key>` | which tokens end with which |
//! | `doomed/<key>`, `doomed-namespace/<id>` | what is still to be cleared away |
//! | `indexed` | all records above have their accessors in `accessor/` and `in/` |
//!
//! A token is alive while it and all tokens above it are stored and have not ended. So the end of a token takes one
//! record away, however many it takes with it; [`Tokens::sweep`] removes those later.

mod batch;
pub mod cidr;
mod create;
mod founding;
mod lent;
mod record;
mod renew;
mod revoke;
mod secret;
mod sweep;
#[cfg(test)]
mod tests;
pub mod ttl;
mod uses;

use std::net::IpAddr;

use aws_lc_rs::hmac;
use model::{Fault, Id};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use storage::{Drawer, Transaction};

pub use create::NewToken;
pub use record::{Login, Principal, Record};
pub use secret::ROOT_TOKEN_LEN;
pub use uses::Use;

/// Longest token, in bytes.
pub const TOKEN_MAX: usize = 8192;
/// Longest accessor that is looked up, in bytes.
const ACCESSOR_MAX: usize = 128;
/// Most tokens above one.
const ANCESTORS_MAX: usize = 100;

/// The token store.
pub struct Tokens {
    salt: hmac::Key,
}

/// What an accessor names.
#[derive(Serialize, Deserialize)]
struct Named {
    record: u8,
    key: String,
}

fn drawer() -> Drawer {
    Drawer::new(&["token"])
}

/// The drawer of the cubbyhole of the token with this key.
pub fn cubbyhole(key: &str) -> Drawer {
    Drawer::new(&["cubbyhole", key])
}

impl Tokens {
    /// Who sends this token from this address; none if nobody, or from where it must not be used. That the token is
    /// still there, and as it is now, is expected at commit; of those above it this is not.
    ///
    /// Whether its namespace is still there is for the caller to say, who has the tree. A token whose uses are counted
    /// is found until it is revoked: see [`Self::use_once`].
    pub async fn lookup(
        &self,
        transaction: &mut Transaction,
        token: &SecretString,
        now: u64,
        peer: Option<IpAddr>,
    ) -> Result<Option<Principal>, Fault> {
        Ok(self.find(transaction, token, now).await?.filter(|found| found.admits(peer)))
    }

    /// The token itself, wherever it is used from: for questions about tokens that others hold.
    pub async fn find(
        &self,
        transaction: &mut Transaction,
        token: &SecretString,
        now: u64,
    ) -> Result<Option<Principal>, Fault> {
        let text = token.expose_secret();
        if text.is_empty() || text.len() > TOKEN_MAX {
            return Ok(None);
        }
        let key = self.key(token);
        if text.starts_with(secret::BATCH) {
            let Some(record) = batch::open(transaction, text).await? else { return Ok(None) };
            return self.alive(transaction, key, record, now).await;
        }
        self.by_key(transaction, &key, now).await
    }

    /// The token with this [`Principal::key`].
    pub async fn by_key(&self, transaction: &mut Transaction, key: &str, now: u64) -> Result<Option<Principal>, Fault> {
        let stored: Option<Record> = transaction.get_json(&drawer(), &format!("hash/{key}")).await?;
        match stored {
            Some(record) => self.alive(transaction, key.to_owned(), record, now).await,
            None => Ok(None),
        }
    }

    /// The token that this accessor names.
    pub async fn by_accessor(
        &self,
        transaction: &mut Transaction,
        accessor: &str,
        now: u64,
    ) -> Result<Option<Principal>, Fault> {
        if accessor.is_empty() || accessor.len() > ACCESSOR_MAX {
            return Ok(None);
        }
        let named = transaction.get_json::<Named>(&drawer(), &self.accessor_key(accessor)).await?;
        match named {
            Some(named) => self.by_key(transaction, &named.key, now).await,
            None => Ok(None),
        }
    }

    async fn alive(
        &self,
        transaction: &Transaction,
        key: String,
        record: Record,
        now: u64,
    ) -> Result<Option<Principal>, Fault> {
        if record.is_over(now) {
            return Ok(None);
        }
        let Some(above) = ancestors(transaction, record.parent.clone(), now).await? else { return Ok(None) };
        let num_uses = if record.uses_given > 0 { uses::left(transaction, &key).await? } else { 0 };
        Ok(Some(Principal::new(key, record, num_uses).below(above.methods)))
    }

    /// The keyed hash of a token.
    fn key(&self, token: &SecretString) -> String {
        self.hash(token.expose_secret())
    }

    fn accessor_key(&self, accessor: &str) -> String {
        format!("accessor/{}", self.hash(accessor))
    }

    fn hash(&self, text: &str) -> String {
        hex::encode(hmac::sign(&self.salt, text.as_bytes()))
    }
}

/// The tokens above one.
#[derive(Default)]
struct Ancestors {
    count: usize,
    /// The mounts of the auth methods that they came of.
    methods: Vec<Id>,
}

/// The tokens above, from this one on; none if one of them has ended, or if there are too many.
async fn ancestors(transaction: &Transaction, mut above: Option<String>, now: u64) -> Result<Option<Ancestors>, Fault> {
    let mut found = Ancestors::default();
    while found.count <= ANCESTORS_MAX {
        let Some(key) = above else { return Ok(Some(found)) };
        let stored = transaction.peek(&drawer(), &format!("hash/{key}")).await?;
        let record = stored.map(|bytes| parsed(&bytes)).transpose()?;
        let Some(record) = record.filter(|record| !record.is_over(now)) else { return Ok(None) };
        found.count += 1;
        found.methods.extend(record.login.map(|login| login.mount));
        above = record.parent;
    }
    Ok(None)
}

fn parsed(bytes: &[u8]) -> Result<Record, Fault> {
    serde_json::from_slice(bytes).map_err(|error| Fault::internal(format!("a token's record cannot be read: {error}")))
}
