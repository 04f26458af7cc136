//! What symmetric managed keys do, and random bytes of a key's home.

use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use storage::Transaction;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::ManagedKey;
use crate::{Act, Description, Error, Hash, MESSAGE_MAX, RANDOM_MAX, SealRequest, Sealing, Symmetric, Usage, Used};

impl ManagedKey {
    /// How the key seals texts, most usual first.
    pub async fn sealings(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Vec<Sealing>, Error> {
        Ok(self.describe(transaction, deadline).await?.sealings.clone())
    }

    /// The hashes that the key authenticates messages with, most usual first.
    pub async fn macs(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Vec<Hash>, Error> {
        Ok(self.describe(transaction, deadline).await?.macs.clone())
    }

    /// Seals a text in the key's home, in the format that [`Sealing`] says.
    pub async fn seal(
        &self,
        transaction: &mut Transaction,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let sealed = self.seal_alone(transaction, request, deadline).await;
        self.witness(self.sealing_use(Act::Encrypt, request), sealed).await
    }

    async fn seal_alone(
        &self,
        transaction: &mut Transaction,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.may(Usage::Encrypt)?;
        request.sealing.check(request.text, request.associated).map_err(|error| error.of(self.name()))?;
        let description = self.sealing(transaction, request.sealing, deadline).await?;
        self.governed(self.sealing_use(Act::Encrypt, request)).await?;
        let locator = self.entry.record.locator.pinned(&description);
        let sealed = self.powers()?.seal(&self.entry.provider, &locator, request, deadline).await;
        sealed.map_err(|error| error.of(self.name()))
    }

    /// The reverse of [`Self::seal`].
    pub async fn open_sealed(
        &self,
        transaction: &mut Transaction,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let opened = self.open_sealed_alone(transaction, request, deadline).await;
        self.witness(self.sealing_use(Act::Decrypt, request), opened).await
    }

    async fn open_sealed_alone(
        &self,
        transaction: &mut Transaction,
        request: SealRequest<'_>,
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.may(Usage::Decrypt)?;
        request.sealing.check_sealed(request.text, request.associated).map_err(|error| error.of(self.name()))?;
        let description = self.sealing(transaction, request.sealing, deadline).await?;
        self.governed(self.sealing_use(Act::Decrypt, request)).await?;
        let locator = self.entry.record.locator.pinned(&description);
        let opened = self.powers()?.open(&self.entry.provider, &locator, request, deadline).await;
        opened.map_err(|error| error.of(self.name()))
    }

    /// HMAC in the key's home.
    pub async fn mac(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let made = self.mac_alone(transaction, hash, message, deadline).await;
        let used = Used { hash: Some(hash), input_length: Some(message.len()), ..self.use_of(Act::Mac) };
        self.witness(used, made).await
    }

    async fn mac_alone(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        message: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.may(Usage::Mac)?;
        if message.len() > MESSAGE_MAX {
            return Err(Error::invalid("a message to authenticate may have 8 MiB").of(self.name()));
        }
        let description = self.describe(transaction, deadline).await?;
        if !description.macs.contains(&hash) {
            return Err(Error::Unsupported(unable("authenticate", hash.name(), &names(&description.macs, Hash::name)))
                .of(self.name()));
        }
        let used = Used { hash: Some(hash), input_length: Some(message.len()), ..self.use_of(Act::Mac) };
        self.governed(used).await?;
        let locator = self.entry.record.locator.pinned(&description);
        let made = self.powers()?.mac(&self.entry.provider, &locator, hash, message, deadline).await;
        let made = made.map_err(|error| error.of(self.name()))?;
        if made.len() == hash.len() {
            return Ok(made);
        }
        Err(Error::Internal(format!("a code of {} bytes for {}", made.len(), hash.name())).of(self.name()))
    }

    /// Whether this is the code of the message. The code is made again in the key's home and compared here, in constant
    /// time; the usage is that of making one.
    pub async fn verify_mac(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        message: &[u8],
        mac: &[u8],
        deadline: Instant,
    ) -> Result<bool, Error> {
        let made = self.mac(transaction, hash, message, deadline).await?;
        Ok(verify_slices_are_equal(&made, mac).is_ok())
    }

    /// So many random bytes of the key's home, 1 to [`RANDOM_MAX`]. The key itself need not be there.
    pub async fn random(&self, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        let drawn = self.random_alone(count, deadline).await;
        self.witness(self.use_of(Act::Random), drawn).await
    }

    async fn random_alone(&self, count: usize, deadline: Instant) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.may(Usage::GenerateRandom)?;
        if !(1..=RANDOM_MAX).contains(&count) {
            return Err(Error::invalid(format!("bytes: 1 to {RANDOM_MAX} at once, not {count}")).of(self.name()));
        }
        let source = self.driver()?.random();
        let source = source.ok_or_else(|| Error::Unsupported("random bytes from this home".into()).of(self.name()))?;
        self.governed(self.use_of(Act::Random)).await?;
        let bytes = source.bytes(&self.entry.provider, count, deadline).await.map_err(|error| error.of(self.name()))?;
        if bytes.len() == count {
            return Ok(bytes);
        }
        Err(Error::Internal(format!("{} random bytes instead of {count}", bytes.len())).of(self.name()))
    }

    /// The description of a key that seals so.
    async fn sealing(
        &self,
        transaction: &mut Transaction,
        sealing: Sealing,
        deadline: Instant,
    ) -> Result<Arc<Description>, Error> {
        let description = self.describe(transaction, deadline).await?;
        if description.sealings.contains(&sealing) {
            return Ok(description);
        }
        let what = unable("seal", sealing.name(), &names(&description.sealings, Sealing::name));
        Err(Error::Unsupported(what).of(self.name()))
    }

    fn sealing_use(&self, act: Act, request: SealRequest<'_>) -> Used<'_> {
        Used { sealing: Some(request.sealing), input_length: Some(request.text.len()), ..self.use_of(act) }
    }

    fn powers(&self) -> Result<&dyn Symmetric, Error> {
        let powers = self.driver()?.symmetric();
        powers.ok_or_else(|| Error::Unsupported("symmetric keys in this home".into()).of(self.name()))
    }
}

fn names<T: Copy>(all: &[T], name: fn(T) -> &'static str) -> String {
    all.iter().map(|one| name(*one)).collect::<Vec<_>>().join(", ")
}

/// What a key cannot do, and what it can.
fn unable(act: &str, way: &str, able: &str) -> String {
    if able.is_empty() {
        return format!("this key cannot {act} with {way}: it cannot {act} at all");
    }
    format!("this key cannot {act} with {way}; it can with {able}")
}
