//! What a stranger may name: tokens, accessors and ids of leases. Only the very ones that were given out are found, and
//! none of them is ever a fault of the server.
#![no_main]

use std::sync::LazyLock;

use access::{NewToken, Tokens};
use leases::{Held, Lease, Leases, NewLease};
use model::{Id, Kind, TokenKind};
use secrecy::{ExposeSecret, SecretString};
use storage::Store;
use storage::memory::Memory;
use tokio::runtime::Runtime;

const NOW: u64 = 1_800_000_000;

/// A store with a token of each kind and a lease in it.
struct House {
    runtime: Runtime,
    store: Store,
    tokens: Tokens,
    given: Vec<String>,
    accessor: String,
    lease: Lease,
}

static HOUSE: LazyLock<House> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let store = Store::new(Memory::new());
    let (tokens, given, accessor, lease) = runtime.block_on(async {
        let mut transaction = store.begin().await.expect("begin");
        Tokens::found(&mut transaction).expect("found");
        transaction.commit().await.expect("commit");
        let tokens = Tokens::open(&store).await.expect("open");
        let mut transaction = store.begin().await.expect("begin");
        let namespace = Some(Id::from_random([7; 16]));
        let path = "auth/token/create".to_owned();
        let new = NewToken { namespace, path, policies: vec!["p".into()], now: NOW, ttl: 60, ..NewToken::default() };
        let (service, principal) = tokens.create(&mut transaction, new.clone()).await.expect("a service token");
        let new = NewToken { kind: TokenKind::Batch, ..new };
        let (batch, _) = tokens.create(&mut transaction, new).await.expect("a batch token");
        let lease = Lease::new(NewLease {
            namespace: Id::from_random([7; 16]),
            path: "pki/issue/a",
            random: "0123456789abcdefghijklmn",
            held: Held::Secret { mount: Id::from_random([9; 16]), internal: "{}".into(), ttl: 60 },
            token: None,
            issued: NOW,
            expires: Some(NOW + 60),
            renewable: true,
            max_expires: None,
        })
        .expect("a lease");
        Leases::insert(&mut transaction, &lease).await.expect("insert");
        transaction.commit().await.expect("commit");
        let given = [service, batch].map(|token| token.expose_secret().to_owned()).to_vec();
        (tokens, given, principal.accessor.clone(), lease)
    });
    House { runtime, store, tokens, given, accessor, lease }
});

/// The text with this written over it from here on.
fn overwritten(text: &str, at: u16, by: &str) -> String {
    let Some((before, rest)) = text.split_at_checked(usize::from(at) % (text.len() + 1)) else { return text.to_owned() };
    [before, by, rest.get(by.len()..).unwrap_or_default()].concat()
}

impl House {
    async fn ask(&self, names: &[String]) {
        let mut transaction = self.store.begin().await.expect("begin");
        for name in names {
            let token = SecretString::from(name.as_str());
            let found = self.tokens.find(&mut transaction, &token, NOW).await.expect("a token is there or is not");
            assert_eq!(found.is_some(), self.given.contains(name), "{name:?}");
            let found = self.tokens.by_accessor(&mut transaction, name, NOW).await.expect("the same for accessors");
            assert_eq!(found.is_some(), self.accessor == *name, "{name:?}");
            let namespace = leases::namespace_of(name).unwrap_or(Id::nil());
            match Leases::get(&mut transaction, namespace, name).await {
                Ok(found) => assert_eq!(found.is_some(), self.lease.id == *name, "{name:?}"),
                Err(error) => assert!(error.kind() == Kind::InvalidRequest, "{name:?}: {error}"),
            }
            match Leases::under(&mut transaction, namespace, name, None, 10).await {
                Ok(found) => assert!(found.iter().all(|lease| lease.id.starts_with(name.trim_matches('/'))), "{name:?}"),
                Err(error) => assert!(error.kind() == Kind::InvalidRequest, "{name:?}: {error}"),
            }
        }
    }
}

libfuzzer_sys::fuzz_target!(|input: (&str, u16)| {
    let (text, at) = input;
    let house = &*HOUSE;
    let real = house.given.iter().chain([&house.accessor, &house.lease.id]);
    let names: Vec<String> = real.map(|real| overwritten(real, at, text)).chain([text.to_owned()]).collect();
    house.runtime.block_on(house.ask(&names));
});
