//! `sys/internal/ui/mounts`: what command-line clients ask before they touch a mount.

use model::{Fault, Kind, MountClass, Operation, Reply};
use serde_json::{Map, Value, json};
use tenancy::ListingVisibility;

use crate::{Call, System, builtin, mounts, unsupported};

/// The mounts that the caller may see, without a token only those that are listed for all.
pub(crate) fn all(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let of = |class| match call.admitted.acl() {
        None => listed_for_all(call, class),
        Some(acl) => {
            let below = if class == MountClass::Auth { "auth/" } else { "" };
            let seen = |shown: &str| acl.reaches(&format!("{}{below}{shown}", call.namespace.path));
            let mut all = mounts::listed(system, call, class);
            all.retain(|shown, _| seen(shown));
            all
        }
    };
    Reply::data(&json!({ "secret": of(MountClass::Secret), "auth": of(MountClass::Auth) }))
}

/// Those that even strangers may see: before a login, say.
fn listed_for_all(call: &Call<'_>, class: MountClass) -> Map<String, Value> {
    let mounts = call.tree.mounts(call.namespace.id).filter(|mount| mount.class == class);
    let listed = mounts.filter(|mount| mount.config.listing_visibility == ListingVisibility::Unauth);
    listed
        .map(|mount| {
            let options = if mount.options.is_empty() { Value::Null } else { json!(mount.options) };
            let shown = json!({ "type": mount.kind, "description": mount.description, "options": options });
            (mount.shown_path().to_owned(), shown)
        })
        .collect()
}

/// The mount that a path leads to. A path that leads nowhere is refused like one that may not be seen.
pub(crate) fn one(system: &System, call: &Call<'_>, path: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let seen = |(at, _): &(String, Value)| {
        let whole = format!("{}{at}", call.namespace.path);
        call.admitted.acl().is_some_and(|acl| acl.reaches(&whole))
    };
    let Some((at, mut shown)) = leads_to(system, call, path).filter(seen) else {
        let text = format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{path}/\""
        );
        return Err(Fault::new(Kind::Denied, text));
    };
    if let Value::Object(fields) = &mut shown {
        fields.insert("path".into(), json!(at));
    }
    Reply::data(&shown)
}

fn leads_to(system: &System, call: &Call<'_>, path: &str) -> Option<(String, Value)> {
    if let Some((mount, _)) = call.tree.mount_above(call.namespace.id, path) {
        return Some((mount.path.to_string(), mounts::show(system, &mount)));
    }
    let whole = format!("{path}/");
    if let Some(builtin) = builtin::SECRET.iter().find(|builtin| whole.starts_with(builtin.path)) {
        return Some((builtin.path.to_owned(), builtin.show(&call.namespace)));
    }
    let token = format!("auth/{}", builtin::TOKEN.path);
    whole.starts_with(&token).then(|| (token, builtin::TOKEN.show(&call.namespace)))
}
