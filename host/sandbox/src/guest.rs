//! Loaded guests.

use std::time::Duration;

use meter::Meter;
use tokio::runtime::Handle;
use tokio::time::Instant;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Trap};

use crate::bindings::AuthMethodPre;
use crate::bindings::exports::innkeeper::engine::engine as wit;
use crate::descriptor::Descriptor;
use crate::entry;
use crate::error::LoadError;
use crate::grant::Limits;
use crate::habit::Habit;
use crate::state::{Ended, State};

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
    /// Where it goes on if it takes long.
    pub(crate) aside: Handle,
    /// How long it takes.
    pub(crate) habit: Habit,
    pub(crate) meter: Meter,
}

impl Guest {
    /// The same, telling this meter how entries end.
    #[must_use]
    pub fn observed(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    pub(crate) async fn describe(
        (engine, aside): (&Engine, Handle),
        linker: &Linker<State>,
        component: &Component,
        imports: Vec<String>,
    ) -> Result<Self, LoadError> {
        let misfit = |e: wasmtime::Error| LoadError::misfit(&format!("{e:#}"));
        let pre = linker.instantiate_pre(component).map_err(misfit)?;
        let instance = AuthMethodPre::new(pre).map_err(misfit)?;
        let first = said(engine, &aside, instance.clone()).await?;
        let again = said(engine, &aside, instance.clone()).await?;
        // Requests carry indexes of routes: what it says must be what it goes on saying.
        if format!("{first:?}") != format!("{again:?}") {
            return Err(LoadError::descriptor("it says something else each time it is asked"));
        }
        let (descriptor, engine, habit) = (Descriptor::check(first)?, engine.clone(), Habit::default());
        Ok(Self { descriptor, imports, instance, engine, aside, habit, meter: Meter::default() })
    }
}

/// What a guest says of itself, in an instance of its own without any powers.
async fn said(engine: &Engine, aside: &Handle, instance: AuthMethodPre<State>) -> Result<wit::Descriptor, LoadError> {
    let state = State::alone(Limits::default(), Instant::now() + DESCRIBE_MAX);
    let asked = entry::enter((engine, aside), state, |store| {
        Box::pin(async move {
            let running = instance.instantiate_async(&mut *store).await?;
            running.innkeeper_engine_engine().call_describe(store).await
        })
    });
    match asked.await.map(|entered| entered.ending) {
        Some(Ok(Ok(said))) => Ok(said),
        Some(Ok(Err(error))) => Err(LoadError::silent(&why(&error))),
        Some(Err(_elapsed)) => Err(LoadError::silent(&Ended::Deadline.to_string())),
        None => Err(LoadError::silent("the server is about to end")),
    }
}

/// Why it said nothing, without the places in its code.
pub(crate) fn why(error: &wasmtime::Error) -> String {
    match (error.downcast_ref::<Ended>(), error.downcast_ref::<Trap>()) {
        (Some(ended), _) => ended.to_string(),
        (_, Some(trap)) => trap.to_string(),
        (None, None) => error.root_cause().to_string(),
    }
}
