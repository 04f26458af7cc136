//! `log`: the host's log, bounded.

use crate::bindings::innkeeper::engine::log::{Host, Level};
use crate::limits::{LOG_FIELDS_MAX, LOG_LINES_MAX, LOG_MESSAGE_MAX};
use crate::state::State;

impl Host for State {
    async fn emit(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.log_lines = self.log_lines.saturating_add(1);
        if self.log_lines > LOG_LINES_MAX {
            return Ok(());
        }
        let message: String = message.chars().take(LOG_MESSAGE_MAX).collect();
        let fields: Vec<String> =
            fields.iter().take(LOG_FIELDS_MAX).map(|(name, value)| format!("{name}={value:?}")).collect();
        let fields = fields.join(" ");
        let (request, mount) = match &self.grant {
            Some(grant) => (grant.request_id.as_str(), grant.mount.accessor.as_str()),
            None => ("", ""),
        };
        match level {
            Level::Trace => tracing::trace!(target: "guest", request, mount, fields, "{message}"),
            Level::Debug => tracing::debug!(target: "guest", request, mount, fields, "{message}"),
            Level::Info => tracing::info!(target: "guest", request, mount, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "guest", request, mount, fields, "{message}"),
            Level::Error => tracing::error!(target: "guest", request, mount, fields, "{message}"),
        }
        Ok(())
    }
}
