//! `read`, `write`, `patch`, `delete`, `list` and `unwrap`: the API as it is.

use serde_json::{Map, Value};

use crate::client::Ask;
use crate::output::{Format, one_line};
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
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let ask = Ask::get(path).query(input::query(&self.data, session.terminal)?);
        let doing = format!("reading {path}");
        let found = session.client.find(&ask).map_err(|error| error.during(doing))?;
        let answer = found.ok_or_else(|| Error::Absent(one_line(path)))?;
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
        let answer = session.client.ask(&ask).map_err(|error| error.during(format!("writing data to {path}")))?;
        session.show_or_say(&answer, self.field.as_deref(), &format!("Data written to: {path}"))
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
        let ask = Ask::patch(path, &Value::Object(fields));
        let answer = session.client.ask(&ask).map_err(|error| error.during(format!("writing data to {path}")))?;
        session.show_or_say(&answer, self.field.as_deref(), &format!("Data written to: {path}"))
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
        let found = session.client.find(&ask).map_err(|error| error.during(format!("deleting {path}")))?;
        match found {
            Some(answer) => session.show_or_say(&answer, None, &done),
            None if session.format == Format::Table => session.success(&done),
            None => Ok(WELL),
        }
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
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = trimmed(&self.path);
        let ask = Ask::list(path).query(input::query(&self.data, session.terminal)?);
        session.show_list(&ask, &format!("listing {path}"), &format!("{path}/"))
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
        let mut fields = Map::new();
        if let Some(token) = super::token::given(self.token.as_deref(), session)? {
            fields.insert("token".into(), Value::String(token));
        }
        let ask = if fields.is_empty() {
            Ask::put_nothing("sys/wrapping/unwrap")
        } else if session.client.settings().token.is_none() {
            // Whoever has no other token comes with this one.
            let token = fields.remove("token").and_then(|token| token.as_str().map(str::to_owned));
            session.client.use_token(token.unwrap_or_default().into());
            Ask::put_nothing("sys/wrapping/unwrap")
        } else {
            Ask::put("sys/wrapping/unwrap", &Value::Object(fields))
        };
        let answer = session.client.ask(&ask.for_us()).map_err(|error| error.during("unwrapping"))?;
        session.show_or_say(&answer, self.field.as_deref(), "There is nothing in the wrapping token")
    }
}
