//! Records of Google Cloud KMS: how they are written, read back and refused.

use model::{Id, NamespacePath};
use secrecy::ExposeSecret;
use serde_json::{Map, Value, json};
use storage::memory::Memory;
use storage::{Store, Transaction};

use super::super::{find, write};
use super::{GCPCKMS_ALGORITHMS, GcpCkmsProvider};
use crate::{Error, Limits, Place, Provider, ProviderType, Reason};

static ROOT: NamespacePath = NamespacePath::root();
const KIND: ProviderType = ProviderType::GcpCkms;

/// A key file, with these fields over the usual ones.
fn key_file(over: &Value) -> String {
    let mut all = json!({
        "type": "service_account", "project_id": "my-project-1", "private_key_id": "abc123",
        "private_key": "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "client_email": "svc@my-project-1.iam.gserviceaccount.com",
        "token_uri": "https://oauth2.googleapis.com/token", "client_x509_cert_url": "https://www.googleapis.com/x",
    });
    all.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    all.to_string()
}

/// The fields of a record, with these over the usual ones; null takes one away.
fn fields(over: &Value) -> Map<String, Value> {
    let all = json!({
        "credentials": key_file(&json!({})), "project": "my-project-1", "region": "europe-west3", "key_ring": "ring",
        "crypto_key": "key", "algorithm": "EC_SIGN_P256_SHA256",
    });
    let mut all = all.as_object().unwrap().clone();
    all.extend(over.as_object().unwrap().clone());
    all.retain(|_, value| !value.is_null());
    all
}

async fn begin() -> Transaction {
    Store::new(Memory::new()).begin().await.unwrap()
}

async fn put(transaction: &mut Transaction, fields: &Map<String, Value>) -> Result<(), Error> {
    let place = Place { namespace: Id::nil(), path: &ROOT };
    write(transaction, &Limits::default(), place, KIND, "k", fields).await.map(drop)
}

async fn read(transaction: &mut Transaction) -> (Map<String, Value>, GcpCkmsProvider) {
    let found = find(transaction, Id::nil(), KIND, "k").await.unwrap().unwrap();
    let Provider::GcpCkms(provider) = &found.provider else { panic!("another type") };
    (found.record.to_fields(&found.provider), provider.clone())
}

#[tokio::test]
async fn a_record_reads_back_as_the_api_says_and_its_credentials_never_do() {
    let mut transaction = begin().await;
    put(&mut transaction, &fields(&json!({}))).await.unwrap();
    let (mut back, provider) = read(&mut transaction).await;
    back.remove("UUID").unwrap();
    let expected = json!({
        "name": "k", "type": "gcpckms", "allow_generate_key": false, "allow_replace_key": false,
        "allow_store_key": false, "any_mount": false, "inherits": false, "usages": ["sign", "verify"], "credentials": "redacted",
        "project": "my-project-1", "region": "europe-west3", "key_ring": "ring", "crypto_key": "key",
        "crypto_key_version": "1", "algorithm": "EC_SIGN_P256_SHA256", "protection_level": "hsm",
    });
    assert_eq!(Value::Object(back), expected);
    let account = provider.account().unwrap().unwrap();
    assert_eq!(account.client_email, "svc@my-project-1.iam.gserviceaccount.com");
    assert!(account.private_key.expose_secret().contains("hunter2"));
    for text in [format!("{provider:?}"), format!("{account:?}")] {
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn parameters_are_taken_in_every_form_that_clients_send() {
    for (given, field, expected) in [
        (json!({ "credentials": null }), "credentials", json!("")),
        (json!({ "credentials": "" }), "credentials", json!("")),
        (json!({ "project": "123456789012" }), "project", json!("123456789012")),
        (json!({ "project": 123_456_789_012_u64 }), "project", json!("123456789012")),
        (json!({ "project": "example.com:my-project" }), "project", json!("example.com:my-project")),
        (json!({ "region": "global" }), "region", json!("global")),
        (json!({ "crypto_key": "Key_1-a" }), "crypto_key", json!("Key_1-a")),
        (json!({ "crypto_key_version": 12 }), "crypto_key_version", json!("12")),
        (json!({ "crypto_key_version": "" }), "crypto_key_version", json!("1")),
        (json!({ "algorithm": "ec_sign_p384_sha384" }), "algorithm", json!("EC_SIGN_P384_SHA384")),
        (json!({ "protection_level": "SOFTWARE" }), "protection_level", json!("software")),
        (json!({ "allow_generate_key": "true" }), "allow_generate_key", json!(true)),
        (json!({ "any_mount": "true" }), "any_mount", json!(true)),
        (json!({ "usages": "encrypt,decrypt" }), "usages", json!(["encrypt", "decrypt"])),
    ] {
        let mut transaction = begin().await;
        put(&mut transaction, &fields(&given)).await.unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(read(&mut transaction).await.0.get(field), Some(&expected), "{given}");
    }
    for algorithm in GCPCKMS_ALGORITHMS {
        put(&mut begin().await, &fields(&json!({ "algorithm": algorithm }))).await.unwrap();
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_its_name() {
    let long = "x".repeat(64);
    for (given, word) in [
        (json!({ "project": null }), "project: is required"),
        (json!({ "project": "My Project" }), "project:"),
        (json!({ "project": "a/../b" }), "project:"),
        (json!({ "project": ".." }), "project:"),
        (json!({ "project": ":x" }), "project:"),
        (json!({ "region": null }), "region: is required"),
        (json!({ "region": "europe-west3/keyRings/x" }), "region:"),
        (json!({ "region": ".." }), "region:"),
        (json!({ "region": "evil.com" }), "region:"),
        (json!({ "key_ring": null }), "key_ring: is required"),
        (json!({ "key_ring": "a/b" }), "key_ring:"),
        (json!({ "key_ring": "a%2fb" }), "key_ring:"),
        (json!({ "key_ring": long.clone() }), "key_ring:"),
        (json!({ "crypto_key": null }), "crypto_key: is required"),
        (json!({ "crypto_key": "a:asymmetricSign" }), "crypto_key:"),
        (json!({ "crypto_key": "a?b" }), "crypto_key:"),
        (json!({ "crypto_key": long }), "crypto_key:"),
        (json!({ "crypto_key_version": "0" }), "crypto_key_version:"),
        (json!({ "crypto_key_version": "01" }), "crypto_key_version:"),
        (json!({ "crypto_key_version": "latest" }), "crypto_key_version:"),
        (json!({ "crypto_key_version": "1/publicKey" }), "crypto_key_version:"),
        (json!({ "crypto_key_version": "2", "allow_generate_key": true }), "crypto_key_version:"),
        (json!({ "algorithm": null }), "algorithm: is required"),
        (json!({ "algorithm": "EC_SIGN_SECP256K1_SHA256" }), "algorithm:"),
        (json!({ "protection_level": "external" }), "protection_level:"),
    ] {
        let mut transaction = begin().await;
        let error = put(&mut transaction, &fields(&given)).await.expect_err(&given.to_string());
        assert_eq!(error.reason(), Reason::Invalid, "{given}");
        assert!(error.public().starts_with(word), "{given}: {}", error.public());
        assert!(!transaction.is_dirty(), "{given}");
    }
}

#[tokio::test]
async fn credentials_that_make_a_server_read_or_fetch_are_refused_and_never_repeated() {
    let other = |over: Value| key_file(&over);
    for (credentials, word) in [
        ("/etc/hunter2.json".to_owned(), "a path is not taken"),
        ("file:///etc/hunter2".to_owned(), "a path is not taken"),
        ("{\"type\": \"hunter2".to_owned(), "not the JSON of a key file"),
        ("{\"type\": {\"hunter2\": 1}}".to_owned(), "not the JSON of a key file"),
        ("{}".to_owned(), "service_account"),
        (other(json!({ "type": "external_account" })), "only a key file of the type service_account"),
        (other(json!({ "type": "authorized_user" })), "only a key file of the type service_account"),
        (other(json!({ "type": "impersonated_service_account" })), "only a key file of the type service_account"),
        (other(json!({ "token_uri": "http://169.254.169.254/hunter2" })), "token_uri"),
        (other(json!({ "token_uri": "https://oauth2.googleapis.com.evil.com/token" })), "token_uri"),
        (other(json!({ "universe_domain": "hunter2.com" })), "universe_domain"),
        (other(json!({ "client_email": "" })), "client_email"),
        (other(json!({ "client_email": "a@b@c" })), "client_email"),
        (other(json!({ "client_email": "a/../hunter2@b" })), "client_email"),
        (other(json!({ "private_key_id": "hunter2\n" })), "private_key_id"),
        (other(json!({ "project_id": "" })), "project_id"),
        (other(json!({ "private_key": null })), "private_key"),
        (other(json!({ "private_key": "hunter2" })), "private_key"),
        ("x".repeat((16 << 10) + 1), "16384"),
    ] {
        let mut transaction = begin().await;
        let error = put(&mut transaction, &fields(&json!({ "credentials": credentials }))).await.unwrap_err();
        let public = error.public();
        assert!(error.reason() == Reason::Invalid && public.starts_with("credentials:"), "{credentials}: {public}");
        assert!(public.contains(word), "{credentials}: {public}");
        for text in [public, error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("hunter2"), "{credentials}: {text}");
        }
        assert!(!transaction.is_dirty(), "{credentials}");
    }
    let object = fields(&json!({ "credentials": { "type": "hunter2" } }));
    let error = put(&mut begin().await, &object).await.unwrap_err();
    assert!(error.public().starts_with("credentials:") && !error.public().contains("hunter2"), "{}", error.public());
}

#[tokio::test]
async fn an_update_keeps_the_credentials_when_what_was_read_is_sent_back_and_drops_them_when_told_to() {
    let mut transaction = begin().await;
    put(&mut transaction, &fields(&json!({ "protection_level": "software" }))).await.unwrap();
    let (mut back, before) = read(&mut transaction).await;
    for redacted in ["redacted", "(redacted)"] {
        back.insert("credentials".into(), json!(redacted));
        back.insert("crypto_key_version".into(), json!("3"));
        put(&mut transaction, &back).await.unwrap();
        let (after, provider) = read(&mut transaction).await;
        let secret = |provider: &GcpCkmsProvider| provider.credentials.as_ref().unwrap().expose_secret().to_owned();
        assert_eq!(secret(&provider), secret(&before), "{redacted}");
        assert_eq!(after["crypto_key_version"], "3");
        assert_eq!((&after["UUID"], &after["protection_level"]), (&back["UUID"], &json!("software")));
    }
    put(&mut transaction, json!({ "credentials": "" }).as_object().unwrap()).await.unwrap();
    let (after, provider) = read(&mut transaction).await;
    assert!(provider.credentials.is_none() && after["credentials"] == "");
    assert_eq!(after["crypto_key_version"], "3", "what is not named stays");
}
