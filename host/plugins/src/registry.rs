//! The records of registered plugins and of pins.

use std::sync::Arc;

use model::PluginType;
use storage::Transaction;
use tenancy::{Mount, Tree};

use crate::code::drawer;
use crate::{Code, Error, Plugin, Version};

/// Most registered plugins, all versions counted.
pub const PLUGINS_MAX: usize = 1000;
/// The name of the record of a plugin without a version.
const UNVERSIONED: &str = "unversioned";

fn key(class: PluginType, name: &str, version: &Version) -> String {
    let version = if version.is_none() { UNVERSIONED.to_owned() } else { version.to_string() };
    format!("catalog/{}/{name}/{version}", class.name())
}

fn pin_key(class: PluginType, name: &str) -> String {
    format!("pins/{}/{name}", class.name())
}

/// All plugins, in the order of their sorts and names.
pub async fn all(transaction: &mut Transaction) -> Result<Vec<Plugin>, Error> {
    let mut found = Vec::new();
    for class in PluginType::ALL {
        found.extend(of(transaction, class).await?);
    }
    Ok(found)
}

/// The plugins of one sort.
pub async fn of(transaction: &mut Transaction, class: PluginType) -> Result<Vec<Plugin>, Error> {
    let mut found = Vec::new();
    for name in transaction.names(&drawer(), &format!("catalog/{}/", class.name())).await? {
        found.extend(versions(transaction, class, name.trim_end_matches('/')).await?);
    }
    Ok(found)
}

/// The versions of one plugin, lowest first; the one without a version before all others.
pub async fn versions(transaction: &mut Transaction, class: PluginType, name: &str) -> Result<Vec<Plugin>, Error> {
    let below = format!("catalog/{}/{name}/", class.name());
    let mut found = Vec::new();
    for version in transaction.names(&drawer(), &below).await? {
        found.extend(transaction.get_json::<Plugin>(&drawer(), &format!("{below}{version}")).await?);
    }
    found.sort_by(|a, b| a.version.cmp(&b.version));
    Ok(found)
}

/// One version of a plugin.
pub async fn find(
    transaction: &mut Transaction,
    class: PluginType,
    name: &str,
    version: &Version,
) -> Result<Option<Plugin>, Error> {
    Ok(transaction.get_json(&drawer(), &key(class, name, version)).await?)
}

/// Writes a plugin with what is known of its code. The same name, sort and version again replaces it; mounts go on with
/// the code that they run until they are reloaded.
pub async fn put(
    transaction: &mut Transaction,
    tree: &Tree,
    plugin: &Plugin,
    (code, bytes): (&Code, Option<&[u8]>),
) -> Result<(), Error> {
    let before = find(transaction, plugin.class, &plugin.name, &plugin.version).await?;
    if before.is_none() && all(transaction).await?.len() >= PLUGINS_MAX {
        return Err(Error::Invalid("there are 1000 plugins, and may not be more: remove one".to_owned()));
    }
    code.keep(transaction, &plugin.sha256, bytes).await?;
    transaction.put_json(&drawer(), &key(plugin.class, &plugin.name, &plugin.version), plugin)?;
    match before {
        Some(before) if before.sha256 != plugin.sha256 => tidy(transaction, tree.all_mounts(), &before.sha256).await,
        _ => Ok(()),
    }
}

/// Removes a plugin. What is pinned, or what a mount runs, stays.
pub async fn remove(transaction: &mut Transaction, tree: &Tree, plugin: &Plugin) -> Result<(), Error> {
    if pinned(transaction, plugin.class, &plugin.name).await?.as_ref() == Some(&plugin.version) {
        return Err(Error::Invalid(format!("{} is pinned: remove the pin first", plugin.title())));
    }
    let others = versions(transaction, plugin.class, &plugin.name).await?;
    let only = others.iter().filter(|other| other.sha256 == plugin.sha256).count() == 1;
    let running = tree.all_mounts().find(|mount| {
        only && PluginType::from(mount.class) == plugin.class
            && mount.kind == plugin.name
            && mount.running.as_ref().is_some_and(|running| running.sha256 == plugin.sha256)
    });
    if let Some(mount) = running {
        let text = format!("{} is what {} runs: disable or reload that first", plugin.title(), mount.accessor);
        return Err(Error::Invalid(text));
    }
    if only && judged_by(transaction, &plugin.sha256).await? {
        return Err(Error::Invalid(format!("{} is what policies are read by: remove those first", plugin.title())));
    }
    transaction.delete(&drawer(), &key(plugin.class, &plugin.name, &plugin.version))?;
    tidy(transaction, tree.all_mounts(), &plugin.sha256).await
}

/// Lets code go that no plugin names and none of these mounts runs, nor one that is being removed.
pub async fn tidy<'a>(
    transaction: &mut Transaction,
    mut mounts: impl Iterator<Item = &'a Arc<Mount>>,
    sha256: &str,
) -> Result<(), Error> {
    let runs = |running: &tenancy::Running| running.sha256 == sha256;
    let run = mounts.any(|mount| mount.running.as_ref().is_some_and(runs));
    let leaving = Mount::leaving(transaction, storage::LIST_LIMIT_MAX).await.map_err(foreign)?;
    let run = run || leaving.iter().any(|mount| mount.running.as_ref().is_some_and(runs));
    if run
        || judged_by(transaction, sha256).await?
        || all(transaction).await?.iter().any(|plugin| plugin.sha256 == sha256)
    {
        return Ok(());
    }
    Code::forget(transaction, sha256).await
}

fn use_key(sha256: &str, policy: &str) -> String {
    format!("judges/{sha256}/{policy}")
}

/// Notes that a policy is read by the code with this digest, which then stays. `policy` names it among all namespaces.
pub fn keep_for(transaction: &mut Transaction, sha256: &str, policy: &str) -> Result<(), Error> {
    Ok(transaction.put(&drawer(), &use_key(sha256, policy), Vec::new())?)
}

/// Notes that a policy is read by it no more.
pub fn let_go_of(transaction: &mut Transaction, sha256: &str, policy: &str) -> Result<(), Error> {
    Ok(transaction.delete(&drawer(), &use_key(sha256, policy))?)
}

/// Whether policies are read by the code with this digest.
async fn judged_by(transaction: &mut Transaction, sha256: &str) -> Result<bool, Error> {
    Ok(!transaction.names(&drawer(), &format!("judges/{sha256}/")).await?.is_empty())
}

fn foreign(error: tenancy::Error) -> Error {
    match error {
        tenancy::Error::Storage(error) => Error::Storage(error),
        other => Error::Internal(other.to_string()),
    }
}

/// The version that mounts of a plugin get which name none; none: no pin.
pub async fn pinned(transaction: &mut Transaction, class: PluginType, name: &str) -> Result<Option<Version>, Error> {
    Ok(transaction.get_json(&drawer(), &pin_key(class, name)).await?)
}

/// All pins.
pub async fn pins(transaction: &mut Transaction) -> Result<Vec<(PluginType, String, Version)>, Error> {
    let mut found = Vec::new();
    for class in PluginType::ALL {
        for name in transaction.names(&drawer(), &format!("pins/{}/", class.name())).await? {
            if let Some(version) = pinned(transaction, class, &name).await? {
                found.push((class, name, version));
            }
        }
    }
    Ok(found)
}

/// Pins a version that is registered.
pub async fn pin(transaction: &mut Transaction, class: PluginType, name: &str, version: &Version) -> Result<(), Error> {
    let found = find(transaction, class, name, version).await?;
    found.ok_or_else(|| Error::Invalid(format!("plugin not found in the catalog: {name} {version}")))?;
    Ok(transaction.put_json(&drawer(), &pin_key(class, name), version)?)
}

/// Removes a pin.
pub fn unpin(transaction: &mut Transaction, class: PluginType, name: &str) -> Result<(), Error> {
    Ok(transaction.delete(&drawer(), &pin_key(class, name))?)
}

/// The plugin that a mount gets which asks for this version, or names none: then the pinned one, the one without a
/// version, or the highest. `None`: nothing of that name is registered, so it is a built-in guest, if any.
pub async fn resolve(
    transaction: &mut Transaction,
    class: PluginType,
    name: &str,
    wanted: &Version,
) -> Result<Option<Plugin>, Error> {
    let wanted = if wanted.is_none() { pinned(transaction, class, name).await? } else { Some(wanted.clone()) };
    if let Some(version) = wanted {
        return find(transaction, class, name, &version).await;
    }
    let mut found = versions(transaction, class, name).await?;
    // Lowest first, and the one without a version is the lowest.
    if found.first().is_some_and(|first| first.version.is_none()) {
        return Ok(Some(found.swap_remove(0)));
    }
    Ok(found.pop())
}
