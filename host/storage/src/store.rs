//! The store as the rest of the house sees it.

use std::sync::Arc;

use meter::Meter;

use crate::driver::{Driver, LIST_LIMIT_MAX};
use crate::{Drawer, Error, Transaction};

/// How often a purge that loses against other writers is tried before it gives up for now.
const PURGE_TRIES: usize = 16;

/// A driver, shared.
#[derive(Clone)]
pub struct Store {
    driver: Arc<dyn Driver>,
    meter: Meter,
}

impl Store {
    /// A store over a driver.
    pub fn new(driver: impl Driver) -> Self {
        Self::over(Arc::new(driver))
    }

    /// A store over a driver that others hold as well.
    pub fn over(driver: Arc<dyn Driver>) -> Self {
        Self { driver, meter: Meter::default() }
    }

    /// The same, telling this meter how commits end.
    #[must_use]
    pub fn observed(self, meter: Meter) -> Self {
        Self { meter, ..self }
    }

    /// Begins a transaction: one snapshot now, one batch when it commits.
    pub async fn begin(&self) -> Result<Transaction, Error> {
        let snapshot = self.driver.snapshot().await?;
        Ok(Transaction::new(Arc::clone(&self.driver), snapshot, self.meter.clone()))
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
