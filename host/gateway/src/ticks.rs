//! The periodic work of engines: about once a minute per mount, by one node at a time.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use model::{Fault, Id, Kind};
use sandbox::Guest;
use serde::{Deserialize, Serialize};
use tenancy::{Mount, Tree, host_drawer};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::corridor::{Rooms, now};
use crate::granting::Unasked;
use crate::opening::Open;

/// How often a mount's work is due, in seconds.
const EVERY: u64 = 60;
/// How often a node looks for work that is due.
const LOOK: Duration = Duration::from_secs(2);
/// The work of so many mounts is done at once on each node, so that one whose engine waits holds up no others.
const AT_ONCE: usize = 8;

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

/// Tells of work that broke off.
fn tell(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the periodic work of an engine broke off");
    }
}

/// Does what is due, as long as the node is open.
pub(crate) async fn run(open: Weak<Open>) {
    // What is under way ends when this is dropped.
    let (mut later, mut working) = (Later::new(), JoinSet::new());
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(open) = open.upgrade() else { return };
        while let Some(ended) = working.try_join_next() {
            tell(ended);
        }
        tokio::select! {
            done = look(&open, &mut later, &mut working) => {
                if let Err(error) = done {
                    tracing::warn!(%error, "the periodic work of engines was not looked after; it goes on at the next turn");
                }
            }
            () = open.until_sealed() => return,
        }
    }
}

/// Begins what is due.
async fn look(open: &Arc<Open>, later: &mut Later, working: &mut JoinSet<()>) -> Result<(), Fault> {
    later.retain(|_, due| *due > Instant::now());
    let rooms = &open.rooms;
    let mut transaction = rooms.store.begin().await?;
    let tree = rooms.tenancy.tree(&mut transaction).await?;
    drop(transaction);
    for mount in tree.all_mounts() {
        if later.contains_key(&mount.id) {
            continue;
        }
        // Components that were registered are loaded here too, so that no request waits for that.
        let guest = match rooms.engine_of(mount).await {
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
        // Work is not taken from other nodes before there is a place for it.
        while working.len() >= AT_ONCE
            && let Some(ended) = working.join_next().await
        {
            tell(ended);
        }
        let claimed = rooms.claim(mount).await;
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
        let (open, tree, mount) = (Arc::clone(open), Arc::clone(&tree), Arc::clone(mount));
        working.spawn(async move {
            tokio::select! {
                () = open.rooms.let_work(&tree, &guest, &mount) => {}
                () = open.until_sealed() => {}
            }
        });
    }
    Ok(())
}

impl Rooms {
    async fn engine_of(&self, mount: &Mount) -> Result<Arc<Guest>, Fault> {
        match self.catalog.at_hand(mount) {
            Some(guest) => Ok(guest),
            None => self.catalog.guest(&self.store.begin().await?, mount).await,
        }
    }

    /// Takes a mount's work for the next while, if it is due; if not, says in how many seconds it will be.
    async fn claim(&self, mount: &Mount) -> Result<Option<u64>, Fault> {
        let (drawer, now) = (host_drawer(mount.id), now());
        let mut transaction = self.store.begin().await?;
        let claim: Option<Claim> = transaction.get_json(&drawer, "tick").await?;
        if let Some(rest) = claim.and_then(|claim| claim.rest(now)) {
            return Ok(Some(rest));
        }
        mount.expect(&mut transaction)?;
        transaction.put_json(&drawer, "tick", &Claim { until: now + EVERY })?;
        transaction.commit().await?;
        Ok(None)
    }

    /// What fails is in the log, and tried when it is due again.
    async fn let_work(&self, tree: &Tree, guest: &Guest, mount: &Arc<Mount>) {
        if let Err(error) = self.work(tree, guest, mount).await {
            tracing::warn!(mount = mount.accessor, %error, "an engine's periodic work failed; it is tried when it is due again");
        }
    }

    async fn work(&self, tree: &Tree, guest: &Guest, mount: &Arc<Mount>) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await?;
        mount.expect(&mut transaction)?;
        let namespace =
            tree.namespace_by_id(mount.namespace).ok_or_else(|| Fault::internal("a mount of no namespace"))?;
        let id = format!("tick-{}", mount.accessor);
        let deadline = Instant::now() + self.request_time.min(Duration::from_secs(EVERY));
        let work = Unasked { name: "tick", id: &id, tree, namespace, mount, deadline };
        let (grant, trace) = self.grant_unasked(&work, transaction).await?;
        let done = match guest.tick(grant).await {
            Ok(transaction) => transaction.commit().await.map_err(Fault::from),
            Err(fault) => Err(fault),
        };
        trace.ended(done.is_err().then_some("failed"));
        done
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
