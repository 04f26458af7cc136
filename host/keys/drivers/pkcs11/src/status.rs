//! How libraries are, in numbers that cost nothing to read.

use keys::registry::TokenRef;

/// A library that was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The name of the stanza that it was first used by, in lower case.
    pub library: String,
    /// Its worker process, if it has one that runs.
    pub process: Option<u32>,
    /// How often a worker process was started, so that one less is how often one was lost. 0 for a library in the
    /// server's process.
    pub starts: u64,
    /// Questions that wait for an answer.
    pub waiting: usize,
    /// The tokens that were asked for, in no order.
    pub tokens: Vec<TokenStatus>,
}

/// A token, as its circuit breaker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenStatus {
    /// Which.
    pub token: TokenRef,
    /// Failures since it last worked.
    pub failures: u32,
    /// Whether callers are kept from it, all but one at a time who sees whether it works again.
    pub is_kept_away_from: bool,
}
