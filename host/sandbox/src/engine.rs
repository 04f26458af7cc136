//! The engine that all guests share, and its clock.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use meter::Meter;
use model::MountClass;
use rayon::{ThreadPool, ThreadPoolBuilder};
use tokio::runtime::Handle;
use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::aside::{self, Aside};
use crate::bindings::innkeeper::engine::{clock, http_out, keys, log, passwords, random, storage, types};
use crate::error::LoadError;
use crate::guest::Guest;
use crate::in_place;
use crate::limits::TICK;
use crate::policy::PolicyGuest;
use crate::services::wasi;
use crate::shape;
use crate::state::State;
use crate::tuning;

/// A guest of one sort or the other.
#[derive(Clone)]
pub enum Loaded {
    /// A secrets engine or an auth method.
    Engine(Arc<Guest>),
    /// One that judges.
    Policy(Arc<PolicyGuest>),
}

/// The room itself: one per process.
pub struct Sandbox {
    engine: Engine,
    /// What every guest may import.
    linker: Linker<State>,
    /// The same with what only auth methods may.
    auth_linker: Linker<State>,
    /// The same two with WASI, for components of other toolchains.
    foreign: [Linker<State>; 2],
    /// What native code must have been compiled with, in hex.
    settings: String,
    /// Where guests go on that take long.
    aside: Aside,
    /// Where components are compiled.
    compilers: ThreadPool,
    stop: Arc<AtomicBool>,
}

impl Sandbox {
    /// Sets up wasmtime and starts its clock, a thread of its own: it must tick even when every worker of the async
    /// runtime is inside a guest.
    pub fn new() -> Result<Self, LoadError> {
        let mut config = tuning::config();
        in_place::prepare(&mut config);
        let engine = Engine::new(&config).map_err(unreadable)?;
        let linker = shared(&engine).map_err(unreadable)?;
        let mut auth_linker = linker.clone();
        passwords::add_to_linker::<_, HasSelf<_>>(&mut auth_linker, |state| state).map_err(unreadable)?;
        let mut foreign = [linker.clone(), auth_linker.clone()];
        for linker in &mut foreign {
            wasi::add_to_linker(linker).map_err(unreadable)?;
        }
        let settings = settings(&engine);
        let stop = Arc::new(AtomicBool::new(false));
        let (ticking, stopped) = (engine.clone(), Arc::clone(&stop));
        let clock = move || {
            while !stopped.load(Ordering::Relaxed) {
                std::thread::sleep(TICK);
                ticking.increment_epoch();
            }
        };
        std::thread::Builder::new()
            .name("guest-clock".into())
            .spawn(clock)
            .map_err(|e| LoadError::Unreadable(e.to_string()))?;
        let aside = Aside::new().map_err(|e| LoadError::Unreadable(e.to_string()))?;
        let compilers = ThreadPoolBuilder::new()
            .thread_name(|_| "guest-compiler".into())
            .start_handler(|_| aside::yield_to_others())
            .build()
            .map_err(|e| LoadError::Unreadable(e.to_string()))?;
        Ok(Self { engine, linker, auth_linker, foreign, settings, aside, compilers, stop })
    }

    /// Loads a guest from code that was compiled while this very program was built, and is a part of it. Where it can it runs
    /// in place, so that only what is used of it takes memory.
    ///
    /// # Safety
    /// As for [`Self::load_precompiled`].
    #[allow(unsafe_code, reason = "wasmtime runs precompiled bytes as native code; the caller vouches for them")]
    pub async unsafe fn load_builtin(&self, code: &'static [u8], meter: &Meter) -> Result<Loaded, LoadError> {
        // SAFETY: the caller vouches for the bytes; wasmtime itself checks that version and settings are equal.
        let component = unsafe { in_place::load(&self.engine, code) }.map_err(unreadable)?;
        self.admit(&component, meter).await
    }

    /// Loads a guest from code that was compiled before, of which it keeps a copy.
    ///
    /// # Safety
    /// The bytes must come from [`wasmtime::Engine::precompile_component`] and must not have passed through anybody
    /// else's hands: they are run as native code.
    #[allow(unsafe_code, reason = "wasmtime runs precompiled bytes as native code; the caller vouches for them")]
    pub async unsafe fn load_precompiled(&self, code: &[u8], meter: &Meter) -> Result<Loaded, LoadError> {
        // SAFETY: the caller vouches for the bytes; wasmtime itself checks that version and settings are equal.
        let component = unsafe { Component::deserialize(&self.engine, code) }.map_err(unreadable)?;
        self.admit(&component, meter).await
    }

    /// Compiles a component to native code for [`Self::load_precompiled`], if its shape bounds what that takes. Takes the
    /// time of all cores that nobody else wants, for up to seconds: not for a thread of the async runtime.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, LoadError> {
        shape::check(component)?;
        self.compilers.install(|| self.engine.precompile_component(component)).map_err(unreadable)
    }

    /// Compiles and loads a guest from a component. Takes a moment: not for a request's way.
    pub async fn load(&self, component: &[u8], meter: &Meter) -> Result<Loaded, LoadError> {
        shape::check(component)?;
        let component = Component::new(&self.engine, component).map_err(unreadable)?;
        self.admit(&component, meter).await
    }

    /// What native code must have been compiled with to be loaded here: the engine's version and settings, as a number in
    /// hex.
    pub fn settings(&self) -> &str {
        &self.settings
    }

    fn handle(&self) -> Result<Handle, LoadError> {
        self.aside.handle().ok_or_else(|| LoadError::silent("the server is about to end"))
    }

    /// Checks what a component imports and what it says of itself. What it does from then on is told the meter.
    async fn admit(&self, component: &Component, meter: &Meter) -> Result<Loaded, LoadError> {
        let shape = component.component_type();
        if shape.exports(&self.engine).any(|(export, _)| export.starts_with(JUDGES)) {
            let guest = self.admit_policy(component).await?;
            return Ok(Loaded::Policy(Arc::new(guest.observed(meter.clone()))));
        }
        let guest = self.admit_engine(component).await?;
        Ok(Loaded::Engine(Arc::new(guest.observed(meter.clone()))))
    }

    /// A guest that judges has nothing in reach: it imports words and no powers.
    async fn admit_policy(&self, component: &Component) -> Result<PolicyGuest, LoadError> {
        let (mut of_wasi, mut imports) = (false, Vec::new());
        for (import, _) in component.component_type().imports(&self.engine) {
            let foreign = WASI.iter().any(|package| import.starts_with(package));
            if !foreign && !import.starts_with(WORDS) {
                return Err(LoadError::foreign(import));
            }
            of_wasi |= foreign;
            imports.push(import.to_owned());
        }
        let linker = if of_wasi { &self.foreign[0] } else { &self.linker };
        PolicyGuest::describe((&self.engine, self.handle()?), linker, component, imports).await
    }

    async fn admit_engine(&self, component: &Component) -> Result<Guest, LoadError> {
        let (mut of_auth_methods, mut of_wasi, mut imports) = (None, false, Vec::new());
        for (import, _) in component.component_type().imports(&self.engine) {
            imports.push(import.to_owned());
            let foreign = WASI.iter().any(|package| import.starts_with(package));
            of_wasi |= foreign;
            if !foreign && !import.starts_with(CONTRACT) {
                return Err(LoadError::foreign(import));
            }
            if AUTH_METHODS_ONLY.iter().any(|interface| import.starts_with(interface)) {
                of_auth_methods = Some(import.to_owned());
            }
        }
        let [foreign, foreign_auth] = &self.foreign;
        let linker = match (of_auth_methods.is_some(), of_wasi) {
            (false, false) => &self.linker,
            (true, false) => &self.auth_linker,
            (false, true) => foreign,
            (true, true) => foreign_auth,
        };
        let guest = Guest::describe((&self.engine, self.handle()?), linker, component, imports).await?;
        match of_auth_methods {
            Some(import) if guest.descriptor.class == MountClass::Secret => Err(LoadError::foreign(&import)),
            _ => Ok(guest),
        }
    }
}

/// A linker with what every guest may import.
fn shared(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    storage::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    keys::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    random::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    clock::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    http_out::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// What every permitted import begins with.
const CONTRACT: &str = "innkeeper:engine/";
/// What components of other toolchains import beside it. There is nothing behind it: see `services/wasi.rs`.
const WASI: [&str; 6] = ["wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:io/", "wasi:random/", "wasi:sockets/"];
/// What a component exports that judges.
const JUDGES: &str = "innkeeper:engine/evaluation@";
/// What such a one may import: the words of the contract.
const WORDS: &str = "innkeeper:engine/types@";
/// What only auth methods may import.
const AUTH_METHODS_ONLY: [&str; 1] = ["innkeeper:engine/passwords@"];

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn settings(engine: &Engine) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn unreadable(error: wasmtime::Error) -> LoadError {
    LoadError::unreadable(format!("{error:#}"))
}
