//! Questions to one running worker, and who waits for their answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keys::registry::Pkcs11Provider;
use keys::{Error, key_type_of};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::identity::Identity;
use super::outbox::{Outbox, Refused};
use crate::wire::message::ToWorker;
use crate::wire::refusal::Refusal;
use crate::wire::{REQUEST_MAX, frame};
use crate::work::{Answer, Work};

/// Most questions that wait for one worker. More are refused at once.
const WAITING_MAX: usize = 1024;
/// When to come back after that.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// A running worker.
pub(super) struct Connection {
    outbox: Arc<Outbox>,
    waiting: Mutex<Waiting>,
    numbers: Mutex<Numbers>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    by_id: HashMap<u64, oneshot::Sender<Result<Answer, Error>>>,
    dead: bool,
}

#[derive(Default)]
struct Numbers {
    next: u32,
    by_token: HashMap<Identity, u32>,
}

/// What came of a question.
pub(super) enum Outcome {
    /// An answer, or a refusal.
    Answered(Result<Answer, Error>),
    /// Nobody answered in time.
    Late,
    /// The worker died before it was asked.
    NotAsked,
    /// The worker died while it was asked.
    Lost,
}

/// A place among those who wait; leaving frees it.
struct Place<'a> {
    connection: &'a Connection,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        lock(&self.connection.waiting).by_id.remove(&self.id);
    }
}

impl Connection {
    pub(super) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox, waiting: Mutex::default(), numbers: Mutex::default() }
    }

    /// Asks, and waits for the answer until the deadline.
    pub(super) async fn ask(
        &self,
        identity: &Identity,
        token: &Pkcs11Provider,
        work: &Work,
        deadline: Instant,
    ) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let place = match self.join(reply) {
            Ok(Some(id)) => Place { connection: self, id },
            Ok(None) => return Outcome::NotAsked,
            Err(error) => return Outcome::Answered(Err(error)),
        };
        if let Err(outcome) = self.ask_of(identity, token, |number| {
            let left = deadline.saturating_duration_since(Instant::now());
            ToWorker::Ask { id: place.id, number, left, work: work.clone() }
        }) {
            return outcome;
        }
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(outcome)) => Outcome::Answered(outcome),
            Ok(Err(_)) => Outcome::Lost,
            Err(_) => Outcome::Late,
        }
    }

    /// Gives an answer to who waits for it; nobody may.
    pub(super) fn answer(&self, id: u64, outcome: Result<Answer, Refusal>) {
        let caller = lock(&self.waiting).by_id.remove(&id);
        if let Some(caller) = caller {
            // The caller may have left meanwhile.
            let _ = caller.send(outcome.map_err(Error::from).and_then(sensible));
        }
    }

    /// Tells the worker to forget a token.
    pub(super) fn forget(&self, identity: &Identity) {
        let mut numbers = lock(&self.numbers);
        if let Some(number) = numbers.by_token.remove(identity) {
            // A worker that is gone has forgotten.
            let _ = self.send(&ToWorker::Forget { number });
        }
    }

    /// Tells the worker to forget all tokens.
    pub(super) fn forget_all(&self) {
        let mut numbers = lock(&self.numbers);
        numbers.by_token.clear();
        let _ = self.send(&ToWorker::ForgetAll);
    }

    /// Sends a message that has no answer of its own.
    pub(super) fn tell(&self, message: &ToWorker) {
        // A worker that is gone needs to be told nothing.
        let _ = self.send(message);
    }

    /// Whether anybody waits.
    pub(super) fn is_busy(&self) -> bool {
        self.waiting() > 0
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        lock(&self.waiting).by_id.len()
    }

    /// The worker is gone: whoever waits is told.
    pub(super) fn die(&self) {
        self.outbox.close();
        let left = {
            let mut waiting = lock(&self.waiting);
            waiting.dead = true;
            std::mem::take(&mut waiting.by_id)
        };
        drop(left);
    }

    fn join(&self, reply: oneshot::Sender<Result<Answer, Error>>) -> Result<Option<u64>, Error> {
        let mut waiting = lock(&self.waiting);
        if waiting.dead {
            return Ok(None);
        }
        if waiting.by_id.len() >= WAITING_MAX {
            return Err(Error::Busy { retry_after: BUSY_WAIT });
        }
        waiting.next += 1;
        let id = waiting.next;
        waiting.by_id.insert(id, reply);
        Ok(Some(id))
    }

    /// Sends a question about a token, by its number; an unknown token is opened first. The lock, over sending that never
    /// waits, keeps others from using a number that the worker has not heard of, or has been told to forget.
    fn ask_of(
        &self,
        identity: &Identity,
        token: &Pkcs11Provider,
        question: impl FnOnce(u32) -> ToWorker,
    ) -> Result<(), Outcome> {
        let mut numbers = lock(&self.numbers);
        let known = numbers.by_token.get(identity).copied();
        let number = match known {
            Some(number) => number,
            None => {
                numbers.next += 1;
                let number = numbers.next;
                self.send(&ToWorker::Open { number, provider: token.clone() })?;
                numbers.by_token.insert(identity.clone(), number);
                number
            }
        };
        self.send(&question(number))
    }

    fn send(&self, message: &ToWorker) -> Result<(), Outcome> {
        let framed = frame(message, REQUEST_MAX)
            .map_err(|error| Outcome::Answered(Err(Error::Internal(format!("a question to a worker: {error}")))))?;
        self.outbox.send(framed).map_err(|refused| match refused {
            Refused::Full => Outcome::Answered(Err(Error::Busy { retry_after: BUSY_WAIT })),
            Refused::Gone => Outcome::NotAsked,
        })
    }
}

/// What a worker says of a key is a vendor's word: its public key must at least be what it is said to be.
fn sensible(answer: Answer) -> Result<Answer, Error> {
    let Answer::Description(described) = &answer else { return Ok(answer) };
    let is_one = match described.key_type.is_pair() {
        true => key_type_of(&described.public_key).ok() == Some(described.key_type),
        false => described.public_key.is_empty() && described.schemes.is_empty(),
    };
    if is_one { Ok(answer) } else { Err(Error::Internal("the worker described a key that is none".into())) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
