//! What the host keeps beside one guest instance.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use meter::Bound;
use tokio::time::Instant;
use traces::Span;
use wasmtime::component::ResourceTable;
use wasmtime::{ResourceLimiter, StoreContextMut, UpdateDeadline};
use wasmtime_wasi::WasiCtx;

use crate::aside::LONG_TICKS;
use crate::grant::{Grant, Limits};
use crate::limits::{ANSWER_TIME, RESOURCES_MAX, TABLE_ELEMENTS_MAX, TICK};
use crate::services::wasi::Printed;

/// The data of a store: the grant, the handles, and what was used of the limits.
pub(crate) struct State {
    /// `None` while a guest describes itself: it then has no powers.
    pub(crate) grant: Option<Grant>,
    /// The key handles that live.
    pub(crate) handles: ResourceTable,
    pub(crate) handle_count: usize,
    /// RSA keys that were made.
    pub(crate) rsa_keys: u32,
    /// Questions to other servers.
    pub(crate) http_calls: u32,
    pub(crate) log_lines: u32,
    /// Set when memory was refused, so that the trap that follows can be explained.
    pub(crate) memory_refused: bool,
    /// What WASI knows of the guest, once it asks.
    pub(crate) wasi: Option<Box<WasiCtx>>,
    /// What it printed.
    pub(crate) printed: Printed,
    /// Set once it computes for long.
    pub(crate) long: Arc<AtomicBool>,
    /// Most linear memory that it had, in bytes.
    pub(crate) memory: usize,
    /// The bounds that it ran into, each once.
    pub(crate) bounds: Vec<Bound>,
    /// The entry, in the trace of its request.
    pub(crate) span: Span,
    /// What it asked of its storage.
    pub(crate) touched: Touched,
    /// What one may use that has no grant; by default what one may that describes itself.
    alone: Option<Limits>,
    ticks: u32,
    deadline: Instant,
}

/// How often a guest asked its storage for what.
#[derive(Default)]
pub(crate) struct Touched {
    pub(crate) gets: u64,
    pub(crate) lists: u64,
    pub(crate) puts: u64,
    pub(crate) deletes: u64,
}

/// What a guest may use that describes itself: it asks nobody, and has no keys.
static DESCRIBING: LazyLock<Limits> = LazyLock::new(Limits::default);

/// Why the host ended a guest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ended {
    #[error("the guest used more than {0:?} of processor time")]
    Cpu(Duration),
    #[error("the guest did not answer before the request's deadline")]
    Deadline,
}

impl State {
    pub(crate) fn new(grant: Option<Grant>, deadline: Instant) -> Self {
        let mut handles = ResourceTable::new();
        handles.set_max_capacity(RESOURCES_MAX);
        Self {
            grant,
            handles,
            handle_count: 0,
            rsa_keys: 0,
            http_calls: 0,
            log_lines: 0,
            memory_refused: false,
            wasi: None,
            printed: Printed::default(),
            long: Arc::default(),
            memory: 0,
            bounds: Vec::new(),
            span: Span::default(),
            touched: Touched::default(),
            alone: None,
            ticks: 0,
            deadline,
        }
    }

    /// The state of an entry without powers, which may use so much.
    pub(crate) fn alone(limits: Limits, deadline: Instant) -> Self {
        Self { alone: Some(limits), ..Self::new(None, deadline) }
    }

    /// Runs at every tick while the guest itself is running: ends it, or lets others run for a moment.
    pub(crate) fn tick(mut store: StoreContextMut<'_, Self>) -> wasmtime::Result<UpdateDeadline> {
        let state = store.data_mut();
        state.ticks = state.ticks.saturating_add(1);
        let most = state.limits().cpu;
        if state.ticks >= LONG_TICKS {
            state.long.store(true, Ordering::Relaxed);
        }
        if TICK.saturating_mul(state.ticks) > most {
            state.met(Bound::Processor);
            return Err(wasmtime::Error::new(Ended::Cpu(most)));
        }
        if Instant::now() >= state.deadline {
            state.met(Bound::Deadline);
            return Err(wasmtime::Error::new(Ended::Deadline));
        }
        Ok(UpdateDeadline::Yield(1))
    }

    /// Notes that it ran into a bound.
    pub(crate) fn met(&mut self, bound: Bound) {
        if !self.bounds.contains(&bound) {
            self.bounds.push(bound);
        }
    }

    /// How much the guest may use.
    pub(crate) fn limits(&self) -> &Limits {
        self.grant.as_ref().map(|grant| &grant.limits).or(self.alone.as_ref()).unwrap_or(&DESCRIBING)
    }

    /// Counts a core's time that the host spent for the guest. The guest's own ticks stand still meanwhile; parts of a
    /// tick are not counted here, because the guest meets a tick that passed when it goes on.
    pub(crate) fn charge(&mut self, took: Duration) {
        let ticks = u32::try_from(took.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
        self.ticks = self.ticks.saturating_add(ticks);
    }

    /// When a call to something outside must have ended: early enough for the guest to answer.
    pub(crate) fn call_deadline(&self) -> Instant {
        self.deadline.checked_sub(ANSWER_TIME).unwrap_or(self.deadline)
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= self.limits().memory;
        self.memory_refused |= !fits;
        if fits {
            self.memory = self.memory.max(desired);
        } else {
            self.met(Bound::Memory);
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let fits = desired <= TABLE_ELEMENTS_MAX;
        if !fits {
            self.met(Bound::Table);
        }
        Ok(fits)
    }
}
