//! What entries into engines used.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What one entry into an engine used.
#[derive(Clone, Debug, Default)]
pub struct Used {
    /// How long a thread was busy with it: in the guest, and in calls to the host that answer at once.
    pub busy: Duration,
    /// How long it waited: for calls to the host that take long (the store, keys, other servers), and for its turn.
    pub waiting: Duration,
    /// Most linear memory that it had, in bytes.
    pub memory: usize,
    /// The bounds that it ran into, each once.
    pub bounds: Vec<Bound>,
}

/// A bound that an entry into an engine can run into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Linear memory.
    Memory,
    /// Elements of tables.
    Table,
    /// Time of a processor.
    Processor,
    /// The deadline of its request.
    Deadline,
    /// As many instances as there may be were alive.
    Instances,
    /// Lines of the log.
    LogLines,
    /// Random bytes in one call.
    Randomness,
    /// Keys and values of its storage.
    Storage,
    /// Handles of keys.
    KeyHandles,
    /// RSA keys that it made.
    RsaKeys,
    /// Questions to other servers.
    Questions,
}

impl Bound {
    fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Table => "table",
            Self::Processor => "processor",
            Self::Deadline => "deadline",
            Self::Instances => "instances",
            Self::LogLines => "log_lines",
            Self::Randomness => "randomness",
            Self::Storage => "storage",
            Self::KeyHandles => "key_handles",
            Self::RsaKeys => "rsa_keys",
            Self::Questions => "questions",
        }
    }
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Of {
    engine: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Met {
    engine: String,
    bound: &'static str,
}

/// Bounds of times, in seconds: few, because each engine has them three times.
const SECONDS: [f64; 6] = [0.0003, 0.001, 0.01, 0.1, 1.0, 5.0];
/// Bounds of memory: 1, 4, 16 and 64 MiB.
const BYTES: [f64; 4] = [1_048_576.0, 4_194_304.0, 16_777_216.0, 67_108_864.0];

type Histograms = Family<Of, Histogram, fn() -> Histogram>;

/// The series.
pub(crate) struct Guests {
    busy: Histograms,
    waiting: Histograms,
    memory: Histograms,
    refusals: Family<Met, Counter>,
}

impl Default for Guests {
    fn default() -> Self {
        let seconds: fn() -> Histogram = || Histogram::new(SECONDS);
        Self {
            busy: Family::new_with_constructor(seconds),
            waiting: Family::new_with_constructor(seconds),
            memory: Family::new_with_constructor(|| Histogram::new(BYTES)),
            refusals: Family::default(),
        }
    }
}

impl Guests {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let help =
            "How long threads were busy with entries into engines, calls to the host that answer at once included";
        registry.register("engine_busy_seconds", help, self.busy.clone());
        let help = "How long entries into engines waited, for the store, keys, other servers or their turn";
        registry.register("engine_waiting_seconds", help, self.waiting.clone());
        let help = "Most linear memory of entries into engines";
        registry.register("engine_memory_bytes", help, self.memory.clone());
        registry.register("engine_refusals", "Entries into engines that ran into a bound", self.refusals.clone());
    }

    pub(crate) fn count(&self, engine: &str, used: &Used) {
        let of = Of { engine: engine.to_owned() };
        self.busy.get_or_create(&of).observe(used.busy.as_secs_f64());
        self.waiting.get_or_create(&of).observe(used.waiting.as_secs_f64());
        self.memory.get_or_create(&of).observe(used.memory as f64);
        for bound in &used.bounds {
            self.refusals.get_or_create(&Met { engine: engine.to_owned(), bound: bound.name() }).inc();
        }
    }
}
