//! Names of records that must not tell what they are of: storage shows names to whoever holds the disk.

use hmac::{Hmac, KeyInit, Mac};
use innkeeper_guest::prelude::*;
use sha2::Sha256;

/// Where the mount's own key lies.
const KEY: &str = "key";

/// A keyed hash of a text, in hexadecimal.
pub(crate) fn hash(key: &[u8], text: &str) -> String {
    // HMAC takes keys of all lengths.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(text.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// The mount's key, if it has one already.
pub(crate) fn key() -> Result<Option<Vec<u8>>, Fault> {
    Ok(storage::get(KEY)?)
}

/// The mount's key, made when it is first wanted.
pub(crate) fn key_or_new() -> Result<Vec<u8>, Fault> {
    if let Some(key) = key()? {
        return Ok(key);
    }
    let key = random::array::<32>().to_vec();
    storage::put(KEY, &key)?;
    Ok(key)
}
