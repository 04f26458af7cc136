use storage::memory::Memory;
use storage::{Drawer, Transaction};

use super::*;
use crate::{Given, generate_root, rekey, rotation};

/// Keeps the root key under another key: a token as far as the lock can tell.
struct Elsewhere(SecretKey);

#[async_trait::async_trait]
impl Wrapper for Elsewhere {
    fn kind(&self) -> &'static str {
        "elsewhere"
    }

    async fn wrap(&self, root: &SecretKey) -> Result<Vec<u8>, Error> {
        Ok(self.0.seal(b"", root.bytes())?)
    }

    async fn unwrap(&self, wrapped: &[u8]) -> Result<SecretKey, Error> {
        self.0.open(b"", wrapped).and_then(|root| SecretKey::from_bytes(&root)).ok_or(Error::WrongKey)
    }

    async fn rest(&self) {}
}

fn memory() -> Arc<dyn Driver> {
    Arc::new(Memory::new())
}

fn shamir(below: &Arc<dyn Driver>) -> Lock {
    Lock::new(Arc::clone(below), None, false)
}

fn plain(given: &[Given]) -> Vec<Share> {
    given.iter().map(|share| Share::parse(&share.hex()).unwrap()).collect()
}

async fn founded(lock: &Lock, shares: u64, threshold: u64) -> Vec<Share> {
    let mut founding = lock.found(Quorum::new(shares, threshold).unwrap(), 1).await.unwrap();
    founding.transaction.put(&Drawer::new(&["test"]), "a", b"kept".to_vec()).unwrap();
    plain(&founding.commit(&[]).await.unwrap().0)
}

async fn begin(barrier: &Arc<Barrier>) -> Transaction {
    Store::new(Arc::clone(barrier)).begin().await.unwrap()
}

async fn kept(barrier: &Arc<Barrier>) -> bool {
    begin(barrier).await.get(&Drawer::new(&["test"]), "a").await.unwrap().is_some_and(|value| &*value == b"kept")
}

async fn unsealed(lock: &Lock, shares: &[Share], migrate: bool) -> Result<Option<Arc<Barrier>>, Error> {
    let mut opened = None;
    for share in shares {
        opened = lock.unseal(share.clone(), migrate).await?;
    }
    Ok(opened)
}

#[tokio::test]
async fn a_quorum_opens_what_was_founded_and_progress_is_told() {
    let below = memory();
    let lock = shamir(&below);
    assert!(!lock.status().await.unwrap().initialized);
    assert!(matches!(lock.unseal(Share::parse(&"ab".repeat(33)).unwrap(), false).await, Err(Error::NotInitialized)));
    let shares = founded(&lock, 5, 3).await;
    let lock = shamir(&below);
    assert!(lock.unseal(shares[4].clone(), false).await.unwrap().is_none());
    assert!(lock.unseal(shares[4].clone(), false).await.unwrap().is_none(), "the same share counts once");
    let status = lock.status().await.unwrap();
    assert_eq!((status.progress, status.quorum), (1, Some(Quorum { shares: 5, threshold: 3 })));
    assert!(!status.nonce.is_empty());
    lock.reset().await;
    assert_eq!(lock.status().await.unwrap().progress, 0);
    let barrier = unsealed(&lock, &shares[1..4], false).await.unwrap().unwrap();
    assert!(kept(&barrier).await);
    assert_eq!(lock.status().await.unwrap().progress, 0);
}

#[tokio::test]
async fn wrong_shares_are_all_forgotten_and_none_is_named() {
    let below = memory();
    let shares = founded(&shamir(&below), 3, 2).await;
    let lock = shamir(&below);
    let foreign = founded(&shamir(&memory()), 3, 2).await;
    let refused = unsealed(&lock, &[shares[0].clone(), foreign[1].clone()], false).await.err().unwrap();
    assert_eq!(refused.to_string(), "Unseal failed, invalid key");
    assert_eq!(lock.status().await.unwrap().progress, 0);
    assert!(unsealed(&lock, &shares[..2], false).await.unwrap().is_some());
}

#[tokio::test]
async fn of_two_nodes_that_found_a_store_one_does() {
    let below = memory();
    let (one, other) = (shamir(&below), shamir(&below));
    let quorum = Quorum::new(1, 1).unwrap();
    let late = other.found(quorum, 1).await.unwrap();
    one.found(quorum, 1).await.unwrap().commit(&[]).await.unwrap();
    assert!(matches!(late.commit(&[]).await, Err(Error::AlreadyInitialized)));
    assert!(matches!(other.found(quorum, 1).await, Err(Error::AlreadyInitialized)));
}

#[test]
fn numbers_of_shares_are_checked() {
    for (shares, threshold) in [(0, 1), (1, 0), (3, 4), (5, 1), (256, 3), (u64::MAX, 2)] {
        assert!(Quorum::new(shares, threshold).is_err(), "{threshold} of {shares}");
    }
    for (shares, threshold) in [(1, 1), (2, 2), (5, 3), (255, 255)] {
        assert!(Quorum::new(shares, threshold).is_ok(), "{threshold} of {shares}");
    }
}

#[tokio::test]
async fn a_wrapper_opens_by_itself_and_its_recovery_shares_prove_a_quorum() {
    let below = memory();
    let wrapper: Arc<dyn Wrapper> = Arc::new(Elsewhere(SecretKey::random().unwrap()));
    let lock = Lock::new(Arc::clone(&below), Some(wrapper), false);
    assert!(lock.open_by_wrapper().await.unwrap().is_none());
    let shares = founded(&lock, 3, 2).await;
    let barrier = lock.open_by_wrapper().await.unwrap().unwrap();
    assert!(kept(&barrier).await);
    assert!(lock.status().await.unwrap().recovery_seal);
    assert!(unsealed(&lock, &shares[..2], false).await.unwrap().is_some());
    let foreign = founded(&shamir(&memory()), 3, 2).await;
    assert!(matches!(unsealed(&lock, &foreign[..2], false).await, Err(Error::WrongKey)));
    assert!(shamir(&below).open_by_wrapper().await.unwrap().is_none());
    assert!(shamir(&below).unseal(shares[0].clone(), false).await.is_err(), "without its stanza it says so");
}

#[tokio::test]
async fn a_store_moves_to_a_wrapper_and_back_with_the_same_shares() {
    let below = memory();
    let shares = founded(&shamir(&below), 3, 2).await;
    let wrapper: Arc<dyn Wrapper> = Arc::new(Elsewhere(SecretKey::random().unwrap()));
    let there = Lock::new(Arc::clone(&below), Some(Arc::clone(&wrapper)), false);
    assert!(there.status().await.unwrap().migration);
    assert!(there.open_by_wrapper().await.unwrap().is_none());
    assert!(unsealed(&there, &shares[..2], false).await.is_err(), "nobody agreed to the migration");
    assert!(kept(&unsealed(&there, &shares[..2], true).await.unwrap().unwrap()).await);
    assert!(kept(&there.open_by_wrapper().await.unwrap().unwrap()).await);
    assert!(!there.status().await.unwrap().migration);
    let back = Lock::new(Arc::clone(&below), Some(wrapper), true);
    assert!(back.status().await.unwrap().migration);
    assert!(kept(&unsealed(&back, &shares[1..], true).await.unwrap().unwrap()).await);
    assert!(kept(&unsealed(&shamir(&below), &shares[..2], false).await.unwrap().unwrap()).await);
}

async fn rekeyed(barrier: &Arc<Barrier>, old: &[Share], verified: bool) -> Vec<Share> {
    let target = rekey::Target::Unseal;
    let mut tx = begin(barrier).await;
    let quorum = Quorum::new(4, 2).unwrap();
    let demand = rekey::Demand { quorum, require_verification: verified, recipients: Vec::new(), backup: false };
    let nonce = rekey::start(&mut tx, target, demand).await.unwrap().nonce;
    tx.commit().await.unwrap();
    let mut new = Vec::new();
    for share in old {
        let mut tx = begin(barrier).await;
        if let rekey::Step::Rekeyed { shares, .. } =
            rekey::update(&mut tx, barrier, target, share.clone(), &nonce).await.unwrap()
        {
            new = plain(&shares);
        }
        tx.commit().await.unwrap();
    }
    new
}

#[tokio::test]
async fn after_a_rekey_only_the_new_shares_open() {
    let below = memory();
    let lock = shamir(&below);
    let old = founded(&lock, 3, 2).await;
    let barrier = unsealed(&lock, &old[..2], false).await.unwrap().unwrap();
    let root = barrier.root_key().unwrap();
    let new = rekeyed(&barrier, &old[1..], false).await;
    assert_eq!(new.len(), 4);
    assert_ne!(barrier.root_key().unwrap().bytes(), root.bytes());
    assert!(kept(&barrier).await);
    assert!(matches!(unsealed(&lock, &old[..2], false).await, Err(Error::WrongKey)));
    assert!(kept(&unsealed(&lock, &new[2..], false).await.unwrap().unwrap()).await);
}

#[tokio::test]
async fn shares_that_wait_for_verification_count_once_they_came_back() {
    let below = memory();
    let lock = shamir(&below);
    let old = founded(&lock, 3, 2).await;
    let barrier = unsealed(&lock, &old[..2], false).await.unwrap().unwrap();
    let new = rekeyed(&barrier, &old[1..], true).await;
    assert!(unsealed(&lock, &old[..2], false).await.unwrap().is_some(), "the old ones still count");
    let target = rekey::Target::Unseal;
    let mut tx = begin(&barrier).await;
    let nonce = rekey::status(&mut tx, target).await.unwrap().verification_nonce;
    let (_, done) = rekey::verify(&mut tx, &barrier, target, new[0].clone(), &nonce).await.unwrap();
    assert!(!done);
    let wrong = rekey::verify(&mut tx, &barrier, target, old[0].clone(), &nonce).await;
    assert!(matches!(wrong, Err(Error::WrongKey)));
    for share in &new[1..3] {
        rekey::verify(&mut tx, &barrier, target, share.clone(), &nonce).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert!(matches!(unsealed(&lock, &old[..2], false).await, Err(Error::WrongKey)));
    assert!(unsealed(&lock, &new[..2], false).await.unwrap().is_some());
}

#[tokio::test]
async fn a_root_token_needs_a_quorum_its_nonce_and_no_second_attempt() {
    let below = memory();
    let lock = shamir(&below);
    let shares = founded(&lock, 3, 2).await;
    let barrier = unsealed(&lock, &shares[..2], false).await.unwrap().unwrap();
    let mut tx = begin(&barrier).await;
    let pad = || generate_root::Cover::Pad("x".repeat(28).into());
    let nonce = generate_root::start(&mut tx, pad()).await.unwrap().nonce;
    assert!(generate_root::start(&mut tx, pad()).await.is_err());
    assert!(generate_root::update(&mut tx, shares[0].clone(), "another").await.is_err());
    generate_root::update(&mut tx, shares[0].clone(), &nonce).await.unwrap();
    let foreign = founded(&shamir(&memory()), 3, 2).await;
    assert!(matches!(generate_root::update(&mut tx, foreign[1].clone(), &nonce).await, Err(Error::WrongKey)));
    assert_eq!(generate_root::status(&mut tx).await.unwrap().progress, 0);
    generate_root::update(&mut tx, shares[0].clone(), &nonce).await.unwrap();
    let step = generate_root::update(&mut tx, shares[2].clone(), &nonce).await.unwrap();
    assert!(
        matches!(step, generate_root::Step::Proven { cover: generate_root::Cover::Pad(otp), .. } if *otp == "x".repeat(28))
    );
    assert!(generate_root::status(&mut tx).await.unwrap().nonce.is_empty());
}

#[tokio::test]
async fn encryptions_are_counted_and_a_key_that_is_due_is_replaced() {
    let below = memory();
    let lock = shamir(&below);
    let shares = founded(&lock, 1, 1).await;
    let barrier = unsealed(&lock, &shares, false).await.unwrap().unwrap();
    let store = Store::new(Arc::clone(&barrier));
    for _ in 0..3 {
        let mut tx = store.begin().await.unwrap();
        tx.put(&Drawer::new(&["test"]), "b", b"x".to_vec()).unwrap();
        tx.commit().await.unwrap();
    }
    rotation::keep_count(&store, &barrier, 2).await.unwrap();
    let (term, count) = rotation::status(&mut begin(&barrier).await, &barrier).await.unwrap();
    assert_eq!((term.number, count), (1, 4), "three values and the count itself");
    let mut tx = begin(&barrier).await;
    let policy = rotation::Policy { interval: rotation::INTERVAL_MIN, ..Default::default() };
    rotation::set_policy(&mut tx, policy).unwrap();
    tx.commit().await.unwrap();
    rotation::keep_count(&store, &barrier, rotation::INTERVAL_MIN).await.unwrap();
    assert_eq!(barrier.keyring().unwrap().term().number, 1);
    rotation::keep_count(&store, &barrier, rotation::INTERVAL_MIN + 1).await.unwrap();
    let (term, count) = rotation::status(&mut begin(&barrier).await, &barrier).await.unwrap();
    assert_eq!((term.number, term.installed), (2, rotation::INTERVAL_MIN + 1));
    assert!(count < 4, "{count}");
    // A clock that stepped back an hour, or to long ago, makes no key old; one that goes on does at its time.
    for now in [rotation::INTERVAL_MIN + 1 - 3600, 5, 2 * rotation::INTERVAL_MIN] {
        rotation::keep_count(&store, &barrier, now).await.unwrap();
        assert_eq!(barrier.keyring().unwrap().term().number, 2, "at {now}");
    }
    rotation::keep_count(&store, &barrier, 2 * rotation::INTERVAL_MIN + 1).await.unwrap();
    assert_eq!(barrier.keyring().unwrap().term().number, 3);
    for wrong in [rotation::Policy { max_operations: 7, ..policy }, rotation::Policy { interval: 60, ..policy }] {
        assert!(rotation::set_policy(&mut begin(&barrier).await, wrong).is_err());
    }
}
