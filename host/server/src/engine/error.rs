//! Why a command failed.

use std::io;
use std::path::{Path, PathBuf};

use crate::config;

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What was wrong, and what would be right.
    #[error("{0}")]
    Wrong(String),
    /// A file or folder that cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A configuration that cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The house does not do what it was asked.
    #[error("{}", .0.messages.join("; "))]
    House(model::Fault),
    /// Nobody reads what is written.
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// What became of this file.
    pub(super) fn file(path: &Path) -> impl Fn(io::Error) -> Self {
        move |error| Self::File { path: path.to_owned(), error }
    }
}

impl From<model::Fault> for Error {
    fn from(fault: model::Fault) -> Self {
        match fault.detail {
            Some(detail) => Self::Wrong(detail),
            None => Self::House(fault),
        }
    }
}
