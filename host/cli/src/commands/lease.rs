//! `lease`.

use serde_json::{Map, Value, json};

use crate::Error;
use crate::client::Ask;
use crate::environment::Environment;
use crate::session::{Act, Asking, Exit, Run, Session, WELL, put, trimmed};
use crate::terminal::Terminal;

/// Leases.
#[derive(Debug, clap::Subcommand)]
pub enum Lease {
    /// Shows what is known of a lease.
    #[command(after_help = "Examples:\n  innkeeper lease lookup database/creds/app/27e1b9a1")]
    Lookup(Asking<Lookup>),
    /// Lets a lease live longer.
    #[command(after_help = "Examples:\n  innkeeper lease renew -increment=1h database/creds/app/27e1b9a1")]
    Renew(Asking<Renew>),
    /// Ends a lease, or all leases below a path.
    #[command(after_help = "Examples:\n  innkeeper lease revoke database/creds/app/27e1b9a1\n  \
                            innkeeper lease revoke -prefix database/creds/app")]
    Revoke(Asking<Revoke>),
}

impl Lease {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Lookup(asking) => asking.run(environment, terminal),
            Self::Renew(asking) => asking.run(environment, terminal),
            Self::Revoke(asking) => asking.run(environment, terminal),
        }
    }
}

/// What is known of a lease.
#[derive(Debug, clap::Args)]
pub struct Lookup {
    /// Which lease.
    pub id: String,
}

impl Act for Lookup {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let ask = Ask::put("sys/leases/lookup", &json!({ "lease_id": self.id.trim() }));
        let answer = session.client.ask(&ask).map_err(|error| error.during("looking up lease"))?;
        session.show(&answer, None)
    }
}

/// A longer life.
#[derive(Debug, clap::Args)]
pub struct Renew {
    /// Which lease.
    pub id: String,
    /// How much longer.
    #[arg(long, short, value_name = "DURATION")]
    pub increment: Option<String>,
}

impl Act for Renew {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        put(&mut fields, "lease_id", Some(self.id.trim()));
        put(&mut fields, "increment", self.increment.clone());
        let ask = Ask::put("sys/leases/renew", &Value::Object(fields));
        let answer = session.client.ask(&ask).map_err(|error| error.during(format!("renewing {}", self.id)))?;
        session.show(&answer, None)
    }
}

/// The end of leases.
#[derive(Debug, clap::Args)]
pub struct Revoke {
    /// Which lease, or which path with -prefix.
    pub id: String,
    /// All leases below a path.
    #[arg(long)]
    pub prefix: bool,
    /// Forget them even if what they stand for cannot be ended; with -prefix.
    #[arg(long, short, requires = "prefix")]
    pub force: bool,
    /// Wait until it is done.
    #[arg(long)]
    pub sync: bool,
}

impl Act for Revoke {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let id = trimmed(&self.id);
        let body = json!({ "sync": self.sync });
        let ask = match (self.prefix, self.force) {
            (true, true) => {
                let text = "Warning! Leases that are forgotten by force may leave what they stood for behind.";
                session.terminal.note(text)?;
                Ask::put(&format!("sys/leases/revoke-force/{id}"), &json!({}))
            }
            (true, false) => Ask::put(&format!("sys/leases/revoke-prefix/{id}"), &body),
            _ => Ask::put("sys/leases/revoke", &json!({ "lease_id": id, "sync": self.sync })),
        };
        let doing = if self.prefix { "revoking leases with prefix" } else { "revoking lease" };
        session.client.ask(&ask.for_us()).map_err(|error| error.during(format!("{doing} {id}")))?;
        match (self.prefix, self.force, self.sync) {
            (true, true, _) => session.success(&format!("Force revoked any leases with prefix: {id}")),
            (true, _, true) => session.success(&format!("Revoked any leases with prefix: {id}")),
            (false, _, true) => session.success(&format!("Revoked lease: {id}")),
            _ => {
                session.terminal.line("All revocation operations queued successfully!")?;
                Ok(WELL)
            }
        }
    }
}
