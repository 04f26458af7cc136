//! Records: how they are written, read back and refused.

use model::{Id, NamespacePath};
use serde_json::{Map, Value, json};
use storage::memory::Memory;
use storage::{Store, Transaction};

use super::{delete, find, list, name_of, stored, write};
use crate::{Error, Libraries, Library, Limits, Place, ProviderType, Reason};

static ROOT: NamespacePath = NamespacePath::root();
const KIND: ProviderType = ProviderType::Pkcs11;

fn limits() -> Limits {
    let closed = vec![NamespacePath::parse("team").unwrap()];
    let library = |name: &str, namespaces| Library { name: name.into(), path: "/usr/lib/x.so".into(), namespaces };
    let libraries = Libraries::new([library("HSM1", None), library("closed", Some(closed))]).unwrap();
    Limits::new(libraries.into(), [])
}

/// The fields that every record needs, with these over them; null takes one away.
fn fields(over: Value) -> Map<String, Value> {
    let all = json!({ "library": "hsm1", "token_label": "t", "pin": "1234", "key_label": "k", "mechanism": "0x1041" });
    let mut all = all.as_object().unwrap().clone();
    for (name, value) in over.as_object().unwrap() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    all
}

async fn begin() -> Transaction {
    Store::new(Memory::new()).begin().await.unwrap()
}

async fn put(transaction: &mut Transaction, name: &str, fields: &Map<String, Value>) -> Result<(), Error> {
    let place = Place { namespace: Id::nil(), path: &ROOT };
    write(transaction, &limits(), place, KIND, name, fields).await.map(drop)
}

async fn read(transaction: &mut Transaction, name: &str) -> Map<String, Value> {
    let found = find(transaction, Id::nil(), KIND, name).await.unwrap().unwrap();
    found.record.to_fields(&found.provider)
}

#[tokio::test]
async fn a_record_reads_back_as_the_api_says_and_its_pin_never_does() {
    let mut transaction = begin().await;
    put(&mut transaction, "k1", &fields(json!({}))).await.unwrap();
    let mut back = read(&mut transaction, "k1").await;
    let uuid = back.remove("UUID").unwrap();
    assert!(Id::parse(uuid.as_str().unwrap()).is_some());
    let expected = json!({
        "name": "k1", "type": "pkcs11", "allow_generate_key": false, "allow_replace_key": false,
        "allow_store_key": false, "any_mount": false, "inherits": false, "usages": ["sign", "verify"], "library": "hsm1",
        "token_label": "t", "pin": "redacted", "force_rw_session": false, "max_parallel": 1, "mechanism": 0x1041,
        "key_label": "k",
    });
    assert_eq!(Value::Object(back), expected);
}

#[tokio::test]
async fn parameters_are_taken_in_every_form_that_clients_send() {
    for (given, field, expected) in [
        (json!({ "any_mount": "true" }), "any_mount", json!(true)),
        (json!({ "any_mount": true }), "any_mount", json!(true)),
        (json!({ "any_mount": "" }), "any_mount", json!(false)),
        (json!({ "allow_generate_key": "1" }), "allow_generate_key", json!(true)),
        (json!({ "token_label": "", "slot": "0" }), "slot", json!(0)),
        (json!({ "token_label": null, "slot": 4_294_967_297_u64 }), "slot", json!(4_294_967_297_u64)),
        (json!({ "mechanism": "0X0D" }), "mechanism", json!(13)),
        (json!({ "mechanism": "13" }), "mechanism", json!(13)),
        (json!({ "mechanism": 1 }), "mechanism", json!(1)),
        (json!({ "mechanism": "0x180000001" }), "mechanism", json!(0x1_8000_0001_u64)),
        (json!({ "key_bits": "3072" }), "key_bits", json!(3072)),
        (json!({ "key_bits": 4096 }), "key_bits", json!(4096)),
        (json!({ "curve": "p-384" }), "curve", json!("P384")),
        (json!({ "max_parallel": "8" }), "max_parallel", json!(8)),
        (json!({ "max_parallel": 0 }), "max_parallel", json!(1)),
        (json!({ "key_label": "", "key_id": "0xAB01" }), "key_id", json!("ab01")),
        (json!({ "usages": "encrypt, decrypt" }), "usages", json!(["encrypt", "decrypt"])),
        (json!({ "usages": ["random", "mac"] }), "usages", json!(["generate_random", "mac"])),
        (json!({ "usages": [3, 4] }), "usages", json!(["sign", "verify"])),
        (json!({ "force_rw_session": "true" }), "force_rw_session", json!(true)),
    ] {
        let mut transaction = begin().await;
        put(&mut transaction, "k", &fields(given.clone())).await.unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(read(&mut transaction, "k").await.get(field), Some(&expected), "{given}");
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_its_name() {
    for (given, word) in [
        (json!({ "library": null }), "library"),
        (json!({ "library": "hsm9" }), "no kms_library"),
        (json!({ "library": "/usr/lib/x.so" }), "no kms_library"),
        (json!({ "library": "closed" }), "not open to this namespace"),
        (json!({ "pin": "" }), "pin"),
        (json!({ "pin": "redacted" }), "pin"),
        (json!({ "token_label": "" }), "slot or token_label"),
        (json!({ "slot": 1 }), "only one"),
        (json!({ "token_label": null, "slot": "-1" }), "slot"),
        (json!({ "key_label": "" }), "key_label or key_id"),
        (json!({ "key_id": "abc" }), "key_id"),
        (json!({ "key_id": "ab", "allow_generate_key": true }), "key_id"),
        (json!({ "mechanism": null }), "mechanism"),
        (json!({ "mechanism": "ecdsa" }), "mechanism"),
        (json!({ "mechanism": [1] }), "mechanism"),
        (json!({ "curve": "P224" }), "curve"),
        (json!({ "key_bits": 1024 }), "key_bits"),
        (json!({ "max_parallel": 129 }), "max_parallel"),
        (json!({ "any_mount": "perhaps" }), "any_mount"),
        (json!({ "usages": "signing" }), "usages"),
        (json!({ "usages": [9] }), "usages"),
        (json!({ "key_label": "x".repeat(513) }), "512"),
        (json!({ "key_label": "a\u{0}b" }), "control"),
    ] {
        let mut transaction = begin().await;
        let error = put(&mut transaction, "k", &fields(given.clone())).await.expect_err(&given.to_string());
        assert_eq!(error.reason(), Reason::Invalid, "{given}");
        assert!(error.public().contains(word), "{given}: {}", error.public());
        assert!(!error.public().contains("1234") && !error.to_string().contains("1234"), "{given}: {error}");
        assert!(!transaction.is_dirty(), "{given}");
    }
    for name in ["", "a/b", "..", "a\nb"] {
        let mut transaction = begin().await;
        assert!(put(&mut transaction, name, &fields(json!({}))).await.is_err(), "{name:?} was accepted");
    }
}

#[tokio::test]
async fn an_update_keeps_the_uuid_and_what_it_does_not_name() {
    let mut transaction = begin().await;
    put(&mut transaction, "k", &fields(json!({ "any_mount": true, "curve": "P256" }))).await.unwrap();
    let before = read(&mut transaction, "k").await;
    let changes = json!({ "max_parallel": 4, "pin": "redacted", "curve": "" });
    put(&mut transaction, "k", changes.as_object().unwrap()).await.unwrap();
    let after = read(&mut transaction, "k").await;
    assert_eq!((&after["UUID"], &after["any_mount"]), (&before["UUID"], &json!(true)));
    assert_eq!((&after["max_parallel"], after.get("curve")), (&json!(4), None));

    let record = stored(&mut transaction, Id::nil(), "k").await.unwrap().unwrap().record;
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(record["provider"]["pin"], "1234", "the PIN was not kept");

    // From a label to a slot and back.
    put(&mut transaction, "k", json!({ "slot": 0 }).as_object().unwrap()).await.unwrap();
    let after = read(&mut transaction, "k").await;
    assert_eq!((after.get("slot"), after.get("token_label")), (Some(&json!(0)), None));
}

#[tokio::test]
async fn a_record_is_found_by_its_uuid_and_listed_by_its_name_until_it_is_deleted() {
    let mut transaction = begin().await;
    for name in ["b", "a", "c"] {
        put(&mut transaction, name, &fields(json!({}))).await.unwrap();
    }
    let uuid = read(&mut transaction, "b").await["UUID"].as_str().unwrap().to_owned();
    assert_eq!(name_of(&mut transaction, Id::nil(), &uuid).await.unwrap().as_deref(), Some("b"));
    let elsewhere = Id::from_random([7; 16]);
    assert_eq!(name_of(&mut transaction, elsewhere, &uuid).await.unwrap(), None);
    assert!(find(&mut transaction, elsewhere, KIND, "b").await.unwrap().is_none());

    let page = list(&mut transaction, Id::nil(), KIND, None, 2).await.unwrap();
    assert_eq!((page.names, page.more), (vec!["a".to_owned(), "b".to_owned()], true));
    let page = list(&mut transaction, Id::nil(), KIND, Some("b"), 2).await.unwrap();
    assert_eq!((page.names, page.more), (vec!["c".to_owned()], false));

    delete(&mut transaction, Id::nil(), KIND, "b", &[]).await.unwrap();
    assert!(find(&mut transaction, Id::nil(), KIND, "b").await.unwrap().is_none());
    assert_eq!(name_of(&mut transaction, Id::nil(), &uuid).await.unwrap(), None);
    assert_eq!(list(&mut transaction, Id::nil(), KIND, None, 0).await.unwrap().names, ["a", "c"]);
    assert!(delete(&mut transaction, Id::nil(), KIND, "b", &[]).await.unwrap().is_none());
}

#[tokio::test]
async fn a_record_that_a_mount_lists_is_not_deleted() {
    let mut transaction = begin().await;
    put(&mut transaction, "k", &fields(json!({}))).await.unwrap();
    let used_by = ["pki/".to_owned()];
    let error = delete(&mut transaction, Id::nil(), KIND, "k", &used_by).await.unwrap_err();
    assert!(error.kind() == model::Kind::InvalidRequest && error.public().contains("pki/"), "{}", error.public());
    assert!(find(&mut transaction, Id::nil(), KIND, "k").await.unwrap().is_some());
}

#[test]
fn another_type_is_named_as_unsupported() {
    assert_eq!(ProviderType::parse("pkcs11").unwrap(), KIND);
    let error = ProviderType::parse("yandexcloudkms").unwrap_err();
    assert!(error.public().contains("unsupported managed key type"), "{}", error.public());
}

#[tokio::test]
async fn clearing_the_only_locator_is_refused() {
    let mut transaction = begin().await;
    put(&mut transaction, "k", &fields(json!({}))).await.unwrap();
    for (field, word) in [("key_label", "key_label or key_id"), ("token_label", "slot or token_label")] {
        let mut change = Map::new();
        change.insert(field.to_owned(), json!(""));
        let error = put(&mut transaction, "k", &change).await.unwrap_err();
        assert!(error.public().contains(word), "{}", error.public());
    }
}

#[tokio::test]
async fn a_library_is_open_to_the_namespaces_that_it_lists_and_the_bounds_are_accepted() {
    let mut transaction = begin().await;
    let team = NamespacePath::parse("team").unwrap();
    let place = Place { namespace: Id::nil(), path: &team };
    let label = "x".repeat(512);
    let given = fields(json!({ "library": "CLOSED", "max_parallel": 128, "key_label": label.clone() }));
    write(&mut transaction, &limits(), place, KIND, "k", &given).await.unwrap();
    let back = read(&mut transaction, "k").await;
    assert_eq!((&back["max_parallel"], &back["key_label"]), (&json!(128), &json!(label)));
}
