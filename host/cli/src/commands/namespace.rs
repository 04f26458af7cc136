//! `namespace`.

use serde_json::{Map, Value, json};

use crate::client::Ask;
use crate::environment::Environment;
use crate::output::{Format, objects, one_line, words};
use crate::session::{Act, Asking, Exit, Run, Session, WELL, put, trimmed};
use crate::terminal::Terminal;
use crate::{Error, input};

/// Namespaces.
#[derive(Debug, clap::Subcommand)]
pub enum Namespace {
    /// Creates a namespace below the one that is worked in.
    #[command(after_help = "Examples:\n  innkeeper namespace create team-a\n  \
                            innkeeper namespace create -namespace=team-a -custom-metadata=owner=eve child")]
    Create(Asking<Create>),
    /// Lists the namespaces right below.
    #[command(after_help = "Examples:\n  innkeeper namespace list")]
    List(Asking<List>),
    /// Shows what is known of a namespace.
    #[command(after_help = "Examples:\n  innkeeper namespace lookup team-a")]
    Lookup(Asking<Lookup>),
    /// Changes what is kept with a namespace.
    #[command(after_help = "Examples:\n  innkeeper namespace patch -custom-metadata=owner=bob \
                            -remove-custom-metadata=room team-a")]
    Patch(Asking<Patch>),
    /// Deletes a namespace, and all that is in it.
    #[command(after_help = "Examples:\n  innkeeper namespace delete team-a")]
    Delete(Asking<Delete>),
    /// Has the API of a namespace, and of those below it, answer nothing but unlocking.
    #[command(after_help = "Examples:\n  innkeeper namespace lock team-a")]
    Lock(Asking<Lock>),
    /// Ends that.
    #[command(after_help = "Examples:\n  innkeeper namespace unlock -unlock-key=- team-a <key")]
    Unlock(Asking<Unlock>),
}

impl Namespace {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Create(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Lookup(asking) => asking.run(environment, terminal),
            Self::Patch(asking) => asking.run(environment, terminal),
            Self::Delete(asking) => asking.run(environment, terminal),
            Self::Lock(asking) => asking.run(environment, terminal),
            Self::Unlock(asking) => asking.run(environment, terminal),
        }
    }
}

fn path(name: &str) -> String {
    format!("sys/namespaces/{}", trimmed(name))
}

/// A new namespace.
#[derive(Debug, clap::Args)]
pub struct Create {
    /// Where it is.
    pub path: String,
    /// Something that is kept with it; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub custom_metadata: Vec<String>,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Create {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let metadata = input::strings("-custom-metadata", &self.custom_metadata)?;
        let mut fields = Map::new();
        put(&mut fields, "custom_metadata", Some(metadata).filter(|metadata| !metadata.is_empty()));
        let ask = Ask::put(&path(&self.path), &Value::Object(fields));
        let answer = session.client.ask(&ask).map_err(|error| error.during("creating namespace"))?;
        session.show_or_say(&answer, self.field.as_deref(), &format!("Created namespace: {}/", trimmed(&self.path)))
    }
}

/// The namespaces below.
#[derive(Debug, clap::Args)]
pub struct List {
    /// Show more of each.
    #[arg(long)]
    pub detailed: bool,
}

impl Act for List {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let ask = Ask::list("sys/namespaces");
        if !self.detailed {
            return session.show_list(&ask, "listing namespaces", "sys/namespaces/", false);
        }
        let data = session.found(&ask.for_us(), "listing namespaces", "sys/namespaces/")?.data()?;
        let id = |known: &Value| known["id"].as_str().unwrap_or_default().to_owned();
        session.show_as(&data["key_info"], |known| {
            objects(&["Path", "ID", "Custom Metadata"], known, |known| {
                vec![id(known), words(&known["custom_metadata"])]
            })
        })
    }
}

/// What is known of a namespace.
#[derive(Debug, clap::Args)]
pub struct Lookup {
    /// Which one.
    pub path: String,
    /// Print only the value of this field.
    #[arg(long, value_name = "NAME")]
    pub field: Option<String>,
}

impl Act for Lookup {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let at = format!("namespace {}/", one_line(trimmed(&self.path)));
        let found = session.found(&Ask::get(&path(&self.path)), "looking up namespace", &at)?;
        session.show(&found, self.field.as_deref())
    }
}

/// What changes.
#[derive(Debug, clap::Args)]
pub struct Patch {
    /// Which one.
    pub path: String,
    /// Something that is kept with it; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    pub custom_metadata: Vec<String>,
    /// Something that is no longer kept with it; may be repeated.
    #[arg(long, value_name = "KEY")]
    pub remove_custom_metadata: Vec<String>,
}

impl Act for Patch {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut metadata = input::strings("-custom-metadata", &self.custom_metadata)?;
        metadata.extend(self.remove_custom_metadata.iter().map(|key| (key.clone(), Value::Null)));
        if metadata.is_empty() {
            return Err(Error::Usage("say what changes: -custom-metadata or -remove-custom-metadata".into()));
        }
        let ask = Ask::patch(&path(&self.path), &json!({ "custom_metadata": metadata }));
        session.done(&ask, "patching namespace", &format!("Patched namespace: {}/", trimmed(&self.path)))
    }
}

/// The end of a namespace.
#[derive(Debug, clap::Args)]
pub struct Delete {
    /// Which one.
    pub path: String,
}

impl Act for Delete {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let name = trimmed(&self.path);
        let found = session.client.find(&Ask::delete(&path(name)).for_us());
        let found = found.map_err(|error| error.during("deleting namespace"))?;
        match found.map(|answer| answer.data()).transpose()? {
            Some(data) if data["status"] == "in-progress" => {
                session.success(&format!("Namespace {name}/ is being deleted"))
            }
            _ => session.success(&format!("Namespace deleted (if it existed): {name}/")),
        }
    }
}

/// A namespace that answers nothing.
#[derive(Debug, clap::Args)]
pub struct Lock {
    /// Which one; the one that is worked in, if none is said.
    pub path: Option<String>,
}

impl Act for Lock {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let ask = Ask::put_nothing(&below("lock", self.path.as_deref()));
        session.done(&ask, "locking namespace", "Locked the namespace")
    }
}

/// A namespace that answers again.
#[derive(Debug, clap::Args)]
pub struct Unlock {
    /// Which one; the one that is worked in, if none is said.
    pub path: Option<String>,
    /// The key that locking gave, or - for standard input; root tokens need none.
    #[arg(long, value_name = "KEY")]
    pub unlock_key: Option<String>,
}

impl Act for Unlock {
    fn act(&self, session: &mut Session<'_>) -> Result<Exit, Error> {
        let mut fields = Map::new();
        put(&mut fields, "unlock_key", session.terminal.given(self.unlock_key.as_deref())?);
        let ask = Ask::put(&below("unlock", self.path.as_deref()), &Value::Object(fields)).for_us();
        session.client.ask(&ask).map_err(|error| error.during("unlocking namespace"))?;
        match session.format {
            Format::Table => session.success("Unlocked the namespace"),
            _ => Ok(WELL),
        }
    }
}

fn below(what: &str, path: Option<&str>) -> String {
    match path.map(trimmed).filter(|path| !path.is_empty()) {
        Some(path) => format!("sys/namespaces/api-lock/{what}/{path}"),
        None => format!("sys/namespaces/api-lock/{what}"),
    }
}
