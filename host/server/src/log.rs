//! The log of operation, on standard error.

use tracing_subscriber::EnvFilter;

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(level: &str, format: &str) {
    let builder =
        tracing_subscriber::fmt().with_env_filter(EnvFilter::new(level)).with_writer(std::io::stderr).with_ansi(false);
    let started = if format == "json" { builder.json().try_init() } else { builder.try_init() };
    drop(started);
}
