//! How many leases there are of a sort that a quota bounds, without listing them.
//!
//! Why this way: a listing costs as much as there are leases, and one number that every request changes makes all of
//! them conflict with each other. So a counter is [`PARTS`] numbers, of which a lease changes the one that its name
//! falls on, in the transaction that writes or forgets it: two requests rarely meet, and asking costs as many reads as
//! there are parts, however many leases there are. What is counted afterwards, because a rule changed, changes one more
//! number of its own, so that it stands in no request's way. Each lease notes the counter that it counts in. So whoever forgets it knows what to
//! take away, even if the rules have changed meanwhile, and a counter that is gone is simply not there.
//!
//! Far from the bound the numbers are only looked at. Within [`CLOSE`] of it they are expected to be the same at commit:
//! requests then conflict and run again one after the other, and the bound holds to the lease.

use model::Id;
use storage::Transaction;

use crate::shelf::drawer;
use crate::{Error, Lease, keys};

/// Numbers of one counter that leases fall on. A lease that was counted afterwards is taken away from the number that it
/// falls on, so that one of them may be below 0; their sum is not.
const PARTS: u8 = 16;
/// One more: leases that were counted afterwards.
const AFTERWARDS: u8 = PARTS;
/// So many leases below a bound it is kept exactly. As long as fewer requests than this commit at the same moment, no
/// bound is ever passed.
const CLOSE: u64 = 512;

/// Counts leases; see this file's beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter(pub Id);

impl Counter {
    /// A new counter, at 0.
    pub fn open(self, transaction: &mut Transaction) -> Result<(), Error> {
        for part in 0..=AFTERWARDS {
            transaction.put_json(&drawer(), &self.key(part), &0i64)?;
        }
        Ok(())
    }

    /// Lets a counter go. Leases may still note it.
    pub fn close(self, transaction: &mut Transaction) -> Result<(), Error> {
        for part in 0..=AFTERWARDS {
            transaction.delete(&drawer(), &self.key(part))?;
        }
        Ok(())
    }

    /// How many leases it counts, as of now.
    pub async fn count(self, transaction: &Transaction) -> Result<u64, Error> {
        let mut sum = 0i64;
        for part in 0..=AFTERWARDS {
            let key = self.key(part);
            let Some(bytes) = transaction.peek(&drawer(), &key).await? else { continue };
            let damaged = |e: serde_json::Error| storage::Error::Damaged { key, reason: e.to_string() };
            sum = sum.saturating_add(serde_json::from_slice(&bytes).map_err(damaged)?);
        }
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// Whether one more lease stays within `most`, and that this is still so at commit.
    pub async fn has_room(self, transaction: &mut Transaction, most: u64) -> Result<bool, Error> {
        let count = self.count(transaction).await?;
        if count < most && most - count <= CLOSE {
            for part in 0..=AFTERWARDS {
                transaction.get(&drawer(), &self.key(part)).await?;
            }
        }
        Ok(count < most)
    }

    /// Counts a lease that is new.
    pub(crate) async fn take(self, transaction: &mut Transaction, lease: &Lease) -> Result<(), Error> {
        self.add(transaction, keys::part(lease, PARTS), 1).await
    }

    /// Counts a lease that is there already.
    pub(crate) async fn take_afterwards(self, transaction: &mut Transaction) -> Result<(), Error> {
        self.add(transaction, AFTERWARDS, 1).await
    }

    /// Counts a lease no more that is forgotten.
    pub(crate) async fn release(self, transaction: &mut Transaction, lease: &Lease) -> Result<(), Error> {
        self.add(transaction, keys::part(lease, PARTS), -1).await
    }

    /// Counts a lease no more that stays.
    pub(crate) async fn release_afterwards(self, transaction: &mut Transaction) -> Result<(), Error> {
        self.add(transaction, AFTERWARDS, -1).await
    }

    async fn add(self, transaction: &mut Transaction, part: u8, by: i64) -> Result<(), Error> {
        let key = self.key(part);
        if let Some(count) = transaction.get_json::<i64>(&drawer(), &key).await? {
            transaction.put_json(&drawer(), &key, &count.saturating_add(by))?;
        }
        Ok(())
    }

    fn key(self, part: u8) -> String {
        format!("counter/{}/{part:02}", self.0)
    }
}
