//! Takes back what has ended: looks once a second for leases that are due, whoever gave them and before whichever
//! restart. Nothing of it is kept in memory.

use std::sync::Weak;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use leases::{Lease, Leases, Sweep};
use model::{Fault, Id, Kind};
use serde::{Deserialize, Serialize};
use storage::Drawer;
use system::System;
use tenancy::Mount;

use crate::corridor::{Rooms, now};
use crate::opening::Open;

/// How often a node looks for leases that are due.
const LOOK: Duration = Duration::from_secs(1);
/// Leases that are read at once.
const BATCH: usize = 256;
/// Leases that are taken back at the same time.
const AT_ONCE: usize = 16;
/// Batches between two looks at the rest of the work.
const BATCHES_MAX: usize = 64;
/// Batches of one sweep in one batch of the work: there may be others.
const SWEEP_BATCHES_MAX: usize = 4;
/// Mounts, tokens and sweeps that are looked after in one turn.
const TURN_MAX: usize = 16;
/// For how long a node has the work, in seconds, before another may take it.
const CLAIM: u64 = 10;

/// Which node does the work, until when. Seconds since 1970. It only spares the others the trouble: two that work at
/// once do each other no harm.
#[derive(Serialize, Deserialize)]
struct Claim {
    node: Id,
    until: u64,
}

impl Claim {
    /// Whether another node has the work.
    fn binds(&self, node: Id, now: u64) -> bool {
        // What lies further ahead than any claim was made by a clock that has since gone back.
        self.node != node && (now + 1..=now + CLAIM).contains(&self.until)
    }
}

fn drawer() -> Drawer {
    Drawer::new(&["lease"])
}

/// Takes back what is due, as long as the node is open.
pub(crate) async fn run(open: Weak<Open>) {
    let node = node();
    loop {
        tokio::time::sleep(LOOK).await;
        let Some(open) = open.upgrade() else { return };
        tokio::select! {
            done = open.rooms.reap(node) => {
                match done {
                    Ok(()) => {}
                    // Another node, or a request, was faster.
                    Err(error) if error.kind == Kind::Conflict => {}
                    Err(error) => tracing::warn!(%error, "leases were not looked after; it goes on at the next turn"),
                }
            }
            () = open.until_sealed() => return,
        }
    }
}

fn node() -> Id {
    system::fresh_id().unwrap_or_else(|_| Id::nil())
}

impl Rooms {
    async fn reap(&self, node: Id) -> Result<(), Fault> {
        // What tokens that ended were lent is due from then on.
        tell(self.tokens.sweep(&self.store, now()).await.map(drop), "ended tokens");
        for _ in 0..BATCHES_MAX {
            let work = self.work_to_do().await?;
            if work.is_empty() || !self.claim_reaping(node).await? {
                return Ok(());
            }
            if work.recount {
                tell(self.recount().await, "the count of leases");
            }
            for sweep in work.sweeps {
                tell(self.sweep(sweep).await, "a revoked prefix");
            }
            for mount in &work.mounts {
                tell(self.clear_mount(mount).await, "a removed mount");
            }
            self.all_back(&work.due).await;
        }
        Ok(())
    }

    async fn work_to_do(&self) -> Result<Work, Fault> {
        let mut transaction = self.store.begin().await?;
        let work = Work {
            sweeps: Sweep::all(&mut transaction, TURN_MAX).await?,
            mounts: Mount::leaving(&mut transaction, TURN_MAX).await?,
            due: Leases::due(&mut transaction, now(), BATCH).await?,
            recount: System::demands_recount(&mut transaction).await?,
        };
        // Usually nothing was written.
        transaction.commit().await?;
        Ok(work)
    }

    async fn claim_reaping(&self, node: Id) -> Result<bool, Fault> {
        let now = now();
        let mut transaction = self.store.begin().await?;
        let claim: Option<Claim> = transaction.get_json(&drawer(), "reaper").await?;
        match claim {
            Some(claim) if claim.binds(node, now) => return Ok(false),
            Some(claim) if claim.node == node && claim.until > now + CLAIM / 2 => return Ok(true),
            _ => {}
        }
        transaction.put_json(&drawer(), "reaper", &Claim { node, until: now + CLAIM })?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Takes all of these back. What fails is in the log and in the leases.
    async fn all_back(&self, leases: &[Lease]) {
        let taking: Vec<_> = leases.iter().map(|lease| self.take_back(lease)).collect();
        let mut taken = stream::iter(taking).buffer_unordered(AT_ONCE);
        while taken.next().await.is_some() {}
    }

    /// Counts the next leases after a quota has changed.
    async fn recount(&self) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await?;
        let tree = self.tenancy.tree(&mut transaction).await?;
        self.system.recount(&mut transaction, &tree).await?;
        transaction.commit().await.map_err(Fault::from)
    }

    /// Ends the next leases of a sweep, and with them the tokens that they are of; the others are due then.
    async fn sweep(&self, mut sweep: Sweep) -> Result<(), Fault> {
        for _ in 0..SWEEP_BATCHES_MAX {
            self.sweep_on(&mut sweep).await?;
            if !sweep.has_more() {
                break;
            }
        }
        Ok(())
    }

    /// One step of that.
    pub(crate) async fn sweep_on(&self, sweep: &mut Sweep) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await?;
        let mut next = sweep.clone();
        let ended = next.step(&mut transaction, now(), BATCH).await?;
        self.tokens.revoke_lent(&mut transaction, &ended).await?;
        transaction.commit().await?;
        *sweep = next;
        // A store in memory never makes this wait, and there may be many.
        tokio::task::yield_now().await;
        Ok(())
    }

    /// Takes back what a removed mount lent, each lease once, before its data goes.
    async fn clear_mount(&self, mount: &Mount) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await?;
        let mut owed = Leases::of_mount(&mut transaction, mount.id, None, BATCH).await?;
        if owed.is_empty() {
            mount.doom(&mut transaction)?;
            return transaction.commit().await.map_err(Fault::from);
        }
        for lease in owed.iter_mut().filter(|lease| !lease.forced) {
            lease.end(now());
            lease.forced = true;
            Leases::write(&mut transaction, lease).await?;
        }
        transaction.commit().await?;
        self.all_back(&owed).await;
        Ok(())
    }
}

/// No part of the work keeps the others from being done: what failed is tried again at the next turn.
fn tell(done: Result<(), Fault>, what: &str) {
    match done {
        Ok(()) => {}
        // Another node, or a request, was faster.
        Err(error) if error.kind == Kind::Conflict => {}
        Err(error) => tracing::warn!(%error, what, "not looked after; it goes on at the next turn"),
    }
}

/// What is to be done now.
struct Work {
    sweeps: Vec<Sweep>,
    mounts: Vec<Mount>,
    due: Vec<Lease>,
    recount: bool,
}

impl Work {
    fn is_empty(&self) -> bool {
        self.sweeps.is_empty() && self.mounts.is_empty() && self.due.is_empty() && !self.recount
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000;

    #[test]
    fn a_claim_binds_other_nodes_until_it_ends_and_none_that_a_clock_left_behind() {
        let (one, two) = (Id::from_random([1; 16]), Id::from_random([2; 16]));
        let claim = Claim { node: one, until: NOON + CLAIM };
        assert!(claim.binds(two, NOON) && claim.binds(two, NOON + CLAIM - 1));
        assert!(!claim.binds(one, NOON));
        assert!(!claim.binds(two, NOON + CLAIM));
        assert!(!claim.binds(two, NOON - 3600), "otherwise nothing is taken back for an hour");
    }
}
