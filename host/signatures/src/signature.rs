//! Signatures as they are sent.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest signature, in bytes of base64: one of the sorts that are checked has at most 96.
pub const SIGNATURE_MAX: usize = 256;

/// A text that is no signature; says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the base64 of a signature over the component, as `cosign sign-blob --key` makes it")]
pub struct Malformed;

/// A signature over a component, not yet checked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Signature {
    text: String,
    bytes: Vec<u8>,
}

impl Signature {
    /// Reads base64. White space around it is none of it: tools end their output with a new line.
    pub fn read(text: &str) -> Result<Self, Malformed> {
        let text = text.trim_ascii();
        if text.is_empty() || text.len() > SIGNATURE_MAX {
            return Err(Malformed);
        }
        let bytes = STANDARD.decode(text).map_err(|_| Malformed)?;
        Ok(Self { text: text.to_owned(), bytes })
    }

    /// The base64.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
