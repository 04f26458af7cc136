//! What a caller sees of leases.

use model::Id;
use storage::memory::Memory;
use storage::{Store, Transaction};

use crate::{Counter, Held, Lease, Leases, NewLease, Sweep};

const NOON: u64 = 1_800_000_000;

fn mount() -> Id {
    Id::from_random([9; 16])
}

fn lease(namespace: Id, path: &str, n: u64, expires: Option<u64>) -> Lease {
    let held = Held::Secret { mount: mount(), internal: "{}".into(), ttl: 60 };
    let random = format!("{n:024}");
    let token = Some(format!("owner{}", n % 2));
    let new = NewLease {
        namespace,
        path,
        random: &random,
        held,
        token,
        issued: NOON,
        expires,
        renewable: true,
        max_expires: None,
    };
    Lease::new(new).unwrap()
}

async fn begin(store: &Store) -> Transaction {
    store.begin().await.unwrap()
}

async fn keep(store: &Store, leases: &[Lease]) {
    let mut tx = begin(store).await;
    for lease in leases {
        Leases::insert(&mut tx, lease).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn due(store: &Store, now: u64) -> Vec<String> {
    let mut tx = begin(store).await;
    Leases::due(&mut tx, now, 100).await.unwrap().into_iter().map(|lease| lease.id).collect()
}

#[tokio::test]
async fn leases_come_due_in_the_order_of_their_ends_and_none_before_its_time() {
    let store = Store::new(Memory::new());
    let root = Id::nil();
    let late = lease(root, "pki/issue/a", 1, Some(NOON + 30));
    let soon = lease(root, "pki/issue/b", 2, Some(NOON + 9));
    let never = lease(root, "pki/issue/c", 3, None);
    keep(&store, &[late.clone(), soon.clone(), never]).await;
    assert_eq!(due(&store, NOON + 8).await, Vec::<String>::new());
    assert_eq!(due(&store, NOON + 9).await, [soon.id.as_str()]);
    assert_eq!(due(&store, NOON + 30).await, [soon.id.as_str(), late.id.as_str()]);
}

#[tokio::test]
async fn a_renewed_lease_is_due_at_its_new_end_only_and_a_removed_one_never() {
    let store = Store::new(Memory::new());
    let mut kept = lease(Id::nil(), "pki/issue/a", 1, Some(NOON + 10));
    keep(&store, std::slice::from_ref(&kept)).await;
    let mut tx = begin(&store).await;
    Leases::renew(&mut tx, &mut kept, Some(NOON + 50), NOON + 5).await.unwrap();
    tx.commit().await.unwrap();
    assert!(due(&store, NOON + 49).await.is_empty());
    assert_eq!(due(&store, NOON + 50).await, [kept.id.as_str()]);
    let mut tx = begin(&store).await;
    assert_eq!(Leases::get(&mut tx, Id::nil(), &kept.id).await.unwrap().unwrap().renewed, Some(NOON + 5));
    Leases::remove(&mut tx, &kept).await.unwrap();
    tx.commit().await.unwrap();
    assert!(due(&store, u64::MAX).await.is_empty());
    let mut tx = begin(&store).await;
    assert!(Leases::get(&mut tx, Id::nil(), &kept.id).await.unwrap().is_none());
    assert!(tx.list(&storage::Drawer::new(&["lease"]), "", None, 0).await.unwrap().names.is_empty(), "traces are left");
}

#[tokio::test]
async fn who_renews_what_was_revoked_and_waits_to_be_taken_back_does_not_keep_it() {
    let store = Store::new(Memory::new());
    let mut kept = lease(Id::nil(), "auth/token/create", 1, Some(NOON + 10));
    keep(&store, std::slice::from_ref(&kept)).await;
    let mut ended = kept.clone();
    ended.end(NOON);
    keep(&store, &[ended]).await;
    let mut tx = begin(&store).await;
    Leases::renew(&mut tx, &mut kept, Some(NOON + 500), NOON + 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(due(&store, NOON).await, [kept.id.as_str()]);
    let mut tx = begin(&store).await;
    assert!(Leases::get(&mut tx, Id::nil(), &kept.id).await.unwrap().unwrap().is_over(NOON));
}

#[tokio::test]
async fn a_lease_belongs_to_one_namespace_whatever_its_path() {
    let store = Store::new(Memory::new());
    let other = Id::from_random([7; 16]);
    let kept = lease(other, "pki/issue/a", 1, None);
    keep(&store, std::slice::from_ref(&kept)).await;
    assert!(kept.id.ends_with(&format!(".{other}")));
    let mut tx = begin(&store).await;
    assert!(Leases::get(&mut tx, Id::nil(), &kept.id).await.unwrap().is_none());
    assert!(Leases::get(&mut tx, other, &kept.id).await.unwrap().is_some());
    assert!(Leases::under(&mut tx, Id::nil(), "", None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_path_leads_to_the_leases_below_whole_segments_of_it_page_by_page() {
    let store = Store::new(Memory::new());
    let root = Id::nil();
    let mut kept: Vec<Lease> = (0..25).map(|n| lease(root, "pki/issue/web", n, None)).collect();
    kept.push(lease(root, "pki/issue/web-b", 99, None));
    kept.push(lease(root, &format!("pki/{}", "long/".repeat(180)), 100, None));
    keep(&store, &kept).await;
    let mut tx = begin(&store).await;
    let mut seen = Vec::new();
    loop {
        let page = Leases::under(&mut tx, root, "pki/issue/web", seen.last(), 10).await.unwrap();
        assert!(page.len() <= 10);
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen.len(), 25);
    assert_eq!(Leases::under(&mut tx, root, "pki", None, 100).await.unwrap().len(), 27);
    assert_eq!(Leases::count(&tx, root, "pki").await.unwrap(), 27);
    let deep = format!("pki/{}", "long/".repeat(120));
    let found = Leases::under(&mut tx, root, &deep, None, 10).await.unwrap();
    assert_eq!(found.iter().map(|lease| lease.id.as_str()).collect::<Vec<_>>(), [kept[26].id.as_str()]);
    assert!(Leases::get(&mut tx, root, &kept[26].id).await.unwrap().is_some());
    let (names, more) = Leases::names(&mut tx, root, "pki/issue", None, 0).await.unwrap();
    assert_eq!((names, more), (vec!["web-b/".to_owned(), "web/".to_owned()], false));
    assert_eq!(Leases::names(&mut tx, root, "pki/issue/web/", None, 0).await.unwrap().0.len(), 25);
}

#[tokio::test]
async fn the_leases_of_a_token_are_found_and_no_others() {
    let store = Store::new(Memory::new());
    let kept: Vec<Lease> = (0..7).map(|n| lease(Id::nil(), "pki/issue/web", n, None)).collect();
    keep(&store, &kept).await;
    let mut tx = begin(&store).await;
    let first = Leases::of_token(&mut tx, "owner0", None, 3).await.unwrap();
    let rest = Leases::of_token(&mut tx, "owner0", first.last(), 3).await.unwrap();
    assert_eq!((first.len(), rest.len()), (3, 1));
    assert!(first.iter().chain(&rest).all(|lease| lease.token.as_deref() == Some("owner0")));
    assert!(Leases::of_token(&mut tx, "nobody", None, 3).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_cannot_be_taken_back_rests_longer_each_time_and_is_given_up_in_the_end() {
    let store = Store::new(Memory::new());
    let mut failing = lease(Id::nil(), "pki/issue/web", 1, Some(NOON));
    let well = lease(Id::nil(), "pki/issue/web", 2, Some(NOON + 1));
    keep(&store, &[failing.clone(), well.clone()]).await;
    let (mut now, mut rests) = (NOON, Vec::new());
    while failing.irrevocable.is_none() {
        let mut tx = begin(&store).await;
        failing.failed(now, "the engine does not answer");
        Leases::write(&mut tx, &failing).await.unwrap();
        tx.commit().await.unwrap();
        if let Some(retry) = failing.retry_at {
            assert_eq!(due(&store, retry - 1).await, [well.id.as_str()], "it stands in the way of others");
            rests.push(retry - now);
            now = retry;
        }
    }
    assert_eq!(rests, [10, 20, 40, 80, 160]);
    assert_eq!(due(&store, u64::MAX).await, [well.id.as_str()]);
    let mut tx = begin(&store).await;
    let listed = Leases::irrevocable(&mut tx, Id::nil(), None, 10).await.unwrap();
    assert_eq!(listed[0].irrevocable.as_deref(), Some("the engine does not answer"));
    // Asking for its end again gives it another round.
    failing.end(now);
    Leases::write(&mut tx, &failing).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(due(&store, now).await.len(), 2);
    let mut tx = begin(&store).await;
    assert!(Leases::irrevocable(&mut tx, Id::nil(), None, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_sweep_ends_all_leases_below_a_path_in_steps_and_goes_on_where_it_stopped() {
    let store = Store::new(Memory::new());
    let mut kept: Vec<Lease> = (0..25).map(|n| lease(Id::nil(), "pki/issue/web", n, Some(NOON + 99))).collect();
    kept.push(lease(Id::nil(), "pki/sign/web", 30, Some(NOON + 99)));
    let mut later = lease(Id::nil(), "pki/issue/web", 31, Some(NOON + 99));
    later.issued = NOON + 2;
    kept.push(later.clone());
    keep(&store, &kept).await;
    let mut tx = begin(&store).await;
    let mut sweep = Sweep::new(Id::from_random([1; 16]), Id::nil(), "pki/issue", false, NOON + 1);
    assert_eq!(sweep.step(&mut tx, NOON + 1, 10).await.unwrap().len(), 10);
    tx.commit().await.unwrap();
    drop(sweep);
    let mut steps = 0;
    loop {
        let mut tx = begin(&store).await;
        let Some(mut sweep) = Sweep::all(&mut tx, 10).await.unwrap().pop() else { break };
        sweep.step(&mut tx, NOON + 1, 10).await.unwrap();
        tx.commit().await.unwrap();
        steps += 1;
    }
    assert_eq!((steps, due(&store, NOON + 1).await.len()), (2, 25));
    let mut tx = begin(&store).await;
    for (id, over) in [(&kept[0].id, true), (&kept[25].id, false), (&later.id, false)] {
        assert_eq!(Leases::get(&mut tx, Id::nil(), id).await.unwrap().unwrap().is_over(NOON + 1), over, "{id}");
    }
}

#[tokio::test]
async fn of_two_that_change_one_lease_at_once_one_loses() {
    let store = Store::new(Memory::new());
    let kept = lease(Id::nil(), "pki/issue/web", 1, Some(NOON));
    keep(&store, std::slice::from_ref(&kept)).await;
    let (mut one, mut two) = (begin(&store).await, begin(&store).await);
    Leases::remove(&mut one, &kept).await.unwrap();
    Leases::renew(&mut two, &mut kept.clone(), Some(NOON + 9), NOON).await.unwrap();
    one.commit().await.unwrap();
    assert!(matches!(two.commit().await, Err(storage::Error::Conflict)));
}

#[test]
fn a_lease_that_ended_is_over_and_shows_nothing_of_what_the_engine_keeps() {
    let mut kept = lease(Id::nil(), "pki/issue/web", 1, Some(NOON));
    assert!(!kept.is_over(NOON - 1) && kept.is_over(NOON));
    kept.expires = None;
    assert!(!kept.is_over(u64::MAX));
    kept.end(NOON);
    assert!(kept.is_over(NOON));
    kept.held = Held::Secret { mount: mount(), internal: r#"{"password":"s3cret"}"#.into(), ttl: 0 };
    assert!(!format!("{kept:?}").contains("s3cret"));
}

const COUNTER: Counter = Counter(Id::nil());

fn counted(n: u64) -> Lease {
    Lease { counted: Some(COUNTER.0), ..lease(Id::nil(), "pki/issue/web", n, Some(NOON)) }
}

async fn count(store: &Store) -> u64 {
    COUNTER.count(&begin(store).await).await.unwrap()
}

#[tokio::test]
async fn a_counter_counts_the_leases_that_note_it_until_they_are_forgotten() {
    let store = Store::new(Memory::new());
    let mut tx = begin(&store).await;
    COUNTER.open(&mut tx).unwrap();
    tx.commit().await.unwrap();
    let kept: Vec<Lease> = (0..40).map(counted).collect();
    keep(&store, &kept).await;
    keep(&store, &[lease(Id::nil(), "pki/issue/web", 99, None)]).await;
    assert_eq!(count(&store).await, 40);
    let mut tx = begin(&store).await;
    // Whoever renews need not know where a lease counts.
    let renewed = Lease { counted: None, renewed: Some(NOON), ..kept[0].clone() };
    Leases::write(&mut tx, &renewed).await.unwrap();
    for gone in &kept[..10] {
        Leases::remove(&mut tx, gone).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(count(&store).await, 30);
    let mut tx = begin(&store).await;
    COUNTER.close(&mut tx).unwrap();
    Leases::remove(&mut tx, &kept[20]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(count(&store).await, 0, "what noted a counter that is gone counts nowhere");
}

#[tokio::test]
async fn leases_that_are_there_already_are_counted_page_by_page_and_each_once() {
    let store = Store::new(Memory::new());
    let there = Id::from_random([3; 16]);
    let mut kept: Vec<Lease> = (0..25).map(|n| lease(Id::nil(), "pki/issue/web", n, Some(NOON))).collect();
    kept.push(lease(there, "pki/issue/web", 30, Some(NOON)));
    keep(&store, &kept).await;
    let mut tx = begin(&store).await;
    COUNTER.open(&mut tx).unwrap();
    let (mut after, mut pages) = (None, 0);
    loop {
        let within = Some((Id::nil(), "pki/issue"));
        let (page, next) = Leases::walk(&tx, within, after.as_deref(), 10).await.unwrap();
        for lease in &page {
            Leases::count_in(&mut tx, lease, Some(COUNTER.0)).await.unwrap();
            Leases::count_in(&mut tx, lease, Some(COUNTER.0)).await.unwrap();
        }
        pages += 1;
        after = next;
        if after.is_none() {
            break;
        }
    }
    tx.commit().await.unwrap();
    assert_eq!((pages, count(&store).await), (3, 25));
    let mut tx = begin(&store).await;
    assert_eq!(Leases::walk(&tx, None, None, 100).await.unwrap().0.len(), 26, "of all namespaces");
    for gone in &kept[..25] {
        Leases::remove(&mut tx, gone).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert_eq!(count(&store).await, 0);
}

#[tokio::test]
async fn the_last_room_is_given_to_one_of_two_that_ask_at_once() {
    let store = Store::new(Memory::new());
    let mut tx = begin(&store).await;
    COUNTER.open(&mut tx).unwrap();
    tx.commit().await.unwrap();
    keep(&store, &[counted(0), counted(1)]).await;
    let (mut one, mut two) = (begin(&store).await, begin(&store).await);
    for (tx, n) in [(&mut one, 2), (&mut two, 3)] {
        assert!(COUNTER.has_room(tx, 3).await.unwrap());
        Leases::insert(tx, &counted(n)).await.unwrap();
    }
    one.commit().await.unwrap();
    assert!(matches!(two.commit().await, Err(storage::Error::Conflict)));
    let mut again = begin(&store).await;
    assert!(!COUNTER.has_room(&mut again, 3).await.unwrap());
}
