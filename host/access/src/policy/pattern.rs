//! The patterns of paths.

/// Longest pattern, in bytes: no path of a request is as long.
pub(crate) const PATTERN_MAX: usize = 8192;

/// A pattern with its namespace's path in front. Two policies that have the same one add up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pattern {
    /// This path and no other.
    Exact(String),
    /// Every path that begins so; without its `*`.
    Prefix(String),
    /// With whole segments `+`, each of which fits any one segment; a `*` at its end stays.
    Segments(String),
}

impl Pattern {
    /// Reads a pattern without a leading slash.
    pub(crate) fn read(mut path: String) -> Self {
        // Also those whose segment merely begins with a plus: such segments fit only themselves, but the pattern ranks
        // among those with wildcards.
        if path.starts_with("+/") || path == "+" || path.contains("/+") {
            return Self::Segments(path);
        }
        if path.ends_with('*') {
            path.pop();
            return Self::Prefix(path);
        }
        Self::Exact(path)
    }
}

/// Why a path can be no pattern, in the reference's words.
pub(crate) fn check(path: &str) -> Result<(), String> {
    if path.contains("+*") {
        return Err(format!("path {path:?}: invalid use of wildcards ('+*' is forbidden)"));
    }
    if path.len() > PATTERN_MAX {
        return Err("path: a pattern may have 8192 bytes".to_owned());
    }
    Ok(())
}
