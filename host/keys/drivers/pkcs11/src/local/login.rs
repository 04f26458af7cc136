//! Who is logged in to which token.
//!
//! A login belongs to the process and the token, not to a session (PKCS#11 3.1 section 5.6.8), and it ends with the
//! last session. So one session per token is kept open for the login. And because any session profits from a login,
//! the PIN of every user of the token is compared with the one that logged in: knowing the token's name is not enough.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::error::{Error as LibraryError, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use keys::Error;
use secrecy::{ExposeSecret, SecretString};

use super::failure::Failure;
use super::module::Entered;

/// Wrong PINs that are compared with a login's in a row; then there is a pause. The comparison would else be a way to
/// guess a PIN that the token itself would have locked.
const WRONG_MAX: u32 = 3;
/// The pause.
const WRONG_PAUSE: Duration = Duration::from_secs(60);

/// The logins of one library.
#[derive(Default)]
pub(crate) struct Logins(Mutex<Table>);

#[derive(Default)]
struct Table {
    by_slot: HashMap<u64, Login>,
    serial: u64,
}

struct Login {
    /// Kept open; it does not close when it is dropped, because after a restart its number is another's.
    guard: Session,
    pin: SecretString,
    users: usize,
    ticket: Ticket,
    wrong: u32,
    last_wrong: Option<Instant>,
}

/// Membership of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    generation: u64,
    serial: u64,
}

/// Credentials of a pool.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'a> {
    pub(crate) pin: &'a SecretString,
    /// The login that took this PIN before: it is not compared again.
    pub(crate) proved: Option<Ticket>,
    pub(crate) read_write: bool,
}

impl Logins {
    /// Logs in to the token, or joins a login with the same PIN.
    pub(crate) fn join(&self, entered: &Entered<'_>, slot: Slot, with: Credentials<'_>) -> Result<Ticket, Failure> {
        let mut table = self.lock();
        if let Some(login) = table.current(entered, slot) {
            login.admit(with)?;
            login.users += 1;
            return Ok(login.ticket);
        }
        let guard = open_session(entered, slot, with.read_write)?;
        if let Err(failure) = log_in(&guard, with.pin) {
            // Best effort: the login's failure is the answer.
            let _ = guard.close();
            return Err(failure);
        }
        table.serial += 1;
        let ticket = Ticket { generation: entered.generation(), serial: table.serial };
        table
            .by_slot
            .insert(slot.id(), Login { guard, pin: with.pin.clone(), users: 1, ticket, wrong: 0, last_wrong: None });
        Ok(ticket)
    }

    /// Leaves the login; the last one out ends it.
    pub(crate) fn leave(&self, entered: &Entered<'_>, slot: Slot, ticket: Ticket) {
        let mut table = self.lock();
        let Some(login) = table.current(entered, slot).filter(|login| login.ticket == ticket) else { return };
        login.users -= 1;
        if login.users == 0 {
            table.end(slot);
        }
    }

    /// Makes sure that the login holds, after the token said that it does not. A login whose PIN the token no longer
    /// takes is ended.
    pub(crate) fn renew(&self, entered: &Entered<'_>, slot: Slot, with: Credentials<'_>) -> Result<(), Failure> {
        let mut table = self.lock();
        let Some(login) = table.current(entered, slot) else { return Ok(()) };
        if login.pin.expose_secret() != with.pin.expose_secret() {
            return Ok(());
        }
        if login.guard.get_session_info().is_err() {
            login.guard = open_session(entered, slot, with.read_write)?;
        }
        match raw_log_in(&login.guard, &login.pin) {
            Ok(()) | Err(LibraryError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(error) => {
                table.end(slot);
                Err(refusal(error))
            }
        }
    }

    /// Forgets all logins, because the library is restarted.
    pub(crate) fn clear(&self) {
        self.lock().by_slot.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Login {
    /// Compares a PIN with the one that logged in. The token is not asked: that would end the login of the others.
    fn admit(&mut self, with: Credentials<'_>) -> Result<(), Failure> {
        if with.proved == Some(self.ticket) {
            return Ok(());
        }
        let paused = self.wrong >= WRONG_MAX && self.last_wrong.is_some_and(|at| at.elapsed() < WRONG_PAUSE);
        if !paused && self.pin.expose_secret() == with.pin.expose_secret() {
            self.wrong = 0;
            return Ok(());
        }
        if !paused {
            self.wrong += 1;
            self.last_wrong = Some(Instant::now());
        }
        Err(Error::invalid(
            "pin: other managed keys are logged in to this token with a different PIN; all keys of a token need its \
             one user PIN (after several wrong ones, wait a minute)",
        )
        .into())
    }
}

impl Table {
    /// The login of this generation to a token.
    fn current(&mut self, entered: &Entered<'_>, slot: Slot) -> Option<&mut Login> {
        self.by_slot.get_mut(&slot.id()).filter(|login| login.ticket.generation == entered.generation())
    }

    fn end(&mut self, slot: Slot) {
        if let Some(login) = self.by_slot.remove(&slot.id()) {
            // Best effort: a session that cannot be closed is already gone.
            let _ = login.guard.logout();
            let _ = login.guard.close();
        }
    }
}

/// Opens a session that is closed by hand. See [`Login::guard`].
pub(crate) fn open_session(entered: &Entered<'_>, slot: Slot, read_write: bool) -> Result<Session, Failure> {
    let library = entered.library();
    Ok(if read_write { library.open_rw_session_no_drop(slot) } else { library.open_ro_session_no_drop(slot) }?)
}

/// Logs in. A login that is there already and is not ours proves nothing about this PIN: it is ended first.
fn log_in(guard: &Session, pin: &SecretString) -> Result<(), Failure> {
    match raw_log_in(guard, pin) {
        Ok(()) => Ok(()),
        Err(LibraryError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {
            guard.logout()?;
            raw_log_in(guard, pin).map_err(refusal)
        }
        Err(error) => Err(refusal(error)),
    }
}

fn raw_log_in(guard: &Session, pin: &SecretString) -> Result<(), LibraryError> {
    guard.login(UserType::User, Some(pin))
}

fn refusal(error: LibraryError) -> Failure {
    match error {
        LibraryError::Pkcs11(rv, function) if Failure::refused_pin(&rv) => {
            Failure::Final(Error::Login(format!("{function}: {rv}")))
        }
        other => Failure::Library(other),
    }
}
