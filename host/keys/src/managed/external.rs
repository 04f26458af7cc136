//! The registry as the OpenBao API has it: configs, and keys below them.

use model::Id;
use serde_json::{Map, Value};
use storage::{Page, Transaction};
use tokio::time::Instant;

use super::{ManagedKeys, Place, Replaced};
use crate::Error;
use crate::registry::{self, Change};

impl ManagedKeys {
    /// Creates or changes a config. With `verify` its provider is asked whether it takes the credentials, and nothing is
    /// written if it does not.
    pub async fn write_config(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        name: &str,
        (change, verify): (Change, bool),
        fields: &Map<String, Value>,
        deadline: Instant,
    ) -> Result<Replaced, Error> {
        let limits = &self.0.limits;
        let (new, old) = registry::write_config(transaction, limits, place, name, change, fields).await?;
        if verify {
            self.0.driver(&new)?.health(&new, deadline).await.map_err(|error| error.of(name))?;
        }
        Ok(Replaced(old))
    }

    /// The read-back of a config; secrets read `(redacted)`.
    pub async fn read_config(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        name: &str,
    ) -> Result<Option<Map<String, Value>>, Error> {
        registry::read_config(transaction, namespace, name).await
    }

    /// The names of configs, those after `after`, at most `limit` (0 for [`storage::LIST_LIMIT_MAX`]).
    pub async fn configs(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        registry::configs(transaction, namespace, after, limit).await
    }

    /// Removes a config and the records of its keys, never a key in its provider. Answers the names of those keys.
    pub async fn delete_config(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        name: &str,
    ) -> Result<(Vec<String>, Replaced), Error> {
        let (keys, provider) = registry::delete_config(transaction, namespace, name).await?;
        Ok((keys, Replaced(provider)))
    }

    /// Creates or changes a key of a config. With `verify` its provider is asked for it, and nothing is written if it is
    /// not there (and may not be made).
    pub async fn write_key(
        &self,
        transaction: &mut Transaction,
        place: Place<'_>,
        (config, key): (&str, &str),
        (change, verify): (Change, bool),
        fields: &Map<String, Value>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let name = registry::write_key(transaction, place, config, key, change, fields).await?;
        if !verify {
            return Ok(());
        }
        let key = self.load(transaction, place.namespace, &name).await?;
        let key = key.ok_or_else(|| Error::Internal("a key that was just written is missing".into()))?;
        self.0.limits.check_use(&name, &key.entry.provider, place.path)?;
        key.describe(transaction, deadline).await.map(drop)
    }

    /// The read-back of a key of a config.
    pub async fn read_key(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        config: &str,
        key: &str,
    ) -> Result<Option<Map<String, Value>>, Error> {
        registry::read_key(transaction, namespace, config, key).await
    }

    /// The keys of a config, those after `after`, at most `limit` (0 for [`storage::LIST_LIMIT_MAX`]).
    pub async fn keys_of(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        config: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, Error> {
        registry::keys_of(transaction, namespace, config, after, limit).await
    }

    /// Whether mounts of namespaces below may use a key. No, when there is none of this name.
    pub async fn is_inherited(&self, transaction: &mut Transaction, namespace: Id, name: &str) -> Result<bool, Error> {
        Ok(self.load(transaction, namespace, name).await?.is_some_and(|key| key.entry.record.inherits))
    }

    /// Removes the record of a key of a config. Answers its name, `None` when there was none.
    pub async fn delete_key(
        &self,
        transaction: &mut Transaction,
        namespace: Id,
        config: &str,
        key: &str,
    ) -> Result<(Option<String>, Replaced), Error> {
        let (name, provider) = registry::delete_key(transaction, namespace, config, key).await?;
        Ok((name, Replaced(provider)))
    }
}
