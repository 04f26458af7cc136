//! Who is told of each use of a managed key.

use async_trait::async_trait;
use model::{Fault, Id};

use crate::{Error, Hash, KeyType, ProviderType, Scheme, Sealing};

/// Is told of what a managed key's home was asked, and of refusals to ask it. What is done with a public half alone,
/// verifying and encrypting, is no use of the key.
#[async_trait]
pub trait Witness: Send + Sync {
    /// Takes note. A failure keeps what came of the use from whoever asked for it.
    async fn used(&self, used: Used<'_>) -> Result<(), Fault>;

    /// Is asked before the home is. The error says, in words that clients may see, why it must not be; of that [`Self::used`]
    /// is told too.
    async fn may(&self, used: Used<'_>) -> Result<(), String> {
        let _ = used;
        Ok(())
    }
}

/// What was done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A mount asked for the key and was refused.
    Open,
    /// Signed.
    Sign,
    /// Encrypted, with a symmetric key.
    Encrypt,
    /// Decrypted.
    Decrypt,
    /// Made a code that authenticates a message, or made it again to compare.
    Mac,
    /// Drew random bytes from the key's home.
    Random,
    /// Made the key.
    Generate,
    /// Put a key from outside in its home.
    Store,
    /// Put another key in its place.
    Replace,
}

impl Act {
    /// The name in entries.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Sign => "sign",
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Mac => "mac",
            Self::Random => "random",
            Self::Generate => "generate",
            Self::Store => "store",
            Self::Replace => "replace",
        }
    }
}

/// One use, or one that was refused.
#[derive(Clone, Copy, Debug)]
pub struct Used<'a> {
    /// What was done.
    pub act: Act,
    /// The key's name; where there is no such key, what it was called.
    pub key: &'a str,
    /// Its UUID, when there is such a key.
    pub uuid: Option<Id>,
    /// The namespace that it is registered in, when there is such a key.
    pub namespace: Option<Id>,
    /// Where it lives, when there is such a key.
    pub home: Option<ProviderType>,
    /// What it is, when that is known.
    pub key_type: Option<KeyType>,
    /// How it signed.
    pub scheme: Option<Scheme>,
    /// The hash that it decrypted or authenticated with.
    pub hash: Option<Hash>,
    /// How it sealed or opened.
    pub sealing: Option<Sealing>,
    /// What it signed, as its scheme hashes it; `None` where a scheme hashes nothing.
    pub digest: Option<&'a [u8]>,
    /// How many bytes it was given.
    pub input_length: Option<usize>,
    /// Why nothing came of it.
    pub error: Option<&'a Error>,
}

impl<'a> Used<'a> {
    /// The name of the scheme, or of the hash or the sealing; empty where there is none.
    pub fn algorithm(&self) -> String {
        let named = self.sealing.map(Sealing::name).or(self.hash.map(Hash::name));
        self.scheme.map(|scheme| scheme.to_string()).or(named.map(str::to_owned)).unwrap_or_default()
    }

    /// A use of a key of this name, of which no more is known yet.
    pub(crate) fn new(act: Act, key: &'a str) -> Self {
        Self {
            act,
            key,
            uuid: None,
            namespace: None,
            home: None,
            key_type: None,
            scheme: None,
            hash: None,
            sealing: None,
            digest: None,
            input_length: None,
            error: None,
        }
    }
}
