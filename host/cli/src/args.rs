//! What the command line can say.

use std::path::PathBuf;

use clap::builder::BoolishValueParser;

/// For operators.
#[derive(Debug, clap::Subcommand)]
pub enum Operator {
    /// Saves all that a server keeps to a file, verifies such files, and restores them.
    #[command(subcommand)]
    Snapshot(Snapshot),
}

/// The whole store as one file.
#[derive(Debug, clap::Subcommand)]
pub enum Snapshot {
    /// Saves all that the server keeps to a file, while it goes on serving.
    Save {
        /// Where to; it appears only once it is complete and verified.
        file: PathBuf,
        /// Overwrite the file if it exists.
        #[arg(long)]
        force: bool,
        /// Which server.
        #[command(flatten)]
        connection: Connection,
    },
    /// Replaces all that the server keeps by what is in the file. Asks nothing.
    Restore {
        /// A file that `save` made.
        file: PathBuf,
        /// Which server.
        #[command(flatten)]
        connection: Connection,
    },
    /// Says whether a file is whole and what it holds. Needs no server.
    Verify {
        /// A file that `save` made.
        file: PathBuf,
    },
}

/// Which server, and how it is reached. The token comes from VAULT_TOKEN, else from ~/.vault-token.
#[derive(Debug, clap::Args)]
pub struct Connection {
    /// Where the server is.
    #[arg(long, env = "VAULT_ADDR", default_value = "https://127.0.0.1:8200")]
    pub address: String,
    /// The namespace to work in.
    #[arg(long, visible_alias = "ns", env = "VAULT_NAMESPACE")]
    pub namespace: Option<String>,
    /// A PEM file of the authorities to trust, instead of the system's.
    #[arg(long, env = "VAULT_CACERT")]
    pub ca_cert: Option<PathBuf>,
    /// Trust whoever answers. Not for production.
    #[arg(long, env = "VAULT_SKIP_VERIFY", value_parser = BoolishValueParser::new())]
    pub tls_skip_verify: bool,
}
