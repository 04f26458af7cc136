use super::*;
use crate::memory::Memory;
use crate::{Store, Transaction};

fn drawer() -> Drawer {
    Drawer::new(&["test"])
}

async fn founded(below: &Arc<dyn Driver>) -> (Arc<Barrier>, Store, SecretKey) {
    let (root, ring) = (SecretKey::random().unwrap(), Keyring::new(1).unwrap());
    let shared = Arc::new(Barrier::found(Arc::clone(below), root.clone(), ring.clone()));
    let store = Store::new(shared.clone());
    let mut tx = store.begin().await.unwrap();
    write_keys(&mut tx, &root, &ring);
    tx.commit().await.unwrap();
    (shared, store, root)
}

fn write_keys(tx: &mut Transaction, root: &SecretKey, ring: &Keyring) {
    Barrier::write_keys(tx, root, ring).unwrap();
}

async fn reopened(below: &Arc<dyn Driver>, root: &SecretKey) -> (Arc<Barrier>, Store) {
    let shared = Arc::new(Barrier::open(Arc::clone(below), root.clone()).await.unwrap());
    (shared.clone(), Store::new(shared))
}

async fn put(store: &Store, key: &str, text: &str) -> Result<(), Error> {
    let mut tx = store.begin().await?;
    tx.put(&drawer(), key, text.into())?;
    tx.commit().await
}

async fn get(store: &Store, key: &str) -> Result<Option<String>, Error> {
    let found = store.begin().await?.get(&drawer(), key).await?;
    Ok(found.map(|value| String::from_utf8(value.to_vec()).unwrap()))
}

fn memory() -> Arc<dyn Driver> {
    Arc::new(Memory::new())
}

#[tokio::test]
async fn what_lies_below_is_ciphertext_and_opens_again() {
    let below = memory();
    let (_, store, root) = founded(&below).await;
    put(&store, "a", "the plain text").await.unwrap();
    for (key, value) in below.snapshot().await.unwrap().scan(None).await.unwrap() {
        for secret in [b"the plain text".as_slice(), root.bytes()] {
            assert!(!value.windows(secret.len()).any(|part| part == secret), "{key} holds it in clear");
        }
    }
    let (_, store) = reopened(&below, &root).await;
    assert_eq!(get(&store, "a").await.unwrap().as_deref(), Some("the plain text"));
}

#[tokio::test]
async fn a_value_that_was_moved_or_changed_does_not_open() {
    let below = memory();
    let (_, store, _) = founded(&below).await;
    put(&store, "a", "one").await.unwrap();
    let record = below.snapshot().await.unwrap().get("test/a").await.unwrap().unwrap();
    let mut batch = Batch::default();
    batch.writes.insert("test/b".into(), Some(record.value.clone()));
    for at in 0..record.value.len() {
        let mut flipped = record.value.to_vec();
        flipped[at] ^= 1;
        batch.writes.insert(format!("test/flip{at}"), Some(flipped.into()));
    }
    batch.writes.insert("test/short".into(), Some(record.value[..7].into()));
    below.commit(batch).await.unwrap();
    for key in (0..record.value.len()).map(|at| format!("flip{at}")).chain(["b".into(), "short".into()]) {
        let refused = get(&store, &key).await.unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. } | Error::UnknownTerm(_)), "{key}: {refused}");
        assert!(refused.to_string().contains(&format!("test/{key}")) || matches!(refused, Error::UnknownTerm(_)));
    }
}

#[tokio::test]
async fn only_its_root_key_opens_a_store() {
    let below = memory();
    assert!(matches!(Barrier::open(Arc::clone(&below), SecretKey::random().unwrap()).await, Err(Error::Sealed)));
    let (_, _, root) = founded(&below).await;
    assert!(matches!(Barrier::open(Arc::clone(&below), SecretKey::random().unwrap()).await, Err(Error::Sealed)));
    assert!(Barrier::open(below, root).await.is_ok());
}

#[tokio::test]
async fn two_nodes_cannot_both_found_a_store() {
    let below = memory();
    let (root, ring) = (SecretKey::random().unwrap(), Keyring::new(1).unwrap());
    let late = Store::new(Arc::new(Barrier::found(Arc::clone(&below), root.clone(), ring.clone())));
    let mut tx = late.begin().await.unwrap();
    write_keys(&mut tx, &root, &ring);
    founded(&below).await;
    assert!(matches!(tx.commit().await, Err(Error::Conflict)));
}

#[tokio::test]
async fn after_a_rotation_new_values_have_the_new_term_and_old_ones_still_open() {
    let below = memory();
    let (shared, store, root) = founded(&below).await;
    put(&store, "old", "1").await.unwrap();
    let ring = shared.keyring().unwrap().rotated(2).unwrap();
    let mut tx = store.begin().await.unwrap();
    write_keys(&mut tx, &root, &ring);
    tx.commit().await.unwrap();
    assert_eq!(shared.keyring().unwrap().term(), Term { number: 2, installed: 2 });
    put(&store, "new", "2").await.unwrap();
    let stored = below.snapshot().await.unwrap().get("test/new").await.unwrap().unwrap();
    assert_eq!(stored.value[..5], [1, 0, 0, 0, 2]);
    assert_eq!(get(&store, "old").await.unwrap().as_deref(), Some("1"));
    let (_, store) = reopened(&below, &root).await;
    assert_eq!(get(&store, "old").await.unwrap().as_deref(), Some("1"));
    assert_eq!(get(&store, "new").await.unwrap().as_deref(), Some("2"));
}

#[tokio::test]
async fn another_node_learns_of_new_terms_and_a_new_root_key_when_it_meets_them() {
    let below = memory();
    let (shared, store, root) = founded(&below).await;
    let (reader, other) = reopened(&below, &root).await;
    let (_, writer) = reopened(&below, &root).await;
    let (new_root, ring) = (SecretKey::random().unwrap(), shared.keyring().unwrap().rotated(2).unwrap());
    let mut tx = store.begin().await.unwrap();
    write_keys(&mut tx, &new_root, &ring);
    tx.commit().await.unwrap();
    put(&store, "new", "2").await.unwrap();
    assert_eq!(get(&other, "new").await.unwrap().as_deref(), Some("2"));
    assert_eq!(reader.root_key().unwrap().bytes(), new_root.bytes());
    assert!(matches!(put(&writer, "a", "1").await, Err(Error::Conflict)), "it would have used the old term");
    put(&writer, "a", "1").await.unwrap();
    let stored = below.snapshot().await.unwrap().get("test/a").await.unwrap().unwrap();
    assert_eq!(stored.value[..5], [1, 0, 0, 0, 2]);
}

#[tokio::test]
async fn a_closed_barrier_reads_and_writes_nothing_even_for_who_began_before() {
    let below = memory();
    let (shared, store, _) = founded(&below).await;
    put(&store, "a", "1").await.unwrap();
    let mut begun = store.begin().await.unwrap();
    begun.put(&drawer(), "b", b"2".to_vec()).unwrap();
    shared.close();
    assert!(matches!(begun.get(&drawer(), "a").await, Err(Error::Sealed)));
    assert!(matches!(begun.list(&drawer(), "", None, 0).await, Err(Error::Sealed)));
    assert!(matches!(begun.commit().await, Err(Error::Sealed)));
    assert!(matches!(store.begin().await.map(|_| ()), Err(Error::Sealed)));
    assert!(below.snapshot().await.unwrap().get("test/b").await.unwrap().is_none());
}
