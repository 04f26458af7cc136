//! Makes what nobody can guess.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use model::{Fault, Id};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// Length of the random root tokens that are made with a store, in bytes.
pub const ROOT_TOKEN_LEN: usize = 28;
/// What tokens begin with that are kept.
pub(super) const SERVICE: &str = "hvs.";
/// What tokens begin with that carry everything.
pub(super) const BATCH: &str = "hvb.";

/// A root token.
pub(super) fn root() -> Result<SecretString, Fault> {
    Ok(SecretString::from(format!("{SERVICE}{}", *text::<18>()?)))
}

/// A service token of a namespace, which it shows to whoever routes requests.
pub(super) fn service(namespace: Id) -> Result<SecretString, Fault> {
    Ok(SecretString::from(format!("{SERVICE}{}{}", *text::<69>()?, suffix(namespace))))
}

/// A name for a token: 24 characters, and the namespace.
pub(super) fn accessor(namespace: Id) -> Result<String, Fault> {
    Ok(format!("{}{}", *text::<18>()?, suffix(namespace)))
}

/// What a token and an accessor end in; nothing in the root namespace.
pub(super) fn suffix(namespace: Id) -> String {
    if namespace == Id::nil() { String::new() } else { format!(".{}", namespace.short()) }
}

/// Random bytes.
pub(super) fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, Fault> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(&mut *bytes).map_err(|_| Fault::internal("the system gives no randomness"))?;
    Ok(bytes)
}

fn text<const N: usize>() -> Result<Zeroizing<String>, Fault> {
    Ok(Zeroizing::new(URL_SAFE_NO_PAD.encode(*random::<N>()?)))
}
