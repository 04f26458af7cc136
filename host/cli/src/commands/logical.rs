//! `read`, `write`, `patch`, `delete`, `list` and `unwrap`: the API as it is.

use serde_json::{Value, json};

use crate::client::{Ask, UNWRAP};
use crate::output::Format;
use crate::session::{Act, Exit, Session, WELL, trimmed};
use crate::{Error, input};

pub(super) const WRITE_HELP: &str = "\
DATA is any of KEY=VALUE, KEY=@FILE (the file's text), KEY=- (standard input), @FILE.json (all fields of an object), and - (the
same from standard input). A key that comes again makes a list; \\@ stands for an @ that is meant as such.

Examples:
  innkeeper write pki/roles/web allowed_domains=example.com allow_subdomains=true
  innkeeper write -f pki/tidy
  innkeeper write secret/app @app.json password=-";

/// What is at a path.
#[derive(Debug, clap::Args)]
pub struct Read {
    /// Which path.
    pub path: String,
    /// Parameters of the request.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Read {
    const RAW: bool = true;

    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let ask = Ask::get(path).query(input::query(&self.data, session.terminal)?);
        let answer = session.found(&ask, &format!("reading {path}"), path)?;
        if session.format == Format::Raw && self.field.is_none() {
            session.terminal.bytes(&answer.body)?;
            return Ok(WELL);
        }
        session.show(&answer, self.field.as_deref())
    }
}

/// What becomes of a path.
#[derive(Debug, clap::Args)]
pub struct Write {
    /// Which path.
    pub path: String,
    /// What is written.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Write although there is no data.
    #[arg(long, short)]
    pub force: bool,
    /// Print only the value of this field of the answer.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Write {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        if self.data.is_empty() && !self.force {
            return Err(Error::Usage("there is no data to write: say -force if that is meant".into()));
        }
        let ask = match session.fields(&self.data)? {
            none if none.is_empty() => Ask::put_nothing(path),
            fields => Ask::put(path, &Value::Object(fields)),
        };
        session.write(&ask, path, self.field.as_deref())
    }
}

/// What changes at a path.
#[derive(Debug, clap::Args)]
pub struct Patch {
    /// Which path.
    pub path: String,
    /// What changes; null in JSON takes a field away.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Patch although there is no data.
    #[arg(long, short)]
    pub force: bool,
    /// Print only the value of this field of the answer.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Patch {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        if self.data.is_empty() && !self.force {
            return Err(Error::Usage("there is no data to patch with: say -force if that is meant".into()));
        }
        let fields = session.fields(&self.data)?;
        session.write(&Ask::patch(path, &Value::Object(fields)), path, self.field.as_deref())
    }
}

/// What goes.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Which path.
    pub path: String,
    /// Parameters of the request.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
}

impl Act for Delete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let ask = Ask::delete(path).query(input::query(&self.data, session.terminal)?);
        let done = format!("Data deleted (if it existed) at: {path}");
        session.done(&ask, &format!("deleting {path}"), &done)
    }
}

/// The names below a path.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Which path.
    pub path: String,
    /// Parameters of the request.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// Show what is known of each name. [env: VAULT_DETAILED]
    #[arg(long, value_name = "BOOL")]
    pub detailed: Option<bool>,
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let ask = Ask::list(path).query(input::query(&self.data, session.terminal)?);
        let detailed = session.detailed(self.detailed)?;
        session.show_list(&ask, &format!("listing {path}"), &format!("{path}/"), detailed)
    }
}

/// What is wrapped.
#[derive(Debug, clap::Args)]
pub struct Unwrap {
    /// The wrapping token, or - for standard input; without it the session's own token is one.
    pub token: Option<String>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Unwrap {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let ask = match session.terminal.given(self.token.as_deref())? {
            None => Ask::put_nothing(UNWRAP),
            // Whoever has no other token comes with this one.
            Some(token) if session.client.settings().token.is_none() => {
                session.client.use_token(token.into());
                Ask::put_nothing(UNWRAP)
            }
            Some(token) => Ask::put(UNWRAP, &json!({ "token": token })),
        };
        let answer = session.client.ask(&ask.for_us()).map_err(|error| error.during("unwrapping"))?;
        session.show_or_say(&answer, self.field.as_deref(), "There is nothing in the wrapping token")
    }
}
