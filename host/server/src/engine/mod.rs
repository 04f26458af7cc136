//! `innkeeper engine …`: the commands for people who write engines.
//!
//! They are here and not in the room `cli`, because `test` and `dev` put a whole house together, which only this crate
//! can, and because `cli` shares nothing with a server but its API. `new` writes what `build.rs` put into the binary; `build`
//! runs cargo; `inspect` asks the sandbox; `test` and `dev` ask the house as its door does ([`crate::http::ask`]). `top` asks
//! a server that runs somewhere, and so is in `cli`.

mod anatomy;
mod build;
mod compare;
mod component;
mod dev;
mod error;
mod inspect;
mod new;
mod powers;
mod requests;
mod setting;
mod softhsm;
mod stage;
mod test;
mod watch;

use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

pub use error::Error;

use crate::runtime;

/// What the commands log: what guests say, and why requests failed.
const LOG: &str = "warn,guest=trace,server=info";
/// How long work on threads of its own may still take at the end.
const SHUTDOWN_MAX: Duration = Duration::from_millis(500);

/// Commands for people who write engines.
#[derive(Debug, clap::Subcommand)]
pub enum Engine {
    /// Begins an engine: a project with all that it is built from.
    #[command(after_help = "Examples:\n  innkeeper engine new greeter")]
    New(new::New),
    /// Builds a project and makes a component of it.
    #[command(
        after_help = "Examples:\n  innkeeper engine build\n  innkeeper engine build greeter -output=greeter.wasm"
    )]
    Build(build::Build),
    /// Shows what a component is: its routes, what it asks of the host, who made it.
    #[command(
        after_help = "Examples:\n  innkeeper engine inspect greeter.wasm\n  innkeeper engine inspect greeter.wasm \
                            -format=json"
    )]
    Inspect(inspect::Inspect),
    /// Runs requests through a component, in memory, and compares the answers with what is expected.
    #[command(
        after_help = "Examples:\n  innkeeper engine test greeter.wasm -requests=requests.json\n  innkeeper engine \
                            test greeter.wasm -requests=requests-with-a-key.json -managed-key=signing"
    )]
    Test(test::Test),
    /// Starts a development server with an engine: a project, which is built again whenever its sources change, or a
    /// component, which is taken anew whenever its file changes.
    #[command(
        after_help = "Examples:\n  innkeeper engine dev\n  innkeeper engine dev greeter -mount=hello -managed-key=signing\n  \
                            innkeeper engine dev greeter.wasm"
    )]
    Dev(dev::Dev),
    /// Shows what the engines of a running server use, the busiest first, until it is interrupted.
    #[command(after_help = "Examples:\n  innkeeper engine top\n  innkeeper engine top -interval=10s -n=6 -format=json")]
    Top(Box<cli::Asking<cli::Top>>),
}

/// Does what was asked, and says how it ended: 0 well, 1 not.
pub fn run(command: &Engine) -> ExitCode {
    let out = &mut io::stdout();
    let done = match command {
        Engine::New(new) => new.run(out),
        Engine::Build(build) => build.run(out),
        Engine::Inspect(inspect) => inspect.run(out),
        Engine::Test(test) => test.run(out),
        Engine::Dev(dev) => dev.run(out),
        // A server is asked as all client commands ask one.
        Engine::Top(top) => return cli::top(top),
    };
    match done.and_then(|well| Ok(out.flush().map(|()| well)?)) {
        Ok(true) => ExitCode::SUCCESS,
        // Whoever read has seen enough.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("innkeeper: {}", visible(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

/// Runs something to its end on threads of its own.
fn block_on<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = runtime::build().map_err(|error| Error::Wrong(format!("no threads: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(SHUTDOWN_MAX);
    done
}

/// A stranger's text as a terminal may show it: control characters are spelled out, but for the ends of lines.
fn visible(text: &str) -> String {
    let one = |c: char| if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(one).collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;

    #[derive(Parser)]
    struct Whole {
        #[command(subcommand)]
        _engine: Engine,
    }

    #[test]
    fn every_command_says_what_it_does_and_has_an_example() {
        Whole::command().debug_assert();
        for command in Whole::command().get_subcommands() {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.contains("innkeeper engine "), "{}", command.get_name());
            assert!(command.get_about().is_some(), "{}", command.get_name());
        }
    }

    #[test]
    fn what_a_stranger_wrote_does_not_reach_the_terminal() {
        assert_eq!(visible("a\u{1b}[2J\nb\u{9b}"), "a\\u{1b}[2J\nb\\u{9b}");
    }
}
