//! `kv`: secrets in an engine of the type kv, whichever its version.

mod data;
mod metadata;
mod place;
mod shown;
mod versions;
mod write;

use crate::Error;
use crate::environment::Environment;
use crate::session::{Asking, Exit, Run};
use crate::terminal::Terminal;

/// Secrets.
#[derive(Debug, clap::Subcommand)]
pub enum Kv {
    /// Keeps a secret, or a new version of it.
    #[command(after_help = "Examples:\n  innkeeper kv put secret/app user=eve password=-\n  \
                            innkeeper kv put -mount=secret -cas=0 app @app.json")]
    Put(Asking<write::Put>),
    /// Shows a secret.
    #[command(after_help = "Examples:\n  innkeeper kv get secret/app\n  \
                            innkeeper kv get -mount=secret -field=password app")]
    Get(Asking<data::Get>),
    /// Lists the secrets below a path.
    #[command(after_help = "Examples:\n  innkeeper kv list secret/")]
    List(Asking<data::List>),
    /// Changes some fields of a secret. Version 2 only.
    #[command(after_help = "Examples:\n  innkeeper kv patch secret/app user=bob")]
    Patch(Asking<write::Patch>),
    /// Deletes a secret, or versions of it.
    #[command(
        after_help = "Examples:\n  innkeeper kv delete secret/app\n  innkeeper kv delete -versions=1,2 secret/app"
    )]
    Delete(Asking<versions::Delete>),
    /// Brings deleted versions back. Version 2 only.
    #[command(after_help = "Examples:\n  innkeeper kv undelete -versions=2 secret/app")]
    Undelete(Asking<versions::Undelete>),
    /// Destroys versions for good. Version 2 only.
    #[command(after_help = "Examples:\n  innkeeper kv destroy -versions=1,2 secret/app")]
    Destroy(Asking<versions::Destroy>),
    /// Writes what an older version held as a new one. Version 2 only.
    #[command(after_help = "Examples:\n  innkeeper kv rollback -version=1 secret/app")]
    Rollback(Asking<write::Rollback>),
    /// What is kept about a secret and its versions. Version 2 only.
    #[command(subcommand)]
    Metadata(metadata::Metadata),
}

impl Kv {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Put(asking) => asking.run(environment, terminal),
            Self::Get(asking) => asking.run(environment, terminal),
            Self::List(asking) => asking.run(environment, terminal),
            Self::Patch(asking) => asking.run(environment, terminal),
            Self::Delete(asking) => asking.run(environment, terminal),
            Self::Undelete(asking) => asking.run(environment, terminal),
            Self::Destroy(asking) => asking.run(environment, terminal),
            Self::Rollback(asking) => asking.run(environment, terminal),
            Self::Metadata(group) => group.run(environment, terminal),
        }
    }
}
