//! One loaded library, and its generation.

use std::collections::HashSet;
use std::ffi::CString;
use std::path::PathBuf;
use std::ptr::NonNull;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as LibraryError, RvError};
use keys::Error;
use keys::registry::TokenRef;

use super::failure::Failure;
use super::lock;
use super::login::Logins;

/// How long a worker waits for a library that is being started.
const START_WAIT: Duration = Duration::from_secs(10);
/// How long a restart waits until no call is running. C_Finalize during a call is undefined.
const QUIET_WAIT: Duration = Duration::from_secs(5);

/// A library. Calls into it happen between [`Module::enter`] and the drop of what it gave.
pub(crate) struct Module {
    name: String,
    path: PathBuf,
    parameters: Option<String>,
    /// New keys are not bound to one use.
    pub(crate) keys_for_every_use: bool,
    seen: Mutex<HashSet<TokenRef>>,
    state: Mutex<State>,
    changed: Condvar,
    pub(crate) logins: Logins,
}

#[derive(Default)]
struct State {
    /// Loaded once, never unloaded: libraries leave threads and exit handlers behind.
    library: Option<Pkcs11>,
    running: bool,
    generation: u64,
    calls: usize,
    starting: bool,
    restarted: Option<Instant>,
}

/// The right to call the library. While one lives, the generation does not change.
pub(crate) struct Entered<'a> {
    module: &'a Module,
    library: Pkcs11,
    generation: u64,
}

impl Entered<'_> {
    pub(crate) fn module(&self) -> &Module {
        self.module
    }

    pub(crate) fn library(&self) -> &Pkcs11 {
        &self.library
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.module.lock().calls -= 1;
        self.module.changed.notify_all();
    }
}

impl Module {
    pub(crate) fn new(name: String, path: PathBuf, parameters: Option<String>, keys_for_every_use: bool) -> Self {
        Self {
            name,
            path,
            parameters,
            keys_for_every_use,
            seen: Mutex::default(),
            state: Mutex::default(),
            changed: Condvar::new(),
            logins: Logins::default(),
        }
    }

    /// Notes that a token is there.
    pub(crate) fn saw(&self, token: &TokenRef) {
        lock(&self.seen).insert(token.clone());
    }

    /// Whether a token was there.
    pub(crate) fn has_seen(&self, token: &TokenRef) -> bool {
        lock(&self.seen).contains(token)
    }

    /// Whether no token of the library was ever used, so that nobody suffers from starting it again.
    pub(crate) fn is_unused(&self) -> bool {
        lock(&self.seen).is_empty()
    }

    /// The name of its stanza, for the log.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Enters the library, loading and initialising it first where needed.
    pub(crate) fn enter(&self) -> Result<Entered<'_>, Failure> {
        let deadline = Instant::now() + START_WAIT;
        let mut state = self.lock();
        loop {
            if state.starting {
                state = self.wait(state, deadline, "the library is still starting")?;
                continue;
            }
            match &state.library {
                Some(library) if state.running => {
                    let library = library.clone();
                    state.calls += 1;
                    return Ok(Entered { module: self, library, generation: state.generation });
                }
                _ => state = self.start(state)?,
            }
        }
    }

    /// Starts the library again, unless that has happened since `seen`. The caller has left the library.
    pub(crate) fn restart(&self, seen: u64, interval: Duration) -> Result<(), Failure> {
        let state = self.lock();
        if state.generation != seen || state.starting {
            return Ok(());
        }
        if state.restarted.is_some_and(|at| at.elapsed() < interval) {
            return Err(Error::unavailable("the library was restarted just now and failed again").into());
        }
        let mut state = self.quiet(state, Instant::now() + QUIET_WAIT)?;
        tracing::warn!(library = self.name, "restarting the library: its token went away");
        let library = state.library.clone();
        state.running = false;
        state.restarted = Some(Instant::now());
        drop(state);
        self.logins.clear();
        let ended = library.map(Pkcs11::finalize);
        if let Some(Err(error)) = ended {
            tracing::warn!(library = self.name, %error, "C_Finalize");
        }
        let mut state = self.lock();
        state.starting = false;
        self.start(state).map(drop)
    }

    /// Ends the library for good, unless a call hangs in it.
    pub(crate) fn stop(&self, deadline: Instant) {
        let state = self.lock();
        if !state.running {
            return;
        }
        let Ok(mut state) = self.quiet(state, deadline) else { return };
        state.running = false;
        state.starting = false;
        self.changed.notify_all();
        let library = state.library.clone();
        // With the lock: whoever comes now starts it again, after this.
        if let Some(Err(error)) = library.map(Pkcs11::finalize) {
            tracing::warn!(library = self.name, %error, "C_Finalize");
        }
    }

    /// Keeps new calls out and waits until none is running.
    fn quiet<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        deadline: Instant,
    ) -> Result<MutexGuard<'a, State>, Failure> {
        state.starting = true;
        while state.calls > 0 {
            // Workers that enter now wait for `starting`; those inside leave, unless the library hangs.
            let left = deadline.saturating_duration_since(Instant::now());
            let (woken, timeout) = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            if timeout.timed_out() && state.calls > 0 {
                state.starting = false;
                self.changed.notify_all();
                return Err(Error::unavailable("a call into the library hangs, so that it cannot be ended").into());
            }
        }
        Ok(state)
    }

    /// Loads and initialises, without the lock, so that nobody hangs in the lock when the library hangs.
    fn start<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<MutexGuard<'a, State>, Failure> {
        state.starting = true;
        let loaded = state.library.clone();
        drop(state);
        let started = self.load(loaded);
        let mut state = self.lock();
        state.starting = false;
        state.generation += 1;
        self.changed.notify_all();
        match started {
            Ok(library) => {
                state.library = Some(library);
                state.running = true;
                Ok(state)
            }
            Err(error) => {
                tracing::error!(library = self.name, %error, "the library does not start");
                // Whatever the library calls it, it is not the caller's fault and may pass.
                Err(Error::unavailable(format!("starting the library: {error}")).into())
            }
        }
    }

    fn load(&self, loaded: Option<Pkcs11>) -> Result<Pkcs11, LibraryError> {
        let library = match loaded {
            Some(library) => library,
            None => Pkcs11::new(&self.path)?,
        };
        match initialize(&library, self.parameters.as_deref()) {
            Ok(()) | Err(LibraryError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {
                tracing::info!(library = self.name, "the library is initialised");
                Ok(library)
            }
            Err(error) => Err(error),
        }
    }

    fn wait<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        deadline: Instant,
        what: &str,
    ) -> Result<MutexGuard<'a, State>, Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Error::unavailable(what).into());
        }
        Ok(self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// C_Initialize, with parameters in pReserved where there are any (PKCS#11 leaves that field to the vendor; NSS takes a
/// string there).
fn initialize(library: &Pkcs11, parameters: Option<&str>) -> Result<(), LibraryError> {
    let flags = CInitializeFlags::OS_LOCKING_OK;
    let parameters = parameters.and_then(|text| CString::new(text).ok());
    let Some(pointer) = parameters.as_ref().and_then(|text| NonNull::new(text.as_ptr().cast_mut())) else {
        return library.initialize(CInitializeArgs::new(flags));
    };
    // SAFETY: the pointer is to a string that ends with NUL and outlives the call, after which no library may use it;
    // that this library takes a string there is what the operator says by giving one.
    #[expect(unsafe_code, reason = "pReserved is a pointer")]
    let arguments = unsafe { CInitializeArgs::new_with_reserved(flags, pointer.cast()) };
    library.initialize(arguments)
}
