//! What came back from a server.

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body as JSON; `Null` when there was none.
    pub json: Value,
    /// The body as it came, as far as it is text.
    pub text: String,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// The headers, names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Answer {
    /// What it says went wrong, first of all; empty when it says nothing.
    pub fn error(&self) -> &str {
        self.json["errors"][0].as_str().unwrap_or_default()
    }

    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
