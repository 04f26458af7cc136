//! `keys`: handles to keys that the host keeps.
//!
//! The rooms behind this interface are not connected yet: every call is refused with `unsupported`, in words.

use wasmtime::component::Resource;

use crate::bindings::innkeeper::engine::keys::{
    Hash, Host, HostKey, KeyError, KeyErrorKind, KeyPolicy, KeyType, ManagedIdentity, PrivateKeyFormat, Scheme, Usage,
};
use crate::state::State;

/// What a handle stands for. No value exists until the key rooms are connected.
#[allow(unreachable_pub, reason = "the generated bindings re-export it")]
pub enum Handle {}

type Result<T> = wasmtime::Result<std::result::Result<T, KeyError>>;

fn refuse<T>() -> Result<T> {
    let message = "this build has no key store connected to its sandbox".to_owned();
    Ok(Err(KeyError { kind: KeyErrorKind::Unsupported, message, retry_after: None }))
}

fn stale<T>() -> wasmtime::Result<T> {
    Err(wasmtime::Error::msg("a key handle that was never given"))
}

impl Host for State {
    async fn managed(&mut self, _reference: String) -> Result<Resource<Handle>> {
        refuse()
    }

    async fn generate(&mut self, _key_type: KeyType, _policy: KeyPolicy) -> Result<Resource<Handle>> {
        refuse()
    }

    async fn import_key(&mut self, _der: Vec<u8>, _policy: KeyPolicy) -> Result<Resource<Handle>> {
        refuse()
    }

    async fn open(&mut self, _id: String) -> Result<Resource<Handle>> {
        refuse()
    }

    async fn verify_with(
        &mut self,
        _key: Vec<u8>,
        _scheme: Scheme,
        _message: Vec<u8>,
        _signature: Vec<u8>,
    ) -> Result<bool> {
        refuse()
    }
}

impl HostKey for State {
    async fn id(&mut self, _key: Resource<Handle>) -> wasmtime::Result<Option<String>> {
        stale()
    }
    async fn managed(&mut self, _key: Resource<Handle>) -> wasmtime::Result<Option<ManagedIdentity>> {
        stale()
    }
    async fn key_type(&mut self, _key: Resource<Handle>) -> Result<KeyType> {
        stale()
    }
    async fn public_key(&mut self, _key: Resource<Handle>) -> Result<Vec<u8>> {
        stale()
    }
    async fn schemes(&mut self, _key: Resource<Handle>) -> Result<Vec<Scheme>> {
        stale()
    }
    async fn usages(&mut self, _key: Resource<Handle>) -> wasmtime::Result<Vec<Usage>> {
        stale()
    }
    async fn sign(&mut self, _key: Resource<Handle>, _scheme: Scheme, _message: Vec<u8>) -> Result<Vec<u8>> {
        stale()
    }
    async fn sign_digest(&mut self, _key: Resource<Handle>, _scheme: Scheme, _digest: Vec<u8>) -> Result<Vec<u8>> {
        stale()
    }
    async fn verify(
        &mut self,
        _key: Resource<Handle>,
        _scheme: Scheme,
        _message: Vec<u8>,
        _signature: Vec<u8>,
    ) -> Result<bool> {
        stale()
    }
    async fn encrypt(&mut self, _key: Resource<Handle>, _hash: Hash, _plaintext: Vec<u8>) -> Result<Vec<u8>> {
        stale()
    }
    async fn decrypt(&mut self, _key: Resource<Handle>, _hash: Hash, _ciphertext: Vec<u8>) -> Result<Vec<u8>> {
        stale()
    }
    async fn mac(&mut self, _key: Resource<Handle>, _hash: Hash, _message: Vec<u8>) -> Result<Vec<u8>> {
        stale()
    }
    async fn export(&mut self, _key: Resource<Handle>, _format: PrivateKeyFormat) -> Result<Vec<u8>> {
        stale()
    }
    async fn delete(&mut self, _key: Resource<Handle>) -> Result<()> {
        stale()
    }
    async fn drop(&mut self, _key: Resource<Handle>) -> wasmtime::Result<()> {
        stale()
    }
}
