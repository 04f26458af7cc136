//! The seal: what opens the barrier.
//!
//! **For:** founding a store, opening it with shares of a key (Shamir) or with a key in a token (auto-unseal), and what
//! changes either while the store is open: rekeying, rotation, new root tokens by quorum. **Never:** keeps a key longer
//! than the step that needs it, says which of several shares was wrong, or knows HTTP. **In, out:** shares as people
//! type them; a [`storage::barrier::Barrier`]. **Meet first:** [`Lock`], [`Share`], [`Wrapper`]. **Errors:** [`Error`].
//!
//! Three keys lie one in the other. The *keyring* encrypts the records; the *root key* encrypts the keyring; the root
//! key itself is encrypted with what the operators hold: with Shamir the *unseal key*, of which each operator has a
//! share, with auto-unseal a key that never leaves its token. There the operators' shares make up a *recovery key*,
//! which decrypts nothing and proves that a quorum agrees.
#![forbid(unsafe_code)]

mod certificate;
mod error;
mod founding;
pub mod generate_root;
mod lock;
mod pkcs11;
mod proof;
mod recipient;
mod record;
pub mod rekey;
pub mod rotation;
mod shares;
mod wrapper;

pub use certificate::PGP_KEY_MAX;
pub use error::Error;
pub use founding::{Founding, Quorum};
pub use lock::{Lock, Status};
pub use pkcs11::{Pkcs11, Pkcs11Seal};
pub use recipient::{Given, Recipient};
pub use record::FORMAT;
pub use shares::{SHARES_MAX, Share};
pub use wrapper::Wrapper;
