//! `sys/internal/ui/mounts`: what command-line clients ask before they touch a mount.

use model::{Fault, Kind, Reply};
use serde_json::{Map, Value, json};
use tenancy::ListingVisibility;

use crate::{Call, System, mounts};

/// The mounts that the caller may see, without a token only those that are listed for all.
pub(crate) fn all(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    let known = call.admitted.principal().is_some();
    let visible = call
        .tree
        .mounts(call.namespace.id)
        .filter(|mount| known || mount.config.listing_visibility == ListingVisibility::Unauth);
    let secret: Map<String, Value> =
        visible.map(|mount| (mount.path.to_string(), mounts::show(&system.info, mount))).collect();
    Reply::data(&json!({ "secret": secret, "auth": {} }))
}

/// The mount that a path leads to. A path that leads nowhere is refused like one that may not be seen.
pub(crate) fn one(system: &System, call: &Call<'_>, path: &str) -> Result<Reply, Fault> {
    let Some((mount, _)) = call.tree.mount_above(call.namespace.id, path) else {
        let text = format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}/\""
        );
        return Err(Fault::new(Kind::Denied, text));
    };
    let mut shown = mounts::show(&system.info, &mount);
    if let Value::Object(fields) = &mut shown {
        fields.insert("path".into(), json!(mount.path.as_str()));
    }
    Reply::data(&shown)
}
