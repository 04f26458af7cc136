//! New terms of the keyring: by hand, after so many encryptions, or after so long.

use serde::{Deserialize, Serialize};
use storage::barrier::{Barrier, Term};
use storage::{Drawer, Store, Transaction};

use crate::Error;

/// Encryptions after which a key is replaced, unless configured. With random nonces of 96 bits, NIST SP 800-38D
/// section 8.3 allows 2^32; this leaves a tenth for what nodes had not counted when they stopped.
pub const OPERATIONS_MAX: u64 = 3_865_470_566;
/// Fewest encryptions that may be configured.
pub const OPERATIONS_MIN: u64 = 1_000_000;
/// Shortest interval that may be configured, in seconds.
pub const INTERVAL_MIN: u64 = 24 * 3600;

/// When keys are replaced by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Whether they are.
    pub enabled: bool,
    /// After so many encryptions, [`OPERATIONS_MIN`] to [`OPERATIONS_MAX`].
    pub max_operations: u64,
    /// After so many seconds, at least [`INTERVAL_MIN`]; 0 for never.
    pub interval: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self { enabled: true, max_operations: OPERATIONS_MAX, interval: 0 }
    }
}

/// Encryptions that the nodes have counted.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Count {
    term: u32,
    encryptions: u64,
}

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

/// The stored policy.
pub async fn policy(transaction: &mut Transaction) -> Result<Policy, Error> {
    Ok(transaction.get_json(&drawer(), "rotation").await?.unwrap_or_default())
}

/// Writes the policy, after checking it.
pub fn set_policy(transaction: &mut Transaction, policy: Policy) -> Result<(), Error> {
    if !(OPERATIONS_MIN..=OPERATIONS_MAX).contains(&policy.max_operations) {
        let bounds = format!("max_operations: must be from {OPERATIONS_MIN} to {OPERATIONS_MAX}");
        return Err(Error::Invalid(bounds));
    }
    if policy.interval != 0 && policy.interval < INTERVAL_MIN {
        return Err(Error::invalid("interval: must be 0, for never, or at least 24h"));
    }
    Ok(transaction.put_json(&drawer(), "rotation", &policy)?)
}

/// Adds a fresh key to the keyring, which is the active one when the transaction has committed. `now` in seconds since
/// 1970.
pub fn rotate(transaction: &mut Transaction, barrier: &Barrier, now: u64) -> Result<Term, Error> {
    let ring = barrier.keyring()?.rotated(now)?;
    Barrier::write_keys(transaction, &barrier.root_key()?, &ring)?;
    Ok(ring.term())
}

/// The active term, and how many values all nodes have encrypted with it, as far as they have counted.
pub async fn status(transaction: &mut Transaction, barrier: &Barrier) -> Result<(Term, u64), Error> {
    barrier.refresh().await?;
    let term = barrier.keyring()?.term();
    let count: Count = transaction.get_json(&drawer(), "encryptions").await?.unwrap_or_default();
    let counted = if count.term == term.number { count.encryptions } else { 0 };
    Ok((term, counted + barrier.encryptions()))
}

/// Notes what this node has encrypted, and replaces the key when the policy says so. To be called now and then: what a
/// node had not noted when it was killed is not counted.
pub async fn keep_count(store: &Store, barrier: &Barrier, now: u64) -> Result<(), Error> {
    let mut transaction = store.begin().await?;
    let term = barrier.keyring()?.term();
    let stored: Count = transaction.get_json(&drawer(), "encryptions").await?.unwrap_or_default();
    let before = if stored.term == term.number { stored.encryptions } else { 0 };
    let fresh = barrier.take_encryptions();
    let encryptions = before.saturating_add(fresh);
    let policy = policy(&mut transaction).await?;
    let old = policy.interval > 0 && now.saturating_sub(term.installed) >= policy.interval;
    let due = policy.enabled && (encryptions >= policy.max_operations || old);
    if due {
        rotate(&mut transaction, barrier, now)?;
    }
    // Each count is an encryption itself: an idle server must not write for ever.
    if !due && fresh <= 1 {
        return Ok(());
    }
    transaction.put_json(&drawer(), "encryptions", &Count { term: term.number, encryptions })?;
    let done = transaction.commit().await;
    if done.is_err() {
        barrier.give_back(fresh);
    } else if due {
        tracing::info!(term = term.number + 1, "the key of the barrier was due and has been replaced");
    }
    Ok(done?)
}
