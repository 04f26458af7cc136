//! A driver of managed keys that tells the meter how its uses end.

use std::sync::Arc;

use async_trait::async_trait;
use keys::{
    Cipher, Description, Driver, Error, Hash, Keeper, Locator, NewKey, Provider, ProviderType, Random, Reason,
    SealRequest, SignRequest, Symmetric,
};
use meter::Meter;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Another driver, observed.
pub struct Observed {
    driver: Arc<dyn Driver>,
    kind: &'static str,
    meter: Meter,
}

impl Observed {
    /// This driver, of this type.
    pub fn new(driver: Arc<dyn Driver>, kind: ProviderType, meter: Meter) -> Self {
        Self { driver, kind: kind.name(), meter }
    }

    fn tell<T>(&self, act: &'static str, result: Result<T, Error>) -> Result<T, Error> {
        let outcome = match result.as_ref().map_err(Error::reason) {
            Ok(_) => "done",
            Err(Reason::NotFound) => "absent",
            // A circuit breaker that is open answers so too.
            Err(Reason::Unavailable) => "unavailable",
            Err(Reason::Timeout) => "late",
            Err(Reason::Internal) => "failed",
            Err(_) => "refused",
        };
        self.meter.used(self.kind, act, outcome);
        result
    }
}

#[async_trait]
impl Driver for Observed {
    async fn describe(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        self.tell("describe", self.driver.describe(provider, locator, deadline).await)
    }

    async fn generate(&self, provider: &Provider, locator: &Locator, deadline: Instant) -> Result<Description, Error> {
        self.tell("generate", self.driver.generate(provider, locator, deadline).await)
    }

    async fn sign(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SignRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.tell("sign", self.driver.sign(provider, locator, request, deadline).await)
    }

    async fn health(&self, provider: &Provider, deadline: Instant) -> Result<(), Error> {
        self.tell("health", self.driver.health(provider, deadline).await)
    }

    async fn forget(&self, provider: &Provider) {
        self.driver.forget(provider).await;
    }

    async fn forget_all(&self) {
        self.driver.forget_all().await;
    }

    fn cipher(&self) -> Option<&dyn Cipher> {
        self.driver.cipher().map(|_| self as &dyn Cipher)
    }

    fn symmetric(&self) -> Option<&dyn Symmetric> {
        self.driver.symmetric().map(|_| self as &dyn Symmetric)
    }

    fn random(&self) -> Option<&dyn Random> {
        self.driver.random().map(|_| self as &dyn Random)
    }

    fn keeper(&self) -> Option<&dyn Keeper> {
        self.driver.keeper().map(|_| self as &dyn Keeper)
    }
}

/// A power that the driver had when it was asked for, and has no more.
fn lost<T>(what: &str) -> Result<T, Error> {
    Err(Error::Unsupported(format!("{what} in this home")))
}

#[async_trait]
impl Symmetric for Observed {
    async fn seal(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let Some(symmetric) = self.driver.symmetric() else { return lost("symmetric keys") };
        self.tell("seal", symmetric.seal(provider, locator, request, deadline).await)
    }

    async fn open(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Some(symmetric) = self.driver.symmetric() else { return lost("symmetric keys") };
        self.tell("open", symmetric.open(provider, locator, request, deadline).await)
    }

    async fn mac(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let Some(symmetric) = self.driver.symmetric() else { return lost("symmetric keys") };
        self.tell("mac", symmetric.mac(provider, locator, hash, message, deadline).await)
    }
}

#[async_trait]
impl Random for Observed {
    async fn bytes(&self, provider: &Provider, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Some(random) = self.driver.random() else { return lost("random bytes") };
        self.tell("random", random.bytes(provider, count, deadline).await)
    }
}

#[async_trait]
impl Keeper for Observed {
    async fn put(
        &self,
        provider: &Provider,
        locator: &Locator,
        key: NewKey<'_>,
        replace: bool,
        deadline: Instant,
    ) -> Result<Description, Error> {
        let Some(keeper) = self.driver.keeper() else { return lost("storing a key") };
        self.tell("put", keeper.put(provider, locator, key, replace, deadline).await)
    }
}

#[async_trait]
impl Cipher for Observed {
    async fn decrypt(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let Some(cipher) = self.driver.cipher() else { return Err(Error::Unsupported("decrypting".into())) };
        self.tell("decrypt", cipher.decrypt(provider, locator, hash, ciphertext, deadline).await)
    }
}
