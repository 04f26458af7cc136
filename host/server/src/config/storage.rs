//! `storage`: where everything is kept.

use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::{Map, Value};

use super::{Error, Reader, flat};

/// Where everything is kept.
#[derive(Clone, Debug, Default)]
pub enum Storage {
    /// In memory, until the server stops: `storage "inmem"`.
    #[default]
    Memory,
    /// In a folder of this machine: `storage "file"`.
    File {
        /// The folder.
        path: PathBuf,
    },
    /// In a PostgreSQL database, which several nodes may share: `storage "postgresql"`.
    Postgresql {
        /// How to reach it; it may hold a password.
        connection_url: SecretString,
        /// The table.
        table: String,
        /// Most connections of this node.
        max_parallel: usize,
    },
}

impl Storage {
    /// The name that `sys/seal-status` gives as `storage_type`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Memory => "inmem",
            Self::File { .. } => "file",
            Self::Postgresql { .. } => "postgresql",
        }
    }
}

/// Table of PostgreSQL unless configured.
const TABLE: &str = "innkeeper_store";
/// Connections to PostgreSQL unless configured, and at most.
const PARALLEL: (usize, usize) = (32, 1024);

impl Reader<'_> {
    /// Reads the stanza; a second one is refused.
    pub(super) fn storage(&mut self, value: &Value) -> Result<(), Error> {
        let kinds: Vec<(&String, &Value)> =
            flat(value).into_iter().filter_map(Value::as_object).flat_map(Map::iter).collect();
        let (&[(kind, body)], false) = (&kinds[..], self.config.storage_given) else {
            return Err(
                self.wrong("storage", "must be one block with a label, such as storage \"file\" { path = \"…\" }")
            );
        };
        let &[Value::Object(body)] = &flat(body)[..] else {
            return Err(self.wrong(format!("storage {kind:?}"), "must be one block"));
        };
        self.config.storage = match kind.as_str() {
            "inmem" => Storage::Memory,
            "file" => self.file(kind, body)?,
            "raft" => {
                self.config.warnings.push(format!(
                    "{}: storage \"raft\": this server does not replicate; its path is used as storage \"file\"",
                    self.file
                ));
                self.file(kind, body)?
            }
            "postgresql" => self.postgresql(body)?,
            other => {
                return Err(self.wrong(
                    format!("storage {other:?}"),
                    "this build has storage \"file\", \"postgresql\" and \"inmem\"",
                ));
            }
        };
        self.config.storage_given = true;
        Ok(())
    }

    fn file(&mut self, kind: &str, body: &Map<String, Value>) -> Result<Storage, Error> {
        let mut path = None;
        for (name, value) in body {
            match name.as_str() {
                "path" => path = Some(PathBuf::from(self.text("storage.path", value)?)),
                // Of raft's cluster, which there is none of.
                _ if kind == "raft" => {}
                unknown => self.unknown(&format!("storage.{unknown}")),
            }
        }
        match path {
            Some(path) if path.is_absolute() => Ok(Storage::File { path }),
            _ => Err(self.wrong("storage.path", "must be the absolute path of a folder")),
        }
    }

    fn postgresql(&mut self, body: &Map<String, Value>) -> Result<Storage, Error> {
        let mut connection_url = std::env::var("VAULT_PG_CONNECTION_URL").ok();
        let (mut table, mut max_parallel) = (TABLE.to_owned(), PARALLEL.0);
        for (name, value) in body {
            match name.as_str() {
                "connection_url" if connection_url.is_none() => {
                    connection_url = Some(self.text("storage.connection_url", value)?);
                }
                "connection_url" => {}
                "table" => table = self.text("storage.table", value)?,
                "max_parallel" => max_parallel = self.number("storage.max_parallel", value, PARALLEL.1)?,
                unknown => self.unknown(&format!("storage.{unknown}")),
            }
        }
        let connection_url = connection_url
            .ok_or_else(|| self.wrong("storage.connection_url", "must be given here or in VAULT_PG_CONNECTION_URL"))?;
        Ok(Storage::Postgresql { connection_url: connection_url.into(), table, max_parallel })
    }
}
