//! Whether a key that operators put together is the right one.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use storage::barrier::{SecretKey, clear_drawer};
use storage::{Drawer, Transaction};

use crate::Error;
use crate::record::{Config, ROOT};

/// What the wrapped root key is bound to.
const CONTEXT: &[u8] = b"innkeeper root key";
const RECOVERY: &str = "recovery-key";

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

/// The root key encrypted with the unseal key.
pub(crate) fn wrap(unseal: &SecretKey, root: &SecretKey) -> Result<Vec<u8>, Error> {
    Ok(unseal.seal(CONTEXT, root.bytes())?)
}

/// The reverse of [`wrap`]; [`Error::WrongKey`] when it is not the right unseal key.
pub(crate) fn unwrap(unseal: &SecretKey, wrapped: &[u8]) -> Result<SecretKey, Error> {
    let root = unseal.open(CONTEXT, wrapped).ok_or(Error::WrongKey)?;
    SecretKey::from_bytes(&root).ok_or(Error::WrongKey)
}

/// Notes by what a recovery key is recognised: its digest, since it has 256 random bits, behind the barrier.
pub(crate) fn write_recovery(transaction: &mut Transaction, recovery: &SecretKey) -> Result<(), Error> {
    let mark = digest(&SHA256, recovery.bytes());
    Ok(transaction.put(&drawer(), RECOVERY, mark.as_ref().to_vec())?)
}

pub(crate) fn forget_recovery(transaction: &mut Transaction) -> Result<(), Error> {
    Ok(transaction.delete(&drawer(), RECOVERY)?)
}

/// Whether this is the recovery key.
pub(crate) async fn is_recovery(transaction: &mut Transaction, key: &SecretKey) -> Result<bool, Error> {
    let mark = transaction.get(&drawer(), RECOVERY).await?.unwrap_or_else(|| Vec::new().into());
    Ok(verify_slices_are_equal(&mark, digest(&SHA256, key.bytes()).as_ref()).is_ok())
}

/// Whether this is the key that the operators hold: the unseal key, or with a wrapper the recovery key.
pub(crate) async fn is_held(transaction: &mut Transaction, config: &Config, key: &SecretKey) -> Result<bool, Error> {
    if !config.is_shamir() {
        return is_recovery(transaction, key).await;
    }
    let wrapped = transaction.get(&clear_drawer(), ROOT).await?.ok_or(Error::NotInitialized)?;
    Ok(unwrap(key, &wrapped).is_ok())
}
