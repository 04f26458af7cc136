//! The command line. Long options take one dash or two, as in Vault.

use std::path::PathBuf;

use clap::{ArgAction, Parser, Subcommand};

use crate::config::{LOG_FORMATS, LOG_LEVELS};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "innkeeper",
    version,
    disable_version_flag = true,
    about = "Keeps keys, serves the Vault API, runs engines in a sandbox."
)]
pub struct Arguments {
    /// Prints the version.
    #[arg(short = 'v', visible_short_alias = 'V', long, action = ArgAction::Version)]
    pub version: Option<bool>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Starts a server.
    Server(Server),
    /// What people ask a running server.
    #[command(flatten)]
    Client(Box<cli::Command>),
    /// For people who write engines: projects, components, tests of them.
    #[command(subcommand)]
    Engine(crate::engine::Engine),
    /// Prints the version.
    Version,
}

/// How to start a server.
#[derive(Debug, clap::Args)]
pub struct Server {
    /// A configuration file or a directory of *.hcl and *.json files; may be repeated.
    #[arg(long)]
    pub config: Vec<PathBuf>,
    /// Development mode: in memory, unsealed, with a root token.
    #[arg(long)]
    pub dev: bool,
    /// Development mode with TLS; implies -dev.
    #[arg(long)]
    pub dev_tls: bool,
    /// The root token of development mode; a random one by default. [env: VAULT_DEV_ROOT_TOKEN_ID]
    #[arg(long)]
    pub dev_root_token_id: Option<String>,
    /// Where development mode listens; 127.0.0.1:8200 by default. [env: VAULT_DEV_LISTEN_ADDRESS]
    #[arg(long)]
    pub dev_listen_address: Option<String>,
    /// Do not write the root token to ~/.vault-token.
    #[arg(long)]
    pub dev_no_store_token: bool,
    /// trace, debug, info, warn or error. [env: VAULT_LOG_LEVEL]
    #[arg(long, value_parser = LOG_LEVELS, hide_possible_values = true, ignore_case = true)]
    pub log_level: Option<String>,
    /// standard or json. [env: VAULT_LOG_FORMAT]
    #[arg(long, value_parser = LOG_FORMATS, hide_possible_values = true, ignore_case = true)]
    pub log_format: Option<String>,
}

/// Where development mode listens if nobody says.
const LISTEN_ADDRESS: &str = "127.0.0.1:8200";

impl Server {
    /// The same with what the environment says where options say nothing. Each variable may also begin with INNKEEPER_,
    /// which wins.
    pub fn settled(self) -> Result<Self, String> {
        self.settled_by(cli::variable)
    }

    fn settled_by(mut self, variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        self.dev_root_token_id = self.dev_root_token_id.or_else(|| variable("DEV_ROOT_TOKEN_ID"));
        self.dev_listen_address = self.dev_listen_address.or_else(|| variable("DEV_LISTEN_ADDRESS"));
        self.log_level = one_of(self.log_level.or_else(|| variable("LOG_LEVEL")), "LOG_LEVEL", &LOG_LEVELS)?;
        self.log_format = one_of(self.log_format.or_else(|| variable("LOG_FORMAT")), "LOG_FORMAT", &LOG_FORMATS)?;
        Ok(self)
    }

    /// Where development mode listens.
    pub fn listen_address(&self) -> &str {
        self.dev_listen_address.as_deref().unwrap_or(LISTEN_ADDRESS)
    }

    /// Whether to start in development mode.
    pub fn development(&self) -> bool {
        self.dev || self.dev_tls
    }
}

/// One of these words, in small letters.
fn one_of(given: Option<String>, variable: &str, words: &[&str]) -> Result<Option<String>, String> {
    let Some(given) = given else { return Ok(None) };
    let word = given.to_ascii_lowercase();
    if words.contains(&word.as_str()) {
        return Ok(Some(word));
    }
    Err(format!("VAULT_{variable} must be one of {}, and is {given:?}", words.join(", ")))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use cli::normalise;

    use super::*;

    fn server(options: &[&str]) -> Server {
        let all = ["innkeeper", "server"].iter().chain(options).map(OsString::from);
        match Arguments::try_parse_from(normalise(all)).unwrap().command {
            Command::Server(server) => server,
            Command::Version | Command::Engine(_) | Command::Client(_) => unreachable!(),
        }
    }

    #[test]
    fn options_take_one_dash_or_two_and_their_values_after_a_sign_or_a_space() {
        for options in [
            &["-dev", "-config=a", "-config", "b", "-log-level=debug"][..],
            &["--dev", "--config=a", "--config", "b", "--log-level", "debug"][..],
        ] {
            let server = server(options);
            assert!(server.development());
            assert_eq!(server.config, [PathBuf::from("a"), PathBuf::from("b")]);
            assert_eq!(server.log_level.as_deref(), Some("debug"));
        }
        assert!(server(&["-dev-tls"]).development());
    }

    #[test]
    fn the_environment_says_what_options_do_not() {
        let variable = |name: &str| match name {
            "DEV_ROOT_TOKEN_ID" => Some("mine".to_owned()),
            "DEV_LISTEN_ADDRESS" => Some("127.0.0.1:1".to_owned()),
            "LOG_LEVEL" => Some("WARN".to_owned()),
            _ => None,
        };
        let settled = server(&["-dev", "-dev-root-token-id=other"]).settled_by(variable).unwrap();
        assert_eq!(settled.dev_root_token_id.as_deref(), Some("other"));
        assert_eq!((settled.listen_address(), settled.log_level.as_deref()), ("127.0.0.1:1", Some("warn")));
        assert_eq!(server(&["-dev"]).settled_by(|_| None).unwrap().listen_address(), "127.0.0.1:8200");
        let wrong = server(&["-dev"]).settled_by(|name| (name == "LOG_FORMAT").then(|| "xml".to_owned()));
        assert_eq!(wrong.unwrap_err(), "VAULT_LOG_FORMAT must be one of standard, json, and is \"xml\"");
    }

    #[test]
    fn options_that_nobody_knows_are_refused() {
        for wrong in [
            ["innkeeper", "server", "-colour"],
            ["innkeeper", "serve", "-dev"],
            ["innkeeper", "server", "-log-level=nope"],
            ["innkeeper", "server", "-log-format=xml"],
        ] {
            assert!(Arguments::try_parse_from(normalise(wrong.map(OsString::from))).is_err());
        }
    }
}
