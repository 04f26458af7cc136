//! `kv metadata`.

use serde_json::{Map, Value};

use super::place::Secret;
use super::shown;
use crate::client::Ask;
use crate::environment::Environment;
use crate::output;
use crate::session::{Act, Asking, Exit, Run, Session, WELL, put};
use crate::terminal::Terminal;
use crate::{Error, input};

/// What is kept about secrets.
#[derive(Debug, clap::Subcommand)]
pub enum Metadata {
    /// Shows what is kept about a secret and its versions.
    #[command(after_help = "Examples:\n  innkeeper kv metadata get secret/app")]
    Get(Asking<Get>),
    /// Sets how a secret is kept, without a version of it.
    #[command(
        after_help = "Examples:\n  innkeeper kv metadata put -max-versions=5 -custom-metadata=owner=eve secret/app"
    )]
    Put(Asking<Put>),
    /// Changes some of that.
    #[command(after_help = "Examples:\n  innkeeper kv metadata patch -remove-custom-metadata=owner secret/app")]
    Patch(Asking<Patch>),
    /// Deletes a secret with all its versions for good.
    #[command(after_help = "Examples:\n  innkeeper kv metadata delete secret/app")]
    Delete(Asking<Delete>),
}

impl Metadata {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Get(asking) => asking.run(environment, terminal),
            Self::Put(asking) => asking.run(environment, terminal),
            Self::Patch(asking) => asking.run(environment, terminal),
            Self::Delete(asking) => asking.run(environment, terminal),
        }
    }
}

/// How a secret is kept.
#[derive(Debug, clap::Args)]
pub struct Rules {
    /// Most versions that are kept.
    #[arg(long, value_name = "NUMBER")]
    pub max_versions: Option<u64>,
    /// Writing needs the number of the newest version.
    #[arg(long, value_name = "BOOL")]
    pub cas_required: Option<bool>,
    /// How long after it is written a version is deleted.
    #[arg(long, value_name = "DURATION")]
    pub delete_version_after: Option<String>,
    /// Something that is kept with it; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub custom_metadata: Vec<String>,
}

impl Rules {
    fn fields(&self) -> Result<Map<String, Value>, Error> {
        let mut fields = Map::new();
        put(&mut fields, "max_versions", self.max_versions);
        put(&mut fields, "cas_required", self.cas_required);
        put(&mut fields, "delete_version_after", self.delete_version_after.clone());
        let metadata = input::strings("-custom-metadata", &self.custom_metadata)?;
        put(&mut fields, "custom_metadata", Some(metadata).filter(|metadata| !metadata.is_empty()));
        Ok(fields)
    }
}

/// What is kept about a secret.
#[derive(Debug, clap::Args)]
pub struct Get {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Get {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = self.secret.find_versioned(session, "metadata")?.at("metadata");
        let answer = session.found(&Ask::get(&path), &format!("reading {path}"), &path)?;
        let body = answer.json()?;
        if self.field.is_some() || body["wrap_info"].is_object() {
            return session.show(&answer, self.field.as_deref());
        }
        output::reply(session.terminal, session.format, &body, |body| shown::metadata(&path, &body["data"]))?;
        Ok(WELL)
    }
}

/// How a secret is kept from now on.
#[derive(Debug, clap::Args)]
pub struct Put {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// How.
    #[command(flatten)]
    pub rules: Rules,
}

impl Act for Put {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = self.secret.find_versioned(session, "metadata")?.at("metadata");
        let ask = Ask::put(&path, &Value::Object(self.rules.fields()?));
        session.write(&ask, &path, None)
    }
}

/// What changes of that.
#[derive(Debug, clap::Args)]
pub struct Patch {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
    /// How.
    #[command(flatten)]
    pub rules: Rules,
    /// Something that is no longer kept with it; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub remove_custom_metadata: Vec<String>,
}

impl Act for Patch {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = self.secret.find_versioned(session, "metadata")?.at("metadata");
        let mut fields = self.rules.fields()?;
        if !self.remove_custom_metadata.is_empty() {
            let kept = fields.entry("custom_metadata").or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(kept) = kept {
                kept.extend(self.remove_custom_metadata.iter().map(|key| (key.clone(), Value::Null)));
            }
        }
        let ask = Ask::patch(&path, &Value::Object(fields));
        let answer = session.found(&ask, &format!("writing data to {path}"), &path)?;
        session.show_or_say(&answer, None, &format!("Data written to: {path}"))
    }
}

/// A secret that goes for good.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Which one.
    #[command(flatten)]
    pub secret: Secret,
}

impl Act for Delete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let path = self.secret.find_versioned(session, "metadata")?.at("metadata");
        let done = format!("Data deleted (if it existed) at: {path}");
        session.order(Ask::delete(&path), &format!("deleting {path}"), &done)
    }
}
