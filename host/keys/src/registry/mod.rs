//! The records of managed keys: what they hold, how they are written and read.
//!
//! Each namespace has a drawer with `name/<name>` (the record of a key), `config/<name>` (a provider that keys share),
//! `of/<config>/<key>` (nothing, for listing a config's keys), `uuid/<uuid>` (the name) and `type/<type>/<name>` (nothing,
//! for listing).
//!
//! A key is written through one of two APIs and seen through both. Its name is `config:key`, and where both are the same,
//! the one word: what the Vault API calls the managed key `root` is to the OpenBao API the key `root` of the config
//! `root`, and its key `ca` of the config `hsm` is a managed key by the name `hsm:ca`.

mod awskms;
mod azurekeyvault;
mod external;
mod gcpckms;
mod params;
mod pkcs11;
mod record;
mod secret;

use model::Id;
use serde_json::{Map, Value};
use storage::{Drawer, Page, Transaction};

pub use awskms::{AwsKmsKeyType, AwsKmsLocator, AwsKmsProvider};
pub use azurekeyvault::{AZURE_RESOURCES, AzureKeyVaultLocator, AzureKeyVaultProvider};
pub use external::Change;
pub(crate) use external::{
    configs, delete_config, delete_key, keys_of, read_config, read_key, write_config, write_key,
};
pub use gcpckms::{GCPCKMS_ALGORITHMS, GcpCkmsLocator, GcpCkmsProtection, GcpCkmsProvider, ServiceAccount};
pub use pkcs11::{MAX_PARALLEL_MAX, Pkcs11Locator, Pkcs11Provider, TokenRef, pkcs11_mechanism};
pub use record::{Config, Home, Locator, Provider, ProviderType, Record};

use crate::{Error, Place, Usage, random};
use params::{NewKey, Params};

/// Longest name of a key with its config, in bytes: what a segment of storage holds.
pub const NAME_WITH_CONFIG_MAX: usize = 250;

/// A record and the version it was stored with; `None` when this transaction wrote it.
pub(crate) struct Stored {
    pub(crate) record: storage::Value,
    pub(crate) version: Option<u64>,
}

/// The drawer of a namespace's managed keys.
pub(crate) fn drawer(namespace: Id) -> Drawer {
    Drawer::new(&["ns", &namespace.to_string(), "managed-keys"])
}

/// The one name of a key that may be written `name`, `config:key`, or `name:name`. `None` for what can be no name.
pub fn canonical(reference: &str) -> Option<&str> {
    if reference.len() > NAME_WITH_CONFIG_MAX {
        return None;
    }
    match reference.split_once(':') {
        None => model::name(reference).ok(),
        Some((config, key)) if config == key => model::name(key).ok(),
        Some((config, key)) => (model::name(config).is_ok() && model::name(key).is_ok()).then_some(reference),
    }
}

/// The one name of a key of a config.
pub fn full_name(config: &str, key: &str) -> String {
    if config == key { key.to_owned() } else { format!("{config}:{key}") }
}

/// The same, of names that are checked first.
fn joined(config: &str, key: &str) -> Result<String, Error> {
    for (field, name) in [("config", config), ("key", key)] {
        model::name(name).map_err(|invalid| Error::invalid(format!("{field}: {}", invalid.why)))?;
    }
    let name = full_name(config, key);
    if name.len() > NAME_WITH_CONFIG_MAX {
        return Err(Error::invalid(format!(
            "key: its name and the config's must have at most {} characters together",
            NAME_WITH_CONFIG_MAX - 1
        )));
    }
    Ok(name)
}

/// The stored bytes of the record of this name.
pub(crate) async fn stored(transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Option<Stored>, Error> {
    let Some(name) = canonical(name) else { return Ok(None) };
    at(transaction, namespace, &format!("name/{name}")).await
}

/// The stored bytes of the config of this name.
pub(crate) async fn stored_config(
    transaction: &mut Transaction,
    namespace: Id,
    name: &str,
) -> Result<Option<Stored>, Error> {
    if model::name(name).is_err() {
        return Ok(None);
    }
    at(transaction, namespace, &format!("config/{name}")).await
}

async fn at(transaction: &mut Transaction, namespace: Id, path: &str) -> Result<Option<Stored>, Error> {
    let found = transaction.get_versioned(&drawer(namespace), path).await?;
    Ok(found.map(|(record, version)| Stored { record, version }))
}

/// The name of the key with this UUID.
pub(crate) async fn name_of(transaction: &mut Transaction, namespace: Id, uuid: &str) -> Result<Option<String>, Error> {
    let Some(uuid) = Id::parse(uuid) else { return Ok(None) };
    let found = transaction.get(&drawer(namespace), &format!("uuid/{uuid}")).await?;
    Ok(found.and_then(|name| String::from_utf8(name.to_vec()).ok()))
}

/// Reads the bytes of a record.
pub(crate) fn decode(namespace: Id, name: &str, bytes: &[u8]) -> Result<Record, Error> {
    let record: Record =
        serde_json::from_slice(bytes).map_err(|error| damaged(namespace, &format!("name/{name}"), &error))?;
    if record.version == record::VERSION { Ok(record) } else { Err(newer()) }
}

/// Reads the bytes of a config.
pub(crate) fn decode_config(namespace: Id, name: &str, bytes: &[u8]) -> Result<Config, Error> {
    let config: Config =
        serde_json::from_slice(bytes).map_err(|error| damaged(namespace, &format!("config/{name}"), &error))?;
    if config.version == record::VERSION { Ok(config) } else { Err(newer()) }
}

fn damaged(namespace: Id, path: &str, error: &serde_json::Error) -> Error {
    Error::Storage(storage::Error::Damaged {
        key: format!("{}{path}", drawer(namespace).prefix()),
        // serde_json's text names a place and a type, and may quote a value: never into a log, there are PINs here.
        reason: format!("line {} column {}", error.line(), error.column()),
    })
}

fn newer() -> Error {
    Error::Internal("a record of a newer version".into())
}

/// A key's record and its provider.
pub(crate) struct Found {
    pub(crate) record: Record,
    pub(crate) provider: Provider,
}

/// The key of this name, of any type.
pub(crate) async fn found(transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Option<Found>, Error> {
    let Some(stored) = stored(transaction, namespace, name).await? else { return Ok(None) };
    let record = decode(namespace, name, &stored.record)?;
    let provider = match &record.home {
        Home::Provider(provider) => provider.clone(),
        Home::Config(config) => shared(transaction, namespace, config).await?.provider,
    };
    Ok(Some(Found { record, provider }))
}

/// The config that a key's record names: it must be there.
async fn shared(transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Config, Error> {
    let config = find_config(transaction, namespace, name).await?;
    config.ok_or_else(|| Error::Internal(format!("the config {name:?} of a key is missing")))
}

async fn find_config(transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Option<Config>, Error> {
    match stored_config(transaction, namespace, name).await? {
        Some(stored) => decode_config(namespace, name, &stored.record).map(Some),
        None => Ok(None),
    }
}

/// The key of this name and type.
pub(crate) async fn find(
    transaction: &mut Transaction,
    namespace: Id,
    kind: ProviderType,
    name: &str,
) -> Result<Option<Found>, Error> {
    let found = found(transaction, namespace, name).await?;
    Ok(found.filter(|found| found.provider.kind() == kind))
}

/// Creates or updates a key with its provider, as the Vault API does. Answers the provider that was replaced.
pub(crate) async fn write(
    transaction: &mut Transaction,
    limits: &crate::Limits,
    place: Place<'_>,
    kind: ProviderType,
    name: &str,
    fields: &Map<String, Value>,
) -> Result<Option<Provider>, Error> {
    if name.contains(':') {
        return Err(Error::invalid(
            "name: a key of an external key's config is written at sys/external-keys/configs/:config/keys/:key",
        ));
    }
    model::name(name).map_err(|invalid| Error::invalid(format!("name: {}", invalid.why)))?;
    let old = found(transaction, place.namespace, name).await?;
    let config = find_config(transaction, place.namespace, name).await?;
    let old_provider = config.as_ref().map(|config| &config.provider).or(old.as_ref().map(|old| &old.provider));
    if let Some(old) = old_provider.filter(|old| old.kind() != kind) {
        return Err(Error::invalid(format!(
            "name: {name:?} is already the name of a managed key of type {}; names are unique over all types of a \
             namespace",
            old.kind().name()
        )));
    }
    let old_record = old.as_ref().map(|old| &old.record);
    let params = Params::new(fields);
    let provider = params::provider(&params, old_provider, kind)?;
    limits.check(&provider, place.path)?;
    let replaced = old_provider.cloned();
    let home = if config.is_some() { Home::Config(name.to_owned()) } else { Home::Provider(provider.clone()) };
    let uuid = old_record.map_or_else(random::id, |old| Ok(old.uuid))?;
    let usages = &[Usage::Sign, Usage::Verify];
    let record = params::key(&params, old_record, NewKey { uuid, name, kind, home, usages })?;
    if config.is_some() {
        put_config(transaction, place.namespace, name, provider)?;
    }
    put_indexed(transaction, place.namespace, kind, &record)?;
    Ok(replaced)
}

/// Writes a record alone: its indexes do not change.
pub(crate) fn put(transaction: &mut Transaction, namespace: Id, record: &Record) -> Result<(), Error> {
    Ok(transaction.put_json(&drawer(namespace), &format!("name/{}", record.name), record)?)
}

fn put_indexed(transaction: &mut Transaction, namespace: Id, kind: ProviderType, record: &Record) -> Result<(), Error> {
    put(transaction, namespace, record)?;
    let drawer = drawer(namespace);
    transaction.put(&drawer, &format!("uuid/{}", record.uuid), record.name.as_bytes().to_vec())?;
    transaction.put(&drawer, &format!("type/{}/{}", kind.name(), record.name), Vec::new())?;
    if let Home::Config(config) = &record.home {
        transaction.put(&drawer, &format!("of/{config}/{}", record.key()), Vec::new())?;
    }
    Ok(())
}

fn put_config(transaction: &mut Transaction, namespace: Id, name: &str, provider: Provider) -> Result<(), Error> {
    let config = Config { version: record::VERSION, name: name.to_owned(), provider };
    Ok(transaction.put_json(&drawer(namespace), &format!("config/{name}"), &config)?)
}

/// Removes a key's record and its indexes; its config stays.
fn remove(transaction: &mut Transaction, namespace: Id, kind: ProviderType, record: &Record) -> Result<(), Error> {
    let drawer = drawer(namespace);
    transaction.delete(&drawer, &format!("name/{}", record.name))?;
    transaction.delete(&drawer, &format!("uuid/{}", record.uuid))?;
    transaction.delete(&drawer, &format!("type/{}/{}", kind.name(), record.name))?;
    if let Home::Config(config) = &record.home {
        transaction.delete(&drawer, &format!("of/{config}/{}", record.key()))?;
    }
    Ok(())
}

/// The names of a type, a page of them.
pub(crate) async fn list(
    transaction: &mut Transaction,
    namespace: Id,
    kind: ProviderType,
    after: Option<&str>,
    limit: usize,
) -> Result<Page, Error> {
    Ok(transaction.list(&drawer(namespace), &format!("type/{}/", kind.name()), after, limit).await?)
}

/// Removes a key, unless mounts list its name. Deleting what is not there is no error.
pub(crate) async fn delete(
    transaction: &mut Transaction,
    namespace: Id,
    kind: ProviderType,
    name: &str,
    used_by: &[String],
) -> Result<Option<Provider>, Error> {
    let Some(found) = find(transaction, namespace, kind, name).await? else { return Ok(None) };
    if !used_by.is_empty() {
        return Err(Error::invalid(format!(
            "managed key {name:?} is in use: it is in the allowed_managed_keys of {}; remove it there first",
            used_by.join(", ")
        )));
    }
    remove(transaction, namespace, kind, &found.record)?;
    let Home::Config(config) = &found.record.home else { return Ok(Some(found.provider)) };
    // A config of the key's own name was made by the Vault API, which knows no configs: it goes with its last key.
    let others = keys_of(transaction, namespace, config, None, 1).await?;
    if config == found.record.key() && others.names.is_empty() {
        transaction.delete(&drawer(namespace), &format!("config/{config}"))?;
        return Ok(Some(found.provider));
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
