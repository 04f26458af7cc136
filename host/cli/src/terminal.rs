//! Where a command reads and writes: standard input and output, standard error, and the person at the terminal.

mod hidden;

use std::io::{self, IsTerminal, Read, Write};

use secrecy::SecretString;

use crate::Error;
use crate::output::visible;

/// Longest standard input that is read, in bytes.
const INPUT_MAX: u64 = 32 << 20;

/// Shows a prompt and reads what is typed, unseen.
type Ask = dyn FnMut(&str) -> io::Result<String>;

/// The streams of a command. Tests bring their own.
pub(crate) struct Terminal {
    input: Box<dyn Read>,
    output: Box<dyn Write>,
    errors: Box<dyn Write>,
    /// Whether a person looks at the output as it comes.
    watched: bool,
    /// Whether standard input was read already: it can be read once.
    used: bool,
    /// Whether somebody may be asked.
    asks: bool,
    ask: Box<Ask>,
}

impl Terminal {
    /// This process's own.
    pub(crate) fn of_the_process() -> Self {
        Self {
            input: Box::new(io::stdin()),
            output: Box::new(io::stdout()),
            errors: Box::new(io::stderr()),
            watched: io::stdout().is_terminal(),
            used: false,
            asks: true,
            ask: Box::new(hidden::ask),
        }
    }

    #[cfg(test)]
    pub(crate) fn new(input: Box<dyn Read>, output: Box<dyn Write>, errors: Box<dyn Write>, ask: Box<Ask>) -> Self {
        Self { input, output, errors, watched: false, used: false, asks: true, ask }
    }

    /// A text of ours, on lines of its own. Texts of strangers are cleaned before.
    pub(crate) fn line(&mut self, text: &str) -> Result<(), Error> {
        Ok(writeln!(self.output, "{text}").and_then(|()| self.output.flush())?)
    }

    /// Begins a screen of its own, where a person looks.
    pub(crate) fn clear(&mut self) -> Result<(), Error> {
        const CLEAR: &[u8] = b"\x1b[2J\x1b[H";
        if self.watched { Ok(self.output.write_all(CLEAR)?) } else { Ok(()) }
    }

    /// A value for a program as it is; where a person looks, cleaned and on a line of its own.
    pub(crate) fn value(&mut self, text: &str) -> Result<(), Error> {
        if self.watched {
            return self.line(&visible(text));
        }
        self.bytes(text.as_bytes())
    }

    /// Bytes as they are.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.watched && bytes.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) {
            let text = "the answer is no text, and this is a terminal: send it to a file or another program";
            return Err(Error::Usage(text.into()));
        }
        Ok(self.output.write_all(bytes).and_then(|()| self.output.flush())?)
    }

    /// A remark for people, beside the output.
    pub(crate) fn note(&mut self, text: &str) -> Result<(), Error> {
        Ok(writeln!(self.errors, "{text}")?)
    }

    /// All of standard input, as text.
    pub(crate) fn input(&mut self) -> Result<String, Error> {
        if std::mem::replace(&mut self.used, true) {
            return Err(Error::Usage("only one value can come from standard input".into()));
        }
        let mut text = String::new();
        let read = self.input.by_ref().take(INPUT_MAX + 1).read_to_string(&mut text);
        read.map_err(|error| Error::Usage(format!("standard input: {error}")))?;
        if text.len() as u64 > INPUT_MAX {
            return Err(Error::Usage(format!("standard input is longer than {INPUT_MAX} bytes")));
        }
        Ok(text)
    }

    /// An argument, or standard input where that is `-`; without white space around it.
    pub(crate) fn given(&mut self, argument: Option<&str>) -> Result<Option<String>, Error> {
        match argument {
            Some("-") => Ok(Some(self.input()?.trim().to_owned())),
            argument => Ok(argument.map(|text| text.trim().to_owned())),
        }
    }

    /// From now on nobody is asked.
    pub(crate) fn ask_nobody(&mut self) {
        self.asks = false;
    }

    /// Asks the person at the terminal for something that nobody else should see.
    pub(crate) fn hidden(&mut self, what: &str) -> Result<SecretString, Error> {
        if !self.asks {
            let text = "-non-interactive asks nobody: give it as an argument, or - and send it in";
            return Err(Error::Usage(format!("{what}: is missing, and {text}")));
        }
        let given = (self.ask)(&format!("{what} (will be hidden): ")).map_err(|_| {
            Error::Usage(format!("{what}: there is no terminal to ask at: give it as an argument, or - and send it in"))
        })?;
        let given = given.trim();
        if given.is_empty() { Err(Error::Usage(format!("{what}: is empty"))) } else { Ok(SecretString::from(given)) }
    }
}
