//! Loaded guests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meter::Meter;
use model::MountClass;
use tenancy::Mount;
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
    pub(crate) instance: AuthMethodPre<State>,
    pub(crate) engine: Engine,
    pub(crate) meter: Meter,
}

/// The guests that mounts can be made of, by what they are and their names.
#[derive(Clone, Default)]
pub struct Catalog(Arc<BTreeMap<(MountClass, String), Arc<Guest>>>);

impl Catalog {
    /// A catalog of these guests. Of two of one sort with one name the later stays.
    pub fn new(guests: impl IntoIterator<Item = Guest>) -> Self {
        let named =
            guests.into_iter().map(|guest| ((guest.descriptor.class, guest.descriptor.name.clone()), Arc::new(guest)));
        Self(Arc::new(named.collect()))
    }

    /// The guest of this sort with this name.
    pub fn get(&self, class: MountClass, name: &str) -> Option<&Arc<Guest>> {
        self.0.get(&(class, name.to_owned()))
    }

    /// The guest that a mount is made of.
    pub fn of(&self, mount: &Mount) -> Option<&Arc<Guest>> {
        self.get(mount.class, &mount.kind)
    }

    /// The names of one sort, in order.
    pub fn names(&self, class: MountClass) -> impl Iterator<Item = &str> {
        self.0.keys().filter(move |(sort, _)| *sort == class).map(|(_, name)| name.as_str())
    }
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
    ) -> Result<Self, LoadError> {
        let misfit = |e: wasmtime::Error| LoadError::Misfit(format!("{e:#}"));
        let pre = linker.instantiate_pre(component).map_err(misfit)?;
        let instance = AuthMethodPre::new(pre).map_err(misfit)?;
        let mut store = store(engine, State::new(None, Instant::now() + DESCRIBE_MAX));
        let running = instance.instantiate_async(&mut store).await.map_err(misfit)?;
        let raw = running.innkeeper_engine_engine().call_describe(&mut store).await.map_err(misfit)?;
        Ok(Self { descriptor: Descriptor::check(raw)?, instance, engine: engine.clone(), meter: Meter::default() })
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
