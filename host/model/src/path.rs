//! Paths and names that have been validated.

use std::borrow::Borrow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longest path that is accepted anywhere, in bytes.
pub const PATH_MAX: usize = 1024;
/// Longest single name (one path segment), in bytes.
pub const NAME_MAX: usize = 128;
/// Deepest nesting of namespaces.
const NAMESPACE_DEPTH_MAX: usize = 32;
/// Names that a namespace may not have, because paths of the API begin with them.
const RESERVED_NAMESPACES: [&str; 8] = ["root", "sys", "audit", "auth", "cubbyhole", "identity", ".", ".."];

/// A text that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {why}")]
pub struct Invalid {
    /// What was being read, for instance `namespace path`.
    pub what: &'static str,
    /// What is wrong and what would be right.
    pub why: &'static str,
}

/// Checks a name of one segment: 1 to [`NAME_MAX`] bytes of letters, digits, `_`, and inside also `-` and `.`.
pub fn name(text: &str) -> Result<&str, Invalid> {
    let what = "name";
    if text.is_empty() || text.len() > NAME_MAX {
        return Err(Invalid { what, why: "must have 1 to 128 characters" });
    }
    let word = |c: u8| c.is_ascii_alphanumeric() || c == b'_';
    let bytes = text.as_bytes();
    let ends_ok = bytes.first().copied().is_some_and(word) && bytes.last().copied().is_some_and(word);
    if !ends_ok || !bytes.iter().all(|&c| word(c) || c == b'-' || c == b'.') {
        return Err(Invalid { what, why: "may hold letters, digits, '_', and inside also '-' and '.'" });
    }
    Ok(text)
}

/// Checks a relative path: no empty, `.` or `..` segment, no control characters, at most [`PATH_MAX`] bytes.
/// A trailing `/` is allowed, and so is the empty path.
pub fn relative_path<'a>(what: &'static str, text: &'a str) -> Result<&'a str, Invalid> {
    if text.len() > PATH_MAX {
        return Err(Invalid { what, why: "is longer than 1024 bytes" });
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid { what, why: "must not hold control characters" });
    }
    let body = text.strip_suffix('/').unwrap_or(text);
    if text == "/" {
        return Err(Invalid { what, why: "must not hold an empty segment" });
    }
    for segment in body.split('/') {
        match segment {
            "" if !body.is_empty() => return Err(Invalid { what, why: "must not hold an empty segment" }),
            "." | ".." => return Err(Invalid { what, why: "must be relative, without '.' or '..' segments" }),
            _ => {}
        }
    }
    Ok(text)
}

/// The path of a namespace: `""` for the root, else segments each followed by `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NamespacePath(String);

impl NamespacePath {
    /// The root namespace.
    pub const fn root() -> Self {
        Self(String::new())
    }

    /// Reads a path with or without `/` at either end.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let what = "namespace path";
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() || trimmed == "root" {
            return Ok(Self::root());
        }
        relative_path(what, trimmed)?;
        for (depth, segment) in trimmed.split('/').enumerate() {
            if depth >= NAMESPACE_DEPTH_MAX {
                return Err(Invalid { what, why: "is nested deeper than 32 namespaces" });
            }
            if RESERVED_NAMESPACES.contains(&segment) {
                return Err(Invalid {
                    what,
                    why: "holds a reserved name (root, sys, audit, auth, cubbyhole, identity)",
                });
            }
            name(segment).map_err(|e| Invalid { what, why: e.why })?;
        }
        Ok(Self(format!("{trimmed}/")))
    }

    /// This path followed by another, which is read relative to this one.
    pub fn join(&self, below: &Self) -> Self {
        Self(format!("{}{}", self.0, below.0))
    }

    /// The namespace above, `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let body = self.0.strip_suffix('/')?;
        Some(Self(body.rfind('/').map_or_else(String::new, |at| body[..=at].to_owned())))
    }

    /// The last segment without its `/`; empty for the root.
    pub fn last(&self) -> &str {
        let body = self.0.strip_suffix('/').unwrap_or("");
        body.rsplit('/').next().unwrap_or("")
    }

    /// Whether this is the root namespace.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, empty or ending in `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for NamespacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Display for NamespacePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for NamespacePath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The path of a mount inside its namespace: at least one segment, each followed by `/`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MountPath(String);

impl MountPath {
    /// Reads a path with or without `/` at either end.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let what = "mount path";
        let trimmed = text.trim_matches('/');
        if trimmed.is_empty() {
            return Err(Invalid { what, why: "must not be empty" });
        }
        relative_path(what, trimmed)?;
        if trimmed.contains(['*', '+', '?', '#', '%', '{', '}']) || trimmed.contains(char::is_whitespace) {
            return Err(Invalid { what, why: "must not hold spaces or any of * + ? # % { }" });
        }
        if trimmed.split('/').any(|segment| segment.len() > NAME_MAX) {
            return Err(Invalid { what, why: "has a segment longer than 128 bytes" });
        }
        Ok(Self(format!("{trimmed}/")))
    }

    /// The text, ending in `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl fmt::Display for MountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for MountPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_path_ends_in_a_slash_and_knows_its_parent() {
        let path = NamespacePath::parse("/a/b").unwrap();
        assert_eq!(path.as_str(), "a/b/");
        assert_eq!(path.parent().unwrap().as_str(), "a/");
        assert_eq!(path.last(), "b");
        assert!(path.parent().unwrap().parent().unwrap().is_root());
    }

    #[test]
    fn reserved_empty_and_dotted_namespace_names_are_refused() {
        for bad in ["sys", "a/auth", "a//b", "..", "a/../b", "a b", "a\u{0}b", "+", "a/*"] {
            assert!(NamespacePath::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_mount_path_may_nest_but_not_escape() {
        assert_eq!(MountPath::parse("a/b/").unwrap().as_str(), "a/b/");
        for bad in ["", "/", "a/../b", "a//b", "a*", "a b", "a\nb"] {
            assert!(MountPath::parse(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_name_is_bounded_from_both_sides() {
        assert!(name("a").is_ok());
        assert!(name(&"a".repeat(NAME_MAX)).is_ok());
        assert!(name("").is_err());
        assert!(name(&"a".repeat(NAME_MAX + 1)).is_err());
        assert!(name("-a").is_err());
        assert!(name("a/b").is_err());
    }
}
