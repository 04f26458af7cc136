//! `kv put`, `kv patch` and `kv rollback`.

use serde_json::{Map, Value, json};

use super::data::version;
use super::place::{Place, Secret};
use super::shown;
use crate::Error;
use crate::client::{Answer, Ask};
use crate::output::{self, one_line};
use crate::session::{Act, Exit, Session, WELL};

/// A secret that is kept.
#[derive(Debug, clap::Args)]
pub struct Put {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// What it holds.
    #[arg(value_name = "DATA", required = true)]
    pub data: Vec<String>,
    /// Keep it only if the newest version has this number; 0: only if there is none. Version 2 only.
    #[arg(long, value_name = "NUMBER")]
    pub cas: Option<u64>,
    /// Print only the value of this field of the answer.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Put {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let fields = session.fields(&self.data)?;
        let place = self.secret.find(session)?;
        let path = place.at("data");
        let body = if place.version == 2 { versioned(fields, self.cas) } else { Value::Object(fields) };
        let answer = session.client.ask(&Ask::put(&path, &body));
        let answer = answer.map_err(|error| error.during(format!("writing data to {path}")))?;
        written(session, &place, &answer, self.field.as_deref())
    }
}

fn versioned(fields: Map<String, Value>, cas: Option<u64>) -> Value {
    let options = cas.map(|cas| json!({ "cas": cas })).unwrap_or_else(|| json!({}));
    json!({ "data": fields, "options": options })
}

fn written(session: &mut Session<'_>, place: &Place, answer: &Answer, field: Option<&str>) -> Result<Exit, Error> {
    let path = place.at("data");
    let body = answer.json()?;
    if answer.is_empty() || field.is_some() || place.version != 2 || body["wrap_info"].is_object() {
        return session.show_or_say(answer, field, &format!("Data written to: {path}"));
    }
    output::reply(session.terminal, session.format, &body, |body| {
        format!("{}\n\n{}", shown::place("Secret Path", &path), shown::titled("Metadata", &body["data"]))
    })?;
    Ok(WELL)
}

/// What changes in a secret.
#[derive(Debug, clap::Args)]
pub struct Patch {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// What changes.
    #[arg(value_name = "DATA")]
    pub data: Vec<String>,
    /// A field that goes; may be repeated.
    #[arg(long, value_name = "NAME")]
    pub remove_data: Vec<String>,
    /// Change it only if the newest version has this number.
    #[arg(long, value_name = "NUMBER")]
    pub cas: Option<u64>,
    /// patch: the server changes it. rw: it is read and written. By default the first that works.
    #[arg(long, value_parser = ["patch", "rw"])]
    pub method: Option<String>,
    /// Print only the value of this field of the answer.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Patch {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = session.fields(&self.data)?;
        fields.extend(self.remove_data.iter().map(|name| (name.clone(), Value::Null)));
        if fields.is_empty() {
            return Err(Error::Usage("say what changes: DATA or -remove-data".into()));
        }
        let place = self.secret.find_versioned(session, "patch")?;
        let path = place.at("data");
        let answer = if self.method.as_deref() == Some("rw") {
            self.read_and_write(session, &path, fields)?
        } else {
            match session.client.find(&Ask::patch(&path, &versioned(fields.clone(), self.cas))) {
                // Older servers, and policies that name no patch.
                Err(error) if self.method.is_none() && matches!(error.status(), Some(403 | 405 | 415)) => {
                    self.read_and_write(session, &path, fields)?
                }
                found => {
                    let found = found.map_err(|error| error.during(format!("writing data to {path}")))?;
                    found.ok_or_else(|| Error::Absent(one_line(&path)))?
                }
            }
        };
        written(session, &place, &answer, self.field.as_deref())
    }
}

impl Patch {
    fn read_and_write(&self, session: &Session<'_>, path: &str, changes: Map<String, Value>) -> Result<Answer, Error> {
        let found = version(session, path, None)?.filter(|found| found["data"].is_object());
        let found = found.ok_or_else(|| Error::Absent(one_line(path)))?;
        let mut fields = found["data"].as_object().cloned().unwrap_or_default();
        for (name, value) in changes {
            match value {
                Value::Null => drop(fields.remove(&name)),
                value => drop(fields.insert(name, value)),
            }
        }
        // What somebody else writes meanwhile is not lost.
        let cas = self.cas.or_else(|| found.pointer("/metadata/version").and_then(Value::as_u64));
        let answer = session.client.ask(&Ask::put(path, &versioned(fields, cas)));
        answer.map_err(|error| error.during(format!("writing data to {path}")))
    }
}

/// A secret as it was.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// What it held then.
    #[arg(long, value_name = "NUMBER", required = true)]
    pub version: u64,
}

impl Act for Rollback {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let place = self.secret.find_versioned(session, "rollback")?;
        let path = place.at("data");
        let missing = || Error::Absent(one_line(&path));
        let now = version(session, &path, None)?.ok_or_else(missing)?;
        let cas = now.pointer("/metadata/version").and_then(Value::as_u64);
        let then = version(session, &path, Some(self.version))?.ok_or_else(missing)?;
        let fields = then["data"]
            .as_object()
            .cloned()
            .ok_or_else(|| Error::Unreadable(format!("version {} of {path} is deleted or destroyed", self.version)))?;
        let answer = session.client.ask(&Ask::put(&path, &versioned(fields, cas)));
        let answer = answer.map_err(|error| error.during(format!("writing data to {path}")))?;
        written(session, &place, &answer, None)
    }
}
