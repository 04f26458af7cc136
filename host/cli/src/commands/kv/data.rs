//! `kv get` and `kv list`.

use serde_json::Value;

use super::place::Secret;
use super::shown;
use crate::Error;
use crate::client::Ask;
use crate::output::{self, Format, one_line};
use crate::session::{Act, Exit, Session, WELL};

/// A secret that is shown.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// Which version, if not the newest.
    #[arg(long, value_name = "NUMBER")]
    pub version: Option<u64>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Get {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let place = self.secret.find(session)?;
        let path = place.at("data");
        let version = self.version.filter(|_| place.version == 2);
        let body = session.found(&asked(&path, version), &format!("reading {path}"), &path)?.json()?;
        let secret = if place.version == 2 { &body["data"]["data"] } else { &body["data"] };
        if let Some(name) = &self.field {
            if !secret.is_object() && body["wrap_info"].is_null() {
                return Err(Error::Unreadable(format!("No data found at {}", one_line(&path))));
            }
            let whole = || Some(secret).filter(|secret| name == "data" && secret.is_object());
            let value = secret.get(name).or_else(whole).cloned();
            output::pick(session.terminal, session.format, value, name)?;
            return Ok(WELL);
        }
        if body["wrap_info"].is_object() {
            output::secret(session.terminal, session.format, &body)?;
            return Ok(WELL);
        }
        if session.format == Format::Table {
            output::warnings(session.terminal, &body)?;
        }
        // A version that is deleted has a record and no data.
        output::reply(session.terminal, session.format, &body, |body| match place.version {
            2 => shown::versioned(&path, &body["data"]),
            _ => shown::titled("Data", &body["data"]),
        })?;
        Ok(WELL)
    }
}

/// The secrets below a path.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Below what: MOUNT/PATH, or PATH with -mount, which may be left out there.
    #[arg(required_unless_present = "mount")]
    pub path: Option<String>,
    /// Where the engine is mounted, for a path without that.
    #[arg(long, value_name = "PATH")]
    pub mount: Option<String>,
    /// Show what is known of each name. [env: VAULT_DETAILED]
    #[arg(long, value_name = "BOOL")]
    pub detailed: Option<bool>,
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let secret = Secret { path: self.path.clone().unwrap_or_default(), mount: self.mount.clone() };
        let path = secret.find(session)?.at("metadata");
        let detailed = session.detailed(self.detailed)?;
        session.show_list(&Ask::list(&path), &format!("listing {path}"), &format!("{path}/"), detailed)
    }
}

fn asked(path: &str, version: Option<u64>) -> Ask {
    Ask::get(path).query(version.map(|version| ("version".to_owned(), version.to_string())))
}

/// The data of a version, by default the newest, and what is known of it; nothing where there is none.
pub(super) fn version(session: &Session<'_>, path: &str, number: Option<u64>) -> Result<Option<Value>, Error> {
    let found = session.client.find(&asked(path, number).for_us());
    let found = found.map_err(|error| error.during(format!("reading {path}")))?;
    found.map(|answer| answer.data()).transpose()
}
