//! The bytes of a record.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use zeroize::Zeroizing;

/// The bytes of a record. Cloning shares them; they are overwritten with zeros when the last holder lets go, because
/// private keys and secrets pass through here.
#[derive(Clone, PartialEq, Eq)]
pub struct Value(Arc<Zeroizing<Vec<u8>>>);

impl Deref for Value {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes)))
    }
}

impl From<Zeroizing<Vec<u8>>> for Value {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

/// Shows the length only.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.len())
    }
}
