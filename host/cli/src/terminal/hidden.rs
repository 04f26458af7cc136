//! A question whose answer is not shown. Whatever ends or stops the process meanwhile, the terminal shows again what is
//! typed.

use std::fs::{File, OpenOptions};
use std::io;
use std::sync::{Mutex, PoisonError};

use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use signal_hook::consts::{SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// Where people are.
const TERMINAL: &str = "/dev/tty";

/// The terminal that is being asked at, if one is.
static ASKING: Mutex<Option<Asking>> = Mutex::new(None);

/// A terminal, and what it was like before.
struct Asking {
    terminal: File,
    before: Termios,
}

impl Asking {
    fn at(path: &str) -> io::Result<Self> {
        let terminal = OpenOptions::new().read(true).write(true).open(path)?;
        let before = tcgetattr(&terminal)?;
        Ok(Self { terminal, before })
    }

    /// Makes the terminal what it was before; what it was until now.
    fn show(&self) -> Option<Termios> {
        let hidden = tcgetattr(&self.terminal).ok()?;
        self.set(&self.before);
        Some(hidden)
    }

    fn set(&self, attributes: &Termios) {
        // Where the terminal is gone, nothing of it is left to put right.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, attributes);
    }
}

/// Shows a prompt at the terminal and reads a line that is not shown.
pub(super) fn ask(prompt: &str) -> io::Result<String> {
    watch()?;
    let asking = Asking::at(TERMINAL)?;
    *ASKING.lock().unwrap_or_else(PoisonError::into_inner) = Some(asking);
    let given = rpassword::prompt_password(prompt);
    // The question is over, and the terminal is as it was.
    ASKING.lock().unwrap_or_else(PoisonError::into_inner).take();
    if given.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
        emulate_default_handler(SIGINT)?;
    }
    given
}

/// Passes signals on only once the terminal is put right. This lasts as long as the process.
fn watch() -> io::Result<()> {
    static WATCHED: Mutex<bool> = Mutex::new(false);
    let mut watched = WATCHED.lock().unwrap_or_else(PoisonError::into_inner);
    if !std::mem::replace(&mut *watched, true) {
        let mut signals = Signals::new([SIGINT, SIGQUIT, SIGTERM, SIGTSTP])?;
        std::thread::Builder::new().spawn(move || signals.forever().for_each(pass_on))?;
    }
    Ok(())
}

fn pass_on(signal: i32) {
    let asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let hidden = asking.as_ref().and_then(Asking::show);
    // This ends the process, or stops it and goes on when it does.
    let _ = emulate_default_handler(signal);
    if let (Some(asking), Some(hidden)) = (asking.as_ref(), hidden) {
        asking.set(&hidden);
    }
}
