//! Where leases are kept: each once, and in order by time, by token and by path.

use model::Id;
use storage::{Drawer, Transaction};

use crate::keys::{self, EXPIRY, IRREVOCABLE, MOUNT, TOKEN};
use crate::{Counter, Error, Held, ID_MAX, Lease};

/// Most leases that one question answers.
pub const PAGE_MAX: usize = 1000;

/// The leases of the store. A record lies at `at/<namespace>/<id>`; `expiry/<time>/…`, `token/<key>/…`, `mount/<id>/…`
/// and `irrevocable/<namespace>/…` name where. All of them change in the caller's transaction, so none is ever missing.
#[derive(Clone, Copy, Debug)]
pub struct Leases;

pub(crate) fn drawer() -> Drawer {
    Drawer::new(&["lease"])
}

impl Leases {
    /// Keeps a new lease.
    pub async fn insert(transaction: &mut Transaction, lease: &Lease) -> Result<(), Error> {
        lease.check()?;
        Self::write(transaction, lease).await
    }

    /// The lease with this id in this namespace. Whether it is over, [`Lease::is_over`] says.
    pub async fn get(transaction: &mut Transaction, namespace: Id, id: &str) -> Result<Option<Lease>, Error> {
        if id.len() > ID_MAX || keys::check_id(id).is_err() {
            return Ok(None);
        }
        let found: Option<Lease> = transaction.get_json(&drawer(), &keys::record(namespace, id)).await?;
        Ok(found.filter(|lease| lease.id == id))
    }

    /// Gives a lease another end, which is not checked against its longest, and notes that it was renewed.
    pub async fn renew(
        transaction: &mut Transaction,
        lease: &mut Lease,
        expires: Option<u64>,
        now: u64,
    ) -> Result<(), Error> {
        lease.expires = expires;
        lease.renewed = Some(now);
        Self::write(transaction, lease).await
    }

    /// Keeps a lease as it is now, new or changed. One that was revoked stays so, whatever else changes: nobody renews it
    /// while it waits to be taken back. It goes on counting where it counts.
    pub async fn write(transaction: &mut Transaction, lease: &Lease) -> Result<(), Error> {
        let key = keys::record(lease.namespace, &lease.id);
        let before: Option<Lease> = transaction.get_json(&drawer(), &key).await?;
        let mut lease = lease.clone();
        if let Some(before) = before.as_ref().filter(|before| before.revoked) {
            (lease.revoked, lease.expires) = (true, before.expires);
            lease.forced |= before.forced;
        }
        match (&before, lease.counted) {
            (Some(before), _) => lease.counted = before.counted,
            (None, Some(counter)) => Counter(counter).take(transaction, &lease).await?,
            (None, None) => {}
        }
        let was = before.as_ref().map(indexes).unwrap_or_default();
        let is = indexes(&lease);
        for gone in was.iter().filter(|index| !is.contains(index)) {
            transaction.delete(&drawer(), gone)?;
        }
        for new in is.iter().filter(|index| !was.contains(index)) {
            transaction.put(&drawer(), new, key.clone().into_bytes())?;
        }
        Ok(transaction.put_json(&drawer(), &key, &lease)?)
    }

    /// Forgets a lease, whatever it was of. Forgetting one that is gone is no error.
    pub async fn remove(transaction: &mut Transaction, lease: &Lease) -> Result<(), Error> {
        let key = keys::record(lease.namespace, &lease.id);
        let Some(stored) = transaction.get_json::<Lease>(&drawer(), &key).await? else { return Ok(()) };
        for index in indexes(&stored) {
            transaction.delete(&drawer(), &index)?;
        }
        if let Some(counter) = stored.counted {
            Counter(counter).release(transaction, &stored).await?;
        }
        Ok(transaction.delete(&drawer(), &key)?)
    }

    /// Lets a lease that is kept count in this counter, or in none, instead of where it counts.
    pub async fn count_in(transaction: &mut Transaction, lease: &Lease, counter: Option<Id>) -> Result<(), Error> {
        let key = keys::record(lease.namespace, &lease.id);
        let Some(mut stored) = transaction.get_json::<Lease>(&drawer(), &key).await? else { return Ok(()) };
        if stored.counted == counter {
            return Ok(());
        }
        if let Some(before) = stored.counted {
            Counter(before).release_afterwards(transaction).await?;
        }
        if let Some(counter) = counter {
            Counter(counter).take_afterwards(transaction).await?;
        }
        stored.counted = counter;
        Ok(transaction.put_json(&drawer(), &key, &stored)?)
    }

    /// Leases whose ids begin with this path of a namespace, or all of the store, at most `limit` of them and those behind
    /// the place where an earlier look ended; and where this one ended, if there may be more. Some may be of other paths.
    pub async fn walk(
        transaction: &Transaction,
        within: Option<(Id, &str)>,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<Lease>, Option<String>), Error> {
        let folder = match within {
            Some((namespace, path)) => keys::folder(namespace, path),
            None => keys::AT.to_owned(),
        };
        let limit = limit.clamp(1, PAGE_MAX);
        let page = transaction.peek_page(&drawer(), &folder, after, limit).await?;
        let next = page.last().filter(|_| page.len() == limit).map(|(key, _)| key.clone());
        let leases = page.iter().map(|(key, bytes)| parsed(key, bytes)).collect::<Result<_, _>>()?;
        Ok((leases, next))
    }

    /// Leases that are due, the longest due first, at most `limit` of them. Does not expect them to be the same at
    /// commit: whoever takes one back gets it again in the transaction that does.
    pub async fn due(transaction: &mut Transaction, now: u64, limit: usize) -> Result<Vec<Lease>, Error> {
        // The first name of the folder tells whether anything is due at all, without reading what is not.
        let first = transaction.list(&drawer(), EXPIRY, None, 1).await?.names;
        let is_due = |time: &str| time.parse::<u64>().is_ok_and(|time| time <= now);
        if !first.first().is_some_and(|time| is_due(time.trim_end_matches('/'))) {
            return Ok(Vec::new());
        }
        let page = transaction.peek_page(&drawer(), EXPIRY, None, limit.min(PAGE_MAX)).await?;
        let due =
            page.into_iter().take_while(|(index, _)| index.get(EXPIRY.len()..).and_then(time).is_some_and(is_due));
        let mut found = Vec::new();
        for (index, key) in due {
            // A record that cannot be read is not there for now, and stands in nobody's way.
            let lease = match at(transaction, &key).await {
                Err(Error::Storage(storage::Error::Damaged { .. })) => continue,
                read => read?,
            };
            match lease {
                Some(lease) if lease.due().is_some_and(|due| keys::expiry(due, &lease) == index) => found.push(lease),
                // Cannot be, since both are written together; it must not stand in the way of the others.
                _ => transaction.delete(&drawer(), &index)?,
            }
        }
        Ok(found)
    }

    /// Leases that end with a token, at most `limit` of them, those behind `after`.
    pub async fn of_token(
        transaction: &mut Transaction,
        token: &str,
        after: Option<&Lease>,
        limit: usize,
    ) -> Result<Vec<Lease>, Error> {
        keys::check_token(token)?;
        let after = after.map(|lease| keys::token(token, lease));
        Self::indexed(transaction, &format!("{TOKEN}{token}/"), after, limit).await
    }

    /// Leases that a mount gave, wherever it was mounted then, at most `limit` of them, those behind `after`.
    pub async fn of_mount(
        transaction: &mut Transaction,
        mount: Id,
        after: Option<&Lease>,
        limit: usize,
    ) -> Result<Vec<Lease>, Error> {
        let after = after.map(|lease| keys::mount(mount, lease));
        Self::indexed(transaction, &format!("{MOUNT}{mount}/"), after, limit).await
    }

    /// Leases of a namespace that were given up, at most `limit` of them, those behind `after`.
    pub async fn irrevocable(
        transaction: &mut Transaction,
        namespace: Id,
        after: Option<&Lease>,
        limit: usize,
    ) -> Result<Vec<Lease>, Error> {
        let after = after.map(keys::irrevocable);
        Self::indexed(transaction, &format!("{IRREVOCABLE}{namespace}/"), after, limit).await
    }

    /// Leases whose ids begin with this path (of whole segments; empty: all of the namespace), at most `limit` of them
    /// and those behind `after`, in the order of their keys. Does not expect them to be the same at commit.
    pub async fn under(
        transaction: &mut Transaction,
        namespace: Id,
        path: &str,
        after: Option<&Lease>,
        limit: usize,
    ) -> Result<Vec<Lease>, Error> {
        let path = path.trim_matches('/');
        if !path.is_empty() {
            keys::check_path(path)?;
        }
        let folder = keys::folder(namespace, path);
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut after = after.map(|lease| keys::record(namespace, &lease.id));
        let mut found = Vec::new();
        let limit = limit.clamp(1, PAGE_MAX);
        loop {
            let page = transaction.peek_page(&drawer(), &folder, after.as_deref(), limit).await?;
            let last = page.last().map(|(key, _)| key.clone());
            let full = page.len() == limit;
            for (key, bytes) in page {
                let lease = parsed(&key, &bytes)?;
                if lease.id.starts_with(&below) && found.len() < limit {
                    found.push(lease);
                }
            }
            if !full || found.len() >= limit {
                return Ok(found);
            }
            after = last;
        }
    }

    /// The names directly below a path, folders with `/` behind them, those behind `after`, and whether more follow.
    pub async fn names(
        transaction: &mut Transaction,
        namespace: Id,
        path: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<String>, bool), Error> {
        let path = path.trim_matches('/');
        if !path.is_empty() {
            keys::check_path(path)?;
        }
        let folder = keys::folder(namespace, path);
        if folder.len() < keys::AT.len() + namespace.to_string().len() + 1 + path.len() {
            return Err(Error::Invalid("prefix: is too long to be listed"));
        }
        let page = transaction.list(&drawer(), &folder, after, limit).await?;
        Ok((page.names, page.more))
    }

    /// How many leases a namespace has below a path. Reads all of them.
    pub async fn count(transaction: &Transaction, namespace: Id, path: &str) -> Result<u64, Error> {
        let mut count = 0;
        let folder = keys::folder(namespace, path);
        let counted = |_: &str, _: &[u8], _| {
            count += 1;
            Ok::<_, storage::Error>(())
        };
        transaction.peek_each(&drawer(), &folder, counted).await?;
        Ok(count)
    }

    async fn indexed(
        transaction: &Transaction,
        folder: &str,
        after: Option<String>,
        limit: usize,
    ) -> Result<Vec<Lease>, Error> {
        let page = transaction.peek_page(&drawer(), folder, after.as_deref(), limit.clamp(1, PAGE_MAX)).await?;
        let mut found = Vec::new();
        for (_, key) in page {
            found.extend(at(transaction, &key).await?);
        }
        Ok(found)
    }
}

/// The record that an index names.
async fn at(transaction: &Transaction, key: &[u8]) -> Result<Option<Lease>, Error> {
    let damaged = || storage::Error::Damaged { key: "lease".into(), reason: "an index names no key".into() };
    let key = std::str::from_utf8(key).map_err(|_| damaged())?;
    transaction.peek(&drawer(), key).await?.map(|bytes| parsed(key, &bytes)).transpose()
}

fn parsed(key: &str, bytes: &[u8]) -> Result<Lease, Error> {
    serde_json::from_slice(bytes)
        .map_err(|error| storage::Error::Damaged { key: key.to_owned(), reason: error.to_string() }.into())
}

/// The time at the beginning of an index by time.
fn time(index: &str) -> Option<&str> {
    index.split('/').next()
}

/// Everything that names where a lease lies.
fn indexes(lease: &Lease) -> Vec<String> {
    let due = lease.due().map(|due| keys::expiry(due, lease));
    let token = lease.token.as_deref().map(|token| keys::token(token, lease));
    let mount = match &lease.held {
        Held::Secret { mount, .. } => Some(keys::mount(*mount, lease)),
        Held::Token(_) => None,
    };
    let given_up = lease.irrevocable.as_ref().map(|_| keys::irrevocable(lease));
    [due, token, mount, given_up].into_iter().flatten().collect()
}
