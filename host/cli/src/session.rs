//! One run of a command that asks a server.

use serde_json::Value;

use crate::client::{Answer, Ask, Client};
use crate::connection::Connection;
use crate::environment::Environment;
use crate::output::{self, Format};
use crate::terminal::Terminal;
use crate::{Error, input};

/// How a command ended that did not fail: the process's status.
pub(crate) type Exit = u8;
/// All went well.
pub(crate) const WELL: Exit = 0;
/// What was asked about is not so, or not there.
pub(crate) const NOT_SO: Exit = 2;

/// A server to ask, and a terminal to write to.
pub(crate) struct Session<'a> {
    pub(crate) client: Client,
    pub(crate) terminal: &'a mut Terminal,
    pub(crate) environment: &'a Environment,
    pub(crate) format: Format,
}

/// What a command does, once it has a server.
pub(crate) trait Act {
    /// Whether it can show an answer as it came.
    const RAW: bool = false;

    /// Does it.
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error>;
}

/// A command and the options that every command has which asks a server.
#[derive(Debug, clap::Args)]
pub struct Asking<T: clap::Args> {
    /// What is asked.
    #[command(flatten)]
    pub what: T,
    /// Of whom.
    #[command(flatten)]
    pub connection: Connection,
}

/// A command that can be run as it was read.
pub(crate) trait Run {
    /// Runs it.
    fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error>;
}

impl<T: clap::Args + Act> Run for Asking<T> {
    fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        let settings = self.connection.settle(environment)?;
        let format = settings.format;
        if format == Format::Raw && !T::RAW {
            let text = "-format (VAULT_FORMAT) must be table, json or yaml: only `innkeeper read` supports raw";
            return Err(Error::Usage(text.into()));
        }
        if self.connection.non_interactive {
            terminal.ask_nobody();
        }
        let client = Client::new(settings)?;
        self.what.act(&mut Session { client, terminal, environment, format })
    }
}

impl Session<'_> {
    /// Says that something is done, to people.
    pub(crate) fn success(&mut self, text: &str) -> Result<Exit, Error> {
        self.terminal.line(&format!("Success! {}", output::one_line(text)))?;
        Ok(WELL)
    }

    /// Asks, shows what was answered, and says that it is done where that is all there is to say.
    pub(crate) fn done(&mut self, ask: &Ask, doing: &str, done: &str) -> Result<Exit, Error> {
        let answer = self.client.ask(ask).map_err(|error| error.during(doing))?;
        self.show_or_say(&answer, None, done)
    }

    /// Has something done whose answer is for nobody, and says so in any format.
    pub(crate) fn order(&mut self, ask: Ask, doing: &str, done: &str) -> Result<Exit, Error> {
        self.client.ask(&ask.for_us()).map_err(|error| error.during(doing))?;
        self.success(done)
    }

    /// Writes to a path, and shows what was answered.
    pub(crate) fn write(&mut self, ask: &Ask, path: &str, field: Option<&str>) -> Result<Exit, Error> {
        let answer = self.client.ask(ask).map_err(|error| error.during(format!("writing data to {path}")))?;
        self.show_or_say(&answer, field, &format!("Data written to: {path}"))
    }

    /// Shows an answer, or one field of it.
    pub(crate) fn show(&mut self, answer: &Answer, field: Option<&str>) -> Result<Exit, Error> {
        let body = answer.json()?;
        match field {
            Some(name) => output::field(self.terminal, self.format, &body, name)?,
            None => output::secret(self.terminal, self.format, &body)?,
        }
        Ok(WELL)
    }

    /// Shows an answer; where it is empty, says what is done, to people only.
    pub(crate) fn show_or_say(&mut self, answer: &Answer, field: Option<&str>, done: &str) -> Result<Exit, Error> {
        if !answer.is_empty() {
            return self.show(answer, field);
        }
        match self.format {
            Format::Table => self.success(done),
            _ => Ok(WELL),
        }
    }

    /// Shows data as people like it, or whole to programs.
    pub(crate) fn show_as(&mut self, body: &Value, shown: impl FnOnce(&Value) -> String) -> Result<Exit, Error> {
        output::reply(self.terminal, self.format, body, shown)?;
        Ok(WELL)
    }

    /// Shows what a listing holds, or all that is known of it. Nothing there is an end of its own.
    pub(crate) fn show_list(&mut self, ask: &Ask, doing: &str, at: &str, detailed: bool) -> Result<Exit, Error> {
        let found = self.client.find(ask).map_err(|error| error.during(doing))?;
        let body = found.map(|answer| answer.json()).transpose()?;
        let is_there = |body: &Value| !body["wrap_info"].is_null() || body.pointer("/data/keys").is_some();
        match body.filter(is_there) {
            Some(body) if body["wrap_info"].is_object() => output::secret(self.terminal, self.format, &body)?,
            Some(body) => output::list(self.terminal, self.format, &body, detailed)?,
            None => {
                if self.format != Format::Table {
                    self.terminal.line("{}")?;
                }
                return Err(Error::Absent(output::one_line(at)));
            }
        }
        Ok(WELL)
    }

    /// Whether a listing shows more of each name, as was said or as the environment says.
    pub(crate) fn detailed(&self, said: Option<bool>) -> Result<bool, Error> {
        match said {
            Some(detailed) => Ok(detailed),
            None => Ok(self.environment.flag("DETAILED")?.unwrap_or_default()),
        }
    }

    /// What is there. Nothing at the place that `at` names is an error.
    pub(crate) fn found(&self, ask: &Ask, doing: &str, at: &str) -> Result<Answer, Error> {
        let found = self.client.find(ask).map_err(|error| error.during(doing))?;
        found.ok_or_else(|| Error::Absent(output::one_line(at)))
    }

    /// The data of an answer.
    pub(crate) fn data(&self, ask: Ask, doing: &str) -> Result<Value, Error> {
        self.client.ask(&ask.for_us()).and_then(|answer| answer.data()).map_err(|error| error.during(doing))
    }

    /// The whole of an answer.
    pub(crate) fn whole(&self, ask: Ask, doing: &str) -> Result<Value, Error> {
        self.client.ask(&ask.for_us()).and_then(|answer| answer.json()).map_err(|error| error.during(doing))
    }

    /// The fields that the user gave.
    pub(crate) fn fields(&mut self, arguments: &[String]) -> Result<serde_json::Map<String, Value>, Error> {
        input::data(arguments, self.terminal)
    }
}

/// A path as the API has it: without slashes around it.
pub(crate) fn trimmed(path: &str) -> &str {
    path.trim().trim_matches('/')
}

/// A mount's path as the API shows it: with one slash at its end.
pub(crate) fn mount(path: &str) -> String {
    format!("{}/", trimmed(path))
}

/// Puts a field where a value was given.
pub(crate) fn put<V: Into<Value>>(fields: &mut serde_json::Map<String, Value>, name: &str, value: Option<V>) {
    if let Some(value) = value {
        fields.insert(name.to_owned(), value.into());
    }
}
