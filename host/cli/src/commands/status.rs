//! `status`.

use serde_json::Value;

use crate::Error;
use crate::client::Ask;
use crate::environment::Environment;
use crate::output::{pairs, words};
use crate::session::{Act, Exit, NOT_SO, Run, Session, WELL};
use crate::terminal::Terminal;

/// Whether the server is sealed.
#[derive(Debug, clap::Args)]
pub struct Status {}

/// Runs a command whose status tells how a server is: of one that cannot be asked nothing is told, and the status is 1.
pub(super) fn run(asking: &impl Run, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
    match asking.run(environment, terminal) {
        Err(error @ (Error::Output(_) | Error::Instead(_))) => Err(error),
        Err(error) => {
            terminal.note(&crate::output::visible(&error.to_string()))?;
            Ok(1)
        }
        ended => ended,
    }
}

impl Act for Status {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let doing = "checking seal status";
        let status = session.client.ask(&Ask::get("sys/seal-status").for_us()).map_err(|error| error.during(doing))?;
        let status = status.json()?;
        let sealed = status["sealed"] != false;
        let leader = match sealed {
            true => None,
            false => session.client.ask(&Ask::get("sys/leader").for_us()).ok().and_then(|leader| leader.json().ok()),
        };
        session.show_as(&status, |status| shown(status, leader.as_ref()))?;
        Ok(if sealed { NOT_SO } else { WELL })
    }
}

/// The table of a server's state.
pub(super) fn shown(status: &Value, leader: Option<&Value>) -> String {
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut row = |name: &str, value: &Value| rows.push((name.to_owned(), words(value)));
    let recovery = status["recovery_seal"] == true;
    row(if recovery { "Recovery Seal Type" } else { "Seal Type" }, &status["type"]);
    row("Initialized", &status["initialized"]);
    row("Sealed", &status["sealed"]);
    row(if recovery { "Total Recovery Shares" } else { "Total Shares" }, &status["n"]);
    row("Threshold", &status["t"]);
    if status["sealed"] != false && status["initialized"] == true {
        let progress = format!("{}/{}", words(&status["progress"]), words(&status["t"]));
        row("Unseal Progress", &Value::String(progress));
        row("Unseal Nonce", &status["nonce"]);
    }
    if status["migration"] == true {
        row("Seal Migration in Progress", &status["migration"]);
    }
    for (name, field) in [
        ("Version", "version"),
        ("Innkeeper Version", "innkeeper_version"),
        ("Build Date", "build_date"),
        ("Storage Type", "storage_type"),
        ("Cluster Name", "cluster_name"),
        ("Cluster ID", "cluster_id"),
    ] {
        if let Some(value) = status.get(field).filter(|value| !value.is_null()) {
            row(name, value);
        }
    }
    if let Some(leader) = leader {
        row("HA Enabled", &leader["ha_enabled"]);
        if leader["ha_enabled"] == true {
            let mode = if leader["is_self"] == true { "active" } else { "standby" };
            row("HA Mode", &Value::String(mode.into()));
            row("Active Node Address", &leader["leader_address"]);
        }
    }
    pairs(&rows)
}
