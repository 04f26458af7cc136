//! `auth`.

use serde_json::{Map, Value};

use super::mounts::{MountOptions, Mounts, NewMount};
use super::{login, path_help};
use crate::Error;
use crate::environment::Environment;
use crate::session::{Act, Asking, Exit, Run, Session, WELL, mount, put, trimmed};
use crate::terminal::Terminal;

/// Auth methods.
#[derive(Debug, clap::Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Auth {
    /// Mounts an auth method.
    #[command(after_help = "Examples:\n  innkeeper auth enable userpass\n  innkeeper auth enable -path=ci approle")]
    Enable(Asking<Enable>),
    /// Unmounts an auth method, and ends the tokens that it gave.
    #[command(after_help = "Examples:\n  innkeeper auth disable ci/")]
    Disable(Asking<Disable>),
    /// Lists the mounts.
    #[command(after_help = "Examples:\n  innkeeper auth list -detailed")]
    List(Asking<List>),
    /// Moves a mount to another path, also of another namespace.
    #[command(after_help = "Examples:\n  innkeeper auth move ci/ pipelines/")]
    Move(Asking<Move>),
    /// Changes the options of a mount.
    #[command(after_help = "Examples:\n  innkeeper auth tune -default-lease-ttl=1h ci/")]
    Tune(Asking<Tune>),
    /// Shows how to log in with a method, by its mount or its type.
    #[command(after_help = "Examples:\n  innkeeper auth help userpass")]
    Help(Asking<Help>),
}

impl Auth {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Enable(asking) => asking.run(environment, terminal),
            Self::Disable(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Move(asking) => asking.run(environment, terminal),
            Self::Tune(asking) => asking.run(environment, terminal),
            Self::Help(asking) => asking.run(environment, terminal),
        }
    }
}

/// A path below auth/, with or without that.
pub(super) fn below(path: &str) -> &str {
    let path = trimmed(path);
    path.strip_prefix("auth/").unwrap_or(path)
}

/// A new mount.
#[derive(Debug, clap::Args)]
pub struct Enable {
    /// Which method: userpass, approle, …
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
        let path = below(self.path.as_deref().unwrap_or(&self.kind));
        let ask = Mounts::METHODS.enable(path, &self.kind, &self.new, None)?;
        let done = format!("Enabled {} auth method at: {path}/", self.kind);
        session.order(ask, &format!("enabling {} auth", self.kind), &done)
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
        let path = below(&self.path);
        Mounts::METHODS.disable(session, path, &format!("disabling auth method at {path}/"))
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
        Mounts::METHODS.list(session, self.detailed)
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
        let place = |path: &str| format!("auth/{}/", below(path));
        Mounts::METHODS.moves(session, &place(&self.from), &place(&self.to))
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
    /// When names are locked.
    #[command(flatten)]
    pub lockout: Lockout,
}

/// When names are locked whose logins fail.
#[derive(Debug, clap::Args)]
pub struct Lockout {
    /// After how many logins that failed a name is locked.
    #[arg(long, value_name = "TIMES")]
    pub user_lockout_threshold: Option<u64>,
    /// How long it is locked.
    #[arg(long, value_name = "DURATION")]
    pub user_lockout_duration: Option<String>,
    /// After what time without one they are counted anew.
    #[arg(long, value_name = "DURATION")]
    pub user_lockout_counter_reset_duration: Option<String>,
    /// No name is locked.
    #[arg(long, value_name = "BOOL")]
    pub user_lockout_disable: Option<bool>,
}

impl Lockout {
    fn fields(&self) -> Map<String, Value> {
        let (mut lockout, mut fields) = (Map::new(), Map::new());
        put(&mut lockout, "lockout_threshold", self.user_lockout_threshold);
        put(&mut lockout, "lockout_duration", self.user_lockout_duration.clone());
        put(&mut lockout, "lockout_counter_reset_duration", self.user_lockout_counter_reset_duration.clone());
        put(&mut lockout, "lockout_disable", self.user_lockout_disable);
        put(&mut fields, "user_lockout_config", Some(lockout).filter(|lockout| !lockout.is_empty()));
        fields
    }
}

impl Act for Tune {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        Mounts::METHODS.tune(session, below(&self.path), &self.options, self.lockout.fields())
    }
}

/// How to log in.
#[derive(Debug, clap::Args)]
pub struct Help {
    /// The mount or the type.
    pub path: String,
}

impl Act for Help {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = below(&self.path);
        let known = |kind: &str| login::HELP.lines().any(|line| line.trim_start().split(' ').next() == Some(kind));
        let kind = if known(path) {
            path.to_owned()
        } else {
            let mounts = Mounts::METHODS.all(session)?;
            let found = mounts[mount(path)]["type"].as_str().map(str::to_owned);
            found.ok_or_else(|| Error::Usage(format!("{path}: is neither an auth method nor the mount of one")))?
        };
        if known(&kind) || kind == "token" {
            session.terminal.line(login::HELP)?;
            return Ok(WELL);
        }
        let help = path_help::of(session, &format!("auth/{path}/login"))?.unwrap_or_else(|| login::HELP.to_owned());
        session.terminal.line(&help)?;
        Ok(WELL)
    }
}
