//! A managed key in the hands of a mount.

use std::sync::Arc;

use model::Id;
use storage::Transaction;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::{Entry, Inner, unwitnessed};
use crate::registry::{self, Record};
use crate::{
    Act, Description, Driver, Error, Hash, Input, KeyType, ProviderType, Scheme, SignRequest, Usage, Usages, Used,
    Witness,
};
use crate::{internal, verify};

/// A managed key that is lent to a mount for one request.
#[derive(Clone)]
pub struct ManagedKey {
    pub(super) service: Arc<Inner>,
    /// Is told of each use.
    pub(super) witness: Option<Arc<dyn Witness>>,
    /// The namespace that it is registered in, which may lie above the mount's.
    pub(super) namespace: Id,
    pub(super) entry: Entry,
    /// What the mount may do with it, of what it may be used for.
    pub(super) lent_for: Usages,
    /// The version of its record, `None` when this transaction wrote it.
    pub(super) version: Option<u64>,
}

impl ManagedKey {
    /// The name.
    pub fn name(&self) -> &str {
        &self.entry.record.name
    }

    /// The UUID, which outlives updates of the record.
    pub fn uuid(&self) -> Id {
        self.entry.record.uuid
    }

    /// The type of provider that keeps it.
    pub fn home(&self) -> ProviderType {
        self.entry.provider.kind()
    }

    /// What the key may be used for by the mount.
    pub fn usages(&self) -> Usages {
        self.entry.record.usages.and(self.lent_for)
    }

    /// Refuses a use that is not among the key's usages, or not among those that the mount has it for. Every use is checked so; this is for callers who have work to
    /// do before it.
    pub fn may(&self, usage: Usage) -> Result<(), Error> {
        let key = || self.entry.record.name.clone();
        if !self.entry.record.usages.contains(usage) {
            return Err(Error::UsageDenied { key: key(), usage });
        }
        if self.lent_for.contains(usage) { Ok(()) } else { Err(Error::UsageNotLent { key: key(), usage }) }
    }

    /// The public half and the abilities of the key. Asked of the token once; afterwards the record knows them. A key
    /// that is absent is made if its record allows it.
    pub async fn describe(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Arc<Description>, Error> {
        let slot = self.version.map(|version| (self.entry.record.uuid, version));
        if let Some(description) = slot.and_then(|slot| self.service.descriptions.get(&slot)) {
            return Ok(description);
        }
        if let Some(description) = &self.entry.record.description {
            let description = Arc::new(description.clone());
            if let Some(slot) = slot {
                self.service.descriptions.insert(slot, Arc::clone(&description));
            }
            return Ok(description);
        }
        let description = Arc::new(self.ask(deadline).await.map_err(|error| error.of(self.name()))?);
        if let Some(slot) = slot {
            self.service.descriptions.insert(slot, Arc::clone(&description));
        }
        // A checkpoint may lie between the opening and this: a record that was rewritten meanwhile stays as it is.
        let stored = registry::stored(transaction, self.namespace, self.name()).await?;
        if stored.is_some_and(|stored| stored.version == self.version) {
            let record = Record { description: Some((*description).clone()), ..Record::clone(&self.entry.record) };
            registry::put(transaction, self.namespace, &record)?;
        }
        Ok(description)
    }

    /// The public key as DER SubjectPublicKeyInfo.
    pub async fn public_key(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Vec<u8>, Error> {
        let description = self.describe(transaction, deadline).await?;
        self.must_be_pair(&description)?;
        Ok(description.public_key.clone())
    }

    fn must_be_pair(&self, description: &Description) -> Result<(), Error> {
        if description.key_type.is_pair() {
            return Ok(());
        }
        let what = format!("this use of an {} key: it is symmetric and has no public half", description.key_type);
        Err(Error::Unsupported(what).of(self.name()))
    }

    /// What the key is.
    pub async fn key_type(&self, transaction: &mut Transaction, deadline: Instant) -> Result<KeyType, Error> {
        Ok(self.describe(transaction, deadline).await?.key_type)
    }

    /// What the key can sign, most usual first.
    pub async fn schemes(&self, transaction: &mut Transaction, deadline: Instant) -> Result<Vec<Scheme>, Error> {
        Ok(self.describe(transaction, deadline).await?.schemes.clone())
    }

    /// Signs in the key's home; the hashing is done here. ECDSA signatures are DER.
    pub async fn sign(
        &self,
        transaction: &mut Transaction,
        scheme: Scheme,
        input: Input<'_>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        let mut digest = None;
        let signed = self.sign_alone(transaction, scheme, input, &mut digest, deadline).await;
        let used = Used {
            scheme: Some(scheme),
            digest: digest.as_deref(),
            input_length: Some(input.len()),
            ..self.use_of(Act::Sign)
        };
        self.witness(used, signed).await
    }

    /// The signing without the witness. Leaves the digest for it.
    async fn sign_alone(
        &self,
        transaction: &mut Transaction,
        scheme: Scheme,
        input: Input<'_>,
        digest: &mut Option<Vec<u8>>,
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.may(Usage::Sign)?;
        scheme.check(input).map_err(|error| error.of(self.name()))?;
        let description = self.describe(transaction, deadline).await?;
        if !description.schemes.contains(&scheme) {
            return Err(Error::UnsupportedScheme { scheme, able: description.schemes.clone() }.of(self.name()));
        }
        if let Some(hash) = scheme.hash() {
            *digest = Some(input.digest(hash).map_err(|error| error.of(self.name()))?);
        }
        let (of, length) = (digest.as_deref(), Some(input.len()));
        self.governed(Used { scheme: Some(scheme), digest: of, input_length: length, ..self.use_of(Act::Sign) })
            .await?;
        let cut = match description.key_type {
            // ECDSA begins with this cut (FIPS 186-5 section 6.4.1), and not every token takes a longer digest.
            KeyType::Ec(curve) => curve.field_len(),
            _ => usize::MAX,
        };
        let digest = digest.as_deref().map(|digest| &digest[..digest.len().min(cut)]);
        let (input, public_key) = (digest.map_or(input, Input::Digest), Some(&description.public_key[..]));
        let request = SignRequest { scheme, input, public_key };
        let locator = self.entry.record.locator.pinned(&description);
        let signed = self.driver()?.sign(&self.entry.provider, &locator, request, deadline).await;
        signed.map_err(|error| error.of(self.name()))
    }

    /// Whether the signature over the input is this key's. Done here with the public half.
    pub async fn verify(
        &self,
        transaction: &mut Transaction,
        scheme: Scheme,
        input: Input<'_>,
        signature: &[u8],
        deadline: Instant,
    ) -> Result<bool, Error> {
        self.may(Usage::Verify)?;
        let description = self.describe(transaction, deadline).await?;
        self.must_be_pair(&description)?;
        verify(&description.public_key, scheme, input, signature).map_err(|error| error.of(self.name()))
    }

    /// RSAES-OAEP with this hash, MGF1 with the same, an empty label. Done here with the public half.
    pub async fn encrypt(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        plaintext: &[u8],
        deadline: Instant,
    ) -> Result<Vec<u8>, Error> {
        self.may(Usage::Encrypt)?;
        self.must_be_hash_of_oaep(hash)?;
        let description = self.describe(transaction, deadline).await?;
        self.must_be_pair(&description)?;
        internal::encrypt(&description.public_key, hash, plaintext).map_err(|error| error.of(self.name()))
    }

    /// The reverse of [`Self::encrypt`], in the key's home.
    pub async fn decrypt(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        let opened = self.decrypt_alone(transaction, hash, ciphertext, deadline).await;
        let used = Used { hash: Some(hash), input_length: Some(ciphertext.len()), ..self.use_of(Act::Decrypt) };
        self.witness(used, opened).await
    }

    async fn decrypt_alone(
        &self,
        transaction: &mut Transaction,
        hash: Hash,
        ciphertext: &[u8],
        deadline: Instant,
    ) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.may(Usage::Decrypt)?;
        self.must_be_hash_of_oaep(hash)?;
        let description = self.describe(transaction, deadline).await?;
        self.must_be_pair(&description)?;
        if let KeyType::Rsa { bits } = description.key_type
            && ciphertext.len() != bits.div_ceil(8) as usize
        {
            return Err(Error::invalid("the ciphertext cannot be decrypted with this key").of(self.name()));
        }
        let driver = self.driver()?;
        let cipher = driver.cipher().ok_or_else(|| Error::Unsupported("decrypting".into()).of(self.name()))?;
        let used = Used { hash: Some(hash), input_length: Some(ciphertext.len()), ..self.use_of(Act::Decrypt) };
        self.governed(used).await?;
        let locator = self.entry.record.locator.pinned(&description);
        let opened = cipher.decrypt(&self.entry.provider, &locator, hash, ciphertext, deadline).await;
        opened.map_err(|error| error.of(self.name()))
    }

    /// The one hash of RSAES-OAEP that the record names, if it names one.
    pub fn oaep_hash(&self) -> Option<Hash> {
        self.entry.record.locator.oaep_hash()
    }

    fn must_be_hash_of_oaep(&self, hash: Hash) -> Result<(), Error> {
        match self.oaep_hash().filter(|own| *own != hash) {
            None => Ok(()),
            Some(own) => {
                let what = format!("RSA OAEP with {}: the key's rsa_oaep_hash is {}", hash.name(), own.name());
                Err(Error::Unsupported(what).of(self.name()))
            }
        }
    }

    /// A use of this key.
    pub(super) fn use_of(&self, act: Act) -> Used<'_> {
        let record = &self.entry.record;
        let slot = self.version.map(|version| (record.uuid, version));
        let cached = slot.and_then(|slot| self.service.descriptions.get(&slot));
        let known = cached.as_deref().or(record.description.as_ref());
        Used {
            uuid: Some(record.uuid),
            namespace: Some(self.namespace),
            home: Some(self.entry.provider.kind()),
            key_type: known.map(|description| description.key_type),
            ..Used::new(act, &record.name)
        }
    }

    /// Refuses a use that somebody may not have made of the key now: asked before its home is.
    pub(super) async fn governed(&self, used: Used<'_>) -> Result<(), Error> {
        let Some(witness) = &self.witness else { return Ok(()) };
        witness.may(used).await.map_err(|why| Error::Governed { key: self.name().to_owned(), why })
    }

    /// Gives out what came of a use once the witness, if there is one, has taken note of it.
    pub(super) async fn witness<T>(&self, used: Used<'_>, came: Result<T, Error>) -> Result<T, Error> {
        if let Some(witness) = &self.witness {
            let told = witness.used(Used { error: came.as_ref().err(), ..used }).await;
            told.map_err(|fault| unwitnessed(&fault).of(self.name()))?;
        }
        came
    }

    pub(super) fn driver(&self) -> Result<&Arc<dyn Driver>, Error> {
        self.service.driver(&self.entry.provider).map_err(|error| error.of(self.name()))
    }

    /// Asks the driver for the key, and makes it if it is absent and may be made.
    pub(super) async fn ask(&self, deadline: Instant) -> Result<Description, Error> {
        let driver = self.driver()?;
        let (provider, locator) = (&self.entry.provider, &self.entry.record.locator);
        match driver.describe(provider, locator, deadline).await {
            Err(Error::Absent) if self.entry.record.allow_generate_key => {}
            other => return other,
        }
        self.make(deadline).await
    }
}
