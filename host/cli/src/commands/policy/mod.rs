//! `policy`.

mod fmt;

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::client::Ask;
use crate::environment::Environment;
use crate::output::{self, Format, one_line};
use crate::session::{Act, Asking, Exit, Run, Session, WELL};
use crate::terminal::Terminal;
use crate::{Error, input};

/// Policies.
#[derive(Debug, clap::Subcommand)]
pub enum Policy {
    /// Writes a policy from a file or from standard input.
    #[command(after_help = "Examples:\n  innkeeper policy write app app.hcl\n  \
                            echo 'path \"secret/app\" { capabilities = [\"read\"] }' | innkeeper policy write app -")]
    Write(Asking<Write>),
    /// Prints a policy.
    #[command(after_help = "Examples:\n  innkeeper policy read app")]
    Read(Asking<Read>),
    /// Lists the policies.
    #[command(after_help = "Examples:\n  innkeeper policy list")]
    List(Asking<List>),
    /// Deletes a policy.
    #[command(after_help = "Examples:\n  innkeeper policy delete app")]
    Delete(Asking<Delete>),
    /// Lays out a file that holds a policy, in place. Needs no server.
    #[command(after_help = "Examples:\n  innkeeper policy fmt app.hcl")]
    Fmt {
        /// Which file.
        file: PathBuf,
    },
}

impl Policy {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Write(asking) => asking.run(environment, terminal),
            Self::Read(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Delete(asking) => asking.run(environment, terminal),
            Self::Fmt { file } => {
                fmt::file(file)?;
                terminal.line(&format!("Success! Formatted policy: {}", file.display()))?;
                Ok(WELL)
            }
        }
    }
}

/// A name as servers keep it.
fn kept(name: &str) -> String {
    name.trim().to_lowercase()
}

fn path(name: &str) -> String {
    format!("sys/policies/acl/{}", kept(name))
}

/// A policy that is written.
#[derive(Debug, clap::Args)]
pub struct Write {
    /// Its name.
    pub name: String,
    /// The file, or - for standard input.
    pub file: PathBuf,
}

impl Act for Write {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let text = if self.file.as_os_str() == "-" { session.terminal.input()? } else { input::text_file(&self.file)? };
        let ask = Ask::put(&path(&self.name), &json!({ "policy": text }));
        session.order(ask, "uploading policy", &format!("Uploaded policy: {}", kept(&self.name)))
    }
}

/// A policy that is printed.
#[derive(Debug, clap::Args)]
pub struct Read {
    /// Its name.
    pub name: String,
}

impl Act for Read {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let doing = format!("reading policy named {}", self.name);
        let found = session.client.find(&Ask::get(&path(&self.name)).for_us()).map_err(|error| error.during(doing))?;
        let missing = || Error::Absent(format!("policy {}", one_line(&self.name)));
        let data = found.ok_or_else(missing)?.data()?;
        let text = data.get("policy").or_else(|| data.get("rules")).and_then(Value::as_str).ok_or_else(missing)?;
        match session.format {
            Format::Table | Format::Raw => session.terminal.line(output::visible(text).trim_end_matches('\n'))?,
            _ => return session.show_as(&json!({ "policy": text }), |_| String::new()),
        }
        Ok(WELL)
    }
}

/// All policies.
#[derive(Debug, clap::Args)]
pub struct List {}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let data = session.data(Ask::list("sys/policies/acl"), "listing policies")?;
        let names = data.get("keys").or_else(|| data.get("policies")).cloned().unwrap_or_else(|| json!([]));
        session.show_as(&names, |names| {
            let names = names.as_array().into_iter().flatten().filter_map(Value::as_str).map(one_line);
            names.collect::<Vec<_>>().join("\n")
        })
    }
}

/// A policy that goes.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Its name.
    pub name: String,
}

impl Act for Delete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let done = format!("Deleted policy: {}", kept(&self.name));
        session.order(Ask::delete(&path(&self.name)), &format!("deleting {}", self.name), &done)
    }
}
