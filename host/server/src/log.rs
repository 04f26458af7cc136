//! The log of operation.

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// Changes how much is logged.
pub struct Level(reload::Handle<EnvFilter, Registry>);

impl Level {
    /// From now on: trace, debug, info, warn or error.
    pub fn set(&self, level: &str) {
        drop(self.0.reload(EnvFilter::new(level)));
    }
}

/// Starts logging for the whole process, on standard error or wherever the writer leads. A second call changes nothing.
pub fn start<W>(level: &str, format: &str, writer: W) -> Level
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let (filter, handle) = reload::Layer::new(EnvFilter::new(level));
    let lines = fmt::layer().with_writer(writer).with_ansi(false);
    let lines = if format == "json" { lines.json().boxed() } else { lines.boxed() };
    drop(tracing_subscriber::registry().with(filter).with(lines).try_init());
    Level(handle)
}
