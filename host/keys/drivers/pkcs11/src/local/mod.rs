//! A library in this very process: the server's, or that of a worker.

mod calls;
mod failure;
mod line;
mod login;
mod making;
mod module;
mod objects;
mod pool;
mod sealing;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use keys::registry::{Pkcs11Provider, TokenRef};
use keys::{Error, Hash};
use secrecy::ExposeSecret;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::work::{Answer, Work};
use calls::Calls;
use module::Module;
use pool::{Job, Pool};

/// Longest wait for running calls when the library is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

/// Who waits for an answer.
pub(crate) trait Caller: Send {
    /// Whether the answer is still wanted.
    fn waits(&self) -> bool;
    /// Takes the answer.
    fn answer(self: Box<Self>, outcome: Result<Answer, Error>);
}

impl Caller for oneshot::Sender<Result<Answer, Error>> {
    fn waits(&self) -> bool {
        !self.is_closed()
    }

    fn answer(self: Box<Self>, outcome: Result<Answer, Error>) {
        // The caller may have stopped waiting meanwhile.
        let _ = self.send(outcome);
    }
}

/// What makes two records share their sessions. The PIN is part of it, so that a wrong PIN in one record neither uses
/// nor blocks the sessions of another.
#[derive(PartialEq, Eq, Hash)]
struct Identity {
    token: TokenRef,
    pin: Vec<u8>,
    read_write: bool,
}

/// One library, loaded when a token is first used.
pub(crate) struct Local {
    module: Arc<Module>,
    pools: Mutex<HashMap<Identity, Arc<Pool>>>,
    calls: Arc<Calls>,
}

impl Local {
    pub(crate) fn new(name: String, path: PathBuf, parameters: Option<String>, keys_for_every_use: bool) -> Self {
        let module = Arc::new(Module::new(name, path, parameters, keys_for_every_use));
        Self { module, pools: Mutex::default(), calls: Arc::default() }
    }

    /// Has the work done, or says why not, by the deadline.
    pub(crate) async fn submit(&self, token: &Pkcs11Provider, work: Work, deadline: Instant) -> Result<Answer, Error> {
        let (reply, answer) = oneshot::channel();
        self.enqueue(token, work, deadline, Box::new(reply));
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Error::unavailable("a thread of the library died")),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Puts the work into the token's queue, or answers at once why not. Never waits.
    pub(crate) fn enqueue(&self, token: &Pkcs11Provider, work: Work, deadline: Instant, caller: Box<dyn Caller>) {
        match self.pool(token) {
            Ok(pool) => pool.enqueue(Job { work, deadline, caller }),
            Err(error) => caller.answer(Err(error)),
        }
    }

    /// Forgets the sessions and handles of a token, and that it refused a PIN.
    pub(crate) fn forget(&self, token: &Pkcs11Provider) {
        if let Ok(identity) = identity(token) {
            lock(&self.pools).remove(&identity);
        }
    }

    /// Forgets all tokens.
    pub(crate) fn forget_all(&self) {
        lock(&self.pools).clear();
    }

    /// Jobs that wait or run.
    pub(crate) fn waiting(&self) -> usize {
        lock(&self.pools).values().map(|pool| pool.pending()).sum()
    }

    /// Whether calls hang in the library, long after their time.
    pub(crate) fn hangs(&self) -> bool {
        self.calls.hang()
    }

    /// Ends all sessions and finalises the library, waiting for calls that are running, [`CLOSE_WAIT`] at most. Blocks
    /// the calling thread.
    pub(crate) fn close(&self) {
        let deadline = std::time::Instant::now() + CLOSE_WAIT;
        let pools: Vec<_> = lock(&self.pools).drain().map(|(_, pool)| pool.close()).collect();
        while !pools.iter().all(|pool| pool.is_deserted()) && std::time::Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(1));
        }
        self.module.stop(deadline);
    }

    fn pool(&self, token: &Pkcs11Provider) -> Result<Arc<Pool>, Error> {
        let identity = identity(token)?;
        let mut pools = lock(&self.pools);
        if let Some(pool) = pools.get(&identity) {
            pool.allow(token.max_parallel);
            return Ok(Arc::clone(pool));
        }
        let pool = Arc::new(Pool::new(Arc::clone(&self.module), Arc::clone(&self.calls), token));
        pools.insert(identity, Arc::clone(&pool));
        Ok(pool)
    }
}

fn identity(token: &Pkcs11Provider) -> Result<Identity, Error> {
    Ok(Identity {
        token: token.token.clone(),
        // The digest, so that the map holds no second copy of the PIN.
        pin: Hash::Sha256.digest(token.pin.expose_secret().as_bytes())?,
        read_write: token.force_rw_session,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
