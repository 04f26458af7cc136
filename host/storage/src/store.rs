//! The store as the rest of the house sees it.

use std::sync::Arc;

use crate::driver::{Driver, LIST_LIMIT_MAX};
use crate::{Drawer, Error, Transaction};

/// How often a purge that loses against other writers is tried before it gives up for now.
const PURGE_TRIES: usize = 16;

/// A driver, shared.
#[derive(Clone)]
pub struct Store {
    driver: Arc<dyn Driver>,
}

impl Store {
    /// A store over a driver.
    pub fn new(driver: impl Driver) -> Self {
        Self { driver: Arc::new(driver) }
    }

    /// What it is over, for whoever needs all of it at once.
    pub fn driver(&self) -> Arc<dyn Driver> {
        Arc::clone(&self.driver)
    }

    /// Begins a transaction: one snapshot now, one batch when it commits.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        Ok(Transaction::new(Arc::clone(&self.driver), self.driver.snapshot().await?))
    }

    /// Removes everything in a drawer, in batches, so that even a drawer of millions costs nobody else their turn. Not
    /// atomic: the caller first makes the drawer unreachable, and calls again after an error or a restart.
    pub async fn purge(&self, drawer: &Drawer) -> Result<(), Error> {
        let mut tries = 0;
        loop {
            let mut transaction = self.begin().await?;
            let removed = transaction.clear(drawer, LIST_LIMIT_MAX).await?;
            match transaction.commit().await {
                Err(Error::Conflict) if tries < PURGE_TRIES => tries += 1,
                Err(error) => return Err(error),
                Ok(()) if removed < LIST_LIMIT_MAX => return Ok(()),
                Ok(()) => {}
            }
        }
    }
}
