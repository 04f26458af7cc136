//! A library in a worker process, seen from the server.
//!
//! A thread of its own, the supervisor, starts the process, listens to it and starts it again. Questions go to the
//! process straight from the tasks that ask.

mod connection;
mod identity;
mod lines;
mod outbox;
mod process;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use keys::Error;
use keys::registry::Pkcs11Provider;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::breaker::{Breaker, Verdict};
use crate::settings::{Program, Settings};
use crate::wire::message::ToWorker;
use crate::work::{Answer, Work};
use connection::{Connection, Outcome};
use identity::{Credentials, Identity};
use process::Process;

/// How often a question is sent again whose worker died.
const REPEATS_MAX: u32 = 1;
/// Deaths in a row, without an answer between them, after which one question at a time sees whether it works again.
const DEATHS_MAX: u32 = 3;
/// Rest before the second start in a row; doubled at each further one. The first comes at once.
const REST: Duration = Duration::from_millis(200);
/// Longest rest.
const REST_MAX: Duration = Duration::from_secs(30);
/// A worker that lived so long may be started again at once.
const HEALTHY: Duration = Duration::from_secs(60);
/// Longest time that a question waits for a worker to be started again. Else it is told when to come back.
const PATIENCE: Duration = Duration::from_secs(1);

/// The library's worker, started when it is first needed.
pub(crate) struct Remote {
    shared: Arc<Shared>,
    supervisor: Mutex<Option<JoinHandle<()>>>,
    /// What a token refused. It outlives the worker that tried: more tries would lock the token.
    refused: Mutex<HashMap<Credentials, String>>,
}

/// What the supervisor and the tasks share.
struct Shared {
    name: String,
    path: PathBuf,
    settings: Settings,
    program: Program,
    state: watch::Sender<State>,
    deaths: Arc<Breaker>,
    closing: Mutex<bool>,
    closed: Condvar,
    /// How often a worker was started.
    starts: AtomicU64,
    /// The worker that runs; 0 for none.
    process: AtomicU32,
}

#[derive(Clone)]
enum State {
    /// Nobody has asked for it yet, or it is being started.
    Starting,
    Up(Arc<Connection>),
    Resting(Instant),
    Closed,
}

impl Remote {
    pub(crate) fn new(name: String, path: PathBuf, settings: Settings, program: Program) -> Self {
        let shared = Shared {
            name,
            path,
            settings,
            program,
            state: watch::Sender::new(State::Starting),
            deaths: Breaker::new(DEATHS_MAX),
            closing: Mutex::default(),
            closed: Condvar::new(),
            starts: AtomicU64::new(0),
            process: AtomicU32::new(0),
        };
        Self { shared: Arc::new(shared), supervisor: Mutex::default(), refused: Mutex::default() }
    }

    /// Has the work done, or says why not, by the deadline. Work whose worker dies is sent again, once.
    pub(crate) async fn submit(&self, token: &Pkcs11Provider, work: Work, deadline: Instant) -> Result<Answer, Error> {
        let identity = Identity::of(token)?;
        if let Some(why) = lock(&self.refused).get(&identity.credentials) {
            return Err(Error::Login(format!("not tried again: {why}")));
        }
        let mut repeats = 0;
        loop {
            let pass = self.shared.deaths.admit().map_err(|retry_after| Error::Unavailable {
                detail: "the library's process keeps dying".into(),
                retry_after,
            })?;
            let connection = self.connection(deadline).await?;
            match connection.ask(&identity, token, &work, deadline).await {
                Outcome::Answered(outcome) => {
                    pass.tell(Verdict::Works);
                    if let Err(Error::Login(why)) = &outcome {
                        lock(&self.refused).insert(identity.credentials, why.clone());
                    }
                    return outcome;
                }
                Outcome::Late => return Err(Error::Timeout),
                Outcome::NotAsked => {}
                Outcome::Lost => {
                    pass.tell(Verdict::FailsWithOthers(REST_MAX));
                    if repeats == REPEATS_MAX || !work.is_repeatable() {
                        return Err(Error::unavailable("the library's process died"));
                    }
                    repeats += 1;
                }
            }
            if deadline <= Instant::now() {
                return Err(Error::Timeout);
            }
        }
    }

    /// Forgets the sessions and handles of a token, and that it refused a PIN.
    pub(crate) fn forget(&self, token: &Pkcs11Provider) {
        let Ok(identity) = Identity::of(token) else { return };
        lock(&self.refused).remove(&identity.credentials);
        if let State::Up(connection) = self.shared.state() {
            connection.forget(&identity);
        }
    }

    /// Forgets all tokens.
    pub(crate) fn forget_all(&self) {
        lock(&self.refused).clear();
        if let State::Up(connection) = self.shared.state() {
            connection.forget_all();
        }
    }

    /// The worker that runs, how often one was started, and how many questions wait.
    pub(crate) fn status(&self) -> (Option<u32>, u64, usize) {
        let process = Some(self.shared.process.load(Ordering::Relaxed)).filter(|process| *process > 0);
        let waiting = match self.shared.state() {
            State::Up(connection) => connection.waiting(),
            _ => 0,
        };
        (process, self.shared.starts.load(Ordering::Relaxed), waiting)
    }

    /// Lets the worker end its sessions, and ends it. Blocks the calling thread.
    pub(crate) fn close(&self) {
        *lock(&self.shared.closing) = true;
        self.shared.closed.notify_all();
        if let State::Up(connection) = self.shared.state() {
            connection.tell(&ToWorker::Close);
        }
        let supervisor = lock(&self.supervisor).take();
        if supervisor.is_some_and(|supervisor| supervisor.join().is_err()) {
            tracing::error!(library = self.shared.name, "the supervisor of a worker panicked");
        }
        self.shared.state.send_replace(State::Closed);
    }

    /// The running worker, once there is one.
    async fn connection(&self, deadline: Instant) -> Result<Arc<Connection>, Error> {
        if let State::Up(connection) = self.shared.state() {
            return Ok(connection);
        }
        self.shared.supervise(&self.supervisor)?;
        let mut state = self.shared.state.subscribe();
        let patient = Instant::now() + PATIENCE;
        loop {
            let now = state.borrow_and_update().clone();
            match now {
                State::Up(connection) => return Ok(connection),
                State::Closed => return Err(Error::unavailable("the library was closed")),
                State::Resting(until) if until > patient => {
                    let retry_after = until.saturating_duration_since(Instant::now());
                    let detail = "the library's process died several times and rests".into();
                    return Err(Error::Unavailable { detail, retry_after });
                }
                State::Starting | State::Resting(_) => {}
            }
            match tokio::time::timeout_at(deadline, state.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Err(Error::unavailable("the library was closed")),
                Err(_) => return Err(Error::Timeout),
            }
        }
    }
}

impl Shared {
    fn state(&self) -> State {
        self.state.borrow().clone()
    }

    fn is_closing(&self) -> bool {
        *lock(&self.closing)
    }

    /// Starts the supervisor, unless it is there.
    fn supervise(self: &Arc<Self>, supervisor: &Mutex<Option<JoinHandle<()>>>) -> Result<(), Error> {
        let mut supervisor = lock(supervisor);
        if supervisor.is_some() || self.is_closing() {
            return Ok(());
        }
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name("p11-supervisor".into()).spawn(move || shared.keep());
        let thread = thread.map_err(|error| Error::unavailable(format!("starting a supervisor: {error}")))?;
        *supervisor = Some(thread);
        Ok(())
    }

    /// Keeps a worker running until the library is closed.
    fn keep(&self) {
        let mut deaths = 0_u32;
        while !self.is_closing() {
            let born = Instant::now();
            let why = match Process::start(self) {
                Ok(mut process) => {
                    tracing::info!(library = self.name, "a worker process serves the library");
                    self.starts.fetch_add(1, Ordering::Relaxed);
                    self.process.store(process.id(), Ordering::Relaxed);
                    self.state.send_replace(State::Up(Arc::clone(&process.connection)));
                    if self.is_closing() {
                        process.connection.tell(&ToWorker::Close);
                    }
                    let why = process.attend(self);
                    self.process.store(0, Ordering::Relaxed);
                    // Before whoever waits is told: the next question must not go to it.
                    self.state.send_replace(State::Starting);
                    why
                }
                Err(error) => format!("it does not start: {error}"),
            };
            if self.is_closing() {
                return;
            }
            deaths = if born.elapsed() > HEALTHY { 1 } else { deaths + 1 };
            self.deaths.fail(REST_MAX);
            self.rest(deaths, &why);
        }
    }

    fn rest(&self, deaths: u32, why: &str) {
        let rest = if deaths < 2 { Duration::ZERO } else { REST * 2_u32.saturating_pow(deaths - 2) }.min(REST_MAX);
        tracing::error!(library = self.name, why, ?rest, "the library's worker is gone; it is started again");
        if rest.is_zero() {
            return;
        }
        self.state.send_replace(State::Resting(Instant::now() + rest));
        let closing = lock(&self.closing);
        drop(self.closed.wait_timeout_while(closing, rest, |closing| !*closing));
        self.state.send_replace(State::Starting);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
