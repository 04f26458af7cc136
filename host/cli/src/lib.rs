//! The client commands of the binary: what people ask a running server, and what operators do with its files.
//!
//! **For:** `innkeeper read`, `innkeeper login`, `innkeeper operator …`: all commands but `server`. **Never:** opens a
//! store, or shares anything with a server but the API and the formats of files; repeats a secret in an error. **In, out:**
//! a [`Command`], read from the command line, in; text on standard output and the status of the process out. **Meet
//! first:** [`run`], then `session::Session`, which every command that asks a server gets. **Errors:** `error::Error`:
//! 1 where the fault is on this side, 2 where the server says no.
#![forbid(unsafe_code)]

mod client;
mod commands;
mod connection;
mod environment;
mod error;
mod help;
mod input;
mod line;
mod output;
mod part;
mod progress;
mod session;
mod terminal;
#[cfg(test)]
mod testing;
mod token_file;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

pub use commands::{Command, Top};
pub use help::grouped;
pub use line::refused;
pub use session::Asking;

use environment::Environment;
use error::Error;
use session::{Exit, Run};
use terminal::Terminal;

/// Does what was asked, and says how it ended. `whole` gives the whole command line of the binary, for completions.
pub fn run(command: &Command, whole: fn() -> clap::Command) -> ExitCode {
    ExitCode::from(run_in(command, &Environment::of_the_process(), &mut Terminal::of_the_process(), whole))
}

fn run_in(command: &Command, environment: &Environment, terminal: &mut Terminal, whole: fn() -> clap::Command) -> u8 {
    let ended = command.run(environment, terminal, whole);
    told(ended, terminal)
}

/// Shows what engines use, and says how it ended: `engine top`, which stands among the commands of the server for people
/// who write engines, but asks a server like all others here.
pub fn top(asking: &Asking<Top>) -> ExitCode {
    ExitCode::from(top_in(asking, &Environment::of_the_process(), &mut Terminal::of_the_process()))
}

fn top_in(asking: &Asking<Top>, environment: &Environment, terminal: &mut Terminal) -> u8 {
    let ended = asking.run(environment, terminal);
    told(ended, terminal)
}

/// The status of a command, after a word on why it failed.
fn told(ended: Result<Exit, Error>, terminal: &mut Terminal) -> u8 {
    match ended {
        Ok(exit) => exit,
        // Whoever read has seen enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => session::WELL,
        Err(Error::Instead(text)) => told(terminal.line(&text).map(|()| session::WELL), terminal),
        Err(error) => {
            let _ = terminal.note(&output::visible(&error.to_string()));
            error.exit()
        }
    }
}

/// The variable of the environment with this name, `LOG_LEVEL` for instance: `INNKEEPER_LOG_LEVEL`, else
/// `VAULT_LOG_LEVEL`. An empty one is none.
pub fn variable(name: &str) -> Option<String> {
    Environment::of_the_process().get(name)
}

/// `-dev` becomes `--dev`; a single letter stays, and so does everything after `--`.
pub fn normalise(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut options = true;
    let one = |argument: OsString| match argument.to_str() {
        Some("--") => {
            options = false;
            argument
        }
        Some(text) if options && is_long(text) => OsString::from(format!("-{text}")),
        _ => argument,
    };
    arguments.into_iter().map(one).collect()
}

/// `-force` and `-format=json`, but neither `-f` nor `-n=5`.
fn is_long(text: &str) -> bool {
    let name = text.strip_prefix('-').filter(|name| !name.starts_with('-'));
    name.is_some_and(|name| name.split('=').next().is_some_and(|name| name.chars().count() > 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_options_take_one_dash_or_two_until_there_are_none() {
        let normal = |words: &[&str]| -> Vec<String> {
            let words = normalise(words.iter().map(OsString::from));
            words.into_iter().map(|word| word.into_string().unwrap()).collect()
        };
        assert_eq!(
            normal(&["write", "-force", "--a", "-f", "-", "x=-y"]),
            ["write", "--force", "--a", "-f", "-", "x=-y"]
        );
        assert_eq!(normal(&["-n=5", "-format=json"]), ["-n=5", "--format=json"]);
        assert_eq!(normal(&["write", "--", "-force"]), ["write", "--", "-force"]);
    }
}
