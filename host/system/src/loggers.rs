//! `sys/loggers`: how much each room writes to this node's log.

use std::collections::BTreeMap;

use model::{Fault, Operation, Reply};

use crate::{Call, System, params, unsupported};

/// Words for levels as clients send them, and the levels that they mean.
const LEVELS: [(&str, &str); 8] = [
    ("trace", "trace"),
    ("debug", "debug"),
    ("info", "info"),
    ("notice", "info"),
    ("warn", "warn"),
    ("warning", "warn"),
    ("err", "error"),
    ("error", "error"),
];

/// The log of this process, as far as it can be changed while it runs. Whoever starts the log has it.
pub trait Loggers: Send + Sync {
    /// The loggers, and the level of each: trace, debug, info, warn or error.
    fn levels(&self) -> BTreeMap<&'static str, String>;

    /// Gives one logger, or all, one of these levels; none: the configured one. Unknown names change nothing.
    fn set(&self, logger: Option<&str>, level: Option<&str>);
}

/// `sys/loggers`.
pub(crate) fn all(system: &System, call: &Call<'_>) -> Result<Reply, Fault> {
    let loggers = system.loggers()?;
    match call.operation {
        Operation::Read => Reply::data(&loggers.levels()),
        Operation::Update => {
            loggers.set(None, Some(level(call)?));
            tracing::warn!(request = call.request, "the level of the log is changed");
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            loggers.set(None, None);
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

/// `sys/loggers/:name`.
pub(crate) fn one(system: &System, call: &Call<'_>, name: &str) -> Result<Reply, Fault> {
    let loggers = system.loggers()?;
    let levels = loggers.levels();
    let Some((logger, now)) = levels.get_key_value(name) else {
        let known = levels.keys().copied().collect::<Vec<_>>().join(", ");
        return Err(Fault::invalid(format!("name: logger not found; there are {known}")));
    };
    match call.operation {
        Operation::Read => Reply::data(&BTreeMap::from([(logger, now)])),
        Operation::Update => {
            loggers.set(Some(logger), Some(level(call)?));
            tracing::warn!(request = call.request, logger, "the level of a logger is changed");
            Ok(Reply::nothing())
        }
        Operation::Delete => {
            loggers.set(Some(logger), None);
            Ok(Reply::nothing())
        }
        Operation::List | Operation::Create | Operation::Patch => Err(unsupported()),
    }
}

fn level(call: &Call<'_>) -> Result<&'static str, Fault> {
    let wanted = params::text(&call.body, "level")?.unwrap_or_default().to_ascii_lowercase();
    let known = LEVELS.iter().find(|(word, _)| *word == wanted).map(|(_, level)| *level);
    known.ok_or_else(|| {
        Fault::invalid("level: invalid level provided; must be trace, debug, info, notice, warn, warning, err or error")
    })
}
