//! The host's log. Each line carries the mount and the request by itself; secrets do not belong here.

pub use crate::bindings::innkeeper::engine::log::Level;

/// Writes one line with fields.
#[cfg(target_family = "wasm")]
pub fn emit(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<_> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    crate::bindings::innkeeper::engine::log::emit(level, message, &fields);
}

/// In native tests nobody reads the log.
#[cfg(not(target_family = "wasm"))]
pub fn emit(_level: Level, _message: &str, _fields: &[(&str, &str)]) {}

/// For what an operator should know.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    emit(Level::Info, message, fields);
}

/// For what an operator should look at.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    emit(Level::Warn, message, fields);
}

/// For what went wrong.
pub fn error(message: &str, fields: &[(&str, &str)]) {
    emit(Level::Error, message, fields);
}

/// For whoever looks for a fault.
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    emit(Level::Debug, message, fields);
}
