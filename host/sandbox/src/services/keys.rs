//! `keys`: handles to keys that the host keeps.
//!
//! The grant says which: managed keys of the namespace that are lent to the mount, and internal keys in the mount's own
//! drawer, all inside the request's transaction. What takes long is done apart, so that the runtime goes on; the time
//! of a core that it takes is the guest's.

mod symmetric;
mod words;

use std::time::Instant;

use keys::{Input, InternalKey, KeyType, ManagedKey, SealRequest};
use meter::Bound;
use storage::{Drawer, Transaction};
use traces::{Asks, Span};
use wasmtime::component::Resource;
use zeroize::Zeroizing;

use crate::bindings::innkeeper::engine::keys as wit;
use crate::bindings::innkeeper::engine::keys::{Host, HostKey, KeyError, KeyErrorKind};
use crate::grant::Grant;
use crate::limits::{HANDLES_MAX, MESSAGE_LIGHT_MAX, RSA_KEYS_MAX};
use crate::state::State;

/// What a handle stands for.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
#[derive(Clone)]
pub enum Handle {
    /// A key of an operator, lent to the mount.
    Managed(ManagedKey),
    /// A key of the mount.
    Internal(InternalKey),
}

type Result<T> = wasmtime::Result<std::result::Result<T, KeyError>>;
type Tried<T> = std::result::Result<T, Refusal>;

/// Why a call is refused.
enum Refusal {
    /// The guest is describing itself: it has no powers then.
    NoGrant,
    Keys(keys::Error),
}

impl From<keys::Error> for Refusal {
    fn from(error: keys::Error) -> Self {
        Self::Keys(error)
    }
}

impl State {
    fn granted(&mut self) -> Tried<&mut Grant> {
        self.grant.as_mut().ok_or(Refusal::NoGrant)
    }

    fn transaction(&mut self) -> Tried<&mut Transaction> {
        Ok(&mut self.granted()?.transaction)
    }

    /// The key behind a handle. A handle that was never given, or was dropped, ends the guest.
    fn key(&self, key: &Resource<Handle>) -> wasmtime::Result<Handle> {
        Ok(self.handles.get(key)?.clone())
    }

    /// Refuses one handle too many, before anything is done for it.
    fn room_for_handle(&mut self) -> Tried<()> {
        if self.handle_count < HANDLES_MAX {
            return Ok(());
        }
        self.met(Bound::KeyHandles);
        let text = format!("at most {HANDLES_MAX} key handles may live at once: drop some first");
        Err(keys::Error::invalid(text).into())
    }

    fn hand_out(&mut self, tried: Tried<Handle>) -> Result<Resource<Handle>> {
        match tried {
            Ok(key) => {
                let handle = self.handles.push(key)?;
                self.handle_count += 1;
                Ok(Ok(handle))
            }
            Err(refusal) => self.tell(Err(refusal)),
        }
    }

    /// Tells the guest what came of a call; what it may not know goes to the log.
    fn tell<T>(&self, tried: Tried<T>) -> Result<T> {
        let error = match tried {
            Ok(value) => return Ok(Ok(value)),
            Err(Refusal::Keys(error)) => error,
            Err(Refusal::NoGrant) => {
                let message = "a guest that describes itself has no right to keys".to_owned();
                return Ok(Err(KeyError { kind: KeyErrorKind::NotGranted, message, retry_after: None }));
            }
        };
        let request = self.grant.as_ref().map_or("", |grant| grant.request_id.as_str());
        match error.reason() {
            keys::Reason::Internal => tracing::error!(request, %error, "a key could not be used"),
            _ => tracing::debug!(request, %error, "the use of a key was refused"),
        }
        Ok(Err(words::error_to(&error)))
    }

    /// A use of an operator's key, in the trace of the request. The mount's own keys are used in this process.
    fn use_of(&self, key: &Handle, usage: &'static str) -> Span {
        let Handle::Managed(key) = key else { return Span::default() };
        let mut span = self.span.span("key", Asks::Another);
        if span.is_recorded() {
            span.text("innkeeper.key.name", key.name());
            span.text("innkeeper.key.driver", key.home().name());
            span.text("innkeeper.key.usage", usage);
        }
        span
    }

    /// Ends a use of a key, and tells the guest what came of it.
    fn used<T>(&self, mut span: Span, tried: Tried<T>) -> Result<T> {
        if let Err(refusal) = &tried {
            span.failed(match refusal {
                Refusal::Keys(error) if error.reason() == keys::Reason::Internal => "failed",
                Refusal::Keys(error) if error.reason() == keys::Reason::Timeout => "late",
                Refusal::Keys(error) if error.reason() == keys::Reason::Unavailable => "unavailable",
                _ => "refused",
            });
        }
        drop(span);
        self.tell(tried)
    }

    /// Does work of the cryptographic library, apart if it takes long, and charges the guest for it.
    async fn work<T: Send + 'static>(
        &mut self,
        slow: bool,
        work: impl FnOnce() -> std::result::Result<T, keys::Error> + Send + 'static,
    ) -> Tried<T> {
        let (done, took) = if slow {
            keys::apart(self.call_deadline(), work).await?
        } else {
            let began = Instant::now();
            (work(), began.elapsed())
        };
        self.charge(took);
        Ok(done?)
    }

    async fn open_managed(&mut self, reference: &str) -> Tried<Handle> {
        self.granted()?;
        self.room_for_handle()?;
        let grant = self.granted()?;
        let caller = keys::Caller {
            namespace: grant.namespace.id,
            path: &grant.namespace.path,
            mount: grant.mount.id,
            allowed_managed_keys: &grant.mount.config.allowed_managed_keys,
            usages: grant.limits.usages,
            above: &grant.above,
        };
        Ok(Handle::Managed(grant.managed_keys.open(&mut grant.transaction, &caller, reference).await?))
    }

    async fn generate_internal(&mut self, key_type: KeyType, policy: keys::Policy) -> Tried<Handle> {
        self.granted()?;
        self.room_for_handle()?;
        if matches!(key_type, KeyType::Rsa { .. }) {
            if self.rsa_keys >= RSA_KEYS_MAX {
                self.met(Bound::RsaKeys);
                let text = format!("at most {RSA_KEYS_MAX} RSA keys may be made for one request");
                return Err(keys::Error::invalid(text).into());
            }
            self.rsa_keys += 1;
        }
        let deadline = self.call_deadline();
        let grant = self.granted()?;
        let (rooms, drawer) = (grant.internal_keys.clone(), drawer(grant));
        let made = rooms.generate(&mut grant.transaction, &drawer, key_type, policy, deadline).await?;
        Ok(Handle::Internal(made))
    }

    fn import_internal(&mut self, der: &[u8], policy: keys::Policy) -> Tried<Handle> {
        self.granted()?;
        self.room_for_handle()?;
        let began = Instant::now();
        let grant = self.granted()?;
        let (rooms, drawer) = (grant.internal_keys.clone(), drawer(grant));
        let imported = rooms.import(&mut grant.transaction, &drawer, der, policy);
        self.charge(began.elapsed());
        Ok(Handle::Internal(imported?))
    }

    async fn open_internal(&mut self, id: &str) -> Tried<Handle> {
        self.granted()?;
        self.room_for_handle()?;
        let began = Instant::now();
        let grant = self.granted()?;
        let (rooms, drawer) = (grant.internal_keys.clone(), drawer(grant));
        let opened = rooms.open(&mut grant.transaction, &drawer, id).await;
        self.charge(began.elapsed());
        Ok(Handle::Internal(opened?))
    }

    /// What the token is to sign: the message, or its digest where hashing it takes long.
    async fn digested(&mut self, scheme: keys::Scheme, message: Vec<u8>) -> Tried<(Vec<u8>, bool)> {
        scheme.check(Input::Message(&message))?;
        match scheme.hash() {
            Some(hash) if message.len() > MESSAGE_LIGHT_MAX => {
                Ok((self.work(true, move || hash.digest(&message)).await?, true))
            }
            _ => Ok((message, false)),
        }
    }

    async fn sign_message(&mut self, key: Handle, scheme: keys::Scheme, message: Vec<u8>) -> Tried<Vec<u8>> {
        match key {
            Handle::Managed(key) => {
                // What the key may not do is refused by the key itself, before a witness, without work for it here.
                let may = key.may(keys::Usage::Sign).is_ok();
                let (bytes, hashed) = if may { self.digested(scheme, message).await? } else { (message, false) };
                let input = if hashed { Input::Digest(&bytes) } else { Input::Message(&bytes) };
                let deadline = self.call_deadline();
                Ok(key.sign(self.transaction()?, scheme, input, deadline).await?)
            }
            Handle::Internal(key) => {
                let slow = key.is_slow() || message.len() > MESSAGE_LIGHT_MAX;
                self.work(slow, move || key.sign(scheme, Input::Message(&message))).await
            }
        }
    }

    async fn sign_hashed(&mut self, key: Handle, scheme: keys::Scheme, digest: Vec<u8>) -> Tried<Vec<u8>> {
        match key {
            Handle::Managed(key) => {
                let deadline = self.call_deadline();
                Ok(key.sign(self.transaction()?, scheme, Input::Digest(&digest), deadline).await?)
            }
            Handle::Internal(key) => self.work(key.is_slow(), move || key.sign(scheme, Input::Digest(&digest))).await,
        }
    }

    async fn verify_message(&mut self, key: Handle, signed: Signed) -> Tried<bool> {
        match key {
            Handle::Managed(key) => {
                key.may(keys::Usage::Verify)?;
                let deadline = self.call_deadline();
                let public_key = key.public_key(self.transaction()?, deadline).await?;
                self.verify_foreign(public_key, signed).await
            }
            Handle::Internal(key) => self.verify_foreign(key.public_key().to_vec(), signed).await,
        }
    }

    async fn verify_foreign(&mut self, public_key: Vec<u8>, signed: Signed) -> Tried<bool> {
        self.granted()?;
        let Signed { scheme, message, signature } = signed;
        let slow = message.len() > MESSAGE_LIGHT_MAX;
        self.work(slow, move || keys::verify(&public_key, scheme, Input::Message(&message), &signature)).await
    }

    async fn encrypt_to(&mut self, key: Handle, hash: keys::Hash, plaintext: Vec<u8>) -> Tried<Vec<u8>> {
        match key {
            Handle::Managed(key) => {
                let deadline = self.call_deadline();
                Ok(key.encrypt(self.transaction()?, hash, &plaintext, deadline).await?)
            }
            Handle::Internal(key) => self.work(false, move || key.encrypt(hash, &plaintext)).await,
        }
    }

    async fn decrypt_with(&mut self, key: Handle, hash: keys::Hash, ciphertext: Vec<u8>) -> Tried<Vec<u8>> {
        let mut plaintext = match key {
            Handle::Managed(key) => {
                let deadline = self.call_deadline();
                key.decrypt(self.transaction()?, hash, &ciphertext, deadline).await?
            }
            Handle::Internal(key) => self.work(key.is_slow(), move || key.decrypt(hash, &ciphertext)).await?,
        };
        Ok(std::mem::take(&mut *plaintext))
    }

    async fn public_half(&mut self, key: Handle) -> Tried<Vec<u8>> {
        match key {
            Handle::Managed(key) => {
                let deadline = self.call_deadline();
                Ok(key.public_key(self.transaction()?, deadline).await?)
            }
            Handle::Internal(key) => Ok(key.public_key().to_vec()),
        }
    }

    /// The public half and the abilities of a key.
    async fn describe_key(&mut self, key: Handle) -> Tried<keys::Description> {
        match key {
            Handle::Managed(key) => {
                let deadline = self.call_deadline();
                Ok((*key.describe(self.transaction()?, deadline).await?).clone())
            }
            Handle::Internal(key) => {
                Ok(keys::Description::pair(key.public_key().to_vec(), key.key_type(), key.schemes()))
            }
        }
    }

    fn delete_key(&mut self, key: &Handle) -> Tried<()> {
        match key {
            Handle::Internal(key) => Ok(key.delete(self.transaction()?)?),
            Handle::Managed(_) => Err(unsupported("deleting a managed key: its operator does that")),
        }
    }
}

/// A message and what is said to be its signature.
struct Signed {
    scheme: keys::Scheme,
    message: Vec<u8>,
    signature: Vec<u8>,
}

/// The drawer of the mount's own keys.
fn drawer(grant: &Grant) -> Drawer {
    tenancy::keys_drawer(grant.mount.id)
}

fn unsupported(what: &str) -> Refusal {
    Refusal::Keys(keys::Error::Unsupported(what.to_owned()))
}

impl Host for State {
    async fn managed(&mut self, reference: String) -> Result<Resource<Handle>> {
        let tried = self.open_managed(&reference).await;
        self.hand_out(tried)
    }

    async fn generate(&mut self, key_type: wit::KeyType, policy: wit::KeyPolicy) -> Result<Resource<Handle>> {
        let tried = self.generate_internal(words::key_type_from(key_type), words::policy_from(policy)).await;
        self.hand_out(tried)
    }

    async fn import_key(&mut self, der: Vec<u8>, policy: wit::KeyPolicy) -> Result<Resource<Handle>> {
        let der = Zeroizing::new(der);
        let tried = self.import_internal(&der, words::policy_from(policy));
        self.hand_out(tried)
    }

    async fn open(&mut self, id: String) -> Result<Resource<Handle>> {
        let tried = self.open_internal(&id).await;
        self.hand_out(tried)
    }

    async fn verify_with(
        &mut self,
        key: Vec<u8>,
        scheme: wit::Scheme,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool> {
        let signed = Signed { scheme: words::scheme_from(scheme), message, signature };
        let tried = self.verify_foreign(key, signed).await;
        self.tell(tried)
    }
}

impl HostKey for State {
    async fn id(&mut self, key: Resource<Handle>) -> wasmtime::Result<Option<String>> {
        Ok(match self.key(&key)? {
            Handle::Managed(_) => None,
            Handle::Internal(key) => key.id(),
        })
    }

    async fn managed(&mut self, key: Resource<Handle>) -> wasmtime::Result<Option<wit::ManagedIdentity>> {
        Ok(match self.key(&key)? {
            Handle::Managed(key) => {
                Some(wit::ManagedIdentity { name: key.name().to_owned(), uuid: key.uuid().to_string() })
            }
            Handle::Internal(_) => None,
        })
    }

    async fn key_type(&mut self, key: Resource<Handle>) -> Result<wit::KeyType> {
        let key = self.key(&key)?;
        let tried = self.describe_key(key).await;
        self.tell(tried.map(|description| words::key_type_to(description.key_type)))
    }

    async fn public_key(&mut self, key: Resource<Handle>) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "public-key");
        let tried = self.public_half(key).await;
        self.used(span, tried)
    }

    async fn schemes(&mut self, key: Resource<Handle>) -> Result<Vec<wit::Scheme>> {
        let key = self.key(&key)?;
        let tried = self.describe_key(key).await;
        self.tell(tried.map(|description| description.schemes.into_iter().map(words::scheme_to).collect()))
    }

    async fn usages(&mut self, key: Resource<Handle>) -> wasmtime::Result<Vec<wit::Usage>> {
        let usages = match self.key(&key)? {
            Handle::Managed(key) => key.usages(),
            Handle::Internal(key) => key.usages(),
        };
        Ok(usages.iter().map(words::usage_to).collect())
    }

    async fn sign(&mut self, key: Resource<Handle>, scheme: wit::Scheme, message: Vec<u8>) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "sign");
        let tried = self.sign_message(key, words::scheme_from(scheme), message).await;
        self.used(span, tried)
    }

    async fn sign_digest(&mut self, key: Resource<Handle>, scheme: wit::Scheme, digest: Vec<u8>) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "sign");
        let tried = self.sign_hashed(key, words::scheme_from(scheme), digest).await;
        self.used(span, tried)
    }

    async fn verify(
        &mut self,
        key: Resource<Handle>,
        scheme: wit::Scheme,
        message: Vec<u8>,
        signature: Vec<u8>,
    ) -> Result<bool> {
        let key = self.key(&key)?;
        let signed = Signed { scheme: words::scheme_from(scheme), message, signature };
        let span = self.use_of(&key, "verify");
        let tried = self.verify_message(key, signed).await;
        self.used(span, tried)
    }

    async fn encrypt(&mut self, key: Resource<Handle>, hash: wit::Hash, plaintext: Vec<u8>) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "encrypt");
        let tried = self.encrypt_to(key, words::hash_from(hash), plaintext).await;
        self.used(span, tried)
    }

    async fn decrypt(&mut self, key: Resource<Handle>, hash: wit::Hash, ciphertext: Vec<u8>) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "decrypt");
        let tried = self.decrypt_with(key, words::hash_from(hash), ciphertext).await;
        self.used(span, tried)
    }

    async fn oaep_hash(&mut self, key: Resource<Handle>) -> wasmtime::Result<Option<wit::Hash>> {
        Ok(match self.key(&key)? {
            Handle::Managed(key) => key.oaep_hash().map(words::hash_to),
            Handle::Internal(_) => None,
        })
    }

    async fn sealings(&mut self, key: Resource<Handle>) -> Result<Vec<wit::Sealing>> {
        let key = self.key(&key)?;
        let tried = self.describe_key(key).await;
        self.tell(tried.map(|description| description.sealings.into_iter().map(words::sealing_to).collect()))
    }

    async fn seal(
        &mut self,
        key: Resource<Handle>,
        sealing: wit::Sealing,
        plaintext: Vec<u8>,
        associated: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let plaintext = Zeroizing::new(plaintext);
        let request = SealRequest { sealing: words::sealing_from(sealing), text: &plaintext, associated: &associated };
        let span = self.use_of(&key, "seal");
        let tried = self.seal_with(key, request).await;
        self.used(span, tried)
    }

    async fn unseal(
        &mut self,
        key: Resource<Handle>,
        sealing: wit::Sealing,
        sealed: Vec<u8>,
        associated: Vec<u8>,
    ) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let request = SealRequest { sealing: words::sealing_from(sealing), text: &sealed, associated: &associated };
        let span = self.use_of(&key, "unseal");
        let tried = self.open_with(key, request).await;
        self.used(span, tried)
    }

    async fn macs(&mut self, key: Resource<Handle>) -> Result<Vec<wit::Hash>> {
        let key = self.key(&key)?;
        let tried = self.describe_key(key).await;
        self.tell(tried.map(|description| description.macs.into_iter().map(words::hash_to).collect()))
    }

    async fn mac(&mut self, key: Resource<Handle>, hash: wit::Hash, message: Vec<u8>) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "mac");
        let tried = self.authenticate(key, words::hash_from(hash), &message).await;
        self.used(span, tried)
    }

    async fn verify_mac(
        &mut self,
        key: Resource<Handle>,
        hash: wit::Hash,
        message: Vec<u8>,
        mac: Vec<u8>,
    ) -> Result<bool> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "verify-mac");
        let tried = self.check_code(key, words::hash_from(hash), &message, &mac).await;
        self.used(span, tried)
    }

    async fn random(&mut self, key: Resource<Handle>, count: u32) -> Result<Vec<u8>> {
        let key = self.key(&key)?;
        let span = self.use_of(&key, "random");
        let tried = self.random_of(key, count).await;
        self.used(span, tried)
    }

    async fn export(&mut self, key: Resource<Handle>, format: wit::PrivateKeyFormat) -> Result<Vec<u8>> {
        let tried = match self.key(&key)? {
            Handle::Internal(key) => {
                let exported = key.export(words::format_from(format));
                exported.map(|mut der| std::mem::take(&mut *der)).map_err(Refusal::Keys)
            }
            Handle::Managed(_) => Err(Refusal::Keys(keys::Error::NotExportable)),
        };
        self.tell(tried)
    }

    async fn delete(&mut self, key: Resource<Handle>) -> Result<()> {
        let key = self.key(&key)?;
        let tried = self.delete_key(&key);
        self.tell(tried)
    }

    async fn drop(&mut self, key: Resource<Handle>) -> wasmtime::Result<()> {
        self.handles.delete(key)?;
        self.handle_count = self.handle_count.saturating_sub(1);
        Ok(())
    }
}
