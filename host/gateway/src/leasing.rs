//! Leases on their way: what engines lend, extend and take back. All of it happens in a request's own transaction.

use std::sync::Arc;
use std::time::Duration;

use access::Principal;
use leases::{Held, Lease, Leases, NewLease, Sweep};
use model::{Fault, Id, Kind, LeaseInfo, Payload, Reply, TokenKind};
use sandbox::Lent;
use serde_json::value::RawValue;
use storage::Transaction;
use system::{Duty, Leasing, Renewal};
use tenancy::{Mount, Namespace, Tree};
use tokio::time::Instant;

use crate::answering::Answering;
use crate::corridor::{Rooms, now};
use crate::granting::{Errand, Unasked};

/// How often taking one lease back is tried again at once when another changed the same records.
const RERUNS_MAX: u32 = 4;
/// Longest rest between two such tries.
const RERUN_REST: Duration = Duration::from_millis(20);
/// Longest time that an engine may take to take one lease back.
const TAKE_BACK_TIME: Duration = Duration::from_secs(30);
/// Most leases that a request itself takes back before it is answered; others are taken back right behind it.
const AT_ONCE_MAX: usize = 32;

/// Leases that are read at once.
const PAGE: usize = 250;

/// Where something was lent.
pub(crate) struct Loan<'a> {
    pub(crate) mount: &'a Mount,
    pub(crate) tree: &'a Tree,
    /// The path below the namespace.
    pub(crate) path: &'a str,
    /// The caller: with its token, the lease ends.
    pub(crate) principal: Option<&'a Principal>,
}

impl Rooms {
    /// Keeps what an engine lent with its answer, and says so in the answer.
    pub(crate) async fn lend(
        &self,
        transaction: &mut Transaction,
        reply: &mut Reply,
        lent: Lent,
        loan: &Loan<'_>,
    ) -> Result<(), Fault> {
        let now = now();
        let token = loan.principal.and_then(token_key);
        // Engines take their time: a token that ended meanwhile has ended what it was lent, and would not end this.
        if let Some(key) = &token
            && !self.tokens.is_kept(transaction, key, now).await?
        {
            return Err(Fault::denied());
        }
        let (default, longest) = self.system.lease_ttls(loan.mount);
        let wanted = if lent.ttl == 0 { default } else { lent.ttl };
        let end = loan.principal.and_then(end_of_batch).unwrap_or(u64::MAX);
        let ttl = wanted.min(longest).min(end.saturating_sub(now));
        let random = hex::encode(system::random::<16>()?);
        let mut lease = Lease::new(NewLease {
            namespace: loan.mount.namespace,
            path: loan.path,
            random: &random,
            held: Held::Secret { mount: loan.mount.id, internal: lent.internal, ttl: wanted },
            token,
            issued: now,
            expires: Some(now.saturating_add(ttl)),
            renewable: lent.renewable,
            max_expires: Some(now.saturating_add(longest).min(end)),
        })?;
        let leasing = Leasing { tree: loan.tree, namespace: lease.namespace, path: loan.path, exempt: false };
        lease.counted = self.system.lease_quota(transaction, leasing).await?;
        Leases::insert(transaction, &lease).await?;
        reply.lease = Some(LeaseInfo { id: lease.id, duration: ttl, renewable: lease.renewable });
        Ok(())
    }

    /// Does what an endpoint left to be done once the request's writes are applied: whatever fails here is tried again by
    /// itself. Only who wanted to wait for it learns of it.
    pub(crate) async fn after_commit(&self, duty: Option<Duty>, deadline: Instant) -> Result<(), Fault> {
        let Some(Duty::TakeBack { leases, rest, sync }) = duty else { return Ok(()) };
        let done = tokio::time::timeout_at(deadline, self.end_and_take_back(&leases, rest, sync)).await;
        let longer = || Err(Fault::new(Kind::Unavailable, "taking the leases back takes longer and goes on"));
        match done.unwrap_or_else(|_elapsed| longer()) {
            Err(fault) if sync => {
                let text = format!("failed to revoke, it is tried again: {}", fault.messages.join("; "));
                Err(Fault { messages: vec![text], ..fault })
            }
            _ => Ok(()),
        }
    }

    /// Takes back what has ended already: all of it, or just the first. What is still to end ends before that, so that no
    /// token of it opens anything while others are taken back.
    async fn end_and_take_back(&self, leases: &[Lease], rest: Option<Box<Sweep>>, all: bool) -> Result<(), Fault> {
        let below = match rest {
            Some(rest) => Some(self.swept(*rest).await?),
            None => None,
        };
        let wanted = if all { leases.len() } else { leases.len().min(AT_ONCE_MAX) };
        let mut failed = self.each_back(&leases[..wanted]).await;
        if let Some((namespace, path)) = below.filter(|_| all) {
            let mut after: Option<Lease> = None;
            loop {
                let mut transaction = self.store.begin().await?;
                let page = Leases::under(&mut transaction, namespace, &path, after.as_ref(), PAGE).await?;
                drop(transaction);
                let Some(last) = page.last() else { break };
                after = Some(last.clone());
                let over: Vec<Lease> = page.into_iter().filter(|lease| lease.is_over(now())).collect();
                failed = self.each_back(&over).await.or(failed);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Works a sweep off, and answers what it was of.
    async fn swept(&self, mut sweep: Sweep) -> Result<(Id, String), Fault> {
        while sweep.has_more() {
            match self.sweep_on(&mut sweep).await {
                Ok(()) => {}
                // It is being worked off elsewhere too.
                Err(fault) if fault.kind == Kind::Conflict => tokio::time::sleep(RERUN_REST).await,
                Err(fault) => return Err(fault),
            }
        }
        Ok((sweep.namespace, sweep.path))
    }

    /// Takes these back, and answers why the last of those was not that could not be.
    async fn each_back(&self, leases: &[Lease]) -> Option<Fault> {
        let mut failed = None;
        for lease in leases {
            failed = self.take_back(lease).await.err().or(failed);
        }
        failed
    }

    /// Takes back a lease that has ended, in transactions of its own, and forgets it. What fails is noted in the lease,
    /// which rests then, or is given up, or forgotten if that is wanted. Two nodes may do the same at once.
    pub(crate) async fn take_back(&self, lease: &Lease) -> Result<(), Fault> {
        let mut run = 0;
        let done = loop {
            match self.taken_back(lease).await {
                Err(fault) if fault.kind == Kind::Conflict && run < RERUNS_MAX => {
                    run += 1;
                    tokio::time::sleep(RERUN_REST.mul_f32(fraction())).await;
                }
                done => break done,
            }
        };
        match done {
            Ok(()) => Ok(()),
            // Others are at it, or nothing can be done for any lease now.
            Err(fault) if matches!(fault.kind, Kind::Conflict | Kind::Sealed) => Err(fault),
            Err(fault) => {
                tracing::warn!(lease = lease.id, %fault, "a lease was not taken back");
                self.note_failure(lease, &fault).await?;
                Err(fault)
            }
        }
    }

    /// One that is gone through another, or was extended meanwhile, is left alone.
    async fn taken_back(&self, lease: &Lease) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await?;
        let found = Leases::get(&mut transaction, lease.namespace, &lease.id).await?;
        let Some(lease) = found.filter(|lease| lease.is_over(now())) else { return Ok(()) };
        let mut transaction = match &lease.held {
            Held::Token(key) => {
                self.tokens.revoke(&mut transaction, key).await?;
                transaction
            }
            Held::Secret { mount, internal, ttl } => {
                let lent = Lent { ttl: *ttl, renewable: lease.renewable, internal: internal.clone() };
                self.give_back(transaction, *mount, lent).await?
            }
        };
        Leases::remove(&mut transaction, &lease).await?;
        transaction.commit().await.map_err(Fault::from)
    }

    /// Lets the engine of a mount take back what it lent. A mount that was removed does so as long as its data is there;
    /// of one that is gone with its data nothing is left to take back.
    async fn give_back(&self, mut transaction: Transaction, mount: Id, lent: Lent) -> Result<Transaction, Fault> {
        let tree = self.tenancy.tree(&mut transaction).await?;
        let mount = match tree.mount_by_id(mount) {
            Some(mount) => {
                mount.expect(&mut transaction)?;
                Arc::clone(mount)
            }
            None => match Mount::left(&mut transaction, mount).await? {
                Some(mount) => Arc::new(mount),
                None => return Ok(transaction),
            },
        };
        let namespace = match tree.namespace_by_id(mount.namespace) {
            Some(namespace) => Arc::clone(namespace),
            None => match Namespace::left(&mut transaction, mount.namespace).await? {
                Some(namespace) => Arc::new(namespace),
                None => return Ok(transaction),
            },
        };
        let namespace = &namespace;
        let guest = self.catalog.guest(&transaction, &mount).await?;
        let deadline = Instant::now() + self.request_time.min(TAKE_BACK_TIME);
        let id = lease_id(&mount);
        let work = Unasked { name: "lease.revoke", id: &id, tree: &tree, namespace, mount: &mount, deadline };
        let (grant, trace) = self.grant_unasked(&work, transaction).await?;
        let revoked = guest.revoke(grant, lent).await;
        trace.ended(revoked.is_err().then_some("failed"));
        revoked
    }

    async fn note_failure(&self, lease: &Lease, fault: &Fault) -> Result<(), Fault> {
        let mut transaction = self.store.begin().await?;
        let found = Leases::get(&mut transaction, lease.namespace, &lease.id).await?;
        let Some(mut lease) = found.filter(|lease| lease.is_over(now())) else { return Ok(()) };
        if lease.forced {
            Leases::remove(&mut transaction, &lease).await?;
        } else {
            lease.failed(now(), &fault.messages.join("; "));
            Leases::write(&mut transaction, &lease).await?;
        }
        transaction.commit().await.map_err(Fault::from)
    }

    /// Lets the engine extend a lease, within the mount's longest time.
    async fn extend(
        &self,
        mut transaction: Transaction,
        renewal: Renewal,
        answering: &Answering<'_>,
    ) -> Result<(Reply, Transaction), Fault> {
        let tree = answering.tree;
        let Renewal { mut lease, increment } = renewal;
        let Held::Secret { mount, internal, ttl } = lease.held.clone() else {
            return Err(Fault::invalid("tokens cannot be renewed through this endpoint"));
        };
        let gone = || Fault::invalid("lease is not renewable: its mount is gone");
        let mount = tree.mount_by_id(mount).ok_or_else(gone)?;
        let namespace = tree.namespace_by_id(mount.namespace).ok_or_else(gone)?;
        mount.expect(&mut transaction)?;
        let asked = increment.filter(|increment| *increment > 0).unwrap_or(ttl);
        let id = lease_id(mount);
        let (recorder, witness, deadline) = (&answering.recorder, answering.witness(), answering.deadline);
        let trace = answering.arrival.trace.clone();
        let errand = Errand { id: &id, trace, tree, namespace, mount, recorder, witness, deadline };
        let lent = Lent { ttl: asked, renewable: lease.renewable, internal };
        let guest = self.catalog.guest(&transaction, mount).await?;
        let (lent, mut transaction) = guest.renew(self.grant(&errand, transaction)?, lent).await?;
        let (default, longest) = self.system.lease_ttls(mount);
        let now = now();
        let wanted = if lent.ttl == 0 { default } else { lent.ttl };
        let latest = lease.issued.saturating_add(longest).min(lease.max_expires.unwrap_or(u64::MAX));
        let expires = now.saturating_add(wanted).min(latest);
        lease.renewable = lent.renewable;
        lease.held = Held::Secret { mount: mount.id, internal: lent.internal, ttl };
        Leases::renew(&mut transaction, &mut lease, Some(expires), now).await?;
        let info = LeaseInfo { id: lease.id.clone(), duration: lease.ttl(now), renewable: lease.renewable };
        let payload = Payload::Data(RawValue::NULL.to_owned());
        let mut reply = Reply { payload, lease: Some(info), ..Reply::default() };
        if expires < now.saturating_add(wanted) {
            reply = reply.warning(format!(
                "TTL of \"{wanted}s\" exceeded the effective max_ttl of \"{longest}s\"; TTL value is capped accordingly"
            ));
        }
        Ok((reply, transaction))
    }
}

impl Answering<'_> {
    /// Does what an endpoint left to be done with engines before the request's writes are applied.
    pub(crate) async fn before_commit(
        &self,
        duty: &mut Option<Duty>,
        (reply, transaction): (Reply, Transaction),
    ) -> Result<(Reply, Transaction), Fault> {
        match duty.take() {
            Some(Duty::Renew(renewal)) => self.rooms.extend(transaction, *renewal, self).await,
            other => {
                *duty = other;
                Ok((reply, transaction))
            }
        }
    }
}

/// The key of the token that a lease ends with. A batch token cannot be revoked: the one above it can.
fn token_key(principal: &Principal) -> Option<String> {
    match principal.kind {
        TokenKind::Service => Some(principal.key().to_owned()),
        TokenKind::Batch => principal.parent.clone(),
    }
}

/// What identifies work on a mount's leases that no request waits for.
fn lease_id(mount: &Mount) -> String {
    format!("lease-{}", mount.accessor)
}

/// When what is lent to a batch token ends at the latest: with the token.
fn end_of_batch(principal: &Principal) -> Option<u64> {
    principal.expire_time.filter(|_| principal.kind == TokenKind::Batch)
}

/// Between 0 and 1, so that two that lost together do not meet again.
fn fraction() -> f32 {
    system::random().map_or(0.5, |[byte]: [u8; 1]| f32::from(byte) / 255.0)
}
