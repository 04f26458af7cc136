//! `sys/plugins/reload`: lets mounts run what the catalog has for them now. Requests under way finish with what they began
//! with; those that come after the answer meet the new.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::{Fault, Id, MountClass, MountPath, Operation, Reply};
use serde_json::json;
use tenancy::Mount;

use crate::catalog::class;
use crate::{Call, System, fresh_id, mounts, params, unsupported};

/// Most mounts that one request reloads.
const MOUNTS_MAX: usize = 1000;

/// `sys/plugins/reload/backend`: the mounts of a plugin, or mounts by their paths.
pub(crate) async fn backend(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let plugin = params::text(&call.body, "plugin")?.filter(|plugin| !plugin.is_empty());
    let paths = params::list(&call.body, "mounts")?.unwrap_or_default();
    let mounts = match (plugin, paths.as_slice()) {
        (Some(plugin), []) => of(&call, plugin, None),
        (None, [_, ..]) => at(&call, &paths)?,
        (Some(_), _) => return Err(Fault::invalid("plugin: name a plugin or mounts, not both")),
        (None, []) => return Err(Fault::invalid("plugin: one of plugin or mounts must be provided")),
    };
    reload(system, call, mounts).await
}

/// `sys/plugins/reload/:type/:name`: the mounts of a plugin.
pub(crate) async fn plugin(system: &System, call: Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let (sort, name) = path.split_once('/').ok_or_else(|| Fault::invalid("name: must be there"))?;
    let sort = if sort == "unknown" { None } else { Some(class(sort)?.class().ok_or_else(of_policies)?) };
    let mounts = of(&call, name, sort);
    reload(system, call, mounts).await
}

fn of_policies() -> Fault {
    Fault::invalid("type: a policy is read by what the catalog had when it was written: write it again")
}

/// The mounts of a plugin: of all namespaces where the root asks, else of the namespace.
fn of(call: &Call<'_>, kind: &str, class: Option<MountClass>) -> Vec<Arc<Mount>> {
    let everywhere = call.namespace.id == Id::nil();
    let wanted = |mount: &&Arc<Mount>| {
        mount.kind == kind
            && class.is_none_or(|class| mount.class == class)
            && (everywhere || mount.namespace == call.namespace.id)
    };
    call.tree.all_mounts().filter(wanted).cloned().collect()
}

fn at(call: &Call<'_>, paths: &[String]) -> Result<Vec<Arc<Mount>>, Fault> {
    let find = |text: &String| {
        let path = MountPath::parse(text).map_err(|error| Fault::invalid(format!("mounts: {error}")))?;
        mounts::find(call, &path).ok_or_else(|| Fault::invalid(format!("mounts: no matching mount at \"{path}\"")))
    };
    paths.iter().map(find).collect()
}

async fn reload(system: &System, call: Call<'_>, mounts: Vec<Arc<Mount>>) -> Result<Reply, Fault> {
    if mounts.len() > MOUNTS_MAX {
        let text = format!("plugin: {} mounts are of it, and one request reloads 1000: name mounts", mounts.len());
        return Err(Fault::invalid(text));
    }
    let global = match params::text(&call.body, "scope")? {
        None | Some("") => false,
        Some("global") => true,
        Some(_) => return Err(Fault::invalid("scope: must be \"global\", or nothing")),
    };
    let mut left = BTreeSet::new();
    for mount in &mounts {
        let wanted = mount.config.plugin_version.as_str();
        let Some(namespace) = call.tree.namespace_by_id(mount.namespace) else { continue };
        let running =
            system.choose(call.transaction, &namespace.path, (mount.class, mount.kind.as_str()), wanted).await?;
        if running == mount.running {
            continue;
        }
        let mut changed = Mount::clone(mount);
        changed.running = running;
        // Loaded before the mount is changed, so that what cannot be loaded changes nothing.
        system.catalog.guest(call.transaction, &changed).await?;
        mount.expect(call.transaction)?;
        changed.write(call.transaction).await?;
        tracing::info!(request = call.request, mount = mount.accessor, "the engine of a mount is another now");
        left.extend(mount.running.iter().map(|before| before.sha256.clone()));
    }
    for sha256 in left {
        let others = call.tree.all_mounts().filter(|mount| mounts.iter().all(|reloaded| reloaded.id != mount.id));
        plugins::tidy(call.transaction, others, &sha256).await?;
    }
    // What runs is a matter of the store: all nodes reload at once, whatever the scope.
    if global { Reply::data(&json!({ "reload_id": fresh_id()?.to_string() })) } else { Ok(Reply::nothing()) }
}
