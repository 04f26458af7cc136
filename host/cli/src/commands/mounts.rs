//! What mounts of engines and of auth methods have in common: their options, how they come and go, and their table.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::client::Ask;
use crate::output::{objects, one_line, words};
use crate::session::{Exit, Session, put};
use crate::{Error, input};

/// How often it is asked whether a mount has moved.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest wait for a mount to move.
const MOVE_MAX: Duration = Duration::from_secs(600);

/// Mounts of one kind.
pub(super) struct Mounts {
    /// Where the API has them.
    at: &'static str,
    /// What one of them is.
    what: &'static str,
    /// What is done when all are asked for.
    listing: &'static str,
}

/// Options of a mount.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct MountOptions {
    /// What it is for, in words.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// How long leases and tokens live if nobody says.
    #[arg(long, value_name = "DURATION")]
    pub default_lease_ttl: Option<String>,
    /// How long they can live.
    #[arg(long, value_name = "DURATION")]
    pub max_lease_ttl: Option<String>,
    /// Whether it is listed for those without a token: hidden or unauth.
    #[arg(long, value_name = "VISIBILITY")]
    pub listing_visibility: Option<String>,
    /// An option of the engine; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub options: Vec<String>,
    /// The version of the engine kv: 1 or 2.
    #[arg(long, value_name = "NUMBER")]
    pub version: Option<u64>,
    /// The version of the plugin.
    #[arg(long, value_name = "VERSION")]
    pub plugin_version: Option<String>,
    /// A field of requests that audit devices show in clear; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub audit_non_hmac_request_keys: Vec<String>,
    /// A field of answers that audit devices show in clear; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub audit_non_hmac_response_keys: Vec<String>,
    /// A header of requests that it gets; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub passthrough_request_headers: Vec<String>,
    /// A header that its answers may have; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub allowed_response_headers: Vec<String>,
    /// A managed key that it may use; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub allowed_managed_keys: Vec<String>,
    /// What kind of tokens an auth method gives: service, batch, default-service or default-batch.
    #[arg(long, value_name = "TYPE")]
    pub token_type: Option<String>,
}

/// What is settled when a mount is made.
#[derive(Debug, clap::Args)]
pub struct NewMount {
    /// It is of this cluster only.
    #[arg(long)]
    pub local: bool,
    /// What it keeps is to be wrapped by the seal too.
    #[arg(long)]
    pub seal_wrap: bool,
    /// What it reads is not kept in memory.
    #[arg(long)]
    pub force_no_cache: bool,
    /// The name of the plugin, where the type is plugin.
    #[arg(long, value_name = "NAME")]
    pub plugin_name: Option<String>,
    /// Its options.
    #[command(flatten)]
    pub options: MountOptions,
}

impl MountOptions {
    /// What becomes its configuration.
    fn config(&self) -> Map<String, Value> {
        let mut config = Map::new();
        put(&mut config, "default_lease_ttl", self.default_lease_ttl.clone());
        put(&mut config, "max_lease_ttl", self.max_lease_ttl.clone());
        put(&mut config, "listing_visibility", self.listing_visibility.clone());
        put(&mut config, "token_type", self.token_type.clone());
        for (name, list) in [
            ("audit_non_hmac_request_keys", &self.audit_non_hmac_request_keys),
            ("audit_non_hmac_response_keys", &self.audit_non_hmac_response_keys),
            ("passthrough_request_headers", &self.passthrough_request_headers),
            ("allowed_response_headers", &self.allowed_response_headers),
            ("allowed_managed_keys", &self.allowed_managed_keys),
        ] {
            put(&mut config, name, listed(list));
        }
        config
    }

    /// What stands beside its configuration.
    fn beside(&self) -> Result<Map<String, Value>, Error> {
        let mut fields = Map::new();
        let mut options = input::strings("-options", &self.options)?;
        put(&mut options, "version", self.version.map(|version| version.to_string()));
        put(&mut fields, "options", Some(options).filter(|options| !options.is_empty()));
        put(&mut fields, "description", self.description.clone());
        put(&mut fields, "plugin_version", self.plugin_version.clone());
        Ok(fields)
    }
}

/// A list whose items may also come with commas between them; one empty item makes it empty.
fn listed(given: &[String]) -> Option<Vec<String>> {
    let items = given.iter().flat_map(|item| item.split(',')).map(str::trim).filter(|item| !item.is_empty());
    (!given.is_empty()).then(|| items.map(str::to_owned).collect())
}

impl Mounts {
    /// Secrets engines.
    pub(super) const ENGINES: Self =
        Self { at: "sys/mounts", what: "secrets engine", listing: "listing secrets engines" };
    /// Auth methods.
    pub(super) const METHODS: Self =
        Self { at: "sys/auth", what: "auth method", listing: "listing enabled authentications" };

    /// What makes a mount; the version is that of the type's name, if it has one.
    pub(super) fn enable(&self, path: &str, kind: &str, new: &NewMount, version: Option<u64>) -> Result<Ask, Error> {
        let version = new.options.version.or(version);
        let options = MountOptions { version, ..new.options.clone() };
        let (mut fields, mut config) = (options.beside()?, options.config());
        put(&mut config, "force_no_cache", new.force_no_cache.then_some(true));
        put(&mut fields, "local", new.local.then_some(true));
        put(&mut fields, "seal_wrap", new.seal_wrap.then_some(true));
        put(&mut fields, "plugin_name", new.plugin_name.clone());
        put(&mut fields, "type", Some(kind));
        put(&mut fields, "config", Some(config));
        Ok(Ask::post(&format!("{}/{path}", self.at), &Value::Object(fields)))
    }

    /// Ends a mount.
    pub(super) fn disable(&self, session: &mut Session<'_>, path: &str, doing: &str) -> Result<Exit, Error> {
        let ask = Ask::delete(&format!("{}/{path}", self.at));
        session.order(ask, doing, &format!("Disabled the {} (if it existed) at: {path}/", self.what))
    }

    /// Gives a mount other options, and these fields.
    pub(super) fn tune(
        &self,
        session: &mut Session<'_>,
        path: &str,
        options: &MountOptions,
        more: Map<String, Value>,
    ) -> Result<Exit, Error> {
        let mut fields = options.config();
        fields.extend(more);
        fields.extend(options.beside()?);
        let ask = Ask::post(&format!("{}/{path}/tune", self.at), &Value::Object(fields));
        let what = self.what;
        session.order(ask, &format!("tuning {what} {path}/"), &format!("Tuned the {what} at: {path}/"))
    }

    /// Moves a mount, and waits until it has moved. The paths are those of `sys/remount`.
    pub(super) fn moves(&self, session: &mut Session<'_>, from: &str, to: &str) -> Result<Exit, Error> {
        let what = self.what;
        let doing = format!("moving {what} {from} to {to}");
        let ask = Ask::post("sys/remount", &json!({ "from": from, "to": to }));
        let id = session.data(ask, &doing)?["migration_id"].as_str().unwrap_or_default().to_owned();
        let id = one_line(&id);
        session.terminal.line(&format!("Started moving {what} {from} to {to}, with migration ID {id}"))?;
        let until = Instant::now() + MOVE_MAX;
        loop {
            let status = session.data(Ask::get(&format!("sys/remount/status/{id}")), &doing)?;
            match status.pointer("/migration_info/status").and_then(Value::as_str) {
                Some("success") => {
                    return session.success(&format!("Finished moving {what} {from} to {to}, with migration ID {id}"));
                }
                Some("failure") => {
                    let text = "the server could not move it: its log says why";
                    return Err(Error::Unreadable(text.into()).during(doing));
                }
                _ if Instant::now() > until => {
                    let text = format!("it still moves: read sys/remount/status/{id} later");
                    return Err(Error::Unreadable(text).during(doing));
                }
                _ => std::thread::sleep(LOOK_EVERY),
            }
        }
    }

    /// All mounts by their paths.
    pub(super) fn all(&self, session: &Session<'_>) -> Result<Value, Error> {
        session.data(Ask::get(self.at), self.listing)
    }

    /// Shows them.
    pub(super) fn list(&self, session: &mut Session<'_>, detailed: bool) -> Result<Exit, Error> {
        let mounts = self.all(session)?;
        session.show_as(&mounts, |mounts| shown(mounts, detailed))
    }
}

/// The table of mounts.
fn shown(mounts: &Value, detailed: bool) -> String {
    const SHORT: [(&str, &str); 3] = [("Type", "/type"), ("Accessor", "/accessor"), ("Description", "/description")];
    const LONG: [(&str, &str); 13] = [
        ("Plugin", "/type"),
        ("Accessor", "/accessor"),
        ("Default TTL", "/config/default_lease_ttl"),
        ("Max TTL", "/config/max_lease_ttl"),
        ("Force No Cache", "/config/force_no_cache"),
        ("Local", "/local"),
        ("Seal Wrap", "/seal_wrap"),
        ("External Entropy Access", "/external_entropy_access"),
        ("Options", "/options"),
        ("UUID", "/uuid"),
        ("Version", "/plugin_version"),
        ("Running Version", "/running_plugin_version"),
        ("Description", "/description"),
    ];
    let wanted = if detailed { &LONG[..] } else { &SHORT[..] };
    let cell = |mount: &Value, place: &str| match mount.pointer(place) {
        None | Some(Value::Null) if place == "/options" => "map[]".to_owned(),
        None | Some(Value::Null) => String::new(),
        Some(ttl) if place.ends_with("_ttl") && *ttl == 0 => "system".to_owned(),
        Some(value) => words(value),
    };
    let names: Vec<&str> = std::iter::once("Path").chain(wanted.iter().map(|(name, _)| *name)).collect();
    objects(&names, mounts, |mount| wanted.iter().map(|(_, place)| cell(mount, place)).collect())
}
