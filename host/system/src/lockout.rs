//! Names whose logins failed too often: locked for a while, and `sys/locked-users`.
//!
//! What is counted lies in the mount's host drawer: `lockout/salt`, `lockout/names/<keyed hash of the alias>` for names
//! that the method knows, `lockout/strangers/<n>` for all others. There is a fixed number of counters for strangers, so
//! that nobody fills the store with names; each counts for one name, until another one needs it. Strangers are locked
//! like others, and by their own failures only, so that locking does not tell who is known.

use aws_lc_rs::hmac;
use model::{Fault, Kind, Operation, Reply};
use sandbox::Attempt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::{Store, Transaction};
use tenancy::{Mount, host_drawer};

use crate::{Call, auth, random, unsupported};

/// How many counters there are for names that the method does not know. Whoever wants to see a name lose its counter, as
/// those that are known never do, must fail as often with others.
const STRANGERS: u16 = 16_384;
/// How often a failure is counted anew that met another one.
const TRIES: u32 = 32;
/// Most names that one answer lists.
const LISTED_MAX: usize = 10_000;
const SALT: &str = "lockout/salt";
const NAMES: &str = "lockout/names/";

/// Failures of one name.
#[derive(Serialize, Deserialize)]
struct Failures {
    record: u8,
    /// For strangers: the keyed hash of it.
    alias: String,
    count: u64,
    /// When the last one was, in seconds since 1970.
    last: u64,
}

impl Failures {
    fn are_locked(&self, mount: &Mount, now: u64) -> bool {
        let lockout = &mount.config.user_lockout;
        !lockout.disable && self.count >= lockout.threshold() && self.lies_within(lockout.duration(), now)
    }

    /// A failure that lies ahead was counted by a clock that has gone back since: it is over.
    fn lies_within(&self, seconds: u64, now: u64) -> bool {
        self.last <= now && now - self.last < seconds
    }
}

/// The refusal of a locked name.
pub fn locked() -> Fault {
    Fault::new(Kind::Denied, "permission denied")
}

/// Lets a login that succeeded through, and forgets earlier failures; refuses it while the name is locked.
pub async fn pass(transaction: &mut Transaction, mount: &Mount, alias: &str, now: u64) -> Result<(), Fault> {
    let drawer = host_drawer(mount.id);
    let Some(salt) = transaction.get(&drawer, SALT).await? else { return Ok(()) };
    let key = key(&salt, alias, true);
    let failures: Option<Failures> = transaction.get_json(&drawer, &key).await?;
    match failures {
        None => Ok(()),
        Some(failures) if failures.are_locked(mount, now) => Err(locked()),
        Some(_) => transaction.delete(&drawer, &key).map_err(Fault::from),
    }
}

/// Counts a failure, in a transaction of its own. Says whether the name was locked before: then it is not counted.
pub async fn failed(store: &Store, mount: &Mount, attempt: &Attempt, now: u64) -> Result<bool, Fault> {
    for _ in 0..TRIES {
        let mut transaction = store.begin().await?;
        let was_locked = count(&mut transaction, mount, attempt, now).await?;
        match transaction.commit().await {
            Ok(()) => return Ok(was_locked),
            Err(storage::Error::Conflict) => tokio::task::yield_now().await,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Fault::new(Kind::Unavailable, "too many logins of one name at once"))
}

async fn count(transaction: &mut Transaction, mount: &Mount, attempt: &Attempt, now: u64) -> Result<bool, Fault> {
    let lockout = &mount.config.user_lockout;
    if lockout.disable {
        return Ok(false);
    }
    let drawer = host_drawer(mount.id);
    mount.expect(transaction)?;
    let salt = match transaction.get(&drawer, SALT).await? {
        Some(salt) => salt.to_vec(),
        None => {
            let salt = random::<32>()?.to_vec();
            transaction.put(&drawer, SALT, salt.clone())?;
            salt
        }
    };
    let key = key(&salt, &attempt.alias, attempt.known);
    let alias = if attempt.known { attempt.alias.clone() } else { hex::encode(hash(&salt, &attempt.alias)) };
    let before: Option<Failures> = transaction.get_json(&drawer, &key).await?;
    let before = before.filter(|failures| failures.alias == alias);
    if before.as_ref().is_some_and(|failures| failures.are_locked(mount, now)) {
        return Ok(true);
    }
    // A name that was locked and is no longer begins anew.
    let counted = before
        .filter(|failures| failures.count < lockout.threshold() && failures.lies_within(lockout.counter_reset(), now))
        .map_or(0, |failures| failures.count);
    let failures = Failures { record: 1, alias, count: counted + 1, last: now };
    transaction.put_json(&drawer, &key, &failures)?;
    Ok(false)
}

fn hash(salt: &[u8], alias: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, salt), alias.as_bytes())
}

fn key(salt: &[u8], alias: &str, known: bool) -> String {
    let hash = hash(salt, alias);
    if known {
        return format!("{NAMES}{}", hex::encode(hash));
    }
    let number = hash.as_ref().iter().take(2).fold(0, |number: u16, byte| number << 8 | u16::from(*byte));
    format!("lockout/strangers/{}", number % STRANGERS)
}

/// `sys/locked-users`: who is locked in this namespace, by mount.
pub(crate) async fn list(call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Read {
        return Err(unsupported());
    }
    let wanted = crate::params::text(&call.body, "mount_accessor")?.filter(|accessor| !accessor.is_empty());
    let mounts = call.tree.mounts(call.namespace.id).filter(|mount| mount.class == model::MountClass::Auth);
    let (mut by_mount, mut total) = (Vec::new(), 0);
    for mount in mounts.filter(|mount| wanted.is_none_or(|wanted| mount.accessor == wanted)) {
        let names = locked_names(call.transaction, mount, call.now, LISTED_MAX - total).await?;
        if !names.is_empty() {
            total += names.len();
            by_mount.push(json!({
                "mount_accessor": mount.accessor, "counts": names.len(), "alias_identifiers": names,
            }));
        }
    }
    let by_namespace = if total == 0 {
        Value::Array(Vec::new())
    } else {
        json!([{
            "namespace_id": call.namespace.public_id(), "namespace_path": call.namespace.path.as_str(),
            "counts": total, "mount_accessors": by_mount,
        }])
    };
    Reply::data(&json!({ "total": total, "by_namespace": by_namespace }))
}

async fn locked_names(
    transaction: &mut Transaction,
    mount: &Mount,
    now: u64,
    most: usize,
) -> Result<Vec<String>, Fault> {
    let drawer = host_drawer(mount.id);
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = transaction.list(&drawer, NAMES, after.as_deref(), 0).await?;
        for name in &page.names {
            let failures: Option<Failures> = transaction.get_json(&drawer, &format!("{NAMES}{name}")).await?;
            found.extend(failures.filter(|failures| failures.are_locked(mount, now)).map(|failures| failures.alias));
        }
        after = page.names.last().cloned();
        if !page.more || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
    }
}

/// `sys/locked-users/:accessor/unlock/:alias`.
pub(crate) async fn unlock(call: Call<'_>, at: &str) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let (accessor, alias) = at.split_once("/unlock/").ok_or_else(|| Fault::new(Kind::NotFound, "unsupported path"))?;
    let mount = auth::by_accessor(&call, accessor).cloned();
    let mount = mount.ok_or_else(|| Fault::invalid(format!("mount_accessor: there is no auth mount {accessor}")))?;
    let drawer = host_drawer(mount.id);
    if let Some(salt) = call.transaction.get(&drawer, SALT).await? {
        call.transaction.delete(&drawer, &key(&salt, alias, true))?;
    }
    Ok(Reply::nothing())
}

#[cfg(test)]
mod tests {
    use model::{Id, MountClass, MountPath};
    use storage::memory::Memory;

    use super::*;

    async fn with_mount() -> (Store, Mount) {
        let store = Store::new(Memory::new());
        let path = MountPath::parse("auth/userpass").unwrap();
        let mount = Mount::of(MountClass::Auth, Id::from_random([3; 16]), Id::nil(), path, "userpass");
        let mut transaction = store.begin().await.unwrap();
        tenancy::found(&mut transaction).await.unwrap();
        mount.write(&mut transaction).await.unwrap();
        transaction.commit().await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        let tree = tenancy::Tenancy::open(&store).await.unwrap().tree(&mut transaction).await.unwrap();
        let mount = Mount::clone(tree.mounts(Id::nil()).next().unwrap());
        (store, mount)
    }

    async fn fails(store: &Store, mount: &Mount, alias: &str, known: bool, now: u64) -> bool {
        failed(store, mount, &Attempt { alias: alias.to_owned(), known }, now).await.unwrap()
    }

    async fn passes(store: &Store, mount: &Mount, alias: &str, now: u64) -> bool {
        let mut transaction = store.begin().await.unwrap();
        let passed = pass(&mut transaction, mount, alias, now).await.is_ok();
        transaction.commit().await.unwrap();
        passed
    }

    #[tokio::test]
    async fn five_failures_lock_a_name_and_time_unlocks_it() {
        let (store, mount) = with_mount().await;
        for n in 0..5 {
            assert!(!fails(&store, &mount, "ann", true, 1000 + n).await);
        }
        assert!(fails(&store, &mount, "ann", true, 1005).await);
        assert!(!passes(&store, &mount, "ann", 1005).await);
        assert!(passes(&store, &mount, "bob", 1005).await);
        assert!(!passes(&store, &mount, "ann", 1004 + 899).await);
        assert!(passes(&store, &mount, "ann", 1004 + 900).await);
    }

    #[tokio::test]
    async fn a_login_that_succeeds_and_time_forget_failures() {
        let (store, mount) = with_mount().await;
        for round in 0..3 {
            for n in 0..4 {
                assert!(!fails(&store, &mount, "ann", true, 1000 + n).await, "{round}");
            }
            assert!(passes(&store, &mount, "ann", 1010).await);
        }
        for n in 0..10 {
            assert!(!fails(&store, &mount, "ann", true, 1000 + n * 900).await);
        }
    }

    #[tokio::test]
    async fn strangers_are_locked_too_by_their_own_failures_and_take_no_more_room_than_there_is_for_them() {
        let (store, mount) = with_mount().await;
        for n in 0..300 {
            for _ in 0..4 {
                assert!(!fails(&store, &mount, &format!("nobody-{n}"), false, 1000).await, "others locked it");
            }
        }
        for n in 0..5 {
            assert!(!fails(&store, &mount, "nobody", false, 1000 + n).await);
        }
        assert!(fails(&store, &mount, "nobody", false, 1005).await);
        let mut transaction = store.begin().await.unwrap();
        let page = transaction.list(&host_drawer(mount.id), "lockout/strangers/", None, 0).await.unwrap();
        assert!(page.names.iter().all(|name| name.parse::<u16>().unwrap() < STRANGERS));
        assert!(passes(&store, &mount, "nobody", 1010).await);
    }

    #[tokio::test]
    async fn a_mount_that_is_tuned_so_never_locks() {
        let (store, mut mount) = with_mount().await;
        mount.config.user_lockout.disable = true;
        for n in 0..10 {
            assert!(!fails(&store, &mount, "ann", true, 1000 + n).await);
        }
        mount.config.user_lockout = tenancy::UserLockout { threshold: Some(2), ..Default::default() };
        assert!(!fails(&store, &mount, "ann", true, 1000).await);
        assert!(!fails(&store, &mount, "ann", true, 1000).await);
        assert!(fails(&store, &mount, "ann", true, 1000).await);
    }
}
