//! The same records as the OpenBao API writes them: configs, and keys below them.

use model::Id;
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use storage::{LIST_LIMIT_MAX, Page, Transaction};

use super::params::{self, NewKey, Params, REDACTED};
use super::record::{Home, Provider, ProviderType};
use super::{drawer, find_config, found, joined, put, put_config, put_indexed, remove, stored};
use crate::{Error, Limits, Place, Usage, random};

/// How a write treats what was there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The fields are the whole record.
    Replace,
    /// A JSON merge patch (RFC 7396).
    Merge,
}

/// What PKCS#11 parameters are called here, and in the Vault API.
const PKCS11_NAMES: [(&str, &str); 4] =
    [("lib", "library"), ("id", "key_id"), ("label", "key_label"), ("serial", "token_serial")];

/// What an external key may be used for unless it says otherwise: that API knows no usages.
const USAGES: &[Usage] = &[Usage::Encrypt, Usage::Decrypt, Usage::Sign, Usage::Verify];

/// The provider of a config: its own record, or that of the managed key of this name.
async fn provider(transaction: &mut Transaction, namespace: Id, config: &str) -> Result<Option<Provider>, Error> {
    if model::name(config).is_err() {
        return Ok(None);
    }
    if let Some(config) = find_config(transaction, namespace, config).await? {
        return Ok(Some(config.provider));
    }
    let alone = found(transaction, namespace, config).await?;
    Ok(alone.map(|alone| alone.provider))
}

/// Creates or changes a config; `kind` is needed to create or replace one. Answers the new provider and the old one.
pub(crate) async fn write_config(
    transaction: &mut Transaction,
    limits: &Limits,
    place: Place<'_>,
    name: &str,
    change: Change,
    fields: &Map<String, Value>,
) -> Result<(Provider, Option<Provider>), Error> {
    model::name(name).map_err(|invalid| Error::invalid(format!("config: {}", invalid.why)))?;
    let old = provider(transaction, place.namespace, name).await?;
    let mut fields = fields.clone();
    let given = fields.remove("plugin").filter(|plugin| !plugin.is_null());
    let kind = match (given, &old, change) {
        (Some(Value::String(plugin)), ..) => ProviderType::parse(&plugin)
            .map_err(|_| Error::invalid(format!("plugin: {plugin:?} is unknown; use {}", ProviderType::names())))?,
        (Some(_), ..) => return Err(Error::invalid("plugin: must be a string")),
        (None, Some(old), Change::Merge) => old.kind(),
        (None, ..) => return Err(Error::invalid("missing required field \"plugin\"")),
    };
    if let Some(old) = old.as_ref().filter(|old| old.kind() != kind) {
        let keys = keys_of(transaction, place.namespace, name, None, 1).await?;
        if !keys.names.is_empty() || change == Change::Merge {
            return Err(Error::invalid(format!(
                "plugin: this config is of type {}, and its keys are too; delete it to give its name to another",
                old.kind().name()
            )));
        }
    }
    let before = old.as_ref().filter(|old| old.kind() == kind);
    let fields = whole(ours(fields), before.map(Provider::to_fields), change);
    let fields = with_secrets(fields, before);
    let new = params::provider(&Params::external(&fields), None, kind)?;
    limits.check(&new, place.path)?;
    match found(transaction, place.namespace, name).await? {
        Some(alone) if matches!(alone.record.home, Home::Provider(_)) => {
            let record = super::Record { home: Home::Provider(new.clone()), ..alone.record };
            put(transaction, place.namespace, &record)?;
        }
        _ => put_config(transaction, place.namespace, name, new.clone())?,
    }
    Ok((new, old))
}

/// The fields in our names.
fn ours(mut fields: Map<String, Value>) -> Map<String, Value> {
    for (theirs, ours) in PKCS11_NAMES {
        if let Some(value) = fields.remove(theirs) {
            fields.insert(ours.to_owned(), value);
        }
    }
    fields
}

/// The fields in the names of this API, without secrets.
fn theirs(mut fields: Map<String, Value>) -> Map<String, Value> {
    for (theirs, ours) in PKCS11_NAMES {
        if let Some(value) = fields.remove(ours) {
            fields.insert(theirs.to_owned(), value);
        }
    }
    for value in fields.values_mut().filter(|value| value.as_str() == Some(REDACTED[0])) {
        *value = json!(REDACTED[1]);
    }
    fields
}

/// The fields of the whole record: those that were given, over the old ones where they are a patch.
fn whole(given: Map<String, Value>, old: Option<Map<String, Value>>, change: Change) -> Map<String, Value> {
    let (Change::Merge, Some(mut fields)) = (change, old) else { return given };
    for (name, value) in given {
        if value.is_null() {
            fields.remove(&name);
        } else {
            fields.insert(name, value);
        }
    }
    fields
}

/// What a secret reads as stands for the secret that was there.
fn with_secrets(mut fields: Map<String, Value>, old: Option<&Provider>) -> Map<String, Value> {
    for (name, secret) in old.map(Provider::secrets).unwrap_or_default() {
        let is_hidden = |value: &Value| value.as_str().is_some_and(|text| REDACTED.contains(&text));
        if let (Some(value), Some(secret)) = (fields.get_mut(name).filter(|value| is_hidden(value)), secret) {
            *value = json!(secret.expose_secret());
        }
    }
    fields
}

/// The read-back of a config.
pub(crate) async fn read_config(
    transaction: &mut Transaction,
    namespace: Id,
    name: &str,
) -> Result<Option<Map<String, Value>>, Error> {
    let Some(provider) = provider(transaction, namespace, name).await? else { return Ok(None) };
    let mut fields = theirs(provider.to_fields());
    fields.insert("plugin".into(), json!(provider.kind().name()));
    Ok(Some(fields))
}

/// The names of configs, those of managed keys that have none among them: a page.
pub(crate) async fn configs(
    transaction: &mut Transaction,
    namespace: Id,
    after: Option<&str>,
    limit: usize,
) -> Result<Page, Error> {
    let limit = if limit == 0 { LIST_LIMIT_MAX } else { limit.min(LIST_LIMIT_MAX) };
    let shared = transaction.list(&drawer(namespace), "config/", after, limit).await?;
    let (mut names, mut more, mut from) = (shared.names, shared.more, after.map(str::to_owned));
    let mut alone = 0;
    while alone < limit {
        let page = transaction.list(&drawer(namespace), "name/", from.as_deref(), LIST_LIMIT_MAX).await?;
        from = page.names.last().cloned();
        let own: Vec<String> = page.names.into_iter().filter(|name| !name.contains(':')).collect();
        alone += own.len();
        names.extend(own);
        if !page.more {
            break;
        }
        more |= alone >= limit;
    }
    names.sort_unstable();
    names.dedup();
    more |= names.len() > limit;
    names.truncate(limit);
    Ok(Page { names, more })
}

/// The keys of a config: a page.
pub(crate) async fn keys_of(
    transaction: &mut Transaction,
    namespace: Id,
    config: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Page, Error> {
    if model::name(config).is_err() {
        return Ok(Page { names: Vec::new(), more: false });
    }
    if find_config(transaction, namespace, config).await?.is_some() {
        return Ok(transaction.list(&drawer(namespace), &format!("of/{config}/"), after, limit).await?);
    }
    let alone = stored(transaction, namespace, config).await?.is_some() && after.is_none_or(|after| after < config);
    Ok(Page { names: if alone { vec![config.to_owned()] } else { Vec::new() }, more: false })
}

/// Removes a config and the records of its keys. Answers their names, and the provider.
pub(crate) async fn delete_config(
    transaction: &mut Transaction,
    namespace: Id,
    name: &str,
) -> Result<(Vec<String>, Option<Provider>), Error> {
    let Some(provider) = provider(transaction, namespace, name).await? else { return Ok((Vec::new(), None)) };
    let mut gone = Vec::new();
    loop {
        let page = keys_of(transaction, namespace, name, None, LIST_LIMIT_MAX).await?;
        for key in &page.names {
            let key = joined(name, key)?;
            if let Some(found) = found(transaction, namespace, &key).await? {
                remove(transaction, namespace, found.provider.kind(), &found.record)?;
            }
            gone.push(key);
        }
        if !page.more {
            break;
        }
    }
    transaction.delete(&drawer(namespace), &format!("config/{name}"))?;
    Ok((gone, Some(provider)))
}

/// Creates or changes a key of a config.
pub(crate) async fn write_key(
    transaction: &mut Transaction,
    place: Place<'_>,
    config: &str,
    key: &str,
    change: Change,
    fields: &Map<String, Value>,
) -> Result<String, Error> {
    let name = joined(config, key)?;
    let Some(provider) = provider(transaction, place.namespace, config).await? else {
        return Err(Error::invalid(format!("config {config:?} does not exist")));
    };
    let old = found(transaction, place.namespace, &name).await?.map(|found| found.record);
    let fields = whole(ours(fields.clone()), old.as_ref().map(super::Record::key_fields), change);
    let uuid = old.as_ref().map_or_else(random::id, |old| Ok(old.uuid))?;
    let home = match old {
        Some(old) if matches!(old.home, Home::Provider(_)) => old.home,
        _ => Home::Config(config.to_owned()),
    };
    if matches!(home, Home::Config(_)) {
        share(transaction, place.namespace, config).await?;
    }
    let new = NewKey { uuid, name: &name, kind: provider.kind(), home, usages: USAGES };
    let record = params::key(&Params::external(&fields), None, new)?;
    put_indexed(transaction, place.namespace, provider.kind(), &record)?;
    Ok(name)
}

/// Makes the provider of a managed key one that other keys can share.
async fn share(transaction: &mut Transaction, namespace: Id, config: &str) -> Result<(), Error> {
    let Some(alone) = found(transaction, namespace, config).await? else { return Ok(()) };
    let Home::Provider(provider) = alone.record.home else { return Ok(()) };
    put_config(transaction, namespace, config, provider.clone())?;
    let record = super::Record { home: Home::Config(config.to_owned()), ..alone.record };
    put_indexed(transaction, namespace, provider.kind(), &record)
}

/// The read-back of a key: what is said of the key and not of its config.
pub(crate) async fn read_key(
    transaction: &mut Transaction,
    namespace: Id,
    config: &str,
    key: &str,
) -> Result<Option<Map<String, Value>>, Error> {
    let Ok(name) = joined(config, key) else { return Ok(None) };
    let Some(found) = found(transaction, namespace, &name).await? else { return Ok(None) };
    let mut fields = theirs(found.record.key_fields());
    fields.insert("uuid".into(), json!(found.record.uuid.to_string()));
    Ok(Some(fields))
}

/// Removes a key of a config; the config stays, unless it was that key alone. Answers the key's name, and the provider
/// that went with it.
pub(crate) async fn delete_key(
    transaction: &mut Transaction,
    namespace: Id,
    config: &str,
    key: &str,
) -> Result<(Option<String>, Option<Provider>), Error> {
    let Ok(name) = joined(config, key) else { return Ok((None, None)) };
    let Some(found) = found(transaction, namespace, &name).await? else { return Ok((None, None)) };
    remove(transaction, namespace, found.provider.kind(), &found.record)?;
    let alone = matches!(found.record.home, Home::Provider(_));
    Ok((Some(name), alone.then_some(found.provider)))
}
