//! A thread that owns a session and does one job after the other.
//!
//! Calls into a library block, sometimes for minutes, and cannot be cancelled: so they run on threads of their own,
//! and the threads are as many as the sessions.

use std::sync::{Arc, PoisonError};

use cryptoki::session::Session;
use cryptoki::slot::{Limit, Slot};
use keys::registry::{Pkcs11Locator, TokenRef};
use keys::{Error, Hash};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::failure::{Cure, Failure};
use crate::login::{Ticket, open_session};
use crate::mechanism::{self, Operation};
use crate::module::Entered;
use crate::objects;
use crate::pool::{Answer, Job, Shared, Work};

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
        if job.reply.is_closed() || job.deadline <= Instant::now() {
            return;
        }
        let answer = match self.shared.refused() {
            Some(why) => Err(Error::Login(format!("not tried again: {why}"))),
            None => self.perform(&job.work),
        };
        if let Err(error) = &answer
            && !matches!(error, Error::Absent)
        {
            tracing::warn!(library = self.shared.module.name(), %error, "a call into the library failed");
        }
        drop(owed);
        // The caller may have stopped waiting meanwhile.
        let _ = job.reply.send(answer);
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
            self.cure(cure, generation).map_err(Failure::into_error)?;
            last_cure = cure;
        }
    }

    fn attempt(&mut self, work: &Work) -> Result<Answer, (Failure, u64)> {
        let shared = self.shared;
        let entered = shared.module.enter().map_err(|failure| (failure, 0))?;
        let done = self.connect(&entered).and_then(|()| self.call(&entered, work));
        done.map_err(|failure| (failure, entered.generation()))
    }

    fn cure(&mut self, cure: Cure, generation: u64) -> Result<(), Failure> {
        let shared = self.shared;
        shared.forget_handles();
        if cure == Cure::Module {
            // The session dies with the generation.
            self.line = None;
            return shared.module.restart(generation);
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
        let slot = find_slot(entered, &shared.token)?;
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
                let private = self.find(line, key)?;
                Ok(Answer::Description(objects::describe(&line.session, key, private)?))
            }
            Work::Generate(key) => self.generate(entered, line, key),
            Work::Sign { key, operation } => self.sign(line, key, operation).map(Answer::Bytes),
            Work::Decrypt { key, hash, ciphertext } => self.decrypt(line, key, *hash, ciphertext).map(Answer::Bytes),
            Work::Probe => {
                line.session.get_session_info()?;
                Ok(Answer::Done)
            }
        }
    }

    fn sign(
        &self,
        line: &Line,
        key: &Arc<Pkcs11Locator>,
        operation: &Operation,
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let private = self.find(line, key)?;
        Ok(Zeroizing::new(line.session.sign(&operation.mechanism()?, private, &operation.data)?))
    }

    fn decrypt(
        &self,
        line: &Line,
        key: &Arc<Pkcs11Locator>,
        hash: Hash,
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let private = self.find(line, key)?;
        Ok(Zeroizing::new(line.session.decrypt(&mechanism::oaep(hash)?, private, ciphertext)?))
    }

    /// Makes the key unless it is there.
    fn generate(&self, entered: &Entered<'_>, line: &Line, key: &Arc<Pkcs11Locator>) -> Result<Answer, Failure> {
        let _turn = self.shared.making.lock().unwrap_or_else(PoisonError::into_inner);
        let private = match objects::find_private(&line.session, key) {
            Err(Failure::Final(Error::Absent)) => {
                let plan = mechanism::generation(key)?;
                if self.shared.read_write {
                    objects::generate(&line.session, key, &plan)?
                } else {
                    let session = open_session(entered, line.slot, true)?;
                    let made = objects::generate(&session, key, &plan);
                    let _ = session.close();
                    made?
                }
            }
            other => other?,
        };
        Ok(Answer::Description(objects::describe(&line.session, key, private)?))
    }

    /// The private key, from memory or from the token.
    fn find(&self, line: &Line, key: &Arc<Pkcs11Locator>) -> Result<cryptoki::object::ObjectHandle, Failure> {
        if let Some(handle) = self.shared.handle(line.generation, key) {
            return Ok(handle);
        }
        let handle = objects::find_private(&line.session, key)?;
        self.shared.remember(line.generation, key, handle);
        Ok(handle)
    }
}

fn find_slot(entered: &Entered<'_>, token: &TokenRef) -> Result<Slot, Failure> {
    let library = entered.library();
    let slots = library.get_slots_with_token()?;
    match token {
        TokenRef::Slot(number) => slots.into_iter().find(|slot| slot.id() == *number),
        TokenRef::Label(label) => {
            let labelled = slots.into_iter().filter(|slot| {
                library.get_token_info(*slot).is_ok_and(|info| info.label().trim_end() == label.trim_end())
            });
            let mut labelled: Vec<Slot> = labelled.collect();
            if labelled.len() > 1 {
                return Err(Error::invalid("several tokens have this token_label; use slot").into());
            }
            labelled.pop()
        }
    }
    .ok_or_else(|| Error::unavailable("the library has no such token").into())
}

/// How many sessions may work: what the token allows, less the one that keeps the login. Unknown and unlimited are not
/// numbers.
fn session_limit(entered: &Entered<'_>, slot: Slot, read_write: bool) -> Result<u32, Failure> {
    let info = entered.library().get_token_info(slot)?;
    let limits = [Some(info.max_session_count()), read_write.then(|| info.max_rw_session_count())];
    let known = limits.into_iter().flatten().filter_map(|limit| match limit {
        // Some tokens say 0 for "no limit".
        Limit::Max(0) | Limit::Unavailable | Limit::Infinite => None,
        Limit::Max(most) => Some(u32::try_from(most - 1).unwrap_or(u32::MAX)),
    });
    Ok(known.min().unwrap_or(u32::MAX))
}
