//! Identifiers.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A random identifier (UUID version 4) that stays with a thing through renames.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Id(Uuid);

impl Id {
    /// An identifier from 16 random bytes. The caller brings the randomness.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
    }

    /// Reads the usual form with hyphens. `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 36).then(|| Uuid::parse_str(text).ok()).flatten().map(Self)
    }

    /// The identifier of all zeroes: the root namespace's.
    pub const fn nil() -> Self {
        Self(Uuid::nil())
    }

    /// The first eight hexadecimal digits, as accessors use them.
    pub fn short(&self) -> String {
        self.0.simple().to_string().chars().take(8).collect()
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
