//! `completion`.

use clap_complete::Shell;

use crate::Error;
use crate::line::lenient;
use crate::session::{Exit, WELL};
use crate::terminal::Terminal;

/// A script for a shell.
#[derive(Debug, clap::Args)]
pub struct Completion {
    /// Which shell.
    pub shell: Shell,
}

impl Completion {
    pub(super) fn run(&self, terminal: &mut Terminal, whole: clap::Command) -> Result<Exit, Error> {
        let mut script = Vec::new();
        let mut whole = lenient(whole);
        let name = whole.get_name().to_owned();
        clap_complete::generate(self.shell, &mut whole, name, &mut script);
        let script: String =
            String::from_utf8_lossy(&script).lines().map(|line| one_dash_too(self.shell, line)).collect();
        terminal.bytes(script.as_bytes())?;
        Ok(WELL)
    }
}

/// A line of a script, so that long options are completed after one dash as after two: the library knows two only.
fn one_dash_too(shell: Shell, line: &str) -> String {
    let start = line.trim_start();
    let again = match shell {
        Shell::Bash => return in_bash(line),
        // Letters that can be joined are no options of one dash.
        Shell::Zsh if start.starts_with("_arguments_options=(-s ") => {
            return format!("{}\n", line.replacen("-s ", "", 1));
        }
        Shell::Zsh if start.starts_with("'--") || start.starts_with("'*--") => Some(line.replacen("--", "-", 1)),
        Shell::Fish if start.starts_with("complete ") && line.contains(" -l ") => {
            Some(line.replacen(" -l ", " -o ", 1))
        }
        Shell::Elvish if start.starts_with("cand --") => Some(line.replacen("cand --", "cand -", 1)),
        Shell::PowerShell if line.contains("::new('--") => Some(line.replace("('--", "('-").replace(" '--", " '-")),
        _ => None,
    };
    again.map_or_else(|| format!("{line}\n"), |again| format!("{line}\n{again}\n"))
}

/// There all options of a command are the words of one line, and one with a value is a case.
fn in_bash(line: &str) -> String {
    let start = line.trim_start();
    let indent = &line[..line.len() - start.len()];
    if let Some(words) = start.strip_prefix("opts=\"").and_then(|rest| rest.strip_suffix('"')) {
        let both = words.split(' ').flat_map(|word| {
            let one = word.strip_prefix("--").filter(|name| !name.is_empty()).map(|name| format!("-{name}"));
            std::iter::once(word.to_owned()).chain(one)
        });
        return format!("{indent}opts=\"{}\"\n", both.collect::<Vec<_>>().join(" "));
    }
    match start.strip_prefix("--").and_then(|rest| rest.strip_suffix(')')) {
        Some(name) => format!("{indent}--{name}|-{name})\n"),
        None => format!("{line}\n"),
    }
}
