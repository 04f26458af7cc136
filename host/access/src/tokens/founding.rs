//! The token store as a whole: made with a store, opened with a node.

use aws_lc_rs::hmac;
use model::Fault;
use storage::{Store, Transaction};

use super::{Named, Record, Tokens, drawer, parsed, secret};

impl Tokens {
    /// Makes the token store's salt in a new store, and opens it.
    pub fn found(transaction: &mut Transaction) -> Result<Self, Fault> {
        let salt = secret::random::<32>()?;
        transaction.put(&drawer(), "salt", salt.to_vec())?;
        transaction.put(&drawer(), "indexed", Vec::new())?;
        Ok(Self { salt: hmac::Key::new(hmac::HMAC_SHA256, &*salt) })
    }

    /// Opens the token store.
    pub async fn open(store: &Store) -> Result<Self, Fault> {
        let mut transaction = store.begin().await?;
        let salt = transaction.get(&drawer(), "salt").await?;
        let salt = salt.ok_or_else(|| Fault::internal("the token store has no salt"))?;
        let tokens = Self { salt: hmac::Key::new(hmac::HMAC_SHA256, &salt) };
        tokens.index(&mut transaction).await?;
        match transaction.commit().await {
            // Another node has done it.
            Ok(()) | Err(storage::Error::Conflict) => Ok(tokens),
            Err(error) => Err(error.into()),
        }
    }

    /// Notes the accessors of tokens that were made before accessors could be looked up: the few root tokens that there
    /// were then.
    async fn index(&self, transaction: &mut Transaction) -> Result<(), Fault> {
        if transaction.get(&drawer(), "indexed").await?.is_some() {
            return Ok(());
        }
        let mut found: Vec<(String, Record)> = Vec::new();
        let take = |key: &str, bytes: &[u8], _| {
            found.push((key.trim_start_matches("hash/").to_owned(), parsed(bytes)?));
            Ok::<_, Failed>(())
        };
        transaction.peek_each(&drawer(), "hash/", take).await.map_err(|failed| failed.0)?;
        for (key, record) in found {
            self.name(transaction, &key, &record)?;
        }
        transaction.put(&drawer(), "indexed", Vec::new()).map_err(Fault::from)
    }

    /// Notes what a token's accessor names, and that it is in its namespace.
    pub(super) fn name(&self, transaction: &mut Transaction, key: &str, record: &Record) -> Result<(), Fault> {
        let named = Named { record: 1, key: key.to_owned() };
        transaction.put_json(&drawer(), &self.accessor_key(&record.accessor), &named)?;
        let within = format!("in/{}/{key}", record.namespace);
        transaction.put_json(&drawer(), &within, &record.accessor).map_err(Fault::from)
    }
}

struct Failed(Fault);

impl From<storage::Error> for Failed {
    fn from(error: storage::Error) -> Self {
        Self(error.into())
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}
