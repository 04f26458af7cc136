//! Random bytes and identifiers, from the cryptographic library's generator.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use model::Id;

use crate::Error;

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| Error::Internal("the random generator failed".into()))?;
    Ok(bytes)
}

/// A random identifier.
pub(crate) fn id() -> Result<Id, Error> {
    bytes().map(Id::from_random)
}
