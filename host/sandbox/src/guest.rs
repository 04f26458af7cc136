//! Loaded guests.

use std::time::Duration;

use meter::Meter;
use tokio::time::Instant;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use crate::bindings::AuthMethodPre;
use crate::descriptor::Descriptor;
use crate::error::LoadError;
use crate::state::State;

/// How long a guest may take to describe itself.
const DESCRIBE_MAX: Duration = Duration::from_secs(2);

/// A guest, compiled, linked and described; an instance of it costs microseconds.
pub struct Guest {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// The interfaces that it imports, as the component names them.
    pub imports: Vec<String>,
    pub(crate) instance: AuthMethodPre<State>,
    pub(crate) engine: Engine,
    pub(crate) meter: Meter,
}

impl Guest {
    /// The same, telling this meter how entries end.
    #[must_use]
    pub fn observed(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    pub(crate) async fn describe(
        engine: &Engine,
        linker: &Linker<State>,
        component: &Component,
        imports: Vec<String>,
    ) -> Result<Self, LoadError> {
        let misfit = |e: wasmtime::Error| LoadError::Misfit(format!("{e:#}"));
        let pre = linker.instantiate_pre(component).map_err(misfit)?;
        let instance = AuthMethodPre::new(pre).map_err(misfit)?;
        let mut store = store(engine, State::new(None, Instant::now() + DESCRIBE_MAX));
        let running = instance.instantiate_async(&mut store).await.map_err(misfit)?;
        let raw = running.innkeeper_engine_engine().call_describe(&mut store).await.map_err(misfit)?;
        let descriptor = Descriptor::check(raw)?;
        Ok(Self { descriptor, imports, instance, engine: engine.clone(), meter: Meter::default() })
    }
}

/// A store with its limits set. Every entry into a guest goes through one: the epoch deadline of a new store is zero,
/// so an entry that forgot it would trap at once instead of running for ever.
pub(crate) fn store(engine: &Engine, state: State) -> Store<State> {
    let mut store = Store::new(engine, state);
    store.limiter(|state| state);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(State::tick);
    store
}
