//! Which records are one token to a worker.

use keys::registry::{Pkcs11Provider, TokenRef};
use keys::{Error, Hash};
use secrecy::ExposeSecret;

/// A token with its credentials, as a record gives them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) credentials: Credentials,
    max_parallel: u32,
}

/// A token and who logs in to it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Credentials {
    token: TokenRef,
    /// The digest, so that no map holds a second copy of the PIN.
    pin: Vec<u8>,
    read_write: bool,
}

impl Identity {
    pub(super) fn of(token: &Pkcs11Provider) -> Result<Self, Error> {
        let pin = Hash::Sha256.digest(token.pin.expose_secret().as_bytes())?;
        let credentials = Credentials { token: token.token.clone(), pin, read_write: token.force_rw_session };
        Ok(Self { credentials, max_parallel: token.max_parallel })
    }
}
