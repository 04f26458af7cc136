//! `operator`.

mod generate_root;
mod init;
mod quorum;
mod rekey;
mod rotate;
mod seal;
mod snapshot;
mod verify;

use crate::Error;
use crate::commands::status;
use crate::environment::Environment;
use crate::session::{Asking, Exit, Run};
use crate::terminal::Terminal;

/// What operators ask a running server.
#[derive(Debug, clap::Subcommand)]
pub enum Operator {
    /// Founds a store: makes its keys and the first root token, and shows them once.
    #[command(after_help = "Examples:\n  innkeeper operator init -key-shares=5 -key-threshold=3\n  \
                            innkeeper operator init -format=json >keys.json\n  innkeeper operator init -status")]
    Init(Asking<init::Init>),
    /// Gives a server one share of its unseal key.
    #[command(after_help = "Examples:\n  innkeeper operator unseal            asks for the share\n  \
                            innkeeper operator unseal - <share\n  innkeeper operator unseal -reset")]
    Unseal(Asking<seal::Unseal>),
    /// Seals a server: it lets go of all it knew.
    #[command(after_help = "Examples:\n  innkeeper operator seal")]
    Seal(Asking<seal::Seal>),
    /// Makes new shares of the unseal key, or of the recovery key.
    #[command(after_help = "Examples:\n  innkeeper operator rekey -init -key-shares=5 -key-threshold=3\n  \
                            innkeeper operator rekey -nonce=NONCE        asks for a share\n  \
                            innkeeper operator rekey -verify -nonce=NONCE\n  innkeeper operator rekey -status")]
    Rekey(Asking<rekey::Rekey>),
    /// Makes a new key that whatever is written from now on is encrypted with.
    #[command(after_help = "Examples:\n  innkeeper operator rotate")]
    Rotate(Asking<rotate::Rotate>),
    /// Shows which key that is.
    #[command(after_help = "Examples:\n  innkeeper operator key-status")]
    KeyStatus(Asking<rotate::KeyStatus>),
    /// Makes a root token by a quorum of shares.
    #[command(after_help = "Examples:\n  innkeeper operator generate-root -init\n  \
                            innkeeper operator generate-root -nonce=NONCE        asks for a share\n  \
                            innkeeper operator generate-root -decode=ENCODED -otp=OTP")]
    GenerateRoot(Asking<generate_root::GenerateRoot>),
    /// Saves all that a server keeps to a file, verifies such files, and restores them.
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
    /// The same by the name that stock clients have for it.
    #[command(subcommand, hide = true)]
    Raft(Raft),
}

/// What stock clients do with the store of a server.
#[derive(Debug, clap::Subcommand)]
pub enum Raft {
    /// Saves all that a server keeps to a file, verifies such files, and restores them.
    #[command(subcommand)]
    Snapshot(snapshot::Snapshot),
}

impl Operator {
    pub(super) fn run(&self, environment: &Environment, terminal: &mut Terminal) -> Result<Exit, Error> {
        match self {
            Self::Init(asking) if asking.what.status => status::run(asking, environment, terminal),
            Self::Init(asking) => asking.run(environment, terminal),
            Self::Unseal(asking) => asking.run(environment, terminal),
            Self::Seal(asking) => asking.run(environment, terminal),
            Self::Rekey(asking) => asking.run(environment, terminal),
            Self::Rotate(asking) => asking.run(environment, terminal),
            Self::KeyStatus(asking) => asking.run(environment, terminal),
            // What is decoded needs no server.
            Self::GenerateRoot(asking) if asking.what.decode.is_some() => {
                if asking.connection.non_interactive {
                    terminal.ask_nobody();
                }
                asking.what.decode(terminal, asking.connection.format(environment)?)
            }
            Self::GenerateRoot(asking) => asking.run(environment, terminal),
            Self::Snapshot(group) | Self::Raft(Raft::Snapshot(group)) => group.run(environment, terminal),
        }
    }
}
