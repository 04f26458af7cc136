//! The command line. Long options take one dash or two, as in Vault.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "innkeeper", about = "Keeps keys, serves the Vault API, runs engines in a sandbox.")]
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
    /// Development mode with TLS.
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

/// `-dev` becomes `--dev`; a single letter stays.
pub fn normalise(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let one = |argument: OsString| match argument.to_str() {
        Some(text) if text.len() > 2 && text.starts_with('-') && !text.starts_with("--") => {
            OsString::from(format!("-{text}"))
        }
        _ => argument,
    };
    arguments.into_iter().map(one).collect()
}
