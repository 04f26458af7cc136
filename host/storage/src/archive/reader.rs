//! Records for a store, from the bytes of a file.

use async_trait::async_trait;
use model::Chunks;

use super::Decoder;
use crate::{Error, Records, Value};

/// Reads a file as the records of a store, on their way to [`crate::Driver::replace`]. What is wrong with the file is
/// an error, [`Error::Archive`], at its end at the latest; a source that breaks off is [`Error::Source`].
pub struct Reader<C> {
    source: C,
    decoder: Decoder,
}

impl<C: Chunks> Reader<C> {
    /// Of the file that comes from here.
    pub fn new(source: C) -> Self {
        Self { source, decoder: Decoder::new() }
    }
}

#[async_trait]
impl<C: Chunks> Records for Reader<C> {
    async fn next(&mut self) -> Result<Vec<(String, Value)>, Error> {
        loop {
            if let Some(records) = self.decoder.step()? {
                return Ok(records);
            }
            match self.source.next().await.map_err(Error::Source)? {
                Some(piece) => self.decoder.feed(&piece),
                None => {
                    self.decoder.finish()?;
                    return Ok(Vec::new());
                }
            }
        }
    }
}
