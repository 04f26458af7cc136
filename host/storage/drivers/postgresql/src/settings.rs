//! What an operator may set.

use std::time::Duration;

use secrecy::SecretString;

use crate::Error;

/// The table when none is named.
pub const TABLE: &str = "innkeeper_store";
/// Connections of one node when no number is given.
pub const MAX_PARALLEL: usize = 32;
/// How long connecting may take when nothing is said.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long what was overwritten or removed stays readable for older snapshots when nothing is said.
pub const RETENTION: Duration = Duration::from_secs(180);

/// Longest name of a table or schema, in bytes: with what is put behind it, it stays below PostgreSQL's 63.
const NAME_MAX: usize = 48;
/// Fewest connections: one commits, one reads.
const PARALLEL_MIN: usize = 2;
/// Most connections of one node.
const PARALLEL_MAX: usize = 1000;

/// Where the store is and how to use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `postgres://user:password@host:5432/database?sslmode=verify-full&sslrootcert=/path/to/root.pem`, or the same as
    /// `key=value` words. Beside `sslmode` and `sslrootcert` it may have what `tokio_postgres::Config` knows.
    pub connection_url: SecretString,
    /// The table, perhaps with its schema before a dot: `[a-z_][a-z0-9_]{0,47}` each. Others are named after it.
    pub table: String,
    /// Most connections at once, 2 to 1000. One of them is for commits.
    pub max_parallel: usize,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long what was overwritten or removed is kept for older snapshots. A snapshot that is older may be refused.
    pub retention: Duration,
}

impl Settings {
    /// A store at this address, everything else as it is by itself.
    pub fn new(connection_url: impl Into<String>) -> Self {
        Self {
            connection_url: SecretString::from(connection_url.into()),
            table: TABLE.to_owned(),
            max_parallel: MAX_PARALLEL,
            connect_timeout: CONNECT_TIMEOUT,
            retention: RETENTION,
        }
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        let mut names = self.table.split('.');
        if names.clone().count() > 2 || !names.all(is_name) {
            let rule = "a name of [a-z_][a-z0-9_]{0,47}, perhaps with a schema before a dot";
            return Err(Error::Settings(format!("table must be {rule}")));
        }
        if !(PARALLEL_MIN..=PARALLEL_MAX).contains(&self.max_parallel) {
            return Err(Error::Settings(format!("max_parallel must be {PARALLEL_MIN} to {PARALLEL_MAX}")));
        }
        if self.connect_timeout.is_zero() {
            return Err(Error::Settings("connect_timeout must not be 0".into()));
        }
        Ok(())
    }
}

fn is_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    starts && name.len() <= NAME_MAX && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::{Error, Settings};

    #[test]
    fn names_of_tables_are_plain_and_bounded() {
        let check = |table: &str| Settings { table: table.to_owned(), ..Settings::new("") }.check();
        let longest = "a".repeat(48);
        for good in ["innkeeper_store", "_x9", "vault.store", "order", &longest] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a.b.c", "A", "9a", "a-b", "a\"b", "a b", "ä", &format!("{longest}a")] {
            assert!(matches!(check(bad), Err(Error::Settings(text)) if text.contains("table")), "{bad}");
        }
    }

    #[test]
    fn the_password_is_not_shown() {
        let shown = format!("{:?}", Settings::new("postgres://user:opensesame@host/database"));
        assert!(!shown.contains("opensesame"), "{shown}");
    }
}
