//! What is asked of a token and what it answers, in the words that both sides of a worker process speak.

use std::sync::Arc;

use keys::registry::Pkcs11Locator;
use keys::{Description, Hash, KeyType, Sealing, SignRequest};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::mechanism::{self, Operation};
use crate::wire::{bytes, shared};

/// What is to be done in a token.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) enum Work {
    /// Tell the public half.
    Describe(#[serde(with = "shared")] Arc<Pkcs11Locator>),
    /// Make the key if it is absent.
    Generate(#[serde(with = "shared")] Arc<Pkcs11Locator>),
    /// Sign.
    Sign {
        /// With which key.
        #[serde(with = "shared")]
        key: Arc<Pkcs11Locator>,
        /// What.
        operation: Operation,
        /// The public half that the key had when it was described; empty when that is not known.
        #[serde(with = "bytes")]
        public_key: Vec<u8>,
    },
    /// Decrypt.
    Decrypt {
        /// With which key.
        #[serde(with = "shared")]
        key: Arc<Pkcs11Locator>,
        /// The hash of OAEP.
        hash: Hash,
        /// What.
        #[serde(with = "bytes")]
        ciphertext: Vec<u8>,
    },
    /// Seal a text, or open a sealed one.
    Seal {
        /// With which key.
        #[serde(with = "shared")]
        key: Arc<Pkcs11Locator>,
        /// What.
        text: Text,
        /// Whether it is sealed, and is to be opened.
        open: bool,
    },
    /// Authenticate a message.
    Mac {
        /// With which key.
        #[serde(with = "shared")]
        key: Arc<Pkcs11Locator>,
        /// The hash of HMAC.
        hash: Hash,
        /// What.
        #[serde(with = "bytes")]
        message: Vec<u8>,
    },
    /// Give so many random bytes.
    Random(u32),
    /// Put a key where none is, or in another's place.
    Put {
        /// Where.
        #[serde(with = "shared")]
        key: Arc<Pkcs11Locator>,
        /// Which: one that is to be made, if none is given.
        #[serde(with = "shared")]
        given: Arc<Option<Given>>,
        /// Whether a key that is there makes way.
        replace: bool,
    },
    /// See whether the token is there and takes the PIN.
    Probe,
}

/// A text, plain or sealed.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Text {
    /// How it is sealed.
    pub(crate) sealing: Sealing,
    /// The text itself.
    #[serde(with = "bytes")]
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// What is authenticated with it.
    #[serde(with = "bytes")]
    pub(crate) associated: Vec<u8>,
}

/// A key from outside, as [`keys::Material`] has it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Given {
    /// What it is; nothing is said of a secret.
    pub(crate) key_type: Option<KeyType>,
    /// PKCS #8, or the secret.
    #[serde(with = "bytes")]
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

impl Work {
    /// A signature.
    pub(crate) fn sign(key: Arc<Pkcs11Locator>, request: SignRequest<'_>) -> Result<Self, keys::Error> {
        let public_key = request.public_key.unwrap_or_default().to_vec();
        Ok(Self::Sign { key, operation: mechanism::signature(request)?, public_key })
    }

    /// Whether it may be sent again when nobody knows whether it was done. A key that is being made may be half there.
    pub(crate) fn is_repeatable(&self) -> bool {
        !self.makes()
    }

    /// Whether a key is made or stored.
    pub(crate) fn makes(&self) -> bool {
        matches!(self, Self::Generate(_) | Self::Put { .. })
    }
}

/// What came of it.
#[derive(Serialize, Deserialize)]
pub(crate) enum Answer {
    /// The public half.
    Description(Box<Description>),
    /// A signature as the token gives it, or a plaintext.
    Bytes(#[serde(with = "bytes")] Zeroizing<Vec<u8>>),
    /// It is done.
    Done,
}
