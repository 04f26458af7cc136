//! Keys in PKCS#11 tokens.
//!
//! **For:** the [`keys::Driver`] of type `pkcs11`, over whatever libraries the node's configuration names.
//! **Never:** loads a library that is not in that table, loads one twice, logs a PIN, puts one into arguments or an
//! environment, tries a refused PIN again, calls a library from an async thread, or hashes in the token. **In, out:** the
//! registry's records and digests in; public keys and signatures out. **Meet first:** [`Driver`], [`Settings`],
//! [`worker()`]. **Errors:** [`keys::Error`]; what the library said goes to the log, by the name of its stanza.
//!
//! A library runs in a worker process: this very binary, started by exec as [`worker()`]. `wire` is what the two say to
//! each other, `remote` the server's side with the supervisor that starts a worker again, `worker` the other side. A
//! library that crashes or hangs costs its worker; the server and other libraries do not notice. Or, where the operator
//! says so, it runs in the server's process.
//!
//! `local` is a library in either process: a `Module` is the loaded library with its generation (from C_Initialize to
//! C_Finalize); a `Pool` is one token with one PIN, a bounded queue and threads; a `Line` is a session that serves the
//! queue. A warm signature is C_SignInit and C_Sign. The first signature of a generation is checked against the public
//! half that the record knows.
//!
//! In front of each token is a circuit breaker. Limits: keys with CKA_ALWAYS_AUTHENTICATE are not served; a PIN that a
//! library crashes over is tried once more by the next worker.
#![deny(unsafe_code)]

mod breaker;
mod local;
mod mechanism;
mod powers;
mod remote;
mod secret;
mod settings;
mod status;
mod wire;
mod work;
mod worker;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use keys::registry::{Pkcs11Locator, Pkcs11Provider, TokenRef};
use keys::{Cipher, Description, Error, Keeper, Libraries, Locator, Provider, Random, SignRequest, Symmetric};
use tokio::time::Instant;

use breaker::{Breaker, Verdict};
use local::Local;
use remote::Remote;
pub use settings::{Bounds, INHERITED, Process, Program, Settings};
pub use status::{Status, TokenStatus};
use work::{Answer, Work};
pub use worker::worker;

/// Failures in a row that keep callers from a token.
const FAILURES_MAX: u32 = 5;
/// Longest rest of a token that says that it is not there: asking costs nothing.
const REST_MAX: Duration = Duration::from_secs(1);
/// Longest rest of a token that does not answer at all: each question costs a session.
const SILENCE_REST_MAX: Duration = Duration::from_secs(15);
/// A caller who waited less does not count against a token that did not answer.
const PATIENT: Duration = Duration::from_secs(1);

/// The driver. Nothing is loaded until a key is first used.
pub struct Driver {
    libraries: Arc<Libraries>,
    /// By the names of stanzas, in lower case.
    settings: HashMap<String, Settings>,
    program: Program,
    homes: Mutex<Homes>,
}

#[derive(Default)]
struct Homes {
    by_name: HashMap<String, Arc<Home>>,
    /// Two names of one file, a symbolic link among them, are one library.
    by_file: HashMap<PathBuf, Arc<Home>>,
}

/// One library, and the breakers of its tokens.
struct Home {
    name: String,
    place: Place,
    breakers: Mutex<HashMap<TokenRef, Arc<Breaker>>>,
}

enum Place {
    Here(Local),
    There(Remote),
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.close();
    }
}

impl Driver {
    /// The driver over the libraries of this node. Libraries that `settings` does not name run as by default. Of two
    /// names of one file the settings of that which is used first count.
    pub fn new(libraries: Arc<Libraries>, settings: impl IntoIterator<Item = (String, Settings)>) -> Self {
        let settings = settings.into_iter().map(|(name, settings)| (name.to_ascii_lowercase(), settings)).collect();
        Self { libraries, settings, program: Program::default(), homes: Mutex::default() }
    }

    /// The same with another program for its workers, which must call [`worker()`] first.
    #[must_use]
    pub fn with_program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// Ends all sessions and finalises the libraries, waiting for calls that are running, some seconds at most. To be
    /// called (or the driver dropped) before the process ends: libraries free their memory then, and a thread that is
    /// still in one would find it gone. Blocks the calling thread.
    pub fn close(&self) {
        let homes = std::mem::take(&mut *lock(&self.homes));
        std::thread::scope(|scope| {
            for home in homes.by_file.into_values() {
                // At once: each may wait for calls that hang.
                scope.spawn(move || home.close());
            }
        });
    }

    /// How the libraries are that were used so far. Asks none of them.
    pub fn status(&self) -> Vec<Status> {
        let homes: Vec<_> = lock(&self.homes).by_file.values().cloned().collect();
        homes.iter().map(|home| home.status()).collect()
    }

    fn home(&self, provider: &Pkcs11Provider) -> Result<Arc<Home>, Error> {
        let mut homes = lock(&self.homes);
        if let Some(home) = homes.by_name.get(&provider.library) {
            return Ok(Arc::clone(home));
        }
        let missing = || Error::Unavailable {
            detail: format!("library {:?} is not configured on this node", provider.library),
            retry_after: Duration::from_secs(60),
        };
        let path = self.libraries.path(&provider.library).ok_or_else(missing)?.to_owned();
        let file = path.canonicalize().unwrap_or_else(|_| path.clone());
        let home = homes.by_file.entry(file).or_insert_with(|| Arc::new(self.build(&provider.library, path)));
        let home = Arc::clone(home);
        homes.by_name.insert(provider.library.clone(), Arc::clone(&home));
        Ok(home)
    }

    fn build(&self, name: &str, path: PathBuf) -> Home {
        let name = name.to_ascii_lowercase();
        let settings = self.settings.get(&name).cloned().unwrap_or_default();
        let place = match settings.process {
            Process::InProcess => {
                Place::Here(Local::new(name.clone(), path, settings.parameters, settings.keys_for_every_use))
            }
            Process::Worker => Place::There(Remote::new(name.clone(), path, settings, self.program.clone())),
        };
        Home { name, place, breakers: Mutex::default() }
    }

    async fn submit(&self, provider: &Provider, work: Work, deadline: Instant) -> Result<Answer, Error> {
        let provider = own(provider)?;
        self.home(provider)?.submit(provider, work, deadline).await
    }

    async fn described(&self, provider: &Provider, work: Work, deadline: Instant) -> Result<Description, Error> {
        match self.submit(provider, work, deadline).await? {
            Answer::Description(description) => Ok(*description),
            _ => Err(mixed_up()),
        }
    }
}

impl Home {
    async fn submit(&self, token: &Pkcs11Provider, work: Work, deadline: Instant) -> Result<Answer, Error> {
        let pass = self.breaker(&token.token).admit().map_err(|retry_after| Error::Unavailable {
            detail: "the token failed several times in a row".into(),
            retry_after,
        })?;
        let asked = Instant::now();
        let outcome = match &self.place {
            Place::Here(local) => local.submit(token, work, deadline).await,
            Place::There(remote) => remote.submit(token, work, deadline).await,
        };
        pass.tell(match &outcome {
            Err(Error::Unavailable { .. }) => Verdict::Fails(REST_MAX),
            Err(Error::Timeout) if asked.elapsed() >= PATIENT => Verdict::Fails(SILENCE_REST_MAX),
            Err(Error::Timeout | Error::Busy { .. }) => Verdict::Nothing,
            _ => Verdict::Works,
        });
        outcome
    }

    fn status(&self) -> Status {
        let status = |(token, breaker): (&TokenRef, &Arc<Breaker>)| {
            let (failures, is_kept_away_from) = breaker.state();
            TokenStatus { token: token.clone(), failures, is_kept_away_from }
        };
        let tokens = lock(&self.breakers).iter().map(status).collect();
        let (process, starts, waiting) = match &self.place {
            Place::Here(local) => (None, 0, local.waiting()),
            Place::There(remote) => remote.status(),
        };
        Status { library: self.name.clone(), process, starts, waiting, tokens }
    }

    fn breaker(&self, token: &TokenRef) -> Arc<Breaker> {
        let mut breakers = lock(&self.breakers);
        if let Some(breaker) = breakers.get(token) {
            return Arc::clone(breaker);
        }
        let breaker = Breaker::new(FAILURES_MAX);
        breakers.insert(token.clone(), Arc::clone(&breaker));
        breaker
    }

    fn forget(&self, token: &Pkcs11Provider) {
        lock(&self.breakers).remove(&token.token);
        match &self.place {
            Place::Here(local) => local.forget(token),
            Place::There(remote) => remote.forget(token),
        }
    }

    fn forget_all(&self) {
        lock(&self.breakers).clear();
        match &self.place {
            Place::Here(local) => local.forget_all(),
            Place::There(remote) => remote.forget_all(),
        }
    }

    fn close(&self) {
        match &self.place {
            Place::Here(local) => local.close(),
            Place::There(remote) => remote.close(),
        }
    }
}

#[async_trait]
impl keys::Driver for Driver {
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        self.described(provider, Work::Describe(key(locator)?), deadline).await
    }

    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        self.described(provider, Work::Generate(key(locator)?), deadline).await
    }

    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let key = key(locator)?;
        mechanism::can_sign(&key, request.scheme)?;
        match self.submit(provider, Work::sign(key, request)?, deadline).await? {
            Answer::Bytes(signature) => mechanism::finish(request.scheme, &signature),
            _ => Err(mixed_up()),
        }
    }

    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error> {
        self.submit(provider, Work::Probe, deadline).await.map(drop)
    }

    async fn forget(&self, provider: &Provider) {
        let Ok(provider) = own(provider) else { return };
        let home = lock(&self.homes).by_name.get(&provider.library).cloned();
        if let Some(home) = home {
            home.forget(provider);
        }
    }

    async fn forget_all(&self) {
        let homes: Vec<_> = lock(&self.homes).by_file.values().cloned().collect();
        for home in homes {
            home.forget_all();
        }
    }

    fn cipher(&self) -> Option<&dyn Cipher> {
        Some(self)
    }

    fn symmetric(&self) -> Option<&dyn Symmetric> {
        Some(self)
    }

    fn random(&self) -> Option<&dyn Random> {
        Some(self)
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        Some(self)
    }
}

fn own(provider: &Provider) -> Result<&Pkcs11Provider, Error> {
    match provider {
        Provider::Pkcs11(provider) => Ok(provider),
        other => Err(Error::Internal(format!("a provider of type {} at the driver of tokens", other.kind().name()))),
    }
}

fn key(locator: &Locator) -> Result<Arc<Pkcs11Locator>, Error> {
    match locator {
        Locator::Pkcs11(locator) => Ok(Arc::new(locator.clone())),
        _ => Err(Error::Internal("the locator of another type at the driver of tokens".into())),
    }
}

fn mixed_up() -> Error {
    Error::Internal("a token answered another question".into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
