//! The log of operation.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Starts logging for the whole process, on standard error or wherever the writer leads. A second call changes nothing.
pub fn start<W>(level: &str, format: &str, writer: W)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let builder = tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(writer).with_ansi(false);
    let started = if format == "json" { builder.json().try_init() } else { builder.try_init() };
    drop(started);
}
