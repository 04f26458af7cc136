//! What a token does besides signing: decrypting, sealing, authenticating, giving random bytes, taking keys in.

use std::sync::Arc;

use async_trait::async_trait;
use keys::{Cipher, Description, Error, Hash, Keeper, Locator, NewKey, Provider, Random, SealRequest, Symmetric};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::work::{Answer, Given, Text, Work};
use crate::{Driver, key, mechanism, mixed_up, secret};

impl Driver {
    async fn bytes_of(&self, provider: &Provider, work: Work, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        match self.submit(provider, work, deadline).await? {
            Answer::Bytes(bytes) => Ok(bytes),
            _ => Err(mixed_up()),
        }
    }

    async fn sealed(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        open: bool,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = key(locator)?;
        secret::can_seal(&key, request.sealing)?;
        let text = Text {
            sealing: request.sealing,
            text: Zeroizing::new(request.text.to_vec()),
            associated: request.associated.to_vec(),
        };
        self.bytes_of(provider, Work::Seal { key, text, open }, deadline).await
    }
}

#[async_trait]
impl Cipher for Driver {
    async fn decrypt(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let key = key(locator)?;
        mechanism::can_decrypt(&key, hash)?;
        let work = Work::Decrypt { key, hash, ciphertext: ciphertext.to_vec() };
        self.bytes_of(provider, work, deadline).await
    }
}

#[async_trait]
impl Symmetric for Driver {
    async fn seal(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let mut sealed = self.sealed(provider, locator, request, false, deadline).await?;
        Ok(std::mem::take(&mut *sealed))
    }

    async fn open(
        &self,
        provider: &Provider,
        locator: &Locator,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.sealed(provider, locator, request, true, deadline).await
    }

    async fn mac(
        &self,
        provider: &Provider,
        locator: &Locator,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let key = key(locator)?;
        secret::can_mac(&key, hash)?;
        let work = Work::Mac { key, hash, message: message.to_vec() };
        let mut code = self.bytes_of(provider, work, deadline).await?;
        Ok(std::mem::take(&mut *code))
    }
}

#[async_trait]
impl Random for Driver {
    async fn bytes(&self, provider: &Provider, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        let count = u32::try_from(count).map_err(|_| Error::invalid("bytes: too many at once"))?;
        self.bytes_of(provider, Work::Random(count), deadline).await
    }
}

#[async_trait]
impl Keeper for Driver {
    async fn put(
        &self,
        provider: &Provider,
        locator: &Locator,
        new: NewKey<'_>,
        replace: bool,
        deadline: Instant,
    ) -> Result<Description, Error> {
        let given = match new {
            NewKey::Made => None,
            NewKey::Given(material) => Some(Given { key_type: material.key_type, bytes: material.bytes.clone() }),
        };
        let work = Work::Put { key: key(locator)?, given: Arc::new(given), replace };
        self.described(provider, work, deadline).await
    }
}
