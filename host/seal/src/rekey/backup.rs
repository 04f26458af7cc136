//! Encrypted shares that are kept beside a rekeying, for operators who lost theirs.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use storage::Transaction;

use super::{Attempt, Target, drawer};
use crate::{Error, Given};

const RECORD_VERSION: u8 = 1;

/// Encrypted shares that are kept, by the fingerprints of whom they are encrypted to, in hexadecimal digits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Backup {
    version: u8,
    /// Names the rekeying that made them.
    pub nonce: String,
    /// The shares.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Backup {
    /// The shares in base64.
    pub fn base64(&self) -> BTreeMap<&str, Vec<String>> {
        let base64 = |share: &String| hex::decode(share).map(|bytes| STANDARD.encode(bytes)).unwrap_or_default();
        self.keys.iter().map(|(of, shares)| (of.as_str(), shares.iter().map(base64).collect())).collect()
    }
}

fn record(target: Target) -> &'static str {
    match target {
        Target::Unseal => "rekey-backup",
        Target::Recovery => "rekey-recovery-backup",
    }
}

pub(super) fn keep(
    transaction: &mut Transaction,
    target: Target,
    attempt: &Attempt,
    shares: &[Given],
) -> Result<(), Error> {
    let mut keys = BTreeMap::<String, Vec<String>>::new();
    for (recipient, share) in attempt.recipients.iter().zip(shares) {
        keys.entry(recipient.fingerprint().to_owned()).or_default().push(share.hex().to_string());
    }
    let backup = Backup { version: RECORD_VERSION, nonce: attempt.nonce.clone(), keys };
    Ok(transaction.put_json(&drawer(), record(target), &backup)?)
}

/// The encrypted shares that are kept, if there are any.
pub async fn backup(transaction: &mut Transaction, target: Target) -> Result<Option<Backup>, Error> {
    Ok(transaction.get_json(&drawer(), record(target)).await?)
}

/// Forgets the encrypted shares that are kept.
pub fn delete_backup(transaction: &mut Transaction, target: Target) -> Result<(), Error> {
    Ok(transaction.delete(&drawer(), record(target))?)
}
