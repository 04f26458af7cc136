//! The client commands of the binary: what operators ask a running server, and what they do with its files.
//!
//! **For:** `innkeeper operator …`. **Never:** opens a store, or shares anything with a server but the API and the
//! formats of files. **In, out:** [`Operator`], read from the command line, in; a line for people on standard output, or
//! an [`Error`] that says what to do. **Meet first:** [`run`]. **Errors:** [`Error`].
#![forbid(unsafe_code)]

mod args;
mod client;
mod error;
mod part;
mod progress;
mod snapshot;

pub use args::{Connection, Operator, Snapshot};
pub use error::Error;

/// Does what was asked; gives the line that says it was done.
pub fn run(command: &Operator) -> Result<String, Error> {
    match command {
        Operator::Snapshot(Snapshot::Save { file, force, connection }) => snapshot::save(file, *force, connection),
        Operator::Snapshot(Snapshot::Restore { file, connection }) => snapshot::restore(file, connection),
        Operator::Snapshot(Snapshot::Verify { file }) => snapshot::verify(file),
    }
}
