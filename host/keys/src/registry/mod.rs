//! The records of managed keys: what they hold, how they are written and read.
//!
//! Each namespace has a drawer with `name/<name>` (the record), `uuid/<uuid>` (the name) and `type/<type>/<name>`
//! (nothing, for listing).

mod awskms;
mod azurekeyvault;
mod gcpckms;
mod params;
mod pkcs11;
mod record;
mod secret;

use model::Id;
use serde_json::{Map, Value};
use storage::{Drawer, Page, Transaction};

pub use awskms::{AwsKmsKeyType, AwsKmsLocator, AwsKmsProvider};
pub use azurekeyvault::{AzureKeyVaultLocator, AzureKeyVaultProvider};
pub use gcpckms::{GCPCKMS_ALGORITHMS, GcpCkmsLocator, GcpCkmsProtection, GcpCkmsProvider, ServiceAccount};
pub use pkcs11::{MAX_PARALLEL_MAX, Pkcs11Locator, Pkcs11Provider, TokenRef, pkcs11_mechanism};
pub use record::{Locator, Provider, ProviderType, Record};

use crate::{Error, Libraries, Place, random};
use params::Params;

/// What a managed key may be found by: longest name or UUID that is looked at, in bytes.
const REFERENCE_MAX: usize = model::NAME_MAX;

/// A record and the version it was stored with; `None` when this transaction wrote it.
pub(crate) struct Stored {
    pub(crate) record: storage::Value,
    pub(crate) version: Option<u64>,
}

/// The drawer of a namespace's managed keys.
pub(crate) fn drawer(namespace: Id) -> Drawer {
    Drawer::new(&["ns", &namespace.to_string(), "managed-keys"])
}

/// The stored bytes of the record of this name.
pub(crate) async fn stored(transaction: &mut Transaction, namespace: Id, name: &str) -> Result<Option<Stored>, Error> {
    if name.len() > REFERENCE_MAX || model::name(name).is_err() {
        return Ok(None);
    }
    let found = transaction.get_versioned(&drawer(namespace), &format!("name/{name}")).await?;
    Ok(found.map(|(record, version)| Stored { record, version }))
}

/// The name that a reference (a name or a UUID) stands for. A name wins over a UUID.
pub(crate) async fn name_of(transaction: &mut Transaction, namespace: Id, uuid: &str) -> Result<Option<String>, Error> {
    let Some(uuid) = Id::parse(uuid) else { return Ok(None) };
    let found = transaction.get(&drawer(namespace), &format!("uuid/{uuid}")).await?;
    Ok(found.and_then(|name| String::from_utf8(name.to_vec()).ok()))
}

/// Reads the bytes of a record.
pub(crate) fn decode(namespace: Id, name: &str, bytes: &[u8]) -> Result<Record, Error> {
    let record: Record = serde_json::from_slice(bytes).map_err(|error| {
        Error::Storage(storage::Error::Damaged {
            key: format!("{}name/{name}", drawer(namespace).prefix()),
            // serde_json's text names a place and a type, and may quote a value: never into a log, there are PINs here.
            reason: format!("line {} column {}", error.line(), error.column()),
        })
    })?;
    if record.version == record::VERSION {
        Ok(record)
    } else {
        Err(Error::Internal("a record of a newer version".into()))
    }
}

/// The record of this name and type.
pub(crate) async fn find(
    transaction: &mut Transaction,
    namespace: Id,
    kind: ProviderType,
    name: &str,
) -> Result<Option<Record>, Error> {
    let Some(stored) = stored(transaction, namespace, name).await? else { return Ok(None) };
    let record = decode(namespace, name, &stored.record)?;
    Ok((record.provider.kind() == kind).then_some(record))
}

/// Creates or updates a record. Answers the provider of the record that was replaced.
pub(crate) async fn write(
    transaction: &mut Transaction,
    libraries: &Libraries,
    place: Place<'_>,
    kind: ProviderType,
    name: &str,
    fields: &Map<String, Value>,
) -> Result<Option<Provider>, Error> {
    model::name(name).map_err(|invalid| Error::invalid(format!("name: {}", invalid.why)))?;
    let old = match stored(transaction, place.namespace, name).await? {
        Some(stored) => Some(decode(place.namespace, name, &stored.record)?),
        None => None,
    };
    if let Some(old) = &old
        && old.provider.kind() != kind
    {
        return Err(Error::invalid(format!(
            "name: {name:?} is already the name of a managed key of type {}; names are unique over all types of a \
             namespace",
            old.provider.kind().name()
        )));
    }
    let uuid = match &old {
        Some(old) => old.uuid,
        None => random::id()?,
    };
    let record = params::record(&Params::new(fields), old.as_ref(), uuid, name, kind)?;
    check_library(libraries, place, &record)?;
    put(transaction, place.namespace, &record)?;
    let drawer = drawer(place.namespace);
    transaction.put(&drawer, &format!("uuid/{uuid}"), name.as_bytes().to_vec())?;
    transaction.put(&drawer, &format!("type/{}/{name}", kind.name()), Vec::new())?;
    Ok(old.map(|old| old.provider))
}

/// Writes a record alone: its indexes do not change.
pub(crate) fn put(transaction: &mut Transaction, namespace: Id, record: &Record) -> Result<(), Error> {
    Ok(transaction.put_json(&drawer(namespace), &format!("name/{}", record.name), record)?)
}

fn check_library(libraries: &Libraries, place: Place<'_>, record: &Record) -> Result<(), Error> {
    let Some(library) = record.provider.library() else { return Ok(()) };
    if libraries.get(library).is_none() {
        return Err(Error::invalid(format!(
            "library: no kms_library of the name {library:?} is configured on this node"
        )));
    }
    if !libraries.is_open(library, place.path) {
        return Err(Error::invalid(format!("library: {library:?} is not open to this namespace")));
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

/// Removes a record, unless mounts list its name. Deleting what is not there is no error.
pub(crate) async fn delete(
    transaction: &mut Transaction,
    namespace: Id,
    kind: ProviderType,
    name: &str,
    used_by: &[String],
) -> Result<Option<Provider>, Error> {
    let Some(record) = find(transaction, namespace, kind, name).await? else { return Ok(None) };
    if !used_by.is_empty() {
        return Err(Error::invalid(format!(
            "managed key {name:?} is in use: it is in the allowed_managed_keys of {}; remove it there first",
            used_by.join(", ")
        )));
    }
    let drawer = drawer(namespace);
    transaction.delete(&drawer, &format!("name/{name}"))?;
    transaction.delete(&drawer, &format!("uuid/{}", record.uuid))?;
    transaction.delete(&drawer, &format!("type/{}/{name}", kind.name()))?;
    Ok(Some(record.provider))
}

#[cfg(test)]
mod tests;
