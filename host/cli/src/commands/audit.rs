//! `audit`.

use serde_json::{Value, json};

use crate::Error;
use crate::client::Ask;
use crate::environment::Environment;
use crate::output::{Format, objects, words};
use crate::session::{Act, Asking, Exit, NOT_SO, Run, Session, put, trimmed};
use crate::terminal::Terminal;

/// Audit devices.
#[derive(Debug, clap::Subcommand)]
pub enum Audit {
    /// Begins to write down requests.
    #[command(after_help = "Examples:\n  innkeeper audit enable file file_path=/var/log/innkeeper/audit.log")]
    Enable(Asking<Enable>),
    /// Ends it.
    #[command(after_help = "Examples:\n  innkeeper audit disable file/")]
    Disable(Asking<Disable>),
    /// Lists the devices.
    #[command(after_help = "Examples:\n  innkeeper audit list -detailed")]
    List(Asking<List>),
}

impl Audit {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Enable(asking) => asking.run(environment, terminal),
            Self::Disable(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
        }
    }
}

/// A new device.
#[derive(Debug, clap::Args)]
pub struct Enable {
    /// Which type: file, …
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// Its options.
    #[arg(value_name = "KEY=VALUE")]
    pub data: Vec<String>,
    /// Where, if not at the name of its type.
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// What it is for, in words.
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// It is of this cluster only.
    #[arg(long)]
    pub local: bool,
}

impl Act for Enable {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(self.path.as_deref().unwrap_or(&self.kind));
        let options = session.fields(&self.data)?;
        let Value::Object(mut fields) = json!({ "type": self.kind, "options": options, "local": self.local }) else {
            return Err(Error::Usage("the options cannot be sent".into()));
        };
        put(&mut fields, "description", self.description.clone());
        let ask = Ask::put(&format!("sys/audit/{path}"), &Value::Object(fields));
        let done = format!("Enabled the {} audit device at: {path}/", self.kind);
        session.order(ask, "enabling audit device", &done)
    }
}

/// The end of a device.
#[derive(Debug, clap::Args)]
pub struct Disable {
    /// Which device.
    pub path: String,
}

impl Act for Disable {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let ask = Ask::delete(&format!("sys/audit/{path}"));
        session.order(ask, "disabling audit device", &format!("Disabled audit device (if it was enabled) at: {path}/"))
    }
}

/// All devices.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Show more of each.
    #[arg(long)]
    pub detailed: bool,
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let devices = session.data(Ask::get("sys/audit"), "listing audits")?;
        if session.format == Format::Table && devices.as_object().is_none_or(serde_json::Map::is_empty) {
            session.terminal.line("No audit devices are enabled.")?;
            return Ok(NOT_SO);
        }
        session.show_as(&devices, |devices| listed(devices, self.detailed))
    }
}

fn listed(devices: &Value, detailed: bool) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let options = |device: &Value| {
        let options = device["options"].as_object().into_iter().flatten();
        options.map(|(key, value)| format!("{key}={}", words(value))).collect::<Vec<_>>().join(" ")
    };
    let cells = |device: &Value| {
        let mut cells = vec![text(&device["type"]), text(&device["description"])];
        if detailed {
            let replicated = if device["local"] == true { "local" } else { "replicated" };
            cells.extend([replicated.to_owned(), options(device)]);
        }
        cells
    };
    let names = ["Path", "Type", "Description", "Replication", "Options"];
    objects(if detailed { &names } else { &names[..3] }, devices, cells)
}
