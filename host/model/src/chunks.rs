//! Bytes that come piece by piece, because the whole would be too large to hold.

use std::fmt;

use async_trait::async_trait;

use crate::Fault;

/// Where the pieces come from: the body of a request, or whatever makes an answer.
#[async_trait]
pub trait Chunks: Send + Sync {
    /// The next piece, never an empty one; `None`: that was all. A failure ends it.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Fault>;
}

/// Pieces from anywhere, on their way from one room to another.
pub struct Stream(pub Box<dyn Chunks>);

impl Stream {
    /// The stream of these pieces.
    pub fn new(chunks: impl Chunks + 'static) -> Self {
        Self(Box::new(chunks))
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream")
    }
}
