//! `auth`.

use serde_json::Value;

use super::tune::MountOptions;
use super::{login, path_help, secrets};
use crate::Error;
use crate::client::Ask;
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
            Self::Tune(asking) => asking.run(environment, terminal),
            Self::Help(asking) => asking.run(environment, terminal),
        }
    }
}

/// A path below auth/, with or without that.
fn below(path: &str) -> &str {
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
    /// Its options.
    #[command(flatten)]
    pub options: MountOptions,
}

impl Act for Enable {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = below(self.path.as_deref().unwrap_or(&self.kind));
        let mut fields = self.options.beside()?;
        put(&mut fields, "type", Some(self.kind.as_str()));
        put(&mut fields, "config", Some(self.options.config()));
        let ask = Ask::post(&format!("sys/auth/{path}"), &Value::Object(fields)).for_us();
        session.client.ask(&ask).map_err(|error| error.during(format!("enabling {} auth", self.kind)))?;
        session.success(&format!("Enabled {} auth method at: {path}/", self.kind))
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
        let ask = Ask::delete(&format!("sys/auth/{path}")).for_us();
        session.client.ask(&ask).map_err(|error| error.during(format!("disabling auth method at {path}/")))?;
        session.success(&format!("Disabled the auth method (if it existed) at: {path}/"))
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
        let mounts = session.data(Ask::get("sys/auth"), "listing enabled authentications")?;
        session.show_as(&mounts, |mounts| secrets::listed(mounts, self.detailed))
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
        let path = below(&self.path);
        let ask = Ask::post(&format!("sys/auth/{path}/tune"), &Value::Object(fields)).for_us();
        session.client.ask(&ask).map_err(|error| error.during(format!("tuning auth method {path}/")))?;
        session.success(&format!("Tuned the auth method at: {path}/"))
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
            let mounts = session.data(Ask::get("sys/auth"), "listing enabled authentications")?;
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
