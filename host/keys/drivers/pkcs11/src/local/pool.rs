//! One token with one PIN: a bounded queue, and threads that serve it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, TrySendError};
use cryptoki::object::ObjectHandle;
use keys::Error;
use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use secrecy::SecretString;
use tokio::time::Instant;

use super::calls::Calls;
use super::login::{Credentials, Ticket};
use super::module::Module;
use super::{Caller, line, lock};
use crate::work::Work;

/// Most jobs that wait for one token. More are refused at once, so that a slow token holds its own users only.
pub(crate) const QUEUE_MAX: usize = 256;
/// When to come back after the queue was full.
const BUSY_WAIT: Duration = Duration::from_secs(1);

/// Work, and who waits for it.
pub(crate) struct Job {
    pub(crate) work: Work,
    pub(crate) deadline: Instant,
    pub(crate) caller: Box<dyn Caller>,
}

/// The pool. Dropping it ends its workers once the queue is served.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    queue: Sender<Job>,
}

/// What the workers share.
pub(crate) struct Shared {
    pub(crate) module: Arc<Module>,
    pub(crate) calls: Arc<Calls>,
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
    by_key: HashMap<Arc<Pkcs11Locator>, Found>,
}

/// A key that was found.
#[derive(Clone)]
pub(crate) struct Found {
    pub(crate) handle: ObjectHandle,
    /// The public half that it was seen to have; `None` until somebody asked.
    pub(crate) public_key: Option<Arc<[u8]>>,
}

impl Pool {
    pub(crate) fn new(module: Arc<Module>, calls: Arc<Calls>, provider: &Pkcs11Provider) -> Self {
        let (queue, jobs) = crossbeam_channel::bounded(QUEUE_MAX);
        let shared = Shared {
            module,
            calls,
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

    /// Puts a job into the queue, or answers it at once why not.
    pub(crate) fn enqueue(&self, job: Job) {
        if let Some(why) = lock(&self.shared.refused).clone() {
            return job.caller.answer(Err(Error::Login(format!("not tried again: {why}"))));
        }
        self.shared.pending.fetch_add(1, Ordering::AcqRel);
        if let Err(refused) = self.queue.try_send(job) {
            self.shared.pending.fetch_sub(1, Ordering::AcqRel);
            let (job, error) = match refused {
                TrySendError::Full(job) => (job, Error::Busy { retry_after: BUSY_WAIT }),
                TrySendError::Disconnected(job) => (job, Error::unavailable("the threads of the library are gone")),
            };
            return job.caller.answer(Err(error));
        }
        self.staff();
    }

    /// Jobs that are submitted and not yet done.
    pub(crate) fn pending(&self) -> usize {
        self.shared.pending.load(Ordering::Acquire)
    }

    /// Ends the queue. Answers what its workers share, so that one can wait for them.
    pub(crate) fn close(self: Arc<Self>) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Starts one more worker when there are more jobs than workers, up to the limits. A job stops counting before its
    /// caller hears of it, so that one caller after the other never needs a second session.
    fn staff(&self) {
        let shared = &self.shared;
        let limit = shared.limit();
        let started = shared.workers.fetch_update(Ordering::AcqRel, Ordering::Acquire, |workers| {
            let needed = workers == 0 || shared.pending.load(Ordering::Acquire) > workers;
            (needed && workers < limit).then_some(workers + 1)
        });
        if started.is_err() {
            return;
        }
        let workers = Arc::clone(shared);
        let name = format!("p11-{}", shared.module.name());
        let spawned = std::thread::Builder::new().name(name).spawn(move || line::run(&workers));
        if let Err(error) = spawned {
            shared.workers.fetch_sub(1, Ordering::AcqRel);
            // The job waits for the next one's thread, until its deadline.
            tracing::error!(%error, "a thread for a library cannot be started");
        }
    }
}

impl Shared {
    /// How many sessions may work at once.
    pub(crate) fn limit(&self) -> usize {
        self.wanted.load(Ordering::Relaxed).min(self.most.load(Ordering::Relaxed)).max(1) as usize
    }

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

    pub(crate) fn found(&self, generation: u64, key: &Pkcs11Locator) -> Option<Found> {
        let handles = lock(&self.handles);
        handles.by_key.get(key).filter(|_| handles.generation == generation).cloned()
    }

    pub(crate) fn remember(&self, generation: u64, key: &Arc<Pkcs11Locator>, found: Found) {
        let mut handles = lock(&self.handles);
        if handles.generation != generation {
            *handles = Handles { generation, by_key: HashMap::new() };
        }
        handles.by_key.insert(Arc::clone(key), found);
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
