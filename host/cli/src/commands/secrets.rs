//! `secrets`.

use super::mounts::{MountOptions, Mounts, NewMount};
use crate::Error;
use crate::environment::Environment;
use crate::session::{Act, Asking, Exit, Run, Session, mount, trimmed};
use crate::terminal::Terminal;

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
    /// How.
    #[command(flatten)]
    pub new: NewMount,
}

impl Act for Enable {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let (kind, version) = match self.kind.as_str() {
            "kv-v1" => ("kv", Some(1)),
            "kv-v2" => ("kv", Some(2)),
            kind => (kind, None),
        };
        let path = trimmed(self.path.as_deref().unwrap_or(kind));
        let ask = Mounts::ENGINES.enable(path, kind, &self.new, version)?;
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
        Mounts::ENGINES.moves(session, &mount(&self.from), &mount(&self.to))
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
        Mounts::ENGINES.tune(session, trimmed(&self.path), &self.options, serde_json::Map::new())
    }
}
