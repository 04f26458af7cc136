//! What symmetric keys do for a guest, and random bytes of a key's home. All of it is done there: a mount's own keys are
//! pairs.

use keys::{Hash, ManagedKey, SealRequest};

use super::{Handle, Tried, unsupported};
use crate::state::State;

/// The managed key behind a handle.
fn managed(key: Handle) -> Tried<ManagedKey> {
    match key {
        Handle::Managed(key) => Ok(key),
        Handle::Internal(_) => Err(unsupported("symmetric uses of a mount's own key: it is a key pair")),
    }
}

impl State {
    pub(super) async fn seal_with(&mut self, key: Handle, request: SealRequest<'_>) -> Tried<Vec<u8>> {
        let (key, deadline) = (managed(key)?, self.call_deadline());
        Ok(key.seal(self.transaction()?, request, deadline).await?)
    }

    pub(super) async fn open_with(&mut self, key: Handle, request: SealRequest<'_>) -> Tried<Vec<u8>> {
        let (key, deadline) = (managed(key)?, self.call_deadline());
        let mut opened = key.open_sealed(self.transaction()?, request, deadline).await?;
        Ok(std::mem::take(&mut *opened))
    }

    pub(super) async fn authenticate(&mut self, key: Handle, hash: Hash, message: &[u8]) -> Tried<Vec<u8>> {
        let (key, deadline) = (managed(key)?, self.call_deadline());
        Ok(key.mac(self.transaction()?, hash, message, deadline).await?)
    }

    pub(super) async fn check_code(&mut self, key: Handle, hash: Hash, message: &[u8], mac: &[u8]) -> Tried<bool> {
        let (key, deadline) = (managed(key)?, self.call_deadline());
        Ok(key.verify_mac(self.transaction()?, hash, message, mac, deadline).await?)
    }

    pub(super) async fn random_of(&mut self, key: Handle, count: u32) -> Tried<Vec<u8>> {
        let (key, deadline) = (managed(key)?, self.call_deadline());
        let mut bytes = key.random(usize::try_from(count).unwrap_or(usize::MAX), deadline).await?;
        Ok(std::mem::take(&mut *bytes))
    }
}
