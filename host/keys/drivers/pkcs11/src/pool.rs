//! One token with one PIN: a bounded queue, and threads that serve it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use cryptoki::object::ObjectHandle;
use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use keys::{Description, Error, Hash};
use secrecy::SecretString;
use tokio::sync::oneshot;
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::login::{Credentials, Ticket};
use crate::mechanism::Operation;
use crate::module::Module;
use crate::worker;

/// Most jobs that wait for one token. More are refused at once, so that a slow token holds its own users only.
pub(crate) const QUEUE_MAX: usize = 256;
/// When to come back after the queue was full.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// What a worker is to do.
#[derive(Clone)]
pub(crate) enum Work {
    /// Tell the public half.
    Describe(Arc<Pkcs11Locator>),
    /// Make the key if it is absent.
    Generate(Arc<Pkcs11Locator>),
    /// Sign.
    Sign { key: Arc<Pkcs11Locator>, operation: Operation },
    /// Decrypt.
    Decrypt { key: Arc<Pkcs11Locator>, hash: Hash, ciphertext: Vec<u8> },
    /// See whether the token is there and takes the PIN.
    Probe,
}

/// What a worker answers.
pub(crate) enum Answer {
    Description(Description),
    /// A signature or a plaintext.
    Bytes(Zeroizing<Vec<u8>>),
    Done,
}

/// Work, and who waits for it.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) deadline: Instant,
    pub(crate) reply: oneshot::Sender<Result<Answer, Error>>,
}

/// The pool. Dropping it ends its workers once the queue is served.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    queue: Sender<Job>,
}

/// What the workers share.
pub(crate) struct Shared {
    pub(crate) module: Arc<Module>,
    pub(crate) token: TokenRef,
    pub(crate) pin: SecretString,
    pub(crate) read_write: bool,
    pub(crate) jobs: Receiver<Job>,
    /// One key is made at a time, so that two workers do not make it twice.
    pub(crate) making: Mutex<()>,
    handles: Mutex<Handles>,
    /// Why the token refused the login. Tried once: more would lock the token.
    refused: Mutex<Option<String>>,
    proved: Mutex<Option<Ticket>>,
    workers: AtomicUsize,
    /// Jobs that are submitted and not yet done.
    pending: AtomicUsize,
    /// What the records allow.
    wanted: AtomicU32,
    /// What the token allows; one until it was asked.
    most: AtomicU32,
}

/// Where keys are, in one generation of the library.
#[derive(Default)]
struct Handles {
    generation: u64,
    by_key: HashMap<Arc<Pkcs11Locator>, ObjectHandle>,
}

impl Pool {
    pub(crate) fn new(module: Arc<Module>, provider: &Pkcs11Provider) -> Self {
        let (queue, jobs) = crossbeam_channel::bounded(QUEUE_MAX);
        let shared = Shared {
            module,
            token: provider.token.clone(),
            pin: provider.pin.clone(),
            read_write: provider.force_rw_session,
            jobs,
            making: Mutex::default(),
            handles: Mutex::default(),
            refused: Mutex::default(),
            proved: Mutex::default(),
            workers: AtomicUsize::new(0),
            pending: AtomicUsize::new(0),
            wanted: AtomicU32::new(provider.max_parallel.max(1)),
            most: AtomicU32::new(1),
        };
        Self { shared: Arc::new(shared), queue }
    }

    /// Records of one token share its workers: the largest `max_parallel` of them counts.
    pub(crate) fn allow(&self, max_parallel: u32) {
        self.shared.wanted.fetch_max(max_parallel, Ordering::Relaxed);
    }

    /// Has the work done, or says why not, by the deadline.
    pub(crate) async fn submit(&self, work: Work, deadline: Instant) -> Result<Answer, Error> {
        if let Some(why) = lock(&self.shared.refused).clone() {
            return Err(Error::Login(format!("not tried again: {why}")));
        }
        let (reply, answer) = oneshot::channel();
        self.shared.pending.fetch_add(1, Ordering::AcqRel);
        if let Err(refused) = self.queue.try_send(Job { work, deadline, reply }) {
            self.shared.pending.fetch_sub(1, Ordering::AcqRel);
            return Err(match refused {
                TrySendError::Full(_) => Error::Busy { retry_after: BUSY_WAIT },
                TrySendError::Disconnected(_) => Error::unavailable("the workers are gone"),
            });
        }
        self.staff()?;
        match tokio::time::timeout_at(deadline, answer).await {
            Ok(Ok(answer)) => answer,
            // A worker drops what is too late.
            Ok(Err(_)) if Instant::now() >= deadline => Err(Error::Timeout),
            Ok(Err(_)) => Err(Error::unavailable("a worker died")),
            Err(_) => Err(Error::Timeout),
        }
    }

    /// Ends the queue. Answers what its workers share, so that one can wait for them.
    pub(crate) fn close(self: Arc<Self>) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Starts one more worker when there are more jobs than workers, up to the limits. A job stops counting before its
    /// caller hears of it, so that one caller after the other never needs a second session.
    fn staff(&self) -> Result<(), Error> {
        let shared = &self.shared;
        let limit = shared.wanted.load(Ordering::Relaxed).min(shared.most.load(Ordering::Relaxed)).max(1) as usize;
        let started = shared.workers.fetch_update(Ordering::AcqRel, Ordering::Acquire, |workers| {
            let needed = workers == 0 || shared.pending.load(Ordering::Acquire) > workers;
            (needed && workers < limit).then_some(workers + 1)
        });
        if started.is_err() {
            return Ok(());
        }
        let workers = Arc::clone(shared);
        let name = format!("p11-{}", shared.module.name());
        let spawned = std::thread::Builder::new().name(name).spawn(move || worker::run(&workers));
        if let Err(error) = spawned {
            shared.workers.fetch_sub(1, Ordering::AcqRel);
            return Err(Error::unavailable(format!("starting a worker: {error}")));
        }
        Ok(())
    }
}

impl Shared {
    pub(crate) fn credentials(&self) -> Credentials<'_> {
        Credentials { pin: &self.pin, proved: *lock(&self.proved), read_write: self.read_write }
    }

    /// Notes the login that took the PIN.
    pub(crate) fn prove(&self, ticket: Ticket) {
        *lock(&self.proved) = Some(ticket);
    }

    /// Sets how many sessions the token allows.
    pub(crate) fn set_most(&self, most: u32) {
        self.most.store(most.max(1), Ordering::Relaxed);
    }

    /// Marks the credentials as refused, until the record is rewritten.
    pub(crate) fn refuse(&self, why: &str) {
        *lock(&self.refused) = Some(why.to_owned());
    }

    /// Whether the token has refused the credentials.
    pub(crate) fn refused(&self) -> Option<String> {
        lock(&self.refused).clone()
    }

    pub(crate) fn handle(&self, generation: u64, key: &Pkcs11Locator) -> Option<ObjectHandle> {
        let handles = lock(&self.handles);
        handles.by_key.get(key).copied().filter(|_| handles.generation == generation)
    }

    pub(crate) fn remember(&self, generation: u64, key: &Arc<Pkcs11Locator>, handle: ObjectHandle) {
        let mut handles = lock(&self.handles);
        if handles.generation != generation {
            *handles = Handles { generation, by_key: HashMap::new() };
        }
        handles.by_key.insert(Arc::clone(key), handle);
    }

    pub(crate) fn forget_handles(&self) {
        lock(&self.handles).by_key.clear();
    }

    /// Says that a job is done, or that nobody waits for it.
    pub(crate) fn done(&self) {
        self.pending.fetch_sub(1, Ordering::AcqRel);
    }

    /// Whether all workers have hung up.
    pub(crate) fn is_deserted(&self) -> bool {
        self.workers.load(Ordering::Acquire) == 0
    }

    /// Says that a worker is gone.
    pub(crate) fn gone(&self) {
        self.workers.fetch_sub(1, Ordering::AcqRel);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
