//! Clears away what removed mounts and namespaces kept.

use model::Id;
use storage::Store;

use crate::namespace::{DOOMED, MOUNTS_AT_ONCE};
use crate::{Error, Mount, Namespace, cache, mount, namespace};

/// Most removed mounts that are looked at in one turn.
const LEAVING_SEEN: usize = 1000;

/// Removes everything that doomed mounts and namespaces kept. They became unreachable in the transaction that removed
/// them, and mounts are doomed once what they lent is taken back ([`crate::Mount::doom`]). This frees the space, in
/// batches, and goes on where it stopped after an error or a restart. Says how many it finished.
pub async fn sweep(store: &Store) -> Result<usize, Error> {
    let tainted = store.begin().await?.list(&cache::drawer(), DOOMED, None, 0).await?.names;
    for id in tainted.iter().filter_map(|name| Id::parse(name)) {
        unmount(store, id).await?;
    }
    let mounts = clear(store, "doomed/mounts/", mount::whole).await?;
    let namespaces = clear(store, DOOMED, namespace::whole).await?;
    Ok(mounts + namespaces)
}

/// Removes the mounts of a tainted namespace in steps, and then the namespace.
async fn unmount(store: &Store, id: Id) -> Result<(), Error> {
    let mut transaction = store.begin().await?;
    if transaction.peek(&cache::drawer(), &format!("namespaces/{id}")).await?.is_none() {
        return Ok(());
    }
    let tree = crate::Tenancy::open(store).await?.tree(&mut transaction).await?;
    for mounts in tree.mounts(id).collect::<Vec<_>>().chunks(MOUNTS_AT_ONCE) {
        for mount in mounts {
            mount.delete(&mut transaction).await?;
        }
        transaction.checkpoint().await?;
    }
    Namespace::remove(&mut transaction, id).await?;
    Ok(transaction.commit().await?)
}

async fn clear(store: &Store, folder: &str, whole: fn(Id) -> storage::Drawer) -> Result<usize, Error> {
    let doomed = store.begin().await?.list(&cache::drawer(), folder, None, 0).await?.names;
    let mut cleared = 0;
    for name in &doomed {
        let Some(id) = Id::parse(name) else { continue };
        if folder == DOOMED && owes(store, id).await? {
            continue;
        }
        store.purge(&whole(id)).await?;
        cleared += 1;
        let mut transaction = store.begin().await?;
        transaction.delete(&cache::drawer(), &format!("{folder}{name}"))?;
        transaction.commit().await?;
        tracing::info!(what = folder, id = name, "cleared away");
    }
    Ok(cleared)
}

/// Whether mounts of a removed namespace still have to take back what they lent, perhaps with its keys.
async fn owes(store: &Store, namespace: Id) -> Result<bool, Error> {
    let mut transaction = store.begin().await?;
    let leaving = Mount::leaving(&mut transaction, LEAVING_SEEN).await?;
    // Of more than are seen, some may be of it.
    Ok(leaving.len() == LEAVING_SEEN || leaving.iter().any(|mount| mount.namespace == namespace))
}

#[cfg(test)]
mod tests {
    use model::{MountClass, MountPath, NamespacePath};
    use storage::memory::Memory;

    use super::*;
    use crate::{Target, Tenancy};

    fn path(text: &str) -> NamespacePath {
        NamespacePath::parse(text).unwrap()
    }

    fn id(n: u8) -> Id {
        Id::from_random([n; 16])
    }

    async fn with_mount() -> (Store, Tenancy, Mount) {
        let store = Store::new(Memory::new());
        let mut tx = store.begin().await.unwrap();
        crate::found(&mut tx).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tenancy = Tenancy::open(&store).await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        Namespace::write(&mut tx, &tree, &path("a"), None, id(1)).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        Namespace::write(&mut tx, &tree, &path("a/b"), None, id(2)).await.unwrap();
        let mount = Mount::new(id(3), id(1), MountPath::parse("pki/deep").unwrap(), "pki");
        mount.place(&mut tx, &tree).await.unwrap();
        tx.commit().await.unwrap();
        (store, tenancy, mount)
    }

    #[tokio::test]
    async fn header_and_path_prefix_are_concatenated() {
        let (store, tenancy, mount) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        for (header, url) in [("", "a/pki/deep/issue/r"), ("a", "pki/deep/issue/r")] {
            let place = tree.resolve(&path(header), url).unwrap();
            assert_eq!(place.namespace.path.as_str(), "a/");
            assert_eq!(place.rest, "issue/r");
            assert!(matches!(place.target, Target::Mount(m) if m.id == mount.id));
        }
        let place = tree.resolve(&path("a"), "b/sys/mounts").unwrap();
        assert_eq!(place.namespace.path.as_str(), "a/b/");
        assert_eq!(place.rest, "mounts");
        assert!(matches!(tree.resolve(&path("x"), "sys/mounts"), Err(Error::NoNamespace(_))));
        assert!(matches!(tree.resolve(&path("a"), "other/x"), Err(Error::NoRoute(_))));
        assert!(matches!(tree.resolve(&path(""), "pki/deep/x"), Err(Error::NoRoute(_))));
    }

    #[tokio::test]
    async fn a_mount_cannot_lie_above_below_or_at_another_nor_over_a_namespace() {
        let (store, tenancy, _) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        for taken in ["pki/deep", "pki", "pki/deep/er", "b", "b/c", "sys/x", "auth/token"] {
            let mount = Mount::new(id(9), id(1), MountPath::parse(taken).unwrap(), "kv");
            assert!(mount.place(&mut tx, &tree).await.is_err(), "{taken} was taken");
        }
        let beside = Mount::new(id(9), id(1), MountPath::parse("pki/other").unwrap(), "kv");
        assert!(beside.place(&mut tx, &tree).await.is_ok());
    }

    #[tokio::test]
    async fn an_auth_method_lies_below_auth_where_paths_lead_to_it_and_nowhere_else() {
        let (store, tenancy, _) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        let method = |at: &str| Mount::of(MountClass::Auth, id(9), id(1), MountPath::parse(at).unwrap(), "userpass");
        for wrong in ["userpass", "auth", "auth/token", "auth/token/x", "sys/x"] {
            assert!(method(wrong).place(&mut tx, &tree).await.is_err(), "{wrong} was taken");
        }
        method("auth/staff").place(&mut tx, &tree).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        let place = tree.resolve(&path("a"), "auth/staff/login/ann").unwrap();
        let Target::Mount(mount) = place.target else { unreachable!() };
        assert_eq!((mount.shown_path(), place.rest.as_str()), ("staff/", "login/ann"));
        assert!(mount.accessor.starts_with("auth_userpass_"));
        let overlapping = Mount { id: id(10), ..method("auth/staff/more") };
        assert!(overlapping.place(&mut tx, &tree).await.is_err());
    }

    #[test]
    fn a_record_of_before_there_were_auth_methods_is_a_secrets_engine() {
        let mount = Mount::new(id(3), id(1), MountPath::parse("kv").unwrap(), "kv");
        let mut record = serde_json::to_value(&mount).unwrap();
        record.as_object_mut().unwrap().remove("class");
        record["config"].as_object_mut().unwrap().remove("token_type");
        record["config"].as_object_mut().unwrap().remove("user_lockout");
        let read: Mount = serde_json::from_value(record).unwrap();
        assert_eq!((read.class, read.config), (MountClass::Secret, mount.config));
    }

    #[tokio::test]
    async fn a_removed_mount_is_gone_at_once_and_its_data_after_a_sweep() {
        let (store, tenancy, mount) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        for n in 0..2500 {
            tx.put(&mount::drawer(mount.id), &format!("x/{n}/y"), vec![1]).unwrap();
        }
        tx.put(&mount::keys_drawer(mount.id), "k", vec![1]).unwrap();
        mount.delete(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(tenancy.tree(&mut tx).await.unwrap().resolve(&path("a"), "pki/deep/x").is_err());
        assert_eq!(sweep(&store).await.unwrap(), 0, "what it lent may still need its data");
        let leaving = Mount::leaving(&mut tx, 10).await.unwrap();
        assert_eq!(leaving.iter().map(|mount| mount.id).collect::<Vec<_>>(), [mount.id]);
        leaving[0].doom(&mut tx).unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sweep(&store).await.unwrap(), 1);
        let mut tx = store.begin().await.unwrap();
        assert!(tx.list(&mount::whole(mount.id), "", None, 0).await.unwrap().names.is_empty());
        assert_eq!(sweep(&store).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_second_cache_over_the_same_store_sees_changes_by_itself() {
        let (store, _, mount) = with_mount().await;
        let other = Tenancy::open(&store).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(other.tree(&mut tx).await.unwrap().resolve(&path("a"), "pki/deep/x").is_ok());
        mount.delete(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        assert!(other.tree(&mut tx).await.unwrap().resolve(&path("a"), "pki/deep/x").is_err());
    }

    /// Hands over what was read out before.
    struct Copy(Vec<(String, storage::Value)>);

    #[async_trait::async_trait]
    impl storage::Records for Copy {
        async fn next(&mut self) -> Result<Vec<(String, storage::Value)>, storage::Error> {
            Ok(std::mem::take(&mut self.0))
        }
    }

    #[tokio::test]
    async fn a_cache_follows_when_the_store_goes_back_to_an_older_snapshot() {
        let driver: std::sync::Arc<dyn storage::Driver> = std::sync::Arc::new(Memory::new());
        let store = Store::over(std::sync::Arc::clone(&driver));
        let mut tx = store.begin().await.unwrap();
        crate::found(&mut tx).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tenancy = Tenancy::open(&store).await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        Mount::new(id(3), Id::nil(), MountPath::parse("old").unwrap(), "pki").place(&mut tx, &tree).await.unwrap();
        tx.checkpoint().await.unwrap();
        tenancy.tree(&mut tx).await.unwrap();
        let before = driver.snapshot().await.unwrap().scan(None).await.unwrap();
        // With and without changes behind the snapshot, and other changes in their place.
        for more in [Some("new"), None] {
            if let Some(path) = more {
                let tree = tenancy.tree(&mut tx).await.unwrap();
                let mount = Mount::new(id(4), Id::nil(), MountPath::parse(path).unwrap(), "pki");
                mount.place(&mut tx, &tree).await.unwrap();
                tx.checkpoint().await.unwrap();
                assert!(tenancy.tree(&mut tx).await.unwrap().resolve(&path_of_root(), "new/x").is_ok());
            }
            driver.replace(Box::new(Copy(before.clone()))).await.unwrap();
            let mut other = store.begin().await.unwrap();
            let tree = Tenancy::open(&store).await.unwrap().tree(&mut other).await.unwrap();
            let mount = Mount::new(id(5), Id::nil(), MountPath::parse("other").unwrap(), "pki");
            mount.place(&mut other, &tree).await.unwrap();
            other.commit().await.unwrap();
            tx.restart().await.unwrap();
            let tree = tenancy.tree(&mut tx).await.unwrap();
            assert!(tree.resolve(&path_of_root(), "new/x").is_err());
            assert!(tree.resolve(&path_of_root(), "other/x").is_ok());
            let Target::Mount(old) = tree.resolve(&path_of_root(), "old/x").unwrap().target else { unreachable!() };
            old.expect(&mut tx).unwrap();
            tx.put(&storage::Drawer::new(&["d"]), "k", Vec::new()).unwrap();
            tx.checkpoint().await.unwrap();
            tx.restart().await.unwrap();
        }
    }

    fn path_of_root() -> NamespacePath {
        path("")
    }

    #[tokio::test]
    async fn a_write_that_raced_with_the_removal_of_its_mount_conflicts() {
        let (store, tenancy, mount) = with_mount().await;
        let mut request = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut request).await.unwrap();
        let Target::Mount(cached) = tree.resolve(&path("a"), "pki/deep/x").unwrap().target else { unreachable!() };
        cached.expect(&mut request).unwrap();
        request.put(&mount::drawer(mount.id), "late", vec![1]).unwrap();
        let mut removal = store.begin().await.unwrap();
        mount.delete(&mut removal).await.unwrap();
        removal.commit().await.unwrap();
        assert!(matches!(request.commit().await, Err(storage::Error::Conflict)));
    }

    #[tokio::test]
    async fn a_namespace_with_children_stays_and_one_without_goes_with_its_mounts() {
        let (store, tenancy, _) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        assert!(matches!(Namespace::delete(&mut tx, &tree, &path("a")).await, Err(Error::HasChildren(_))));
        Namespace::delete(&mut tx, &tree, &path("a/b")).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        Namespace::delete(&mut tx, &tree, &path("a")).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        assert_eq!(tree.mount_count(), 0);
        assert!(tree.namespace(&path("a")).is_none());
    }

    #[tokio::test]
    async fn a_namespace_with_many_mounts_goes_in_steps_and_nothing_leads_there_meanwhile() {
        let (store, tenancy, _) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        for n in 0..=MOUNTS_AT_ONCE {
            let mut bytes = [7; 16];
            bytes[..8].copy_from_slice(&n.to_be_bytes());
            let at = MountPath::parse(&format!("m{n}")).unwrap();
            Mount::new(Id::from_random(bytes), id(2), at, "kv").place(&mut tx, &tree).await.unwrap();
        }
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        assert!(tree.resolve(&path("a/b"), "m1/x").is_ok());
        Namespace::delete(&mut tx, &tree, &path("a/b")).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        assert!(matches!(tree.resolve(&path("a/b"), "m1/x"), Err(Error::NoNamespace(_))));
        assert!(tree.resolve(&path(""), "a/b/m1/x").is_err());
        let again = Namespace::write(&mut tx, &tree, &path("a/b"), None, id(5)).await;
        assert!(matches!(again, Err(Error::BeingDeleted(_))));
        sweep(&store).await.unwrap();
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        assert!(tree.namespace(&path("a/b")).is_none());
        assert_eq!(tree.mount_count(), 1, "the namespace above keeps its own");
        Namespace::write(&mut tx, &tree, &path("a/b"), None, id(5)).await.unwrap();
    }

    #[tokio::test]
    async fn what_a_removed_namespace_kept_stays_until_its_mounts_have_taken_back_what_they_lent() {
        let (store, tenancy, mount) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let drawer = namespace::drawer(id(1), "managed-keys");
        tx.put(&drawer, "k", vec![1]).unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        Namespace::delete(&mut tx, &tree, &path("a/b")).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        Namespace::delete(&mut tx, &tree, &path("a")).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sweep(&store).await.unwrap(), 1, "only the namespace without mounts");
        let mut tx = store.begin().await.unwrap();
        assert_eq!(Namespace::left(&mut tx, id(1)).await.unwrap().unwrap().path, path("a"));
        assert!(tx.get(&drawer, "k").await.unwrap().is_some());
        mount.doom(&mut tx).unwrap();
        tx.commit().await.unwrap();
        assert_eq!(sweep(&store).await.unwrap(), 2);
        let mut tx = store.begin().await.unwrap();
        assert!(tx.get(&drawer, "k").await.unwrap().is_none());
        assert!(Namespace::left(&mut tx, id(1)).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_locked_namespace_locks_all_below_it_and_nothing_beside() {
        let (store, tenancy, _) = with_mount().await;
        let mut tx = store.begin().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        let a = tree.namespace(&path("a")).unwrap();
        Namespace::lock(&mut tx, a, Some("hash".into())).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        for (at, locked) in [("", false), ("a", true), ("a/b", true)] {
            let namespace = tree.namespace(&path(at)).unwrap();
            assert_eq!(tree.expect_unlocked(namespace).is_err(), locked, "{at:?}");
        }
        let a = tree.namespace(&path("a")).unwrap();
        Namespace::lock(&mut tx, a, None).await.unwrap();
        tx.checkpoint().await.unwrap();
        let tree = tenancy.tree(&mut tx).await.unwrap();
        assert!(tree.expect_unlocked(tree.namespace(&path("a/b")).unwrap()).is_ok());
    }

    #[tokio::test]
    async fn whoever_expects_the_tree_loses_against_any_change_of_it() {
        let (store, tenancy, mount) = with_mount().await;
        let mut decides = store.begin().await.unwrap();
        tenancy.tree(&mut decides).await.unwrap().expect(&mut decides).await.unwrap();
        decides.put(&storage::Drawer::new(&["d"]), "k", Vec::new()).unwrap();
        let mut tunes = store.begin().await.unwrap();
        mount.write(&mut tunes).await.unwrap();
        tunes.commit().await.unwrap();
        assert!(matches!(decides.commit().await, Err(storage::Error::Conflict)));
    }
}
