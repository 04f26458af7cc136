//! Why the store could not be opened, and how failures of the database are told.

use model::Kind;
use tokio_postgres::error::Severity;

/// Why the store could not be opened. No text holds the password.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be; the text names it.
    #[error("storage \"postgresql\": {0}")]
    Settings(String),
    /// The server cannot be reached, or refuses.
    #[error("storage \"postgresql\" is unavailable: {0}")]
    Unavailable(String),
    /// The tables are not ones that this version can use.
    #[error("storage \"postgresql\": table {table} has format {found}, and this version knows format {known}")]
    Format {
        /// The table.
        table: String,
        /// What it has.
        found: i64,
        /// What this version can read and write.
        known: i64,
    },
}

impl Error {
    /// What sort of failure this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Settings(_) => Kind::InvalidRequest,
            Self::Unavailable(_) => Kind::Unavailable,
            Self::Format { .. } => Kind::Internal,
        }
    }
}

/// What went wrong between this node and the database.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The database or the connection said so.
    Database(tokio_postgres::Error),
    /// No answer in time.
    Silence,
    /// No connection, and why.
    NoLink(String),
}

impl Fault {
    /// The SQLSTATE, if the server said anything.
    pub(crate) fn code(&self) -> Option<&str> {
        match self {
            Self::Database(error) => error.code().map(|code| code.code()),
            _ => None,
        }
    }

    /// Whether the server itself refused this one statement, and the session goes on.
    pub(crate) fn is_refusal(&self) -> bool {
        let Self::Database(error) = self else { return false };
        error.as_db_error().is_some_and(|told| matches!(told.parsed_severity(), Some(Severity::Error)))
    }

    /// Whether trying the same again may go better: a deadlock, a serialization failure.
    pub(crate) fn is_passing(&self) -> bool {
        self.is_refusal() && matches!(self.code(), Some("40001" | "40P01"))
    }
}

/// Never the details of the server: they repeat keys and values.
impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Silence => f.write_str("the database does not answer"),
            Self::NoLink(why) => f.write_str(why),
            Self::Database(error) => match error.as_db_error() {
                Some(told) => write!(f, "{} (SQLSTATE {})", told.message(), told.code().code()),
                None => {
                    write!(f, "{error}")?;
                    let mut cause = std::error::Error::source(error);
                    while let Some(error) = cause {
                        write!(f, ": {error}")?;
                        cause = error.source();
                    }
                    Ok(())
                }
            },
        }
    }
}

impl From<Fault> for storage::Error {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(fault.to_string())
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Unavailable(fault.to_string())
    }
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}
