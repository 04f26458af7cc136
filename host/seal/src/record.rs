//! The seal's own records, below `seal/`: not encrypted by the barrier, because they are read before it is open.

use serde::{Deserialize, Serialize};
use storage::barrier::clear_drawer;
use storage::{Driver, Transaction};

use crate::{Error, Quorum};

/// The layout of the whole store. A server refuses a store of a newer one by name.
pub const FORMAT: u32 = 1;
/// The type of a seal whose key the operators hold.
pub(crate) const SHAMIR: &str = "shamir";
const CONFIG: &str = "config";
const STORE: &str = "format";
/// The wrapped root key.
pub(crate) const ROOT: &str = "root";
/// Layout of the configuration's record.
const CONFIG_VERSION: u8 = 1;

/// How the store is sealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Config {
    version: u8,
    /// `shamir`, or the type of a wrapper.
    pub(crate) kind: String,
    /// The shares of the unseal key, or with a wrapper of the recovery key.
    #[serde(flatten)]
    pub(crate) quorum: Quorum,
}

#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
    written_by: String,
}

impl Config {
    pub(crate) fn new(kind: &str, quorum: Quorum) -> Self {
        Self { version: CONFIG_VERSION, kind: kind.to_owned(), quorum }
    }

    pub(crate) fn is_shamir(&self) -> bool {
        self.kind == SHAMIR
    }

    /// The stored configuration; none when the store was not founded. Refuses a store of a newer format.
    pub(crate) async fn read(below: &dyn Driver) -> Result<Option<Self>, Error> {
        let snapshot = below.snapshot().await?;
        let Some(config) = snapshot.get(&full(CONFIG)).await? else { return Ok(None) };
        if let Some(stored) = snapshot.get(&full(STORE)).await? {
            let format: Format = parse(STORE, &stored.value)?;
            if format.format > FORMAT {
                return Err(storage::Error::Unavailable(format!(
                    "the store has format {}, written by Innkeeper {}; this server knows formats up to {FORMAT}: \
                     start that version or a newer one",
                    format.format, format.written_by
                ))
                .into());
            }
        }
        let config: Self = parse(CONFIG, &config.value)?;
        if config.version == CONFIG_VERSION {
            Ok(Some(config))
        } else {
            Err(damaged(CONFIG, "is of a version that this server does not know").into())
        }
    }

    /// The same within a transaction, for changes that depend on it.
    pub(crate) async fn expect(transaction: &mut Transaction) -> Result<Self, Error> {
        let stored = transaction.get(&clear_drawer(), CONFIG).await?.ok_or(Error::NotInitialized)?;
        Ok(parse(CONFIG, &stored)?)
    }

    pub(crate) fn write(&self, transaction: &mut Transaction) -> Result<(), Error> {
        Ok(transaction.put_json(&clear_drawer(), CONFIG, self)?)
    }
}

/// Notes the store's format, in the transaction that founds it, which expects that there is none.
pub(crate) async fn write_format(transaction: &mut Transaction) -> Result<(), Error> {
    if transaction.get(&clear_drawer(), CONFIG).await?.is_some() {
        return Err(Error::AlreadyInitialized);
    }
    let format = Format { format: FORMAT, written_by: env!("CARGO_PKG_VERSION").into() };
    Ok(transaction.put_json(&clear_drawer(), STORE, &format)?)
}

/// The stored root key, wrapped.
pub(crate) async fn wrapped_root(below: &dyn Driver) -> Result<Vec<u8>, Error> {
    let stored = below.snapshot().await?.get(&full(ROOT)).await?;
    Ok(stored.ok_or_else(|| damaged(ROOT, "is missing"))?.value.to_vec())
}

fn full(name: &str) -> String {
    format!("{}{name}", storage::barrier::CLEAR)
}

fn parse<'a, T: Deserialize<'a>>(name: &str, bytes: &'a [u8]) -> Result<T, storage::Error> {
    serde_json::from_slice(bytes).map_err(|error| damaged(name, &error.to_string()))
}

fn damaged(name: &str, reason: &str) -> storage::Error {
    storage::Error::Damaged { key: full(name), reason: reason.to_owned() }
}
