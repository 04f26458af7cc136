//! Private keys: which there are, who may use them, and how they are used.
//!
//! **For:** the registry of managed keys (keys that an operator registered and that live in an HSM or a KMS), the
//! [`Driver`] trait of their homes, and the internal keys of a mount, which are made and kept here.
//! **Never:** knows HTTP or wasm, gives a PIN back, lets a user name a file to load, or gives private bytes out of a
//! key that was not made exportable. **In, out:** names, messages and digests in; public keys and signatures out.
//! **Meet first:** [`ManagedKeys`] and [`ManagedKey`], [`InternalKeys`] and [`InternalKey`], [`Driver`], [`verify()`].
//! **Errors:** [`Error`], with a [`Reason`] for guests, a [`model::Kind`] for native endpoints, and two texts.
//!
//! On each use of a managed key the checks come in this order: namespace, grant, usages, presence, token. A refusal
//! names the check that refused, and nothing was asked of the token. A [`Witness`] is told of each use before what came
//! of it is given out.
#![forbid(unsafe_code)]

mod algorithm;
mod apart;
mod driver;
mod error;
mod internal;
mod libraries;
mod limits;
mod managed;
mod material;
mod random;
pub mod registry;
pub mod spki;
mod symmetric;
mod verify;
mod witness;

pub use algorithm::{Curve, Hash, Input, KeyType, MESSAGE_MAX, Scheme, Usage, Usages};
pub use apart::{APART_MAX, Turns, apart};
pub use driver::{Cipher, Description, Driver, Keeper, NewKey, Random, SealRequest, SignRequest, Symmetric};
pub use error::{Error, PUBLIC_TEXT_MAX, Reason};
pub use internal::encrypt as encrypt_to;
pub use internal::{InternalKey, InternalKeys, PRIVATE_DER_MAX, Policy, PrivateFormat};
pub use libraries::{Libraries, Library};
pub use limits::Limits;
pub use managed::{Caller, Health, ManagedKey, ManagedKeys, Place, Replaced, TestSign};
pub use material::{Material, Parts, SECRET_KEY_MAX};
pub use registry::{Change, Locator, Provider, ProviderType};
pub use spki::{SPKI_MAX, key_type_of};
pub use symmetric::{
    AES_BITS, AES_BLOCK_LEN, ASSOCIATED_MAX, GCM_NONCE_LEN, GCM_TAG_LEN, HMAC_BITS, HMAC_HASHES, PLAINTEXT_MAX,
    RANDOM_MAX, SEALED_MAX, Sealing, not_opened,
};
pub use verify::verify;
pub use witness::{Act, Used, Witness};
