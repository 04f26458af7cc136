//! `kv delete`, `kv undelete` and `kv destroy`.

use serde_json::{Value, json};

use super::place::Secret;
use crate::Error;
use crate::client::Ask;
use crate::session::{Act, Exit, Session};

/// A secret that goes.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// Which versions, if not the newest. Version 2 only.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    pub versions: Vec<u64>,
}

impl Act for Delete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let place = self.secret.find(session)?;
        let ask = match (place.version, self.versions.is_empty()) {
            (2, false) => Ask::put(&place.at("delete"), &versions(&self.versions)),
            (_, false) => {
                let text = "K/V engine mount must be version 2 for -versions support";
                return Err(Error::Unreadable(text.into()));
            }
            _ => Ask::delete(&place.at("data")),
        };
        let path = place.at("data");
        session.order(ask, &format!("deleting {path}"), &format!("Data deleted (if it existed) at: {path}"))
    }
}

/// Versions of a secret.
#[derive(Debug, clap::Args)]
pub struct Versions {
    /// Of which secret.
    #[command(flatten)]
    pub secret: Secret,
    /// Which versions.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', required = true)]
    pub versions: Vec<u64>,
}

impl Versions {
    /// Has it done to them.
    fn order(&self, session: &mut Session<'_>, what: &str) -> Result<Exit, Error> {
        let path = self.secret.find_versioned(session, what)?.at(what);
        let ask = Ask::put(&path, &versions(&self.versions));
        session.order(ask, &format!("writing data to {path}"), &format!("Data written to: {path}"))
    }
}

/// Versions that come back.
#[derive(Debug, clap::Args)]
pub struct Undelete {
    /// Which ones.
    #[command(flatten)]
    pub which: Versions,
}

impl Act for Undelete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        self.which.order(session, "undelete")
    }
}

/// Versions that go for good.
#[derive(Debug, clap::Args)]
pub struct Destroy {
    /// Which ones.
    #[command(flatten)]
    pub which: Versions,
}

impl Act for Destroy {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        self.which.order(session, "destroy")
    }
}

fn versions(numbers: &[u64]) -> Value {
    json!({ "versions": numbers })
}
