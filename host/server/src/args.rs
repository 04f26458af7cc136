//! The command line. Long options take one dash or two, as in Vault.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "innkeeper", version, about = "Keeps keys, serves the Vault API, runs engines in a sandbox.")]
pub struct Arguments {
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
    /// The root token of development mode; a random one by default.
    #[arg(long)]
    pub dev_root_token_id: Option<String>,
    /// Where development mode listens.
    #[arg(long, default_value = "127.0.0.1:8200")]
    pub dev_listen_address: String,
    /// Do not write the root token to ~/.vault-token.
    #[arg(long)]
    pub dev_no_store_token: bool,
    /// trace, debug, info, warn or error.
    #[arg(long)]
    pub log_level: Option<String>,
    /// standard or json.
    #[arg(long)]
    pub log_format: Option<String>,
}

impl Server {
    /// Whether to start in development mode.
    pub fn development(&self) -> bool {
        self.dev || self.dev_tls
    }
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
    fn options_that_nobody_knows_are_refused() {
        for wrong in [["innkeeper", "server", "-colour"], ["innkeeper", "serve", "-dev"]] {
            assert!(Arguments::try_parse_from(normalise(wrong.map(OsString::from))).is_err());
        }
    }
}
