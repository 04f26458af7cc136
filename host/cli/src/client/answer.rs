//! What a server answered.

use serde_json::Value;
use zeroize::Zeroizing;

use crate::Error;
use crate::output::one_line;

/// Most errors that are shown of an answer.
const ERRORS_MAX: usize = 32;
/// Most bytes that are shown of an answer that is no JSON.
const RAW_MAX: usize = 2048;

/// An answer that is read completely.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    pub(crate) fn new(body: Vec<u8>) -> Self {
        Self { body: Zeroizing::new(body) }
    }

    /// Whether there is nothing but the status: what was asked for is done.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.iter().all(u8::is_ascii_whitespace)
    }

    /// The body; `Null` where there is none.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        if self.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.body).map_err(|_| {
            Error::Unreadable(
                "the server's answer is no JSON: `innkeeper read -format=raw` shows such answers as they are".into(),
            )
        })
    }

    /// What `data` holds, or the whole where there is no envelope.
    pub(crate) fn data(&self) -> Result<Value, Error> {
        let mut body = self.json()?;
        Ok(match body.get_mut("data") {
            Some(data) => data.take(),
            None => body,
        })
    }

    /// Whether there is data or a warning beside the status.
    pub(crate) fn says_something(&self) -> bool {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let filled = |name: &str| match &body[name] {
            Value::Null => false,
            Value::Object(fields) => !fields.is_empty(),
            Value::Array(items) => !items.is_empty(),
            _ => true,
        };
        filled("data") || filled("warnings")
    }

    /// The errors that it lists and what it warns of, each on one line, so that no server moves the terminal's cursor.
    pub(crate) fn errors(&self) -> Vec<String> {
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => {
                let lists = ["errors", "warnings"].map(|name| body[name].as_array());
                let errors = lists.into_iter().flatten().flatten().filter_map(Value::as_str);
                errors.take(ERRORS_MAX).map(one_line).collect()
            }
            Err(_) if self.is_empty() => Vec::new(),
            Err(_) => {
                let start = &self.body[..self.body.len().min(RAW_MAX)];
                vec![one_line(&String::from_utf8_lossy(start))]
            }
        }
    }
}
