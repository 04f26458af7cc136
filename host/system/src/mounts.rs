//! `sys/mounts` and `sys/auth`, `sys/mounts/:path` and `sys/auth/:path`, and their `tune`: alike, but for where paths begin
//! and what is built in.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Fault, MountClass, MountPath, Operation, Reply};
use serde_json::{Map, Value, json};
use tenancy::{AUTH, ListingVisibility, Mount};

use crate::builtin::{self, Builtin};
use crate::token::tuning::{self, Tuning};
use crate::{Call, Info, System, auth, fresh_id, leases, params, powers, unsupported};

/// Most entries in one list of a mount's configuration.
const LIST_MAX: usize = 256;
/// Longest description, in bytes.
const DESCRIPTION_MAX: usize = 1024;
/// Longest name or value of an option, in bytes.
const OPTION_TEXT_MAX: usize = 512;

/// A path as it was asked for: a mount's of one sort.
struct At {
    class: MountClass,
    /// As people write it: that of an auth method without `auth/`.
    shown: MountPath,
    /// Below the namespace.
    whole: MountPath,
}

impl At {
    fn parse(class: MountClass, text: &str) -> Result<Self, Fault> {
        let wrong = |e: model::Invalid| Fault::invalid(e.to_string());
        let shown = MountPath::parse(text).map_err(wrong)?;
        let whole = match class {
            MountClass::Secret => shown.clone(),
            MountClass::Auth => MountPath::parse(&format!("{AUTH}{shown}")).map_err(wrong)?,
        };
        Ok(Self { class, shown, whole })
    }

    fn builtin(&self) -> Option<&'static Builtin> {
        builtin::find(self.class, self.shown.as_str())
    }

    fn find(&self, call: &Call<'_>) -> Option<Arc<Mount>> {
        find(call, &self.whole).filter(|mount| mount.class == self.class)
    }

    fn existing(&self, call: &Call<'_>) -> Result<Arc<Mount>, Fault> {
        self.find(call).ok_or_else(|| {
            Fault::invalid(match self.class {
                MountClass::Secret => format!("No secret engine mount at {}", self.shown),
                MountClass::Auth => format!("No auth engine at {}", self.shown),
            })
        })
    }
}

/// The mounts of one sort, those of every namespace among them.
pub(crate) fn listed(system: &System, call: &Call<'_>, class: MountClass) -> Map<String, Value> {
    let mut data = builtin::shown(&call.namespace, class);
    let mounts = call.tree.mounts(call.namespace.id).filter(|mount| mount.class == class);
    data.extend(mounts.map(|mount| (mount.shown_path().to_owned(), show(system, mount))));
    data
}

pub(crate) async fn all(system: &System, call: Call<'_>, class: MountClass) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::List) {
        return Err(unsupported());
    }
    let mut data = listed(system, &call, class);
    if let Some(token) = data.get_mut(builtin::TOKEN.path).filter(|_| class == MountClass::Auth) {
        Tuning::of(call.transaction, call.namespace.id).await?.tell(token);
    }
    Ok(Reply::flattened(data))
}

pub(crate) async fn one(system: &System, mut call: Call<'_>, class: MountClass, at: &str) -> Result<Reply, Fault> {
    if let Some(path) = at.strip_suffix("/tune") {
        // Clients tune auth methods on either path.
        let of_auth = path.strip_prefix(AUTH).filter(|_| class == MountClass::Secret);
        return match of_auth {
            Some(path) => tune(system, call, &At::parse(MountClass::Auth, path)?).await,
            None => tune(system, call, &At::parse(class, path)?).await,
        };
    }
    let at = At::parse(class, at)?;
    if let Some(builtin) = at.builtin() {
        return match call.operation {
            Operation::Read => {
                let mut shown = builtin.show(&call.namespace);
                if builtin.is_token() {
                    Tuning::of(call.transaction, call.namespace.id).await?.tell(&mut shown);
                }
                Reply::data(&shown)
            }
            Operation::Update => Err(Fault::invalid(format!("path is already in use at {}", at.shown))),
            Operation::Delete => Err(Fault::invalid(builtin.stays())),
            Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
        };
    }
    match call.operation {
        Operation::Read => Reply::data(&show(system, &*at.existing(&call)?)),
        Operation::Update => enable(system, call, at).await,
        Operation::Delete => {
            if let Some(mount) = at.find(&call) {
                // Secrets are taken back by the mount's engine while it leaves.
                if at.class == MountClass::Auth {
                    leases::end_of_mount(&system.tokens, &mut call, &mount).await?;
                }
                mount.delete(call.transaction).await?;
            }
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

async fn enable(system: &System, call: Call<'_>, at: At) -> Result<Reply, Fault> {
    let (kind, version) = kind(&call.body)?;
    let wanted = params::text(&call.body, "plugin_version")?.unwrap_or_default();
    let running = system.choose(call.transaction, &call.namespace.path, (at.class, kind), wanted).await?;
    let mut mount = Mount::of(at.class, fresh_id()?, call.namespace.id, at.whole, kind);
    mount.running = running;
    mount.config.plugin_version = wanted.to_owned();
    system.catalog.guest(call.transaction, &mount).await?;
    mount.local = params::flag(&call.body, "local")?.unwrap_or(false);
    mount.seal_wrap = params::flag(&call.body, "seal_wrap")?.unwrap_or(false);
    // Every engine already draws on the host's one generator: nothing more to give, so it is only checked.
    params::flag(&call.body, "external_entropy_access")?;
    describe(&mut mount, &call.body)?;
    if let Some(version) = version {
        mount.options.insert("version".into(), version.into());
    }
    match call.body.get("config") {
        Some(Value::Object(config)) => configure(&mut mount, config, &system.info)?,
        None | Some(Value::Null) => {}
        Some(_) => return Err(Fault::invalid("config: must be an object")),
    }
    mount.place(call.transaction, call.tree).await?;
    Ok(Reply::nothing())
}

/// The engine that is asked for, and the version option that its name implies.
fn kind(body: &Map<String, Value>) -> Result<(&str, Option<&'static str>), Fault> {
    let kind = match params::text(body, "type")? {
        Some("plugin") => params::text(body, "plugin_name")?,
        kind => kind,
    };
    match kind {
        None | Some("") => Err(Fault::invalid("type: missing backend type")),
        Some(kind) if kind.len() > model::NAME_MAX => Err(Fault::invalid("type: at most 128 bytes")),
        // Clients that enable "kv-v2" mean kv with an option.
        Some("kv-v2") => Ok(("kv", Some("2"))),
        Some(kind) => Ok((kind, None)),
    }
}

/// Takes the version of the engine that a mount asks for. It runs once the mount is reloaded.
async fn ask_version(system: &System, call: &mut Call<'_>, mount: &mut Mount) -> Result<(), Fault> {
    let Some(wanted) = params::text(&call.body, "plugin_version")?.map(str::to_owned) else { return Ok(()) };
    system.choose(call.transaction, &call.namespace.path, (mount.class, mount.kind.as_str()), &wanted).await?;
    mount.config.plugin_version = wanted;
    Ok(())
}

async fn tune(system: &System, mut call: Call<'_>, at: &At) -> Result<Reply, Fault> {
    if let Some(builtin) = at.builtin() {
        if builtin.is_token() {
            return tuning::tune(system, call).await;
        }
        return match call.operation {
            Operation::Read => Reply::data(&builtin.tuned(effective((0, 0), &system.info))),
            Operation::Update => Err(Fault::invalid(format!("cannot tune {:?}", at.shown.as_str()))),
            _ => Err(unsupported()),
        };
    }
    let mount = at.existing(&call)?;
    match call.operation {
        Operation::Read => Reply::data(&tuned(&system.info, &mount)),
        Operation::Update => {
            let mut changed = Mount::clone(&mount);
            mount.expect(call.transaction)?;
            describe(&mut changed, &call.body)?;
            ask_version(system, &mut call, &mut changed).await?;
            configure(&mut changed, &call.body, &system.info)?;
            if !tenancy::usage::recount(call.transaction, &mount, &changed).await? {
                let most = tenancy::usage::COUNTED_MAX;
                let text = format!("powers.storage_max: the mount has more than {most} entries: bound new mounts");
                return Err(Fault::invalid(text));
            }
            changed.write(call.transaction).await?;
            Ok(Reply::nothing())
        }
        _ => Err(unsupported()),
    }
}

/// The mount at exactly this path of the request's namespace, of whatever sort.
pub(crate) fn find(call: &Call<'_>, path: &MountPath) -> Option<Arc<Mount>> {
    let found = call.tree.mount_above(call.namespace.id, path.as_str()).filter(|(mount, _)| mount.path == *path);
    found.map(|(mount, _)| mount)
}

fn describe(mount: &mut Mount, body: &Map<String, Value>) -> Result<(), Fault> {
    if let Some(description) = params::text(body, "description")? {
        if description.len() > DESCRIPTION_MAX {
            return Err(Fault::invalid("description: at most 1024 bytes"));
        }
        mount.description = description.to_owned();
    }
    if let Some(options) = params::map(body, "options")? {
        if mount.kind == "kv" {
            check_kv_version(mount, &options)?;
        }
        if options.iter().any(|(name, value)| name.len() > OPTION_TEXT_MAX || value.len() > OPTION_TEXT_MAX) {
            return Err(Fault::invalid("options: at most 512 bytes per name and value"));
        }
        mount.options.extend(options);
    }
    Ok(())
}

/// Secrets are kept differently in each version, and what the second keeps the first would not find.
fn check_kv_version(mount: &Mount, options: &BTreeMap<String, String>) -> Result<(), Fault> {
    let Some(version) = options.get("version") else { return Ok(()) };
    let before = mount.options.get("version").map(String::as_str);
    match (version.as_str(), before) {
        ("1" | "", Some("2")) => Err(Fault::invalid("options.version: cannot downgrade mount from version 2")),
        ("" | "1" | "2", _) => Ok(()),
        _ => Err(Fault::invalid(format!("options.version: invalid version provided: {version:?}; must be 1 or 2"))),
    }
}

/// Takes what was sent; lists replace what was there.
fn configure(mount: &mut Mount, body: &Map<String, Value>, info: &Info) -> Result<(), Fault> {
    auth::configure(mount, body)?;
    let config = &mut mount.config;
    powers::take(&mut config.powers, body)?;
    take_ttls((&mut config.default_lease_ttl, &mut config.max_lease_ttl), body, info)?;
    for (field, list) in [
        ("allowed_managed_keys", &mut config.allowed_managed_keys),
        ("allowed_response_headers", &mut config.allowed_response_headers),
        ("passthrough_request_headers", &mut config.passthrough_request_headers),
        ("audit_non_hmac_request_keys", &mut config.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &mut config.audit_non_hmac_response_keys),
        ("delegated_auth_accessors", &mut config.delegated_auth_accessors),
    ] {
        if let Some(sent) = params::list(body, field)? {
            if sent.len() > LIST_MAX || sent.iter().any(|entry| entry.len() > model::NAME_MAX) {
                return Err(Fault::invalid(format!("{field}: at most 256 entries of at most 128 bytes")));
            }
            *list = sent;
        }
    }
    if let Some(visibility) = params::text(body, "listing_visibility")? {
        config.listing_visibility = match visibility {
            "" => ListingVisibility::Unset,
            "unauth" => ListingVisibility::Unauth,
            "hidden" => ListingVisibility::Hidden,
            _ => return Err(Fault::invalid("listing_visibility: must be \"unauth\" or \"hidden\"")),
        };
    }
    if let Some(flag) = params::flag(body, "force_no_cache")? {
        config.force_no_cache = flag;
    }
    match params::text(body, "identity_token_key")? {
        None | Some("") => Ok(()),
        Some(_) => Err(Fault::invalid("identity_token_key: no key signs identity tokens here; it must be empty")),
    }
}

/// Times to live, the usual and the longest, with the system's where a mount says 0.
pub(crate) fn effective((default, max): (u64, u64), info: &Info) -> (u64, u64) {
    let max = if max == 0 { info.max_lease_ttl } else { max };
    (if default == 0 { info.default_lease_ttl.min(max) } else { default }, max)
}

/// Takes the times to live that were sent; 0 leaves them to the system.
pub(crate) fn take_ttls(
    (default, max): (&mut u64, &mut u64),
    body: &Map<String, Value>,
    info: &Info,
) -> Result<(), Fault> {
    for (field, ttl) in [("default_lease_ttl", &mut *default), ("max_lease_ttl", &mut *max)] {
        if let Some(sent) = params::seconds(body, field)? {
            *ttl = sent;
        }
    }
    let (default, max) = effective((*default, *max), info);
    if default > max {
        return Err(Fault::invalid("default_lease_ttl: must not be longer than max_lease_ttl"));
    }
    Ok(())
}

/// A mount as `sys/mounts` shows it.
pub(crate) fn show(system: &System, mount: &Mount) -> Value {
    let mut config = tuned(&system.info, mount);
    let running = match &mount.running {
        Some(running) if !running.version.is_empty() => Some(running.version.clone()),
        _ => system.catalog.at_hand(mount).map(|guest| format!("v{}", guest.descriptor.version)),
    };
    let sha256 = mount.running.as_ref().map_or("", |running| running.sha256.as_str());
    if let Value::Object(fields) = &mut config {
        fields.remove("description");
        fields.remove("options");
        fields.remove("plugin_version");
        fields.insert("default_lease_ttl".into(), json!(mount.config.default_lease_ttl));
        fields.insert("max_lease_ttl".into(), json!(mount.config.max_lease_ttl));
        auth::gather_lockout(fields);
    }
    json!({
        "type": mount.kind, "accessor": mount.accessor, "description": mount.description, "uuid": mount.id.to_string(),
        "options": if mount.options.is_empty() { Value::Null } else { json!(mount.options) }, "config": config,
        "local": mount.local, "seal_wrap": mount.seal_wrap, "external_entropy_access": false,
        "plugin_version": mount.config.plugin_version, "running_plugin_version": running.unwrap_or_default(),
        "running_sha256": sha256, "deprecation_status": "",
    })
}

/// A mount as `tune` shows it: effective times, and lists only where they were set.
fn tuned(info: &Info, mount: &Mount) -> Value {
    let config = &mount.config;
    let (default, max) = effective((config.default_lease_ttl, config.max_lease_ttl), info);
    let mut data = json!({
        "default_lease_ttl": default, "max_lease_ttl": max, "force_no_cache": config.force_no_cache,
        "description": mount.description,
    });
    let lists = [
        ("allowed_managed_keys", &config.allowed_managed_keys),
        ("allowed_response_headers", &config.allowed_response_headers),
        ("passthrough_request_headers", &config.passthrough_request_headers),
        ("audit_non_hmac_request_keys", &config.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &config.audit_non_hmac_response_keys),
        ("delegated_auth_accessors", &config.delegated_auth_accessors),
    ];
    if let Value::Object(fields) = &mut data {
        for (name, list) in lists {
            if !list.is_empty() {
                fields.insert(name.into(), json!(list));
            }
        }
        if config.listing_visibility != ListingVisibility::Unset {
            fields.insert("listing_visibility".into(), json!(config.listing_visibility));
        }
        if !mount.options.is_empty() {
            fields.insert("options".into(), json!(mount.options));
        }
        if !config.powers.is_default() {
            fields.insert("powers".into(), powers::shown(&config.powers));
        }
        if !config.plugin_version.is_empty() {
            fields.insert("plugin_version".into(), json!(config.plugin_version));
        }
        auth::show(mount, fields);
    }
    data
}

impl System {
    /// A mount's times to live, default and longest, with the system's where it has none. In seconds.
    pub fn lease_ttls(&self, mount: &Mount) -> (u64, u64) {
        effective((mount.config.default_lease_ttl, mount.config.max_lease_ttl), &self.info)
    }
}
