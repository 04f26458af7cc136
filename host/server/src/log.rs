//! The log of operation.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use system::Loggers;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// Rooms whose level can be changed by itself: what they log is named after them.
const ROOMS: [&str; 20] = [
    "access",
    "audit",
    "awskms",
    "azurekeyvault",
    "embedded",
    "gateway",
    "gcpckms",
    "identity",
    "keys",
    "leases",
    "outgoing",
    "pkcs11",
    "postgresql",
    "sandbox",
    "seal",
    "server",
    "storage",
    "system",
    "tenancy",
    "traces",
];

/// The log of this process, once it was started: a process has one.
static STARTED: OnceLock<Arc<Levels>> = OnceLock::new();

/// Changes how much is logged.
pub struct Level(Arc<Levels>);

impl Level {
    /// From now on, in all rooms: trace, debug, info, warn or error.
    pub fn set(&self, level: &str) {
        self.0.change(|chosen| *chosen = Chosen { configured: level.to_owned(), ..Chosen::default() });
    }
}

/// How much is logged, and what changes it.
struct Levels {
    filter: reload::Handle<EnvFilter, Registry>,
    chosen: Mutex<Chosen>,
}

/// What was chosen: by the configuration, for all rooms, and for some.
#[derive(Clone, Default)]
struct Chosen {
    configured: String,
    all: Option<String>,
    rooms: BTreeMap<&'static str, String>,
}

impl Chosen {
    fn everywhere(&self) -> &str {
        self.all.as_deref().unwrap_or(&self.configured)
    }

    /// As filters are written: `info,gateway=debug`.
    fn directives(&self) -> String {
        let rooms = self.rooms.iter().map(|(room, level)| format!(",{room}={level}"));
        std::iter::once(self.everywhere().to_owned()).chain(rooms).collect()
    }
}

impl Levels {
    fn change(&self, change: impl FnOnce(&mut Chosen)) {
        let mut chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut chosen);
        drop(self.filter.reload(EnvFilter::new(chosen.directives())));
    }
}

impl Loggers for Levels {
    fn levels(&self) -> BTreeMap<&'static str, String> {
        let chosen = self.chosen.lock().unwrap_or_else(PoisonError::into_inner);
        let level = |room: &&'static str| {
            let own = chosen.rooms.get(room).map(String::as_str);
            (*room, own.unwrap_or_else(|| chosen.everywhere()).to_owned())
        };
        ROOMS.iter().map(level).collect()
    }

    fn set(&self, logger: Option<&str>, level: Option<&str>) {
        let Some(logger) = logger else {
            let all = level.map(str::to_owned);
            return self.change(|chosen| (chosen.all, chosen.rooms) = (all, BTreeMap::new()));
        };
        let Some(room) = ROOMS.into_iter().find(|room| *room == logger) else { return };
        self.change(|chosen| match level {
            Some(level) => drop(chosen.rooms.insert(room, level.to_owned())),
            None => drop(chosen.rooms.remove(room)),
        });
    }
}

/// The log of this process, if it was started.
pub fn loggers() -> Option<Arc<dyn Loggers>> {
    STARTED.get().map(|levels| Arc::clone(levels) as _)
}

/// Starts logging for the whole process, on standard error or wherever the writer leads. A second call changes nothing.
pub fn start<W>(level: &str, format: &str, writer: W) -> Level
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::new(level));
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = if format == "json" { lines.json().boxed() } else { lines.boxed() };
    let started = tracing_subscriber::registry().with(filter).with(lines).try_init();
    let chosen = Chosen { configured: level.to_owned(), ..Chosen::default() };
    let levels = Arc::new(Levels { filter: handle, chosen: Mutex::new(chosen) });
    if started.is_ok() {
        drop(STARTED.set(Arc::clone(&levels)));
    }
    Level(levels)
}
