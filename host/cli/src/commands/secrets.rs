//! `secrets`.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::mounts::{MountOptions, Mounts};
use crate::Error;
use crate::client::Ask;
use crate::environment::Environment;
use crate::output::one_line;
use crate::session::{Act, Asking, Exit, Run, Session, mount, trimmed};
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
        let ask = Mounts::ENGINES.enable(path, kind, &options)?;
        session.order(ask, "enabling", &format!("Enabled the {kind} secrets engine at: {path}/"))
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
        Mounts::ENGINES.disable(session, trimmed(&self.path), "disabling secrets engine")
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
        Mounts::ENGINES.list(session, self.detailed)
    }
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
        let id = one_line(&id);
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
        Mounts::ENGINES.tune(session, trimmed(&self.path), &self.options)
    }
}
