//! `log`: the host's log, bounded, and one line per line.

use meter::Bound;

use crate::bindings::innkeeper::engine::log::{Host, Level};
use crate::limits::{LOG_FIELDS_MAX, LOG_MESSAGE_MAX, LOG_NAME_MAX, LOG_VALUE_MAX};
use crate::state::State;

impl Host for State {
    async fn emit(&mut self, level: Level, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        self.log_lines = self.log_lines.saturating_add(1);
        if self.log_lines > self.limits().log_lines {
            self.met(Bound::LogLines);
            return Ok(());
        }
        let message = line(&message, LOG_MESSAGE_MAX);
        let field = |(name, value): &(String, String)| {
            format!("{}=\"{}\"", line(name, LOG_NAME_MAX), line(value, LOG_VALUE_MAX))
        };
        let fields: Vec<String> = fields.iter().take(LOG_FIELDS_MAX).map(field).collect();
        let fields = fields.join(" ");
        let (request, mount, trace) = self.names();
        match level {
            Level::Trace => tracing::trace!(target: "guest", request, mount, trace, fields, "{message}"),
            Level::Debug => tracing::debug!(target: "guest", request, mount, trace, fields, "{message}"),
            Level::Info => tracing::info!(target: "guest", request, mount, trace, fields, "{message}"),
            Level::Warn => tracing::warn!(target: "guest", request, mount, trace, fields, "{message}"),
            Level::Error => tracing::error!(target: "guest", request, mount, trace, fields, "{message}"),
        }
        Ok(())
    }
}

impl State {
    /// Writes what the guest printed to the log, a line each.
    pub(crate) fn tell_printed(&mut self) {
        for printed in self.printed.lines() {
            self.log_lines = self.log_lines.saturating_add(1);
            if self.log_lines <= self.limits().log_lines {
                let (request, mount, trace) = self.names();
                let message = line(&printed, LOG_MESSAGE_MAX);
                tracing::info!(target: "guest", request, mount, trace, "{message}");
            } else {
                self.met(Bound::LogLines);
            }
        }
    }

    /// Says how many lines were not kept, if any were not.
    pub(crate) fn tell_dropped_lines(&self) {
        let dropped = self.log_lines.saturating_sub(self.limits().log_lines);
        if dropped > 0 {
            let (request, mount, trace) = self.names();
            tracing::warn!(target: "guest", request, mount, trace, dropped, "more log lines than one request may write");
        }
    }

    /// The request, the mount, and the trace if there is one, for log lines.
    fn names(&self) -> (&str, &str, Option<&str>) {
        let Some(grant) = &self.grant else { return ("", "", None) };
        (grant.request_id.as_str(), grant.mount.accessor.as_str(), grant.trace.id())
    }
}

/// The beginning of a text, with control characters spelled out: a guest cannot begin a line of its own, nor reach the
/// terminal of whoever reads the log.
fn line(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        let plain = !c.is_control();
        let length = if plain { c.len_utf8() } else { c.escape_default().len() };
        if line.len() + length > max {
            break;
        }
        if plain {
            line.push(c);
        } else {
            line.extend(c.escape_default());
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_is_one_line_and_no_longer_than_its_bound() {
        assert_eq!(line("a\r\nb\u{1b}[31m\u{85}é", 100), "a\\r\\nb\\u{1b}[31m\\u{85}é");
        assert_eq!(line("éé", 3), "é");
        assert_eq!(line("a\n", 2), "a");
        assert_eq!(line("abc", 3), "abc");
    }
}
