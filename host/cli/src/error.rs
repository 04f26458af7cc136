//! Why a command failed, and what to do about it.

use std::io;
use std::path::PathBuf;

use storage::archive;

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line or the environment is wrong; the text says what would be right.
    #[error("{0}")]
    Usage(String),
    /// No token.
    #[error("there is no token: set VAULT_TOKEN, or write one to ~/.vault-token")]
    NoToken,
    /// The server does not answer.
    #[error("{address}: {reason}{}", hint(.reason))]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What happened.
        reason: String,
    },
    /// The server answered, but not with what was asked for.
    #[error("the server answered {status}: {text}{}", advice(*.status))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// What it said.
        text: String,
    },
    /// The file is there already.
    #[error("{} exists already: choose another name, or overwrite it with -force", .0.display())]
    Exists(PathBuf),
    /// Another command writes the same file.
    #[error("{} is being written by another command: wait until that is done", .0.display())]
    Busy(PathBuf),
    /// The file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// The file is no whole snapshot.
    #[error("{}: {error}", .path.display())]
    Archive {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        error: archive::Error,
    },
    /// What the server sent is no whole snapshot.
    #[error("what the server sent is not whole, and nothing was kept of it: {0}. Look into the server's log")]
    Received(String),
}

fn hint(reason: &str) -> &'static str {
    match reason {
        text if text.contains("certificate") => ". Name the server's authority with -ca-cert or VAULT_CACERT",
        text if text.contains("http:") || text.contains("https:") => "",
        _ => ". Is the server running? -address or VAULT_ADDR says where it is looked for",
    }
}

fn advice(status: u16) -> &'static str {
    match status {
        403 => ". VAULT_TOKEN or ~/.vault-token must hold a token that may do this",
        404 => ". Is this an Innkeeper server? -address or VAULT_ADDR says which one is asked",
        503 => ". It may be sealed, or busy: try again later",
        _ => "",
    }
}
