//! Transactions over a driver, as the rest of the house uses it.

use storage::{Drawer, Driver, Error, SCAN_KEYS_MAX, Store, TRANSACTION_BYTES_MAX, TRANSACTION_KEYS_MAX, VALUE_MAX};

fn drawer() -> Drawer {
    Drawer::new(&["test"])
}

async fn put(store: &Store, keys: &[&str]) {
    let mut transaction = store.begin().await.unwrap();
    for key in keys {
        transaction.put(&drawer(), key, b"x".to_vec()).unwrap();
    }
    transaction.commit().await.unwrap();
}

async fn has(store: &Store, key: &str) -> bool {
    store.begin().await.unwrap().get(&drawer(), key).await.unwrap().is_some()
}

pub(crate) async fn own_writes_are_seen_and_others_are_not(driver: impl Driver) {
    let store = Store::new(driver);
    put(&store, &["a", "b"]).await;
    let mut own = store.begin().await.unwrap();
    own.put(&drawer(), "a", b"mine".to_vec()).unwrap();
    own.delete(&drawer(), "b").unwrap();
    put(&store, &["c"]).await;
    assert_eq!(own.get(&drawer(), "a").await.unwrap().as_deref(), Some(&b"mine"[..]));
    assert_eq!(own.get(&drawer(), "b").await.unwrap(), None);
    assert_eq!(own.get(&drawer(), "c").await.unwrap(), None);
    assert!(matches!(own.commit().await, Err(Error::Conflict)), "c was read as absent and is there now");
    assert!(has(&store, "b").await);
}

pub(crate) async fn own_writes_are_seen_in_listings_of_any_page_size(driver: impl Driver) {
    let store = Store::new(driver);
    put(&store, &["a", "b/1", "b/2", "c/1", "e", "g/1"]).await;
    for limit in 1..8 {
        let mut own = store.begin().await.unwrap();
        for gone in ["a", "b/1", "c/1"] {
            own.delete(&drawer(), gone).unwrap();
        }
        for new in ["d", "f/1", "g/2", "c2"] {
            own.put(&drawer(), new, b"x".to_vec()).unwrap();
        }
        let (mut names, mut after): (Vec<String>, Option<String>) = (Vec::new(), None);
        loop {
            let page = own.list(&drawer(), "", after.as_deref(), limit).await.unwrap();
            names.extend(page.names);
            after = names.last().cloned();
            if !page.more {
                break;
            }
        }
        assert_eq!(names, ["b/", "c2", "d", "e", "f/", "g/"], "pages of {limit}");
    }
}

pub(crate) async fn what_is_dropped_is_not_applied(driver: impl Driver) {
    let store = Store::new(driver);
    let mut dropped = store.begin().await.unwrap();
    dropped.put(&drawer(), "a", b"x".to_vec()).unwrap();
    assert!(dropped.is_dirty());
    drop(dropped);
    assert!(!has(&store, "a").await);
}

pub(crate) async fn a_checkpoint_keeps_what_came_before_it(driver: impl Driver) {
    let store = Store::new(driver);
    let mut long = store.begin().await.unwrap();
    long.put(&drawer(), "a", b"x".to_vec()).unwrap();
    long.checkpoint().await.unwrap();
    put(&store, &["other"]).await;
    long.put(&drawer(), "b", b"x".to_vec()).unwrap();
    drop(long);
    assert!(has(&store, "a").await);
    assert!(!has(&store, "b").await);
}

pub(crate) async fn what_is_expected_holds_behind_a_checkpoint_too(driver: impl Driver) {
    let store = Store::new(driver);
    put(&store, &["a"]).await;
    let mut long = store.begin().await.unwrap();
    let (_, version) = long.peek_versioned(&drawer(), "a").await.unwrap().unwrap();
    long.expect(&drawer(), "a", version.unwrap()).unwrap();
    long.put(&drawer(), "b", b"x".to_vec()).unwrap();
    long.checkpoint().await.unwrap();
    put(&store, &["a"]).await;
    long.put(&drawer(), "c", b"x".to_vec()).unwrap();
    assert!(matches!(long.commit().await, Err(Error::Conflict)));
    assert!(has(&store, "b").await && !has(&store, "c").await);
}

pub(crate) async fn what_follows_a_checkpoint_that_failed_is_not_written_either(driver: impl Driver) {
    let store = Store::new(driver);
    let mut long = store.begin().await.unwrap();
    assert_eq!(long.get(&drawer(), "a").await.unwrap(), None);
    long.put(&drawer(), "first-half", b"x".to_vec()).unwrap();
    put(&store, &["a"]).await;
    assert!(matches!(long.checkpoint().await, Err(Error::Conflict)));
    long.put(&drawer(), "second-half", b"x".to_vec()).unwrap();
    assert!(matches!(long.checkpoint().await, Err(Error::Conflict)));
    // Whoever takes note of it begins again, from what is there now.
    long.checkpoint().await.unwrap();
    assert!(long.get(&drawer(), "a").await.unwrap().is_some());
    assert_eq!(long.get(&drawer(), "second-half").await.unwrap(), None);
    long.put(&drawer(), "again", b"x".to_vec()).unwrap();
    long.commit().await.unwrap();
    assert!(has(&store, "again").await && !has(&store, "first-half").await && !has(&store, "second-half").await);
    let mut regardless = store.begin().await.unwrap();
    assert!(regardless.get(&drawer(), "a").await.unwrap().is_some());
    regardless.put(&drawer(), "first-half", b"x".to_vec()).unwrap();
    put(&store, &["a"]).await;
    assert!(matches!(regardless.checkpoint().await, Err(Error::Conflict)));
    regardless.put(&drawer(), "second-half", b"x".to_vec()).unwrap();
    assert!(matches!(regardless.commit().await, Err(Error::Conflict)));
    assert!(!has(&store, "first-half").await && !has(&store, "second-half").await);
}

pub(crate) async fn a_restart_forgets_and_sees_the_present(driver: impl Driver) {
    let store = Store::new(driver);
    let mut own = store.begin().await.unwrap();
    assert_eq!(own.get(&drawer(), "a").await.unwrap(), None);
    own.put(&drawer(), "b", b"x".to_vec()).unwrap();
    put(&store, &["a"]).await;
    own.restart().await.unwrap();
    assert!(own.get(&drawer(), "a").await.unwrap().is_some());
    assert_eq!(own.get(&drawer(), "b").await.unwrap(), None);
    own.commit().await.unwrap();
    assert!(!has(&store, "b").await);
}

pub(crate) async fn reading_alone_never_conflicts(driver: impl Driver) {
    let store = Store::new(driver);
    put(&store, &["a"]).await;
    let mut reading = store.begin().await.unwrap();
    reading.get(&drawer(), "a").await.unwrap();
    reading.list(&drawer(), "", None, 0).await.unwrap();
    put(&store, &["a", "b"]).await;
    reading.commit().await.unwrap();
}

pub(crate) async fn what_was_only_peeked_at_does_not_conflict(driver: impl Driver) {
    let store = Store::new(driver);
    put(&store, &["a"]).await;
    let mut peeking = store.begin().await.unwrap();
    let (_, version) = peeking.peek_versioned(&drawer(), "a").await.unwrap().unwrap();
    peeking.peek_each::<Error>(&drawer(), "", |_, _, _| Ok(())).await.unwrap();
    peeking.put(&drawer(), "mine", b"x".to_vec()).unwrap();
    put(&store, &["a", "b"]).await;
    peeking.commit().await.unwrap();
    let mut expecting = store.begin().await.unwrap();
    expecting.expect(&drawer(), "a", version.unwrap()).unwrap();
    expecting.put(&drawer(), "late", b"x".to_vec()).unwrap();
    assert!(matches!(expecting.commit().await, Err(Error::Conflict)));
}

pub(crate) async fn each_record_below_a_prefix_is_visited_once_in_order_with_own_writes(driver: impl Driver) {
    let store = Store::new(driver);
    let stored: Vec<String> = (0..SCAN_KEYS_MAX + 5).map(|number| format!("b/{number:05}")).collect();
    for part in stored.chunks(500) {
        put(&store, &part.iter().map(String::as_str).collect::<Vec<_>>()).await;
    }
    put(&store, &["a", "b0", "b", "c/x"]).await;
    let mut visiting = store.begin().await.unwrap();
    for key in ["b/00000", "b/01002"] {
        visiting.delete(&drawer(), key).unwrap();
    }
    for key in ["b/!first", "b/00001", "b/zlast", "c/mine"] {
        visiting.put(&drawer(), key, b"mine".to_vec()).unwrap();
    }
    let mut found = Vec::new();
    let visit = |key: &str, value: &[u8], version: Option<u64>| {
        assert_eq!(version.is_none(), value == b"mine", "{key}");
        found.push(key.to_owned());
        Ok(())
    };
    visiting.peek_each::<Error>(&drawer(), "b/", visit).await.unwrap();
    let mut expected = stored.clone();
    expected.retain(|key| key != "b/00000" && key != "b/01002");
    expected.extend(["b/!first".into(), "b/zlast".into()]);
    expected.sort();
    assert_eq!(found, expected);
    let stopped = visiting.peek_each(&drawer(), "b/", |_, _, _| Err(Error::Conflict)).await;
    assert!(matches!(stopped, Err(Error::Conflict)));
}

pub(crate) async fn values_and_transactions_are_bounded_from_both_sides(driver: impl Driver) {
    let store = Store::new(driver);
    let mut large = store.begin().await.unwrap();
    assert!(matches!(large.put(&drawer(), "v", vec![0; VALUE_MAX + 1]), Err(Error::TooLarge(_))));
    for n in 0..TRANSACTION_BYTES_MAX / VALUE_MAX {
        large.put(&drawer(), &format!("v{n}"), vec![7; VALUE_MAX]).unwrap();
    }
    assert!(matches!(large.put(&drawer(), "one-more", vec![0]), Err(Error::TooLarge(_))));
    large.put(&drawer(), "v0", vec![7; VALUE_MAX - 1]).unwrap();
    large.commit().await.unwrap();
    let stored = store.begin().await.unwrap().get(&drawer(), "v1").await.unwrap().unwrap();
    assert_eq!((stored.len(), stored[VALUE_MAX - 1]), (VALUE_MAX, 7));

    let mut many = store.begin().await.unwrap();
    for n in 0..TRANSACTION_KEYS_MAX {
        many.put(&drawer(), &format!("k/{n}"), Vec::new()).unwrap();
    }
    assert!(matches!(many.put(&drawer(), "k/more", Vec::new()), Err(Error::TooLarge(_))));
    many.put(&drawer(), "k/0", b"again".to_vec()).unwrap();
    many.commit().await.unwrap();
    assert!(has(&store, &format!("k/{}", TRANSACTION_KEYS_MAX - 1)).await);
}

pub(crate) async fn a_purge_removes_its_drawer_and_nothing_else(driver: impl Driver) {
    let store = Store::new(driver);
    let (doomed, beside) = (Drawer::new(&["m", "1"]), Drawer::new(&["m", "10"]));
    for chunk in 0..3 {
        let mut transaction = store.begin().await.unwrap();
        for n in 0..900 {
            transaction.put(&doomed, &format!("{chunk}/{n}/deep"), b"x".to_vec()).unwrap();
        }
        transaction.put(&beside, &format!("{chunk}"), b"x".to_vec()).unwrap();
        transaction.commit().await.unwrap();
    }
    store.purge(&doomed).await.unwrap();
    store.purge(&doomed).await.unwrap();
    let mut after = store.begin().await.unwrap();
    assert!(after.list(&doomed, "", None, 0).await.unwrap().names.is_empty());
    assert_eq!(after.list(&beside, "", None, 0).await.unwrap().names, ["0", "1", "2"]);
}

pub(crate) async fn counters_survive_many_writers_at_once(driver: impl Driver) {
    const WRITERS: usize = 32;
    const TURNS: usize = 25;
    let store = Store::new(driver);
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for turn in 0..TURNS {
                    loop {
                        let mut transaction = store.begin().await.unwrap();
                        let count: usize = transaction.get_json(&drawer(), "count").await.unwrap().unwrap_or(0);
                        transaction.put_json(&drawer(), "count", &(count + 1)).unwrap();
                        transaction.put(&drawer(), &format!("marks/{writer}-{turn}"), Vec::new()).unwrap();
                        match transaction.commit().await {
                            Ok(()) => break,
                            Err(Error::Conflict) => tokio::task::yield_now().await,
                            Err(error) => panic!("{error}"),
                        }
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    let mut transaction = store.begin().await.unwrap();
    assert_eq!(transaction.get_json::<usize>(&drawer(), "count").await.unwrap(), Some(WRITERS * TURNS));
    assert_eq!(transaction.list(&drawer(), "marks/", None, 1000).await.unwrap().names.len(), WRITERS * TURNS);
}
