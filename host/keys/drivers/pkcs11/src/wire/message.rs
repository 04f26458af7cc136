//! The messages.

use std::path::PathBuf;
use std::time::Duration;

use keys::registry::Pkcs11Provider;
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::settings::Bounds;
use crate::work::{Answer, Work};

/// To a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum ToWorker {
    /// The first message.
    Hello(Hello),
    /// A token and its PIN, from here on called by this number.
    Open {
        /// The number.
        number: u32,
        /// The token.
        provider: Pkcs11Provider,
    },
    /// Something to do.
    Ask {
        /// What the answer will be called.
        id: u64,
        /// The number of the token.
        number: u32,
        /// Time that is left for it.
        left: Duration,
        /// What.
        work: Work,
    },
    /// What is held for a token is to be forgotten, and its number.
    Forget {
        /// The number.
        number: u32,
    },
    /// What is held for all tokens is to be forgotten, and their numbers.
    ForgetAll,
    /// Is anybody there?
    Ping,
    /// The last message: sessions are to be ended in order.
    Close,
}

/// What a worker is told first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Hello {
    /// [`super::VERSION`].
    pub(crate) version: u16,
    /// The name of the library's stanza, for the log.
    pub(crate) name: String,
    /// The library.
    pub(crate) path: PathBuf,
    /// For C_Initialize.
    pub(crate) parameters: Option<String>,
    /// New keys are not bound to one use.
    pub(crate) keys_for_every_use: bool,
    /// Bounds of the process.
    pub(crate) bounds: Bounds,
}

/// From a worker.
#[derive(Serialize, Deserialize)]
pub(crate) enum FromWorker {
    /// The answer to the first message.
    Ready {
        /// [`super::VERSION`].
        version: u16,
    },
    /// What came of a question, in any order.
    Answer {
        /// The question.
        id: u64,
        /// The answer.
        outcome: Result<Answer, Refusal>,
    },
    /// Somebody is here.
    Pong {
        /// Whether calls hang in the library, long after their time.
        hangs: bool,
    },
    /// The answer to the last message.
    Closed,
}
