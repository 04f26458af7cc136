//! `completion`.

use clap_complete::Shell;

use crate::Error;
use crate::session::{Exit, WELL};
use crate::terminal::Terminal;

/// A script for a shell.
#[derive(Debug, clap::Args)]
pub struct Completion {
    /// Which shell.
    pub shell: Shell,
}

impl Completion {
    pub(super) fn run(&self, terminal: &mut Terminal, mut whole: clap::Command) -> Result<Exit, Error> {
        let mut script = Vec::new();
        let name = whole.get_name().to_owned();
        clap_complete::generate(self.shell, &mut whole, name, &mut script);
        terminal.bytes(&script)?;
        Ok(WELL)
    }
}
