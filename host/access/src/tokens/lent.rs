//! The leases of tokens: what ends by itself is kept in the order in which it ends.

use leases::{Held, Lease, Leases, NewLease};
use model::{Fault, Id, TokenKind};
use storage::Transaction;

use super::Record;

/// The lease of a token as its record is now; none for what never ends, or is not kept.
fn lease(key: &str, record: &Record) -> Result<Option<Lease>, Fault> {
    if record.kind == TokenKind::Batch || record.expire_time.is_none() {
        return Ok(None);
    }
    let lease = Lease::new(NewLease {
        namespace: record.namespace,
        path: &record.path,
        random: &format!("h{key}"),
        held: Held::Token(key.to_owned()),
        token: None,
        issued: record.creation_time,
        expires: record.expire_time,
        renewable: record.renewable,
        max_expires: None,
    })?;
    Ok(Some(lease))
}

/// Keeps the lease of a token that is new, or was renewed. A new one counts in this counter.
pub(super) async fn keep(
    transaction: &mut Transaction,
    key: &str,
    record: &Record,
    counted: Option<Id>,
) -> Result<(), Fault> {
    if let Some(mut lease) = lease(key, record)? {
        lease.renewed = record.last_renewal;
        lease.counted = counted;
        Leases::write(transaction, &lease).await?;
    }
    Ok(())
}

/// Forgets the lease of a token that has ended.
pub(super) async fn forget(transaction: &mut Transaction, key: &str, record: &Record) -> Result<(), Fault> {
    if let Some(lease) = lease(key, record)? {
        Leases::remove(transaction, &lease).await?;
    }
    Ok(())
}

/// Ends whatever was lent to a token: it is due from now on. At most a page; says whether there may be more.
pub(super) async fn end_of(
    transaction: &mut Transaction,
    key: &str,
    after: Option<&Lease>,
    now: u64,
) -> Result<Option<Lease>, Fault> {
    let page = Leases::of_token(transaction, key, after, PAGE).await?;
    for lease in &page {
        let mut lease = lease.clone();
        lease.end(now);
        Leases::write(transaction, &lease).await?;
    }
    Ok(page.into_iter().next_back())
}

/// How many leases are ended in one transaction.
const PAGE: usize = 250;
