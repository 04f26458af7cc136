//! Drawers: the parts of the store that one owner can reach.

use std::sync::Arc;

use crate::Error;

/// Longest key inside a drawer, in bytes.
pub const KEY_MAX: usize = 512;
/// Longest segment of a key, in bytes.
const SEGMENT_MAX: usize = 255;

/// A prefix of the store. Whoever holds a drawer can reach what is below it and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Drawer(Arc<str>);

impl Drawer {
    /// The drawer below these segments, for the host's own rooms. Segments are the host's own words and
    /// identifiers, never text of a client; they must hold no `/`.
    pub fn new(segments: &[&str]) -> Self {
        debug_assert!(segments.iter().all(|s| !s.is_empty() && !s.contains('/')), "a drawer's segment is one word");
        let mut prefix = String::with_capacity(64);
        for segment in segments {
            prefix.push_str(segment);
            prefix.push('/');
        }
        Self(prefix.into())
    }

    /// The prefix, ending in `/`.
    pub fn prefix(&self) -> &str {
        &self.0
    }

    /// The full key of a relative key, after checking it: segments of 1 to 255 bytes, at most [`KEY_MAX`] in all, no
    /// `.` or `..`, no control characters.
    pub(crate) fn key(&self, relative: &str) -> Result<String, Error> {
        if relative.is_empty() {
            return Err(Error::InvalidKey("must not be empty"));
        }
        check(relative)?;
        Ok(self.join(relative))
    }

    /// The full prefix of a relative prefix: empty, or a path ending in `/`.
    pub(crate) fn prefix_of(&self, relative: &str) -> Result<String, Error> {
        if let Some(body) = relative.strip_suffix('/') {
            check(body)?;
        } else if !relative.is_empty() {
            return Err(Error::InvalidKey("a prefix must be empty or end in '/'"));
        }
        Ok(self.join(relative))
    }

    fn join(&self, relative: &str) -> String {
        let mut full = String::with_capacity(self.0.len() + relative.len());
        full.push_str(&self.0);
        full.push_str(relative);
        full
    }
}

fn check(relative: &str) -> Result<(), Error> {
    if relative.len() > KEY_MAX {
        return Err(Error::InvalidKey("must not be longer than 512 bytes"));
    }
    for segment in relative.split('/') {
        match segment {
            "" => return Err(Error::InvalidKey("must not hold an empty segment")),
            "." | ".." => return Err(Error::InvalidKey("must not hold '.' or '..' segments")),
            _ if segment.len() > SEGMENT_MAX => return Err(Error::InvalidKey("has a segment longer than 255 bytes")),
            _ => {}
        }
    }
    if relative.contains(char::is_control) {
        return Err(Error::InvalidKey("must not hold control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_cannot_leave_their_drawer() {
        let drawer = Drawer::new(&["mount", "m1", "guest"]);
        assert_eq!(drawer.key("a/b").unwrap(), "mount/m1/guest/a/b");
        for bad in ["", "/a", "a/", "a//b", "../x", "a/../b", ".", "a\u{0}", "a\n", "a\u{7f}", "a\u{85}"] {
            assert!(drawer.key(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_prefix_is_empty_or_ends_in_a_slash() {
        let drawer = Drawer::new(&["d"]);
        assert_eq!(drawer.prefix_of("").unwrap(), "d/");
        assert_eq!(drawer.prefix_of("a/").unwrap(), "d/a/");
        assert!(drawer.prefix_of("a").is_err());
        assert!(drawer.prefix_of("/").is_err());
    }

    #[test]
    fn the_longest_key_fits_and_one_more_does_not() {
        let drawer = Drawer::new(&["d"]);
        let segment = "a".repeat(SEGMENT_MAX);
        let longest = format!("{segment}/{segment}/");
        assert_eq!(longest.len(), KEY_MAX);
        assert!(drawer.prefix_of(&longest).is_ok());
        assert!(drawer.key(&format!("{segment}/{segment}/a/b")).is_err());
        assert!(drawer.key(&"a".repeat(SEGMENT_MAX + 1)).is_err());
    }
}
