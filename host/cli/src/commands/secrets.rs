//! `secrets`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::tune::MountOptions;
use crate::Error;
use crate::client::Ask;
use crate::environment::Environment;
use crate::output::{table, words};
use crate::session::{Act, Asking, Exit, Run, Session, mount, put, trimmed};
use crate::terminal::Terminal;

/// How often it is asked whether a mount has moved.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Longest wait for a mount to move.
const MOVE_MAX: Duration = Duration::from_secs(600);

/// Secrets engines.
#[derive(Debug, clap::Subcommand)]
pub enum Secrets {
    /// Mounts an engine.
    #[command(after_help = "Examples:\n  innkeeper secrets enable -path=secret -version=2 kv\n  \
                            innkeeper secrets enable -max-lease-ttl=87600h -allowed-managed-keys=root-key pki")]
    Enable(Asking<Enable>),
    /// Unmounts an engine, and deletes all that it holds.
    #[command(after_help = "Examples:\n  innkeeper secrets disable secret/")]
    Disable(Asking<Disable>),
    /// Lists the mounts.
    #[command(after_help = "Examples:\n  innkeeper secrets list -detailed")]
    List(Asking<List>),
    /// Moves a mount to another path, also of another namespace.
    #[command(after_help = "Examples:\n  innkeeper secrets move secret/ kept/")]
    Move(Asking<Move>),
    /// Changes the options of a mount.
    #[command(after_help = "Examples:\n  innkeeper secrets tune -max-lease-ttl=24h pki/")]
    Tune(Asking<Tune>),
}

impl Secrets {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Enable(asking) => asking.run(environment, terminal),
            Self::Disable(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Move(asking) => asking.run(environment, terminal),
            Self::Tune(asking) => asking.run(environment, terminal),
        }
    }
}

/// A new mount.
#[derive(Debug, clap::Args)]
pub struct Enable {
    /// Which engine: kv, pki, …
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// Where, if not at the name of its type.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// Its options.
    #[command(flatten)]
    pub options: MountOptions,
}

impl Act for Enable {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let (kind, version) = match self.kind.as_str() {
            "kv-v1" => ("kv", Some(1)),
            "kv-v2" => ("kv", Some(2)),
            kind => (kind, None),
        };
        let path = trimmed(self.path.as_deref().unwrap_or(kind));
        let options = MountOptions { version: self.options.version.or(version), ..self.options.clone() };
        let mut fields = options.beside()?;
        put(&mut fields, "type", Some(kind));
        put(&mut fields, "config", Some(options.config()));
        let ask = Ask::post(&format!("sys/mounts/{path}"), &Value::Object(fields)).for_us();
        session.client.ask(&ask).map_err(|error| error.during("enabling"))?;
        session.success(&format!("Enabled the {kind} secrets engine at: {path}/"))
    }
}

/// The end of a mount.
#[derive(Debug, clap::Args)]
pub struct Disable {
    /// Which mount.
    pub path: String,
}

impl Act for Disable {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let ask = Ask::delete(&format!("sys/mounts/{}", trimmed(&self.path))).for_us();
        session.client.ask(&ask).map_err(|error| error.during("disabling secrets engine"))?;
        session.success(&format!("Disabled the secrets engine (if it existed) at: {}", mount(&self.path)))
    }
}

/// All mounts.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Show more of each.
    #[arg(long)]
    pub detailed: bool,
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mounts = session.data(Ask::get("sys/mounts"), "listing secrets engines")?;
        session.show_as(&mounts, |mounts| listed(mounts, self.detailed))
    }
}

/// The table of mounts, of engines or of auth methods.
pub(super) fn listed(mounts: &Value, detailed: bool) -> String {
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
    let row = |(path, mount): (&String, &Value)| {
        let cells = wanted.iter().map(|(_, place)| cell(mount, place));
        std::iter::once(path.clone()).chain(cells).collect::<Vec<String>>()
    };
    let mut rows: Vec<Vec<String>> = mounts.as_object().into_iter().flatten().map(row).collect();
    rows.sort_unstable();
    let names: Vec<&str> = std::iter::once("Path").chain(wanted.iter().map(|(name, _)| *name)).collect();
    table(&names, &rows)
}

/// A mount that goes elsewhere.
#[derive(Debug, clap::Args)]
pub struct Move {
    /// From where.
    pub from: String,
    /// Whereto.
    pub to: String,
}

impl Act for Move {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let (from, to) = (mount(&self.from), mount(&self.to));
        let doing = format!("moving secrets engine {from} to {to}");
        let ask = Ask::post("sys/remount", &json!({ "from": from, "to": to }));
        let id = session.data(ask, &doing)?["migration_id"].as_str().unwrap_or_default().to_owned();
        let id = crate::output::one_line(&id);
        session.terminal.line(&format!("Started moving secrets engine {from} to {to}, with migration ID {id}"))?;
        let until = Instant::now() + MOVE_MAX;
        loop {
            let status = session.data(Ask::get(&format!("sys/remount/status/{id}")), &doing)?;
            match status.pointer("/migration_info/status").and_then(Value::as_str) {
                Some("success") => {
                    let text = format!("Finished moving secrets engine {from} to {to}, with migration ID {id}");
                    return session.success(&text);
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
}

/// Other options.
#[derive(Debug, clap::Args)]
pub struct Tune {
    /// Which mount.
    pub path: String,
    /// Its options.
    #[command(flatten)]
    pub options: MountOptions,
}

impl Act for Tune {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = self.options.config();
        fields.extend(self.options.beside()?);
        let path = trimmed(&self.path);
        let ask = Ask::post(&format!("sys/mounts/{path}/tune"), &Value::Object(fields)).for_us();
        session.client.ask(&ask).map_err(|error| error.during(format!("tuning secrets engine {path}/")))?;
        session.success(&format!("Tuned the secrets engine at: {path}/"))
    }
}
