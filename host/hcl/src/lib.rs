//! Reads HCL version 1, and JSON in its place.
//!
//! **For:** texts of operators, policies above all, in the language that Vault reads them in. Maintained crates read
//! version 2, which refuses forms that are valid here: two attributes on one line, quoted keys and block types, objects
//! without commas, `${` as plain text, keys that come twice, a whole document in JSON. **Never:** gives a key a meaning,
//! evaluates anything, or reads more than [`TEXT_MAX`] bytes. **In, out:** a text in, its [`Entry`]s out, in order and
//! with those that come twice. **Meet first:** [`parse`], [`Entry`], [`Value`]. **Errors:** [`Error`], with line and
//! column.
#![forbid(unsafe_code)]

mod json;
mod read;
mod scan;
mod text;

#[cfg(test)]
mod tests;

use std::fmt;

/// Longest text that is read, in bytes.
pub const TEXT_MAX: usize = 1024 * 1024;
/// Deepest nesting of objects and lists.
pub const DEPTH_MAX: usize = 64;

/// A place in a text, both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One `key = value`, or one block with the words before its brace: `path "a" { … }` has two keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// At least one.
    pub keys: Vec<Key>,
    /// What stands behind the keys.
    pub value: Value,
}

/// A word before a value, quoted or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The word without its quotes.
    pub text: String,
    /// Where it begins.
    pub at: Position,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A quoted text or a heredoc.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// Any other number.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// `null`, in JSON only.
    Null,
    /// Values between square brackets.
    List(Vec<Value>),
    /// Entries between braces.
    Object(Vec<Entry>),
}

/// A text that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("At {at}: {what}")]
pub struct Error {
    /// Where.
    pub at: Position,
    /// What is wrong there.
    pub what: String,
}

impl Error {
    pub(crate) fn new(at: Position, what: impl Into<String>) -> Self {
        Self { at, what: what.into() }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl Entry {
    /// The first key.
    pub fn name(&self) -> &str {
        self.keys.first().map_or("", |key| key.text.as_str())
    }

    /// Where the first key begins.
    pub fn at(&self) -> Position {
        self.keys.first().map(|key| key.at).unwrap_or_default()
    }
}

/// Reads a text: as JSON if it begins with a brace, else as HCL.
pub fn parse(text: &str) -> Result<Vec<Entry>, Error> {
    if text.len() > TEXT_MAX {
        return Err(Error::new(Position { line: 1, column: 1 }, "the text is longer than 1 MiB"));
    }
    if text.trim_start().starts_with('{') { json::parse(text) } else { read::parse(text) }
}
