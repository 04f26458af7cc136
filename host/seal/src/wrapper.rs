//! What encrypts the root key where no operator has to be present.

use async_trait::async_trait;
use storage::barrier::SecretKey;

use crate::Error;

/// A key elsewhere that encrypts the root key: auto-unseal.
#[async_trait]
pub trait Wrapper: Send + Sync + 'static {
    /// The type, as `seal` in the configuration and `sys/seal-status` name it.
    fn kind(&self) -> &'static str;

    /// Encrypts the root key.
    async fn wrap(&self, root: &SecretKey) -> Result<Vec<u8>, Error>;

    /// The reverse of [`Self::wrap`].
    async fn unwrap(&self, wrapped: &[u8]) -> Result<SecretKey, Error>;

    /// Lets go of what is held to reach the key: sessions, a login. The next use takes it up again.
    async fn rest(&self);
}
