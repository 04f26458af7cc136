//! Who may sign components, and whether somebody did.
//!
//! **For:** plain signatures over the bytes of a component, by keys that the operator named for namespaces: ECDSA on P-256
//! with SHA-256, as `cosign sign-blob --key` makes them, and Ed25519. **Never:** certificates, logs of transparency or
//! bundles of keyless signing; reads a file or a private key. **In, out:** a component and a [`Signature`] in, the names of
//! those who made it out. **Meet first:** [`Signers`], [`Signer`], [`Signature`]. **Errors:** [`Unreadable`] for a key,
//! [`Malformed`] for a signature; neither repeats what was sent.
#![forbid(unsafe_code)]

mod key;
mod signature;
mod signers;

pub use key::{KEY_PEM_MAX, Unreadable};
pub use signature::{Malformed, SIGNATURE_MAX, Signature};
pub use signers::{NAMESPACES_MAX, SIGNERS_MAX, Signer, Signers};
