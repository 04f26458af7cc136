//! A new store.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use storage::barrier::{Barrier, Keyring, SecretKey, clear_drawer};
use storage::{Driver, Store, Transaction};

use crate::record::{self, Config, SHAMIR};
use crate::shares::{self, SHARES_MAX, Share};
use crate::{Error, Given, Recipient, Wrapper, proof};

/// How many shares a key has and how many of them make it up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quorum {
    /// How many there are, 1 to [`SHARES_MAX`].
    pub shares: u8,
    /// How many make up the key: 1 of 1, else 2 to `shares`.
    pub threshold: u8,
}

impl Quorum {
    /// Checks the numbers as they were asked for.
    pub fn new(shares: u64, threshold: u64) -> Result<Self, Error> {
        let text = match (shares, threshold) {
            (0, _) => "number of shares must be at least one",
            (_, 0) => "threshold must be at least one",
            (shares, _) if shares > SHARES_MAX.into() => "number of shares must be less than 256",
            (shares, threshold) if threshold > shares => "threshold cannot be larger than number of shares",
            (shares, 1) if shares > 1 => "threshold must be greater than one for multiple shares",
            (shares, threshold) => {
                let small = |number: u64| u8::try_from(number).map_err(|_| Error::invalid("number of shares"));
                return Ok(Self { shares: small(shares)?, threshold: small(threshold)? });
            }
        };
        Err(Error::invalid(text))
    }
}

/// A store that is being founded: all of it is written by one transaction or not at all.
pub struct Founding {
    /// Takes what else a new store needs.
    pub transaction: Transaction,
    shares: Vec<Share>,
    barrier: Arc<Barrier>,
}

impl Founding {
    /// Makes the keys, and writes the seal's records. `now` in seconds since 1970.
    pub(crate) async fn begin(
        below: Arc<dyn Driver>,
        wrapper: Option<&dyn Wrapper>,
        quorum: Quorum,
        now: u64,
    ) -> Result<Self, Error> {
        let (root, ring, held) = (SecretKey::random()?, Keyring::new(now)?, SecretKey::random()?);
        let barrier = Arc::new(Barrier::found(below, root.clone(), ring.clone()));
        let mut transaction = Store::new(Arc::clone(&barrier)).begin().await?;
        record::write_format(&mut transaction).await?;
        Barrier::write_keys(&mut transaction, &root, &ring)?;
        let kind = wrapper.map_or(SHAMIR, Wrapper::kind);
        Config::new(kind, quorum).write(&mut transaction)?;
        let wrapped = match wrapper {
            Some(wrapper) => {
                proof::write_recovery(&mut transaction, &held)?;
                wrapper.wrap(&root).await?
            }
            None => proof::wrap(&held, &root)?,
        };
        transaction.put(&clear_drawer(), record::ROOT, wrapped)?;
        let shares = shares::split(&held, quorum.shares, quorum.threshold);
        Ok(Self { transaction, shares, barrier })
    }

    /// Writes it all. Answers the shares, which are nowhere else, each encrypted to its recipient if there are any, and
    /// the open barrier.
    pub async fn commit(self, recipients: &[Recipient]) -> Result<(Vec<Given>, Arc<Barrier>), Error> {
        // First: shares that cannot be given out must open nothing.
        let shares = Given::out(self.shares, recipients).await?;
        match self.transaction.commit().await {
            Ok(()) => Ok((shares, self.barrier)),
            // Another node was first.
            Err(storage::Error::Conflict) => Err(Error::AlreadyInitialized),
            Err(error) => Err(error.into()),
        }
    }
}
