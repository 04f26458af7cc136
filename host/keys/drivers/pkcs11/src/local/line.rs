//! A thread that owns a session and does one job after the other.
//!
//! Calls into a library block, sometimes for minutes, and cannot be cancelled: so they run on threads of their own,
//! and the threads are as many as the sessions.

use std::sync::Arc;
use std::time::Duration;

use cryptoki::error::Error as LibraryError;
use cryptoki::object::ObjectHandle;
use cryptoki::session::Session;
use cryptoki::slot::{Limit, Slot};
use keys::registry::{Pkcs11Locator, TokenRef};
use keys::{Error, Hash};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::failure::{Cure, Failure};
use super::lock;
use super::login::{Ticket, open_session};
use super::module::Entered;
use super::pool::{Found, Job, Shared};
use super::{making, objects, sealing};
use crate::mechanism::{self, Operation};
use crate::secret;
use crate::work::{Answer, Given, Work};

/// How often a key is made that other nodes make at the same time.
const MAKING_TURNS: u32 = 8;

/// A session, and what it belongs to.
struct Line {
    session: Session,
    slot: Slot,
    ticket: Ticket,
    generation: u64,
}

struct Worker<'a> {
    shared: &'a Shared,
    line: Option<Line>,
}

/// Counts a worker out, also when it panics.
struct Presence<'a>(&'a Shared);

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        self.0.gone();
    }
}

/// Counts a job off, also when its worker panics.
struct Owed<'a>(&'a Shared);

impl Drop for Owed<'_> {
    fn drop(&mut self) {
        self.0.done();
    }
}

/// Serves the queue until the pool is dropped.
pub(crate) fn run(shared: &Shared) {
    let _presence = Presence(shared);
    let mut worker = Worker { shared, line: None };
    while let Ok(job) = shared.jobs.recv() {
        worker.serve(job);
    }
    if let Ok(entered) = shared.module.enter() {
        worker.hang_up(&entered);
    }
}

impl Worker<'_> {
    fn serve(&mut self, job: Job) {
        let owed = Owed(self.shared);
        // Nobody waits for it any more: the token's time is for the others.
        if job.deadline <= Instant::now() || !job.caller.waits() {
            drop(owed);
            return job.caller.answer(Err(Error::Timeout));
        }
        let answer = match self.shared.refused() {
            Some(why) => Err(Error::Login(format!("not tried again: {why}"))),
            None => {
                let (shared, pool) = (self.shared, std::ptr::from_ref(self.shared).addr());
                let _running = shared.calls.begin(&job.work, job.deadline, pool, shared.limit());
                self.perform(&job.work)
            }
        };
        if let Err(error) = &answer
            && !matches!(error, Error::Absent)
        {
            tracing::warn!(library = self.shared.module.name(), %error, "a call into the library failed");
        }
        drop(owed);
        job.caller.answer(answer);
    }

    /// Does the work; after a failure that can be cured, cures it and does the work again.
    fn perform(&mut self, work: &Work) -> Result<Answer, Error> {
        let mut last_cure = Cure::None;
        loop {
            let (failure, generation) = match self.attempt(work) {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let cure = match (last_cure, failure.cure()) {
                (Cure::Module, _) | (_, Cure::None) => return Err(failure.into_error()),
                (Cure::None, Cure::Session) => Cure::Session,
                _ => Cure::Module,
            };
            tracing::warn!(library = self.shared.module.name(), ?failure, ?cure, "trying again");
            self.cure(cure, generation, &failure).map_err(Failure::into_error)?;
            last_cure = cure;
        }
    }

    fn attempt(&mut self, work: &Work) -> Result<Answer, (Failure, u64)> {
        let shared = self.shared;
        let entered = shared.module.enter().map_err(|failure| (failure, 0))?;
        let done = self.connect(&entered).and_then(|()| self.call(&entered, work));
        done.map_err(|failure| (failure, entered.generation()))
    }

    fn cure(&mut self, cure: Cure, generation: u64, failure: &Failure) -> Result<(), Failure> {
        let shared = self.shared;
        shared.forget_handles();
        if cure == Cure::Module {
            // The session dies with the generation.
            self.line = None;
            return shared.module.restart(generation, failure.restart_interval());
        }
        let entered = shared.module.enter()?;
        if let Some(line) = &self.line {
            let renewed = shared.module.logins.renew(&entered, line.slot, shared.credentials());
            if let Err(Failure::Final(Error::Login(why))) = &renewed {
                shared.refuse(why);
            }
            self.hang_up(&entered);
            // What the library itself says of a renewal shows again at the next connection.
            return match renewed {
                Err(final_word @ Failure::Final(_)) => Err(final_word),
                _ => Ok(()),
            };
        }
        Ok(())
    }

    /// Sees that there is a session of this generation, logged in.
    fn connect(&mut self, entered: &Entered<'_>) -> Result<(), Failure> {
        if self.line.as_ref().is_some_and(|line| line.generation == entered.generation()) {
            return Ok(());
        }
        self.line = None;
        let shared = self.shared;
        let slot = find_slot(entered, &shared.token)?.ok_or_else(|| self.away(entered))?;
        shared.module.saw(&shared.token);
        shared.set_most(session_limit(entered, slot, shared.read_write)?);
        let ticket = match shared.module.logins.join(entered, slot, shared.credentials()) {
            Err(Failure::Final(Error::Login(why))) => {
                tracing::error!(library = shared.module.name(), why, "the token refused the PIN");
                shared.refuse(&why);
                return Err(Error::Login(why).into());
            }
            other => other?,
        };
        shared.prove(ticket);
        let session = open_session(entered, slot, shared.read_write);
        let session = session.inspect_err(|_| shared.module.logins.leave(entered, slot, ticket))?;
        self.line = Some(Line { session, slot, ticket, generation: entered.generation() });
        Ok(())
    }

    fn hang_up(&mut self, entered: &Entered<'_>) {
        let Some(line) = self.line.take().filter(|line| line.generation == entered.generation()) else { return };
        // Best effort: a session that cannot be closed is already gone.
        let _ = line.session.close();
        self.shared.module.logins.leave(entered, line.slot, line.ticket);
    }

    fn call(&self, entered: &Entered<'_>, work: &Work) -> Result<Answer, Failure> {
        let line = self.line.as_ref().ok_or_else(|| Error::Internal("a worker has no session".into()))?;
        match work {
            Work::Describe(key) => {
                // Looked up again: what a record is going to say must be so now.
                let found = objects::find(&line.session, key)?;
                Ok(Answer::Description(Box::new(objects::describe(&line.session, key, found)?)))
            }
            Work::Generate(key) => self.generate(entered, line, key),
            Work::Sign { key, operation, public_key } => {
                self.sign(line, key, operation, public_key).map(|signature| Answer::Bytes(Zeroizing::new(signature)))
            }
            Work::Decrypt { key, hash, ciphertext } => self.decrypt(line, key, *hash, ciphertext).map(Answer::Bytes),
            Work::Seal { key, text, open } => {
                let found = self.find(line, key)?.handle;
                let seal = if *open { sealing::open } else { sealing::seal };
                seal(&line.session, found, text).map(Answer::Bytes)
            }
            Work::Mac { key, hash, message } => {
                let found = self.find(line, key)?.handle;
                let code = line.session.sign(&secret::hmac(*hash)?, found, message)?;
                Ok(Answer::Bytes(Zeroizing::new(code)))
            }
            Work::Random(count) => Ok(Answer::Bytes(Zeroizing::new(line.session.generate_random_vec(*count)?))),
            Work::Put { key, given, replace } => self.put(entered, line, key, given.as_ref().as_ref(), *replace),
            Work::Probe => {
                line.session.get_session_info()?;
                Ok(Answer::Done)
            }
        }
    }

    /// Signs. What a key is known by in its record is compared with the key itself when it is first used in a
    /// generation: a slot may have been initialised anew, with another key of the same label.
    fn sign(
        &self,
        line: &Line,
        key: &Arc<Pkcs11Locator>,
        operation: &Operation,
        expected: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let found = self.find(line, key)?;
        if expected.is_empty() || found.public_key.as_deref() == Some(expected) {
            return Ok(line.session.sign(&operation.mechanism()?, found.handle, &operation.data)?);
        }
        let handle = objects::find(&line.session, key)?;
        let compared = match objects::public_key(&line.session, handle) {
            Ok(public_key) if public_key != expected => return Err(Error::Replaced.into()),
            Ok(_) => true,
            // Its public half is gone from the token: the signature itself must tell.
            Err(Failure::Final(Error::Unsupported(_))) => false,
            Err(failure) => return Err(failure),
        };
        let signature = line.session.sign(&operation.mechanism()?, handle, &operation.data)?;
        // A public object can lie; a signature cannot.
        let proved = operation.is_signed_by(expected, &signature);
        if proved == Some(false) {
            return Err(Error::Replaced.into());
        }
        if compared || proved == Some(true) {
            let found = Found { handle, public_key: Some(expected.into()) };
            self.shared.remember(line.generation, key, found);
        }
        Ok(signature)
    }

    fn decrypt(
        &self,
        line: &Line,
        key: &Arc<Pkcs11Locator>,
        hash: Hash,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let private = self.find(line, key)?.handle;
        let opened = line.session.decrypt(&mechanism::oaep(hash)?, private, ciphertext);
        // Of a ciphertext that is none some tokens say no more than that they failed. It is not cured: who may decrypt
        // could have everybody's library restarted by sending noise.
        let opened = opened.map_err(|error| match Failure::from(error) {
            vague if vague.is_vague() => Error::invalid("the ciphertext cannot be decrypted with this key").into(),
            clear => clear,
        });
        opened.map(Zeroizing::new)
    }

    /// Makes the key unless it is there.
    fn generate(&self, entered: &Entered<'_>, line: &Line, key: &Arc<Pkcs11Locator>) -> Result<Answer, Failure> {
        let _turn = lock(&self.shared.making);
        for turn in 1..=MAKING_TURNS {
            let private = match objects::find(&line.session, key) {
                Err(Failure::Final(Error::Absent)) => self.make(entered, line, key)?,
                // Two are there: as a rule because another node has not taken its own away yet.
                Err(Failure::Final(Error::Invalid(_))) if turn < MAKING_TURNS => None,
                found => Some(found?),
            };
            if let Some(private) = private {
                return Ok(Answer::Description(Box::new(objects::describe(&line.session, key, private)?)));
            }
            // Longer and longer, and by chance, so that one of two nodes is first.
            std::thread::sleep(Duration::from_millis(u64::from(objects::number()? % (100 * turn)) + 1));
        }
        Err(Error::unavailable("other nodes keep making the same key").into())
    }

    fn make(
        &self,
        entered: &Entered<'_>,
        line: &Line,
        key: &Arc<Pkcs11Locator>,
    ) -> Result<Option<ObjectHandle>, Failure> {
        let (plan, every_use) = (mechanism::generation(key)?, entered.module().keys_for_every_use);
        self.writing(entered, line, |session| making::generate_alone(session, key, &plan, every_use))
    }

    /// Puts a key where none is, or in another's place.
    fn put(
        &self,
        entered: &Entered<'_>,
        line: &Line,
        key: &Arc<Pkcs11Locator>,
        given: Option<&Given>,
        replace: bool,
    ) -> Result<Answer, Failure> {
        let _turn = lock(&self.shared.making);
        let how = (replace, entered.module().keys_for_every_use);
        let found = self.writing(entered, line, |session| making::put(session, key, given, how))?;
        self.shared.forget_handles();
        Ok(Answer::Description(Box::new(objects::describe(&line.session, key, found)?)))
    }

    /// Calls with a session that may write.
    fn writing<T>(
        &self,
        entered: &Entered<'_>,
        line: &Line,
        call: impl FnOnce(&Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if self.shared.read_write {
            return call(&line.session);
        }
        let session = open_session(entered, line.slot, true)?;
        let done = call(&session);
        // Best effort: a session that cannot be closed is already gone.
        let _ = session.close();
        done
    }

    /// The private key, from memory or from the token.
    fn find(&self, line: &Line, key: &Arc<Pkcs11Locator>) -> Result<Found, Failure> {
        if let Some(found) = self.shared.found(line.generation, key) {
            return Ok(found);
        }
        let found = Found { handle: objects::find(&line.session, key)?, public_key: None };
        self.shared.remember(line.generation, key, found.clone());
        Ok(found)
    }

    /// Why the token is not there. SoftHSM leaves a token out that another process writes to while it starts, and does not
    /// look again: so a library that nobody uses yet is started once more.
    fn away(&self, entered: &Entered<'_>) -> Failure {
        let module = &self.shared.module;
        let empty = || entered.library().get_slots_with_token().is_ok_and(|slots| slots.is_empty());
        let alone = module.is_unused() || empty();
        if alone || self.shared.module.has_seen(&self.shared.token) {
            return Failure::Away { alone };
        }
        Error::unavailable("the library has no such token").into()
    }
}

fn find_slot(entered: &Entered<'_>, token: &TokenRef) -> Result<Option<Slot>, Failure> {
    let library = entered.library();
    let slots = library.get_slots_with_token()?;
    let (number, label, serial) = token.parts();
    let fits = |slot: &Slot| {
        if number.is_some_and(|number| slot.id() != number) {
            return false;
        }
        if label.is_none() && serial.is_none() {
            return true;
        }
        library.get_token_info(*slot).is_ok_and(|info| {
            label.is_none_or(|label| info.label().trim_end() == label.trim_end())
                && serial.is_none_or(|serial| info.serial_number().trim_end() == serial.trim_end())
        })
    };
    let mut fitting: Vec<Slot> = slots.into_iter().filter(fits).collect();
    if fitting.len() > 1 {
        return Err(Error::invalid("several tokens have this token_label or serial; use slot").into());
    }
    Ok(fitting.pop())
}

/// How many sessions may work: what the token allows, less the one that keeps the login. Unknown and unlimited are not
/// numbers.
fn session_limit(entered: &Entered<'_>, slot: Slot, read_write: bool) -> Result<u32, Failure> {
    let info = match entered.library().get_token_info(slot) {
        Err(LibraryError::Pkcs11(rv, function)) => return Err(LibraryError::Pkcs11(rv, function).into()),
        // Some tokens give a time that is none: that is not worth a refusal.
        Err(_) => return Ok(u32::MAX),
        Ok(info) => info,
    };
    let limits = [Some(info.max_session_count()), read_write.then(|| info.max_rw_session_count())];
    let known = limits.into_iter().flatten().filter_map(|limit| match limit {
        // Some tokens say 0 for "no limit".
        Limit::Max(0) | Limit::Unavailable | Limit::Infinite => None,
        Limit::Max(most) => Some(u32::try_from(most - 1).unwrap_or(u32::MAX)),
    });
    Ok(known.min().unwrap_or(u32::MAX))
}
