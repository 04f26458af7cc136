//! `print`.

use secrecy::ExposeSecret;

use crate::Error;
use crate::connection::Connection;
use crate::environment::Environment;
use crate::session::{Exit, WELL};
use crate::terminal::Terminal;

/// What the commands would use.
#[derive(Debug, clap::Subcommand)]
pub enum Print {
    /// Prints the token that commands come with.
    #[command(after_help = "Examples:\n  VAULT_TOKEN=$(innkeeper print token)")]
    Token,
}

impl Print {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        let Self::Token = self;
        let settings = Connection::default().settle(environment)?;
        let none = || Error::Usage("there is no token: log in with `innkeeper login`, or set VAULT_TOKEN".into());
        terminal.line(settings.token.ok_or_else(none)?.expose_secret())?;
        Ok(WELL)
    }
}
