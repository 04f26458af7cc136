//! Tokens that can be used only so often.

use model::{Fault, Kind};
use storage::{Store, Transaction};

use super::{Principal, Tokens, drawer};

/// How often a use that lost against another is counted again before the request is sent round.
const TRIES: usize = 64;

/// What a use was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The token's uses are not counted.
    Uncounted,
    /// So many are left.
    Left(u64),
    /// It was the last: whoever serves the request calls [`Tokens::revoke_now`] when the answer is made, whatever it is.
    Last,
}

fn at(key: &str) -> String {
    format!("uses/{key}")
}

/// How often it can still be used.
pub(super) async fn left(transaction: &Transaction, key: &str) -> Result<u64, Fault> {
    let stored = transaction.peek(&drawer(), &at(key)).await?;
    Ok(stored.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or(0))
}

pub(super) fn give(transaction: &mut Transaction, key: &str, uses: u64) -> Result<(), Fault> {
    transaction.put_json(&drawer(), &at(key), &uses).map_err(Fault::from)
}

pub(super) fn forget(transaction: &mut Transaction, key: &str) -> Result<(), Fault> {
    transaction.delete(&drawer(), &at(key)).map_err(Fault::from)
}

impl Tokens {
    /// Counts one use of a token, in a transaction of its own, which holds even if the request fails. To be called once
    /// for each request that comes with a token whose [`Principal::is_limited`], after [`Self::lookup`] and before
    /// anything else is done, also when the request will be refused; and not again when the request is run again. A
    /// token that has no use left is refused here and nowhere else: [`Self::lookup`] finds it until it is revoked, so
    /// that the request of its last use can be run again.
    ///
    /// A [`Kind::Conflict`] means that nothing was counted.
    pub async fn use_once(&self, store: &Store, principal: &Principal) -> Result<Use, Fault> {
        if !principal.is_limited() {
            return Ok(Use::Uncounted);
        }
        for _ in 0..TRIES {
            let mut transaction = store.begin().await?;
            let left: Option<u64> = transaction.get_json(&drawer(), &at(principal.key())).await?;
            let Some(left) = left.and_then(|left| left.checked_sub(1)) else {
                return Err(Fault::new(Kind::Denied, "permission denied"));
            };
            give(&mut transaction, principal.key(), left)?;
            match transaction.commit().await {
                Ok(()) if left == 0 => return Ok(Use::Last),
                Ok(()) => return Ok(Use::Left(left)),
                Err(storage::Error::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(storage::Error::Conflict.into())
    }

    /// Whether a token can still be used, which is expected to be so at commit.
    pub async fn has_uses(&self, transaction: &mut Transaction, principal: &Principal) -> Result<bool, Fault> {
        if !principal.is_limited() {
            return Ok(true);
        }
        let left: Option<u64> = transaction.get_json(&drawer(), &at(principal.key())).await?;
        Ok(left.is_some_and(|left| left > 0))
    }

    /// Revokes a token after its last use, in a transaction of its own.
    pub async fn revoke_now(&self, store: &Store, key: &str) -> Result<(), Fault> {
        for _ in 0..TRIES {
            let mut transaction = store.begin().await?;
            self.revoke(&mut transaction, key).await?;
            match transaction.commit().await {
                Err(storage::Error::Conflict) => {}
                done => return done.map_err(Fault::from),
            }
        }
        Err(storage::Error::Conflict.into())
    }
}
