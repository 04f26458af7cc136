//! The order of checks, seen by a driver that counts what it is asked.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use model::{Fault, Id, NamespacePath};
use serde_json::{Map, Value, json};
use storage::memory::Memory;
use storage::{Drawer, Store, Transaction};
use tokio::time::Instant;

use crate::{
    Caller, Curve, Description, Driver, Error, Hash, Input, InternalKey, InternalKeys, KeyType, Libraries, Library,
    Locator, ManagedKey, ManagedKeys, Material, NewKey, Place, Policy, Provider, ProviderType, Reason, Scheme,
    SealRequest, Sealing, SignRequest, TestSign, Usages, Used, Witness,
};

static ROOT: NamespacePath = NamespacePath::root();
const KIND: ProviderType = ProviderType::Pkcs11;
const SCHEME: Scheme = Scheme::Ecdsa(Hash::Sha256);
const SEAL: SealRequest<'static> = SealRequest { sealing: Sealing::AesGcm, text: b"m", associated: b"" };

/// A home of one key.
struct Fake {
    key: InternalKey,
    present: AtomicBool,
    busy: AtomicBool,
    calls: Mutex<Vec<&'static str>>,
}

impl Fake {
    fn note(&self, call: &'static str) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    fn description(&self) -> Description {
        Description::pair(self.key.public_key().to_vec(), self.key.key_type(), self.key.schemes())
    }
}

#[async_trait]
impl Driver for Fake {
    async fn describe(&self, _: &Provider, _: &Locator, _: Instant) -> Result<Description, Error> {
        self.note("describe");
        if self.present.load(Ordering::Relaxed) { Ok(self.description()) } else { Err(Error::Absent) }
    }

    async fn generate(&self, _: &Provider, _: &Locator, _: Instant) -> Result<Description, Error> {
        self.note("generate");
        self.present.store(true, Ordering::Relaxed);
        Ok(self.description())
    }

    async fn sign(&self, _: &Provider, _: &Locator, request: SignRequest<'_>, _: Instant) -> Result<Vec<u8>, Error> {
        self.note("sign");
        if self.busy.load(Ordering::Relaxed) {
            return Err(Error::Busy { retry_after: Duration::from_secs(1) });
        }
        // What comes is cut to the curve's order: 32 bytes of any hash are one number (FIPS 186-5 section 6.4.1).
        let Input::Digest(digest) = request.input else { return Err(Error::invalid("not a digest")) };
        self.key.sign(SCHEME, Input::Digest(digest))
    }

    async fn health(&self, _: &Provider, _: Instant) -> Result<(), Error> {
        self.note("health");
        Ok(())
    }

    fn random(&self) -> Option<&dyn crate::Random> {
        Some(self)
    }

    async fn forget(&self, _: &Provider) {
        self.note("forget");
    }

    async fn forget_all(&self) {
        self.note("forget_all");
    }
}

#[async_trait]
impl crate::Random for Fake {
    async fn bytes(&self, _: &Provider, count: usize, _: Instant) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        self.note("random");
        Ok(vec![7; count].into())
    }
}

struct Bench {
    keys: ManagedKeys,
    fake: Arc<Fake>,
    store: Store,
}

fn libraries() -> Arc<Libraries> {
    let only = vec![NamespacePath::parse("team").unwrap()];
    let library = |name: &str, namespaces| Library { name: name.into(), path: "/usr/lib/x.so".into(), namespaces };
    Arc::new(Libraries::new([library("hsm", None), library("closed", Some(only))]).unwrap())
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(5)
}

fn caller(allowed_managed_keys: &[String]) -> Caller<'_> {
    let mount = Id::from_random([1; 16]);
    Caller { namespace: Id::nil(), path: &ROOT, mount, allowed_managed_keys, usages: Usages::ALL, above: &[] }
}

impl Bench {
    async fn new() -> Self {
        let store = Store::new(Memory::new());
        let mut transaction = store.begin().await.unwrap();
        let policy = Policy { ephemeral: true, exportable: false };
        let made = InternalKeys::new();
        let drawer = Drawer::new(&["fake"]);
        let key = made.generate(&mut transaction, &drawer, KeyType::Ec(Curve::P256), policy, deadline()).await.unwrap();
        let fake = Fake { key, present: AtomicBool::new(true), busy: AtomicBool::new(false), calls: Mutex::default() };
        let fake = Arc::new(fake);
        Self { keys: Self::service(&fake), fake, store }
    }

    /// A service that has nothing in memory.
    fn service(fake: &Arc<Fake>) -> ManagedKeys {
        ManagedKeys::new(libraries(), [(KIND, Arc::clone(fake) as Arc<dyn Driver>)])
    }

    async fn begin(&self) -> Transaction {
        self.store.begin().await.unwrap()
    }

    /// Writes the record `k`, with these fields over the usual ones.
    async fn register(&self, path: &NamespacePath, over: Value) {
        let usual = json!({ "library": "hsm", "token_label": "t", "pin": "1234", "key_label": "k", "mechanism": 4161 });
        let mut fields = usual.as_object().unwrap().clone();
        fields.extend(over.as_object().unwrap().clone());
        let mut transaction = self.begin().await;
        let place = Place { namespace: Id::nil(), path };
        let replaced = self.keys.write(&mut transaction, place, KIND, "k", &fields).await.unwrap();
        transaction.commit().await.unwrap();
        self.keys.forget(replaced).await;
    }

    async fn open(&self, caller: &Caller<'_>, reference: &str) -> Result<ManagedKey, Error> {
        self.keys.open(&mut self.begin().await, caller, reference).await
    }

    /// Opens by these hands and signs, in a transaction of its own that is committed.
    async fn sign(&self, caller: &Caller<'_>, reference: &str) -> Result<Vec<u8>, Error> {
        let mut transaction = self.begin().await;
        let key = self.keys.open(&mut transaction, caller, reference).await?;
        let signature = key.sign(&mut transaction, SCHEME, Input::Message(b"m"), deadline()).await?;
        transaction.commit().await.unwrap();
        Ok(signature)
    }

    /// What the driver was asked since the last time.
    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.fake.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tokio::test]
async fn each_check_refuses_in_its_turn_with_its_own_text_and_asks_the_token_nothing() {
    let bench = Bench::new().await;
    bench.fake.present.store(false, Ordering::Relaxed);
    let team = NamespacePath::parse("team").unwrap();
    // All five checks fail at first; then they are mended one after the other.
    bench.register(&team, json!({ "library": "closed", "usages": "verify" })).await;

    let stranger = Caller { namespace: Id::from_random([9; 16]), ..caller(&[]) };
    let refused = bench.sign(&stranger, "k").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::NotFound);
    assert!(refused.public().contains("not in this namespace"), "{}", refused.public());

    let refused = bench.sign(&caller(&[]), "k").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::NotGranted);
    assert!(refused.public().contains("allowed_managed_keys"), "{}", refused.public());

    let granted = ["k".to_owned()];
    let refused = bench.sign(&caller(&granted), "k").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::NotGranted);
    assert!(refused.public().contains("library \"closed\" is not open"), "{}", refused.public());

    let at_home = Caller { path: &team, ..caller(&granted) };
    let refused = bench.sign(&at_home, "k").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::UsageDenied);
    assert!(refused.public().contains("may not be used to sign"), "{}", refused.public());
    assert_eq!(bench.calls(), [""; 0]);

    bench.register(&team, json!({ "usages": "sign,verify", "library": "closed" })).await;
    assert_eq!(bench.calls(), ["forget"]);
    let refused = bench.sign(&at_home, "k").await.unwrap_err();
    assert_eq!(refused.reason(), Reason::NotFound);
    assert!(refused.public().contains("allow_generate_key"), "{}", refused.public());
    assert_eq!(bench.calls(), ["describe"]);

    bench.register(&team, json!({ "allow_generate_key": true, "library": "closed" })).await;
    bench.sign(&at_home, "k").await.unwrap();
    assert_eq!(bench.calls(), ["forget", "describe", "generate", "sign"]);
}

#[tokio::test]
async fn each_use_needs_its_usage() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true, "usages": "wrap" })).await;
    let mut transaction = bench.begin().await;
    let key = bench.keys.open(&mut transaction, &caller(&[]), "k").await.unwrap();
    let input = Input::Message(b"m");
    let refusals = [
        key.sign(&mut transaction, SCHEME, input, deadline()).await.map(drop),
        key.verify(&mut transaction, SCHEME, input, b"s", deadline()).await.map(drop),
        key.encrypt(&mut transaction, Hash::Sha256, b"m", deadline()).await.map(drop),
        key.decrypt(&mut transaction, Hash::Sha256, b"m", deadline()).await.map(drop),
        key.seal(&mut transaction, SEAL, deadline()).await.map(drop),
        key.open_sealed(&mut transaction, SEAL, deadline()).await.map(drop),
        key.mac(&mut transaction, Hash::Sha256, b"m", deadline()).await.map(drop),
        key.verify_mac(&mut transaction, Hash::Sha256, b"m", b"c", deadline()).await.map(drop),
        key.random(32, deadline()).await.map(drop),
    ];
    let words = ["sign", "verify", "encrypt", "decrypt", "encrypt", "decrypt", "mac", "mac", "generate_random"];
    for (refused, word) in refusals.into_iter().zip(words) {
        let refused = refused.unwrap_err();
        assert_eq!(refused.reason(), Reason::UsageDenied, "{word}");
        assert!(refused.public().contains(&format!("may not be used to {word}")), "{}", refused.public());
    }
    assert_eq!(bench.calls(), [""; 0]);
}

#[tokio::test]
async fn a_key_pair_seals_and_authenticates_nothing() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true, "usages": "encrypt,decrypt,mac,generate_random" })).await;
    let mut transaction = bench.begin().await;
    let key = bench.keys.open(&mut transaction, &caller(&[]), "k").await.unwrap();
    let refusals = [
        key.seal(&mut transaction, SEAL, deadline()).await.map(drop),
        key.open_sealed(&mut transaction, SealRequest { text: &[0; 64], ..SEAL }, deadline()).await.map(drop),
        key.mac(&mut transaction, Hash::Sha256, b"m", deadline()).await.map(drop),
    ];
    for refused in refusals {
        let refused = refused.unwrap_err();
        assert_eq!(refused.reason(), Reason::Unsupported, "{refused}");
    }
    for count in [0, crate::RANDOM_MAX + 1] {
        assert_eq!(key.random(count, deadline()).await.unwrap_err().reason(), Reason::Invalid);
    }
}

#[tokio::test]
async fn keys_are_made_stored_and_replaced_with_leave_only_and_else_the_home_is_asked_nothing() {
    let bench = Bench::new().await;
    bench.fake.present.store(false, Ordering::Relaxed);
    let place = Place { namespace: Id::nil(), path: &ROOT };
    let secret = Material::secret_key(&"AAAAAAAAAAAAAAAAAAAAAA==".to_owned().into()).unwrap();
    let put = async |new: NewKey<'_>, replace| {
        bench.keys.put(&mut bench.begin().await, place, (KIND, "k"), new, replace, deadline()).await
    };
    bench.register(&ROOT, json!({})).await;
    bench.calls();
    for (new, replace, flag) in [
        (NewKey::Made, false, "allow_generate_key"),
        (NewKey::Made, true, "allow_generate_key"),
        (NewKey::Given(&secret), false, "allow_store_key"),
        (NewKey::Given(&secret), true, "allow_store_key"),
    ] {
        let refused = put(new, replace).await.unwrap_err();
        assert!(refused.public().contains(&format!("{flag}: is not set")), "{}", refused.public());
    }
    bench.register(&ROOT, json!({ "allow_generate_key": true, "allow_store_key": true })).await;
    bench.calls();
    for new in [NewKey::Made, NewKey::Given(&secret)] {
        let refused = put(new, true).await.unwrap_err();
        assert!(refused.public().contains("allow_replace_key: is not set"), "{}", refused.public());
    }
    assert_eq!(bench.calls(), [""; 0]);
    let refused = put(NewKey::Given(&secret), false).await.unwrap_err();
    assert!(refused.public().contains("storing a key in a home of this type"), "{}", refused.public());
    assert_eq!(bench.calls(), ["describe"]);
    put(NewKey::Made, false).await.unwrap();
    assert_eq!(bench.calls(), ["describe", "describe", "generate"]);
    let refused = put(NewKey::Made, false).await.unwrap_err();
    assert!(matches!(&refused, Error::Of { source, .. } if matches!(**source, Error::Present)), "{refused}");
}

#[tokio::test]
async fn a_grant_is_checked_at_each_use() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({})).await;
    let granted = ["other".to_owned(), "k".to_owned()];
    bench.sign(&caller(&granted), "k").await.unwrap();
    assert_eq!(bench.sign(&caller(&granted[..1]), "k").await.unwrap_err().reason(), Reason::NotGranted);
    bench.register(&ROOT, json!({ "any_mount": "true" })).await;
    bench.sign(&caller(&[]), "k").await.unwrap();
    bench.register(&ROOT, json!({ "any_mount": "false" })).await;
    assert_eq!(bench.sign(&caller(&[]), "k").await.unwrap_err().reason(), Reason::NotGranted);
}

#[tokio::test]
async fn a_key_is_opened_by_its_uuid_too_and_the_grant_is_by_its_name() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({})).await;
    let granted = ["k".to_owned()];
    let uuid = bench.open(&caller(&granted), "k").await.unwrap().uuid().to_string();
    let key = bench.open(&caller(&granted), &uuid).await.unwrap();
    assert_eq!((key.name(), key.uuid().to_string()), ("k", uuid.clone()));
    let by_uuid = [uuid.clone()];
    assert_eq!(bench.open(&caller(&by_uuid), &uuid).await.err().unwrap().reason(), Reason::NotGranted);
    let stranger = Caller { namespace: Id::from_random([9; 16]), ..caller(&granted) };
    assert_eq!(bench.open(&stranger, &uuid).await.err().unwrap().reason(), Reason::NotFound);
    let long = "x".repeat(100_000);
    assert!(bench.open(&caller(&granted), &long).await.err().unwrap().public().len() <= crate::PUBLIC_TEXT_MAX);
}

#[tokio::test]
async fn a_warm_signature_asks_for_the_signature_only_also_after_a_restart() {
    let mut bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true })).await;
    let signature = bench.sign(&caller(&[]), "k").await.unwrap();
    assert_eq!(bench.calls(), ["describe", "sign"]);
    assert!(crate::verify(bench.fake.key.public_key(), SCHEME, Input::Message(b"m"), &signature).unwrap());
    bench.sign(&caller(&[]), "k").await.unwrap();
    assert_eq!(bench.calls(), ["sign"]);
    bench.keys = Bench::service(&bench.fake);
    bench.sign(&caller(&[]), "k").await.unwrap();
    assert_eq!(bench.calls(), ["sign"]);
    // A record that was rewritten may name another key.
    bench.register(&ROOT, json!({ "key_label": "k2" })).await;
    bench.sign(&caller(&[]), "k").await.unwrap();
    assert_eq!(bench.calls(), ["forget", "describe", "sign"]);
}

#[tokio::test]
async fn a_reader_that_never_commits_asks_once() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true })).await;
    for _ in 0..3 {
        let mut transaction = bench.begin().await;
        let key = bench.keys.open(&mut transaction, &caller(&[]), "k").await.unwrap();
        assert_eq!(key.key_type(&mut transaction, deadline()).await.unwrap(), KeyType::Ec(Curve::P256));
    }
    assert_eq!(bench.calls(), ["describe"]);
}

#[tokio::test]
async fn a_scheme_that_the_key_cannot_do_is_refused_before_it_is_asked_to_sign() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true })).await;
    let mut transaction = bench.begin().await;
    let key = bench.keys.open(&mut transaction, &caller(&[]), "k").await.unwrap();
    let scheme = Scheme::Pss(Hash::Sha256);
    let refused = key.sign(&mut transaction, scheme, Input::Message(b"m"), deadline()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported);
    assert!(refused.public().starts_with("managed key \"k\": this key cannot sign RSA PSS"), "{}", refused.public());
    let refused = key.sign(&mut transaction, SCHEME, Input::Digest(&[0; 31]), deadline()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Invalid);
    assert_eq!(bench.calls(), ["describe"]);
}

#[tokio::test]
async fn the_drivers_failures_keep_their_meaning_and_name_the_key() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true })).await;
    bench.fake.busy.store(true, Ordering::Relaxed);
    let busy = bench.sign(&caller(&[]), "k").await.unwrap_err();
    assert_eq!((busy.reason(), busy.kind()), (Reason::Unavailable, model::Kind::Unavailable));
    assert_eq!(busy.retry_after(), Some(Duration::from_secs(1)));
    assert!(busy.public().starts_with("managed key \"k\": "), "{}", busy.public());

    let none = ManagedKeys::new(libraries(), []);
    let mut transaction = bench.begin().await;
    let key = none.open(&mut transaction, &caller(&[]), "k").await.unwrap();
    let refused = key.public_key(&mut transaction, deadline()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported);
}

#[tokio::test]
async fn test_sign_signs_and_verifies_and_needs_both_usages() {
    let bench = Bench::new().await;
    let place = Place { namespace: Id::nil(), path: &ROOT };
    let test = TestSign { use_pss: false, hash: Some(Hash::Sha384) };
    bench.register(&ROOT, json!({})).await;
    let mut transaction = bench.begin().await;
    bench.keys.test_sign(&mut transaction, place, KIND, "k", test, deadline()).await.unwrap();
    let health = bench.keys.health(&mut transaction, place, KIND, "k", deadline()).await.unwrap();
    assert!(health.error.is_none());
    assert_eq!(bench.calls(), ["describe", "sign", "health"]);
    for usages in ["sign", "verify"] {
        bench.register(&ROOT, json!({ "usages": usages })).await;
        bench.calls();
        let mut transaction = bench.begin().await;
        let refused = bench.keys.test_sign(&mut transaction, place, KIND, "k", test, deadline()).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::UsageDenied);
        assert_eq!(bench.calls(), [""; 0]);
    }
    let unknown = bench.keys.test_sign(&mut bench.begin().await, place, KIND, "x", test, deadline()).await;
    assert_eq!(unknown.unwrap_err().reason(), Reason::NotFound);
}

#[test]
fn the_parameters_of_test_sign_are_read_as_clients_send_them() {
    let read = |value: Value| TestSign::from_params(value.as_object().unwrap_or(&Map::new()));
    for (given, use_pss, hash) in [
        (json!({}), false, None),
        (json!({ "use_pss": "", "hash_algorithm": "" }), false, None),
        (json!({ "use_pss": "true", "hash_algorithm": "sha2-512" }), true, Some(Hash::Sha512)),
        (json!({ "use_pss": true, "hash_algorithm": "sha1" }), true, Some(Hash::Sha1)),
    ] {
        assert_eq!(read(given.clone()).unwrap(), TestSign { use_pss, hash }, "{given}");
    }
    for bad in [json!({ "use_pss": "maybe" }), json!({ "use_pss": 1 }), json!({ "hash_algorithm": "md5" })] {
        assert!(read(bad.clone()).is_err(), "{bad} was accepted");
    }
}

#[tokio::test]
async fn a_deleted_key_is_gone_for_its_users() {
    let bench = Bench::new().await;
    bench.register(&ROOT, json!({ "any_mount": true })).await;
    bench.sign(&caller(&[]), "k").await.unwrap();
    bench.calls();
    let mut transaction = bench.begin().await;
    let used_by = ["pki/".to_owned()];
    assert!(bench.keys.delete(&mut transaction, Id::nil(), KIND, "k", &used_by).await.is_err());
    assert_eq!(bench.calls(), [""; 0]);
    let replaced = bench.keys.delete(&mut transaction, Id::nil(), KIND, "k", &[]).await.unwrap();
    assert_eq!(bench.calls(), [""; 0]);
    transaction.commit().await.unwrap();
    bench.keys.forget(replaced).await;
    assert_eq!(bench.sign(&caller(&[]), "k").await.unwrap_err().reason(), Reason::NotFound);
    assert_eq!(bench.calls(), ["forget"]);
}

#[test]
fn public_texts_are_bounded_and_keep_the_inside_to_themselves() {
    let long = Error::invalid("ü".repeat(4000)).public();
    assert!(long.len() <= crate::PUBLIC_TEXT_MAX && long.chars().all(|c| c == 'ü'));
    let inside = "CKR_DEVICE_ERROR at /usr/lib/x.so";
    for error in [Error::Internal(inside.into()), Error::unavailable(inside), Error::Login(inside.into())] {
        assert!(error.to_string().contains("CKR_"), "the log must have it");
        let text = error.of("k").public();
        assert!(!text.contains("CKR_") && !text.contains("/usr"), "{text}");
    }
}

/// Writes down what it is told, unless it is broken.
#[derive(Default)]
struct Notes {
    told: Mutex<Vec<String>>,
    broken: AtomicBool,
}

#[async_trait]
impl Witness for Notes {
    async fn used(&self, used: Used<'_>) -> Result<(), Fault> {
        if self.broken.load(Ordering::Relaxed) {
            return Err(Fault::internal("the disk is full"));
        }
        let digest = used.digest.map_or(0, <[u8]>::len);
        let outcome = used.error.map_or("done".to_owned(), |error| format!("{:?}", error.reason()));
        let kind = used.key_type.map_or("?".to_owned(), |kind| kind.to_string());
        let line = format!("{} {} {kind} {digest} {outcome}", used.act.name(), used.key);
        self.told.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        Ok(())
    }
}

impl Notes {
    fn told(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[tokio::test]
async fn a_witness_is_told_of_each_use_and_of_each_refusal() {
    let mut bench = Bench::new().await;
    let notes = Arc::new(Notes::default());
    bench.register(&ROOT, json!({ "allow_generate_key": true })).await;
    bench.fake.present.store(false, Ordering::Relaxed);
    bench.keys = bench.keys.witnessed(Arc::clone(&notes) as _);
    let lent = ["k".to_owned()];
    bench.sign(&caller(&lent), "k").await.unwrap();
    assert_eq!(notes.told(), ["generate k EC P256 0 done", "sign k EC P256 32 done"]);
    bench.fake.busy.store(true, Ordering::Relaxed);
    bench.sign(&caller(&lent), "k").await.unwrap_err();
    bench.sign(&caller(&[]), "k").await.unwrap_err();
    bench.sign(&caller(&lent), "stranger").await.unwrap_err();
    bench.register(&ROOT, json!({ "usages": "verify" })).await;
    bench.sign(&caller(&lent), "k").await.unwrap_err();
    let told = notes.told();
    let refused = ["sign k EC P256 32 Unavailable", "open k EC P256 0 NotGranted", "open stranger ? 0 NotFound"];
    assert_eq!(told[..3], refused);
    assert!(told[3].starts_with("sign k ") && told[3].ends_with(" UsageDenied"), "{told:?}");
}

#[tokio::test]
async fn a_signature_that_nobody_took_note_of_is_not_given_out() {
    let mut bench = Bench::new().await;
    let notes = Arc::new(Notes::default());
    notes.broken.store(true, Ordering::Relaxed);
    bench.register(&ROOT, json!({ "any_mount": true })).await;
    bench.keys = bench.keys.witnessed(Arc::clone(&notes) as _);
    let kept = bench.sign(&caller(&[]), "k").await.unwrap_err();
    assert_eq!(kept.reason(), Reason::Internal);
    assert!(!kept.public().contains("disk"), "{}", kept.public());
    assert_eq!(bench.calls(), ["describe", "sign"]);
}

#[tokio::test]
async fn a_witness_is_told_of_symmetric_powers_and_random_bytes_too() {
    let mut bench = Bench::new().await;
    let notes = Arc::new(Notes::default());
    bench.register(&ROOT, json!({ "any_mount": true, "usages": "encrypt,decrypt,mac,random" })).await;
    bench.keys = bench.keys.witnessed(Arc::clone(&notes) as _);
    let mut transaction = bench.begin().await;
    let key = bench.keys.open(&mut transaction, &caller(&[]), "k").await.unwrap();
    assert_eq!(key.random(16, deadline()).await.unwrap().len(), 16);
    let sealed = SealRequest { sealing: Sealing::AesGcm, text: &[1; 40], associated: &[] };
    assert!(key.seal(&mut transaction, sealed, deadline()).await.is_err(), "it is a pair");
    assert!(key.open_sealed(&mut transaction, sealed, deadline()).await.is_err());
    assert!(key.mac(&mut transaction, Hash::Sha256, b"m", deadline()).await.is_err());
    let told = notes.told();
    assert_eq!(told[0], "random k ? 0 done");
    for (told, act) in told[1..].iter().zip(["encrypt", "decrypt", "mac"]) {
        assert_eq!(*told, format!("{act} k EC P256 0 Unsupported"));
    }
    assert_eq!(told.len(), 4);
    notes.broken.store(true, Ordering::Relaxed);
    assert_eq!(key.random(16, deadline()).await.unwrap_err().reason(), Reason::Internal);
}
