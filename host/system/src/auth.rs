//! What is tuned on auth methods beside what all mounts have: `token_type` and `user_lockout_config`.

use std::sync::Arc;

use model::{Fault, MountClass};
use serde_json::{Map, Value, json};
use tenancy::{Mount, TokenType, UserLockout};

use crate::{Call, params};

/// Most failures that may be allowed, so that a typing error does not switch the lock off.
const THRESHOLD_MAX: u64 = 1_000_000;
/// What begins the names of the lock's fields in answers.
const LOCKOUT: &str = "user_lockout_";

/// The auth method of the request's namespace that has this accessor.
pub(crate) fn by_accessor<'a>(call: &'a Call<'_>, accessor: &str) -> Option<&'a Arc<Mount>> {
    let mut methods = call.tree.mounts(call.namespace.id).filter(|mount| mount.class == MountClass::Auth);
    methods.find(|mount| mount.accessor == accessor)
}

/// Takes what was sent of what only auth methods have.
pub(crate) fn configure(mount: &mut Mount, body: &Map<String, Value>) -> Result<(), Fault> {
    let (token_type, lockout) = (params::text(body, "token_type")?, body.get("user_lockout_config"));
    let lockout = lockout.filter(|value| !value.is_null());
    if mount.class == MountClass::Secret {
        return match (token_type.filter(|text| !text.is_empty()), lockout) {
            (None, None) => Ok(()),
            (Some(_), _) => Err(Fault::invalid("token_type: can only be modified on auth mounts")),
            (None, Some(_)) => Err(Fault::invalid("user_lockout_config: can only be modified on auth mounts")),
        };
    }
    if let Some(text) = token_type {
        let wanted = "token_type: must be default-service, default-batch, service or batch";
        mount.config.token_type = TokenType::parse(text).ok_or_else(|| Fault::invalid(wanted))?;
    }
    match lockout {
        None => Ok(()),
        Some(Value::Object(fields)) => lock(&mut mount.config.user_lockout, fields),
        Some(_) => Err(Fault::invalid("user_lockout_config: must be an object")),
    }
}

/// Clients name the fields in several ways.
fn lock(lockout: &mut UserLockout, fields: &Map<String, Value>) -> Result<(), Fault> {
    for name in ["lockout_threshold", "user_lockout_threshold"] {
        if let Some(count) = params::number(fields, name)? {
            if count > THRESHOLD_MAX {
                return Err(Fault::invalid(format!("{name}: at most {THRESHOLD_MAX}")));
            }
            lockout.threshold = (count > 0).then_some(count);
        }
    }
    for name in ["lockout_duration", "user_lockout_duration"] {
        if let Some(seconds) = params::seconds(fields, name)? {
            lockout.duration = (seconds > 0).then_some(seconds);
        }
    }
    for name in ["lockout_counter_reset", "lockout_counter_reset_duration", "user_lockout_counter_reset_duration"] {
        if let Some(seconds) = params::seconds(fields, name)? {
            lockout.counter_reset = (seconds > 0).then_some(seconds);
        }
    }
    for name in ["lockout_disable", "disable_lockout", "user_lockout_disable"] {
        lockout.disable = params::flag(fields, name)?.unwrap_or(lockout.disable);
    }
    Ok(())
}

/// Adds what only auth methods have to what `tune` shows.
pub(crate) fn show(mount: &Mount, fields: &mut Map<String, Value>) {
    if mount.class == MountClass::Secret {
        return;
    }
    fields.insert("token_type".into(), json!(mount.config.token_type));
    let lockout = &mount.config.user_lockout;
    if *lockout != UserLockout::default() {
        for (name, value) in [
            ("counter_reset_duration", json!(lockout.counter_reset())),
            ("disable", json!(lockout.disable)),
            ("duration", json!(lockout.duration())),
            ("threshold", json!(lockout.threshold())),
        ] {
            fields.insert(format!("{LOCKOUT}{name}"), value);
        }
    }
}

/// In lists of mounts the fields of the lock stand in an object of their own.
pub(crate) fn gather_lockout(fields: &mut Map<String, Value>) {
    let (lockout, rest): (Map<_, _>, Map<_, _>) =
        std::mem::take(fields).into_iter().partition(|(name, _)| name.starts_with(LOCKOUT));
    *fields = rest;
    if !lockout.is_empty() {
        fields.insert("user_lockout_config".into(), Value::Object(lockout));
    }
}
