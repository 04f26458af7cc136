//! The periodic work of engines: about once a minute per mount, by one node at a time.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use model::{Fault, Id, Kind};
use sandbox::Guest;
use serde::{Deserialize, Serialize};
use tenancy::{Mount, Tree, host_drawer};
use tokio::time::Instant;
use traces::Trace;

use crate::corridor::{Rooms, now, stored};
use crate::governing::Subject;
use crate::granting::Errand;
use crate::opening::Open;
use crate::recording;

/// How often a mount's work is due, in seconds.
const EVERY: u64 = 60;
/// How often a node looks for work that is due.
const LOOK: Duration = Duration::from_secs(2);

/// Mounts whose work is not due before a time, as far as this node knows.
type Later = HashMap<Id, Instant>;

/// Until when a mount's work is done, or in the hands of a node. Seconds since 1970.
#[derive(Serialize, Deserialize)]
struct Claim {
    until: u64,
}

impl Claim {
    /// In how many seconds the work is due; none: now.
    fn rest(&self, now: u64) -> Option<u64> {
        // What lies further ahead than any claim was made by a clock that has since gone back.
        (now + 1..=now + EVERY).contains(&self.until).then(|| self.until - now)
    }
}

/// Does what is due, as long as the node is open.
pub(crate) async fn run(open: Weak<Open>) {
    let mut later = Later::new();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(open) = open.upgrade() else { return };
        tokio::select! {
            done = open.rooms.tick(&mut later) => {
                if let Err(error) = done {
                    tracing::warn!(%error, "the periodic work of engines was not looked after; it goes on at the next turn");
                }
            }
            () = open.until_sealed() => return,
        }
    }
}

impl Rooms {
    async fn tick(&self, later: &mut Later) -> Result<(), Fault> {
        later.retain(|_, due| *due > Instant::now());
        let mut transaction = self.store.begin().await.map_err(stored)?;
        let tree = self.tenancy.tree(&mut transaction).await?;
        drop(transaction);
        for mount in tree.all_mounts() {
            if later.contains_key(&mount.id) {
                continue;
            }
            // Components that were registered are loaded here too, so that no request waits for that.
            let guest = match self.engine_of(mount).await {
                Ok(guest) => guest,
                Err(error) => {
                    tracing::error!(mount = mount.accessor, %error, "the engine of a mount is not loaded");
                    later.insert(mount.id, Instant::now() + Duration::from_secs(EVERY));
                    continue;
                }
            };
            if !guest.descriptor.wants_tick {
                continue;
            }
            let claimed = self.claim(mount).await;
            let rest = match &claimed {
                Ok(Some(rest)) => *rest,
                _ => EVERY,
            };
            later.insert(mount.id, Instant::now() + Duration::from_secs(rest));
            match claimed {
                Ok(None) => {}
                // Another node was first, or is about to be.
                Ok(Some(_)) => continue,
                Err(error) if error.kind == Kind::Conflict => continue,
                Err(error) => return Err(error),
            }
            if let Err(error) = self.work(&tree, &guest, mount).await {
                tracing::warn!(mount = mount.accessor, %error, "an engine's periodic work failed; it is tried when it is due again");
            }
        }
        Ok(())
    }

    async fn engine_of(&self, mount: &Mount) -> Result<Arc<Guest>, Fault> {
        match self.catalog.at_hand(mount) {
            Some(guest) => Ok(guest),
            None => self.catalog.guest(&self.store.begin().await.map_err(stored)?, mount).await,
        }
    }

    /// Takes a mount's work for the next while, if it is due; if not, says in how many seconds it will be.
    async fn claim(&self, mount: &Mount) -> Result<Option<u64>, Fault> {
        let (drawer, now) = (host_drawer(mount.id), now());
        let mut transaction = self.store.begin().await.map_err(stored)?;
        let claim: Option<Claim> = transaction.get_json(&drawer, "tick").await.map_err(stored)?;
        if let Some(rest) = claim.and_then(|claim| claim.rest(now)) {
            return Ok(Some(rest));
        }
        mount.expect(&mut transaction)?;
        transaction.put_json(&drawer, "tick", &Claim { until: now + EVERY }).map_err(stored)?;
        transaction.commit().await.map_err(stored)?;
        Ok(None)
    }

    async fn work(&self, tree: &Tree, guest: &Guest, mount: &Arc<Mount>) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await.map_err(stored)?;
        mount.expect(&mut transaction)?;
        let namespace =
            tree.namespace_by_id(mount.namespace).ok_or_else(|| Fault::internal("a mount of no namespace"))?;
        let id = format!("tick-{}", mount.accessor);
        let recorder = recording::unasked(&self.audit, &transaction, &id, namespace, mount).await?;
        let deadline = Instant::now() + self.request_time.min(Duration::from_secs(EVERY));
        let subject = Subject { id: &id, tree, namespace, mount: Some(mount), deadline, request: None };
        let witness = self.witness_unasked(recorder, &subject, &mut transaction).await?;
        let trace = Trace::default();
        let errand = Errand { id: &id, trace, tree, namespace, mount, witness, deadline };
        guest.tick(self.grant(&errand, transaction)?).await?.commit().await.map_err(stored)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000;
    const HOUR: u64 = 3600;

    #[test]
    fn work_rests_until_its_claim_is_over_and_not_a_second_longer() {
        let claim = Claim { until: NOON + EVERY };
        assert_eq!(claim.rest(NOON), Some(EVERY));
        assert_eq!(claim.rest(NOON + EVERY - 1), Some(1));
        assert_eq!(claim.rest(NOON + EVERY), None);
        assert_eq!(claim.rest(NOON + HOUR), None);
    }

    #[test]
    fn a_clock_that_steps_back_an_hour_stops_no_work() {
        let claim = Claim { until: NOON + EVERY };
        assert_eq!(claim.rest(NOON - HOUR), None, "otherwise an hour passes without work");
        // Claimed anew by the clock as it is now, the work goes on every minute.
        let claim = Claim { until: NOON - HOUR + EVERY };
        assert_eq!((claim.rest(NOON - HOUR), claim.rest(NOON - HOUR + EVERY)), (Some(EVERY), None));
        // A clock that steps forward makes it due, once.
        assert_eq!(claim.rest(NOON), None);
    }
}
