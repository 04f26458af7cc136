//! Which mounts may use a key: the lists of mounts, seen from the key.

use std::sync::Arc;

use keys::{ManagedKeys, registry};
use model::Fault;
use serde_json::{Map, Value};
use tenancy::Mount;

use crate::Call;

/// Most keys that a mount can list.
pub(crate) const KEYS_MAX: usize = 256;

/// Whether a mount lists a key, in whatever form of its name.
fn lists(mount: &Mount, name: &str) -> bool {
    mount.config.allowed_managed_keys.iter().any(|listed| registry::canonical(listed) == Some(name))
}

/// The mounts that list a key of the call's namespace, with their paths from there: mounts of the namespace itself, and,
/// when the key is inherited, of those below it.
pub(crate) async fn holders(
    keys: &ManagedKeys,
    call: &mut Call<'_>,
    name: &str,
) -> Result<Vec<(String, Arc<Mount>)>, Fault> {
    let inherits = keys.is_inherited(call.transaction, call.namespace.id, name).await?;
    let Some(name) = registry::canonical(name) else { return Ok(Vec::new()) };
    let owned = |(path, mount): (String, &Arc<Mount>)| (path, Arc::clone(mount));
    let mounts = call.tree.mounts_within(&call.namespace.path).map(owned);
    let home = call.namespace.id;
    Ok(mounts.filter(|(_, mount)| (inherits || mount.namespace == home) && lists(mount, name)).collect())
}

/// Adds a key to the list of a mount.
pub(crate) async fn grant(call: &mut Call<'_>, mount: &Arc<Mount>, name: &str) -> Result<(), Fault> {
    if lists(mount, name) {
        return Ok(());
    }
    let mut changed = Mount::clone(mount);
    if changed.config.allowed_managed_keys.len() >= KEYS_MAX {
        return Err(Fault::invalid(format!("mount: {} lists {KEYS_MAX} keys already, which is the most", mount.path)));
    }
    changed.config.allowed_managed_keys.push(name.to_owned());
    mount.expect(call.transaction)?;
    Ok(changed.write(call.transaction).await?)
}

/// Takes keys from the list of a mount. All that a request takes from one mount it takes at once: the tree, and so the mount
/// in it, is as it was when the request began.
pub(crate) async fn withdraw(call: &mut Call<'_>, mount: &Arc<Mount>, names: &[String]) -> Result<(), Fault> {
    let is_kept =
        |listed: &String| registry::canonical(listed).is_none_or(|listed| !names.iter().any(|name| name == listed));
    if mount.config.allowed_managed_keys.iter().all(is_kept) {
        return Ok(());
    }
    let mut changed = Mount::clone(mount);
    changed.config.allowed_managed_keys.retain(is_kept);
    mount.expect(call.transaction)?;
    Ok(changed.write(call.transaction).await?)
}

/// A page of names that are in order already, by the parameters `after` and `limit`.
pub(crate) fn page(names: Vec<String>, body: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let after = crate::params::text(body, "after")?.unwrap_or_default();
    let limit = crate::params::number(body, "limit")?.filter(|limit| *limit > 0);
    let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    Ok(names.into_iter().filter(|name| name.as_str() > after).take(limit).collect())
}
