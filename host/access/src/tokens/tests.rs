//! What a caller sees of tokens.

use std::net::IpAddr;
use std::sync::Arc;

use leases::{Held, Lease, Leases, NewLease};
use model::{Id, Kind, TokenKind};
use secrecy::{ExposeSecret, SecretString};
use storage::Store;
use storage::memory::Memory;

use super::ttl::{Bounds, Wanted};
use super::*;

const NOON: u64 = 1_800_000_000;
const BOUNDS: Bounds = Bounds { default_ttl: 3600, max_ttl: 7200 };

struct House {
    store: Store,
    tokens: Arc<Tokens>,
}

impl House {
    async fn new() -> Self {
        let store = Store::new(Memory::new());
        let mut tx = store.begin().await.unwrap();
        Tokens::found(&mut tx).unwrap();
        tx.commit().await.unwrap();
        let tokens = Arc::new(Tokens::open(&store).await.unwrap());
        Self { store, tokens }
    }

    async fn make(&self, new: NewToken) -> Result<(SecretString, Principal), Fault> {
        let mut tx = self.store.begin().await.unwrap();
        let made = self.tokens.create(&mut tx, new).await?;
        tx.commit().await.unwrap();
        Ok(made)
    }

    async fn token(&self, parent: Option<&Principal>, ttl: u64) -> (SecretString, Principal) {
        self.make(plain(parent, ttl)).await.unwrap()
    }

    async fn find(&self, token: &SecretString, now: u64) -> Option<Principal> {
        let mut tx = self.store.begin().await.unwrap();
        self.tokens.find(&mut tx, token, now).await.unwrap()
    }

    async fn is_alive(&self, token: &SecretString, now: u64) -> bool {
        self.find(token, now).await.is_some()
    }

    async fn revoke(&self, key: &str) {
        self.tokens.revoke_now(&self.store, key).await.unwrap();
    }

    async fn records(&self) -> Vec<String> {
        let tx = self.store.begin().await.unwrap();
        let page = tx.peek_page(&drawer(), "", None, 1000).await.unwrap();
        page.into_iter().map(|(key, _)| key).filter(|key| !["salt", "indexed", "batch-key"].contains(&&**key)).collect()
    }
}

fn plain(parent: Option<&Principal>, ttl: u64) -> NewToken {
    NewToken {
        parent: parent.map(|parent| parent.key().to_owned()),
        policies: vec!["default".into()],
        path: "auth/token/create".into(),
        display_name: "token".into(),
        renewable: true,
        now: NOON,
        ttl,
        ..NewToken::default()
    }
}

#[tokio::test]
async fn only_the_token_that_was_made_is_found_and_it_is_not_stored() {
    let house = House::new().await;
    let mut tx = house.store.begin().await.unwrap();
    let token = house.tokens.create_root(&mut tx, None, 0).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(token.expose_secret().len(), ROOT_TOKEN_LEN);
    assert!(house.find(&token, NOON).await.unwrap().is_root());
    for wrong in ["", "hvs.wrong", "hvb.wrong", "hvb.", &"x".repeat(TOKEN_MAX + 1)] {
        assert!(!house.is_alive(&SecretString::from(wrong), NOON).await, "{wrong}");
    }
    assert!(!house.records().await.concat().contains(token.expose_secret()));
}

#[tokio::test]
async fn tokens_and_accessors_have_the_forms_that_clients_know() {
    let house = House::new().await;
    let (token, principal) = house.token(None, 60).await;
    assert!(token.expose_secret().starts_with("hvs.") && token.expose_secret().len() >= 94);
    assert!(!token.expose_secret()[4..].contains('.'));
    assert_eq!(principal.accessor.len(), 24);
    let namespace = Id::from_random([7; 16]);
    let (token, principal) = house.make(NewToken { namespace: Some(namespace), ..plain(None, 60) }).await.unwrap();
    let suffix = format!(".{}", namespace.short());
    assert!(token.expose_secret().ends_with(&suffix) && principal.accessor.ends_with(&suffix));
    assert_eq!(house.find(&token, NOON).await.unwrap().namespace, namespace);
}

#[tokio::test]
async fn a_token_that_expired_is_refused_though_nobody_has_taken_it_away() {
    let house = House::new().await;
    let (token, _) = house.token(None, 60).await;
    assert!(house.is_alive(&token, NOON + 59).await);
    assert!(!house.is_alive(&token, NOON + 60).await);
    let (forever, _) = house.token(None, 0).await;
    assert!(house.is_alive(&forever, u64::MAX).await);
}

#[tokio::test]
async fn a_token_dies_with_any_token_above_it_at_once() {
    let house = House::new().await;
    let (_, top) = house.token(None, 0).await;
    let (_, middle) = house.token(Some(&top), 600).await;
    let (low, low_principal) = house.token(Some(&middle), 3600).await;
    let (orphan, _) = house.token(None, 3600).await;
    assert!(house.is_alive(&low, NOON + 599).await);
    assert!(!house.is_alive(&low, NOON + 600).await, "its parent has expired");
    house.revoke(top.key()).await;
    assert!(!house.is_alive(&low, NOON).await);
    assert!(house.is_alive(&orphan, NOON).await);
    let refused = house.make(plain(Some(&low_principal), 60)).await.unwrap_err();
    assert_eq!(refused.kind, Kind::InvalidRequest);
}

#[tokio::test]
async fn what_a_token_left_behind_is_swept_away_and_nothing_else() {
    let house = House::new().await;
    let (_, top) = house.token(None, 0).await;
    let mut below = Vec::new();
    for _ in 0..BREADTH {
        let (_, child) = house.token(Some(&top), 60).await;
        below.push(house.token(Some(&child), 60).await.1);
    }
    let (other, other_principal) = house.token(None, 60).await;
    let mut tx = house.store.begin().await.unwrap();
    for principal in [&below[0], &other_principal] {
        tx.put(&cubbyhole(principal.key()), "a/b", vec![1]).unwrap();
        let new = NewLease {
            namespace: Id::nil(),
            path: "pki/issue/web",
            random: principal.key(),
            held: Held::Secret { mount: Id::nil(), internal: "{}".into(), ttl: 60 },
            token: Some(principal.key().into()),
            issued: NOON,
            expires: Some(NOON + 999),
            renewable: true,
            max_expires: None,
        };
        Leases::insert(&mut tx, &Lease::new(new).unwrap()).await.unwrap();
    }
    tx.commit().await.unwrap();
    house.revoke(top.key()).await;
    assert_eq!(house.tokens.sweep(&house.store, NOON).await.unwrap(), 1 + 2 * BREADTH);
    assert_eq!(house.tokens.sweep(&house.store, NOON).await.unwrap(), 0);
    assert!(house.is_alive(&other, NOON).await);
    let left = house.records().await;
    assert_eq!(left.len(), 3, "{left:?}");
    assert!(left.iter().any(|key| key.contains(other_principal.key())));
    let mut tx = house.store.begin().await.unwrap();
    assert!(tx.get(&cubbyhole(below[0].key()), "a/b").await.unwrap().is_none());
    assert!(tx.get(&cubbyhole(other_principal.key()), "a/b").await.unwrap().is_some());
    let due = Leases::due(&mut tx, NOON, 10).await.unwrap();
    assert_eq!(due.iter().map(|lease| lease.token.as_deref()).collect::<Vec<_>>(), [Some(below[0].key())]);
}

/// More children than one transaction takes away.
const BREADTH: usize = 220;

#[tokio::test]
async fn a_token_has_a_lease_as_long_as_it_lives() {
    let house = House::new().await;
    let (_, principal) = house.token(None, 60).await;
    let id = format!("auth/token/create/h{}", principal.key());
    let lease = |at: u64| {
        let (store, id) = (house.store.clone(), id.clone());
        async move {
            let mut tx = store.begin().await.unwrap();
            let lease = Leases::get(&mut tx, Id::nil(), &id).await.unwrap();
            let due = Leases::due(&mut tx, at, 10).await.unwrap();
            (lease.and_then(|lease| lease.expires), due.len())
        }
    };
    assert_eq!(lease(NOON + 59).await, (Some(NOON + 60), 0));
    let mut tx = house.store.begin().await.unwrap();
    house.tokens.renew(&mut tx, &principal, BOUNDS, principal.wants(100), NOON + 10).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(lease(NOON + 60).await, (Some(NOON + 110), 0));
    assert_eq!(lease(NOON + 110).await.1, 1);
    house.revoke(principal.key()).await;
    assert_eq!(lease(u64::MAX).await, (None, 0));
}

#[tokio::test]
async fn renewing_extends_a_token_within_its_bounds() {
    let house = House::new().await;
    let renewed = |new: NewToken, increment: u64, at: u64| {
        let house = &house;
        async move {
            let (token, principal) = house.make(new).await.unwrap();
            let mut tx = house.store.begin().await.unwrap();
            let done = house.tokens.renew(&mut tx, &principal, BOUNDS, principal.wants(increment), at).await;
            let done = done.map(|(principal, warnings)| (principal.ttl(at), warnings.len()));
            tx.commit().await.unwrap();
            let stored = house.find(&token, at).await.map(|principal| principal.ttl(at));
            done.map(|(ttl, warnings)| {
                assert_eq!(stored, Some(ttl), "the answer is what is stored");
                (ttl, warnings)
            })
            .map_err(|fault| fault.messages.concat())
        }
    };
    let new = || plain(None, 600);
    assert_eq!(renewed(new(), 0, NOON + 100).await, Ok((600, 0)));
    assert_eq!(renewed(new(), 50, NOON + 100).await, Ok((50, 0)));
    assert_eq!(renewed(new(), 9000, NOON + 100).await, Ok((7100, 1)));
    let capped = NewToken { explicit_max_ttl: 900, ..new() };
    assert_eq!(renewed(capped, 0, NOON + 500).await, Ok((400, 1)));
    let periodic = NewToken { period: 700, ..new() };
    assert_eq!(renewed(periodic, 5, NOON + 100).await, Ok((700, 0)));
    let fixed = NewToken { renewable: false, ..new() };
    assert_eq!(renewed(fixed, 0, NOON).await, Err("lease is not renewable".into()));
    assert_eq!(renewed(plain(None, 0), 0, NOON).await, Err("lease is not renewable".into()));
    let wanted = Wanted { ttl: 1, ..Wanted::default() };
    let (_, batch) = house.make(NewToken { kind: TokenKind::Batch, ..new() }).await.unwrap();
    let mut tx = house.store.begin().await.unwrap();
    let refused = house.tokens.renew(&mut tx, &batch, BOUNDS, wanted, NOON).await.unwrap_err();
    assert_eq!(refused.messages, ["batch tokens cannot be renewed"]);
}

#[tokio::test]
async fn children_outlive_a_token_that_is_revoked_alone() {
    let house = House::new().await;
    let (_, top) = house.token(None, 0).await;
    let (child, child_principal) = house.token(Some(&top), 60).await;
    let (grandchild, _) = house.token(Some(&child_principal), 60).await;
    let (batch, _) = house.make(NewToken { kind: TokenKind::Batch, ..plain(Some(&top), 60) }).await.unwrap();
    let mut tx = house.store.begin().await.unwrap();
    assert!(house.tokens.revoke_orphan(&mut tx, top.key()).await.unwrap());
    tx.commit().await.unwrap();
    assert!(house.find(&child, NOON).await.unwrap().is_orphan());
    assert!(house.is_alive(&grandchild, NOON).await);
    assert!(!house.is_alive(&batch, NOON).await, "nothing of a batch token is kept that could be changed");
    house.tokens.sweep(&house.store, NOON).await.unwrap();
    assert!(house.is_alive(&child, NOON).await);
    house.revoke(child_principal.key()).await;
    assert!(!house.is_alive(&grandchild, NOON).await);
}

#[tokio::test]
async fn more_than_a_thousand_children_are_not_orphaned_at_once() {
    let house = House::new().await;
    let (_, top) = house.token(None, 0).await;
    let mut tx = house.store.begin().await.unwrap();
    for n in 0..1000 {
        tx.put(&drawer(), &format!("child/{}/{n}", top.key()), Vec::new()).unwrap();
    }
    tx.commit().await.unwrap();
    house.token(Some(&top), 0).await;
    let mut tx = house.store.begin().await.unwrap();
    let refused = house.tokens.revoke_orphan(&mut tx, top.key()).await.unwrap_err();
    assert!(refused.messages[0].contains("more than 1000 children"));
}

#[tokio::test]
async fn no_token_has_more_than_a_hundred_above_it() {
    let house = House::new().await;
    let (mut last, mut principal) = house.token(None, 0).await;
    let mut depth = 1;
    let refused = loop {
        match house.make(plain(Some(&principal), 0)).await {
            Ok(made) => (last, principal) = made,
            Err(refused) => break refused,
        }
        depth += 1;
        assert!(depth <= 101, "there is no bound");
    };
    assert_eq!((depth, refused.kind), (100, Kind::InvalidRequest));
    assert!(house.is_alive(&last, NOON).await);
}

#[tokio::test]
async fn of_many_that_use_a_token_at_once_as_many_pass_as_it_has_uses_and_one_is_the_last() {
    let house = House::new().await;
    let (token, principal) = house.make(NewToken { num_uses: 5, ..plain(None, 0) }).await.unwrap();
    assert_eq!(principal.num_uses, 5);
    let mut racing = tokio::task::JoinSet::new();
    for _ in 0..12 {
        let (store, tokens, principal) = (house.store.clone(), Arc::clone(&house.tokens), principal.clone());
        racing.spawn(async move { tokens.use_once(&store, &principal).await.ok() });
    }
    let passed: Vec<Use> = racing.join_all().await.into_iter().flatten().collect();
    assert_eq!(passed.len(), 5);
    assert_eq!(passed.iter().filter(|passed| **passed == Use::Last).count(), 1);
    assert_eq!(house.find(&token, NOON).await.unwrap().num_uses, 0);
    house.revoke(principal.key()).await;
    let refused = house.tokens.use_once(&house.store, &principal).await.unwrap_err();
    assert_eq!((refused.kind, refused.messages.concat()), (Kind::Denied, "permission denied".to_owned()));
    let (_, free) = house.token(None, 0).await;
    assert_eq!(house.tokens.use_once(&house.store, &free).await.unwrap(), Use::Uncounted);
}

#[tokio::test]
async fn a_request_whose_token_is_revoked_meanwhile_is_not_committed() {
    let house = House::new().await;
    let (token, principal) = house.token(None, 0).await;
    let mut request = house.store.begin().await.unwrap();
    house.tokens.lookup(&mut request, &token, NOON, None).await.unwrap().unwrap();
    request.put(&Drawer::new(&["d"]), "k", Vec::new()).unwrap();
    house.revoke(principal.key()).await;
    assert!(matches!(request.commit().await, Err(storage::Error::Conflict)));
}

#[tokio::test]
async fn a_batch_token_carries_itself_and_dies_with_its_parent_its_time_or_any_change() {
    let house = House::new().await;
    let (_, parent) = house.token(None, 0).await;
    let before = house.records().await;
    let new = NewToken { kind: TokenKind::Batch, meta: [("a".into(), "b".into())].into(), ..plain(Some(&parent), 60) };
    let (token, made) = house.make(new.clone()).await.unwrap();
    assert_eq!(house.records().await, before, "something of it was kept");
    assert!(token.expose_secret().starts_with("hvb."));
    let found = house.find(&token, NOON + 59).await.unwrap();
    assert_eq!((found.key(), &*found.accessor, found.renewable), (made.key(), "", false));
    assert_eq!((found.meta["a"].as_str(), &*found.policies), ("b", &["default".to_owned()][..]));
    assert!(!house.is_alive(&token, NOON + 60).await);
    for at in [5, 40, token.expose_secret().len() - 1] {
        let mut text = token.expose_secret().to_owned().into_bytes();
        text[at] = if text[at] == b'A' { b'B' } else { b'A' };
        assert!(!house.is_alive(&SecretString::from(String::from_utf8(text).unwrap()), NOON).await, "{at}");
    }
    let elsewhere = SecretString::from(format!("{}.0a0a0a0a", token.expose_secret()));
    assert!(!house.is_alive(&elsewhere, NOON).await);
    house.revoke(parent.key()).await;
    assert!(!house.is_alive(&token, NOON).await);
    let long = (0..64).map(|n| (format!("{n}"), "x".repeat(200))).collect();
    let refused = house.make(NewToken { meta: long, parent: None, ..new }).await.unwrap_err();
    assert!(refused.messages[0].contains("8 KiB"));
}

#[tokio::test]
async fn a_bound_token_is_nobody_from_elsewhere() {
    let house = House::new().await;
    let nets = cidr::parse("bound_cidrs", &["192.0.2.0/24".to_owned()]).unwrap();
    for kind in [TokenKind::Service, TokenKind::Batch] {
        let new = NewToken { bound_cidrs: nets.clone(), kind, ..plain(None, 60) };
        let (token, _) = house.make(new).await.unwrap();
        for (peer, may) in [(Some("192.0.2.9"), true), (Some("198.51.100.1"), false), (None, false)] {
            let peer: Option<IpAddr> = peer.map(|peer| peer.parse().unwrap());
            let mut tx = house.store.begin().await.unwrap();
            let found = house.tokens.lookup(&mut tx, &token, NOON, peer).await.unwrap();
            assert_eq!(found.is_some(), may, "{kind:?} {peer:?}");
        }
    }
}

#[tokio::test]
async fn an_accessor_names_its_token_until_the_end_and_is_listed_in_its_namespace() {
    let house = House::new().await;
    let namespace = Id::from_random([7; 16]);
    let (_, here) = house.token(None, 60).await;
    let (_, there) = house.make(NewToken { namespace: Some(namespace), ..plain(None, 60) }).await.unwrap();
    let mut tx = house.store.begin().await.unwrap();
    let found = house.tokens.by_accessor(&mut tx, &there.accessor, NOON).await.unwrap().unwrap();
    assert_eq!(found.key(), there.key());
    assert!(house.tokens.by_accessor(&mut tx, "nobody", NOON).await.unwrap().is_none());
    assert!(house.tokens.by_accessor(&mut tx, &there.accessor, NOON + 60).await.unwrap().is_none());
    let listed = house.tokens.accessors(&tx, Id::nil(), 10).await.unwrap();
    assert_eq!(listed, (vec![here.accessor.clone()], false));
    assert!(!house.records().await.concat().contains(&here.accessor), "names in the store are readable");
    house.token(None, 60).await;
    let tx = house.store.begin().await.unwrap();
    assert!(house.tokens.accessors(&tx, Id::nil(), 1).await.unwrap().1, "there are more");
    house.revoke(there.key()).await;
    let mut tx = house.store.begin().await.unwrap();
    assert!(house.tokens.by_accessor(&mut tx, &there.accessor, NOON).await.unwrap().is_none());
}

#[tokio::test]
async fn the_tokens_of_a_namespace_go_with_it() {
    let house = House::new().await;
    let namespace = Id::from_random([7; 16]);
    let (here, _) = house.token(None, 60).await;
    let (there, _) = house.make(NewToken { namespace: Some(namespace), ..plain(None, 60) }).await.unwrap();
    let mut tx = house.store.begin().await.unwrap();
    house.tokens.end_namespace(&mut tx, namespace).unwrap();
    tx.commit().await.unwrap();
    assert_eq!(house.tokens.sweep(&house.store, NOON).await.unwrap(), 1);
    assert!(house.is_alive(&here, NOON).await && !house.is_alive(&there, NOON).await);
    assert_eq!(house.records().await.len(), 3, "of the one that is left: its record, its accessor, its namespace");
}

#[tokio::test]
async fn a_root_token_of_an_earlier_version_is_found_also_by_its_accessor() {
    let store = Store::new(Memory::new());
    let mut tx = store.begin().await.unwrap();
    tx.put(&drawer(), "salt", vec![7; 32]).unwrap();
    let key = hex::encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]), b"old-root"));
    let old = br#"{"accessor":"old","policies":["root"],"display_name":"root","creation_time":5}"#;
    tx.put(&drawer(), &format!("hash/{key}"), old.to_vec()).unwrap();
    tx.commit().await.unwrap();
    let tokens = Tokens::open(&store).await.unwrap();
    let mut tx = store.begin().await.unwrap();
    let found = tokens.find(&mut tx, &SecretString::from("old-root"), NOON).await.unwrap().unwrap();
    assert!(found.is_root() && found.is_orphan() && found.expire_time.is_none());
    assert_eq!((found.namespace, &*found.path), (Id::nil(), "auth/token/root"));
    assert!(tokens.by_accessor(&mut tx, "old", NOON).await.unwrap().is_some());
    Tokens::open(&store).await.unwrap();
}

#[tokio::test]
async fn what_is_over_a_bound_is_refused_by_the_name_of_the_field() {
    let house = House::new().await;
    let new = || plain(None, 60);
    for (bad, field) in [
        (NewToken { policies: vec!["p".into(); 257], ..new() }, "policies"),
        (NewToken { policies: vec!["p".repeat(257)], ..new() }, "policies"),
        (NewToken { policies: vec!["a\nb".into()], ..new() }, "policies"),
        (NewToken { meta: [("k".into(), "v".repeat(513))].into(), ..new() }, "meta"),
        (NewToken { display_name: "d".repeat(513), ..new() }, "display_name"),
        (NewToken { id: Some(SecretString::from("")), ..new() }, "id"),
        (NewToken { path: String::new(), ..new() }, "path"),
        (NewToken { path: "a/../b".into(), ..new() }, "path"),
    ] {
        let refused = house.make(bad).await.unwrap_err();
        assert!(refused.messages[0].starts_with(&format!("{field}: ")), "{:?}", refused.messages);
    }
    for bad in [
        NewToken { num_uses: 1, ..new() },
        NewToken { period: 1, ..new() },
        NewToken { explicit_max_ttl: 1, ..new() },
        NewToken { ttl: 0, ..new() },
        NewToken { id: Some(SecretString::from("x")), ..new() },
    ] {
        let refused = house.make(NewToken { kind: TokenKind::Batch, ..bad }).await.unwrap_err();
        assert!(refused.messages[0].starts_with("a batch token"), "{:?}", refused.messages);
    }
    let same = || NewToken { id: Some(SecretString::from("same")), ..new() };
    house.make(same()).await.unwrap();
    let refused = house.make(same()).await.unwrap_err();
    assert_eq!(refused.messages, ["cannot create a token with a duplicate ID"]);
}

#[tokio::test]
async fn a_login_is_given_no_policy_that_means_more_than_its_name_says() {
    let house = House::new().await;
    let login = Login { mount: Id::from_random([5; 16]), internal: String::new() };
    for policy in ["root", " Root", "root\u{a0}", "Response-Wrapping ", "control-group"] {
        let new = NewToken { policies: vec![policy.into()], login: Some(login.clone()), ..plain(None, 60) };
        let refused = house.make(new).await.unwrap_err();
        assert_eq!(refused.kind, Kind::InvalidRequest, "{policy:?}");
    }
}

#[tokio::test]
async fn a_token_whose_last_use_is_under_way_is_found_and_has_no_uses() {
    let house = House::new().await;
    let (token, principal) = house.make(NewToken { num_uses: 1, ..plain(None, 60) }).await.unwrap();
    let mut early = house.store.begin().await.unwrap();
    assert!(house.tokens.has_uses(&mut early, &principal).await.unwrap());
    early.put(&storage::Drawer::new(&["x"]), "x", Vec::new()).unwrap();
    assert_eq!(house.tokens.use_once(&house.store, &principal).await.unwrap(), Use::Last);
    let mut late = house.store.begin().await.unwrap();
    assert!(house.is_alive(&token, NOON).await && !house.tokens.has_uses(&mut late, &principal).await.unwrap());
    assert!(matches!(early.commit().await, Err(storage::Error::Conflict)), "what it saw is no longer so");
}

#[tokio::test]
async fn an_id_is_free_again_when_what_hung_on_it_was_cleared_away() {
    let house = House::new().await;
    let named = || NewToken { id: Some(SecretString::from("my-own")), ..plain(None, 60) };
    let (_, first) = house.make(named()).await.unwrap();
    let (child, _) = house.token(Some(&first), 60).await;
    house.revoke(first.key()).await;
    assert_eq!(house.make(named()).await.unwrap_err().kind, Kind::InvalidRequest);
    house.tokens.sweep(&house.store, NOON).await.unwrap();
    house.make(named()).await.unwrap();
    assert!(!house.is_alive(&child, NOON).await, "it ended with the first");
}
