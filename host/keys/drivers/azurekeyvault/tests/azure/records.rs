//! The records of keys in vaults: parameters, read-back, refusals, secrets.

use keys::{Libraries, ManagedKeys, Place, ProviderType, Reason};
use model::{Id, NamespacePath};
use serde_json::{Map, Value, json};
use storage::memory::Memory;
use storage::{Store, Transaction};

use super::*;

static ROOT: NamespacePath = NamespacePath::root();
const PLACE: Place<'_> = Place { namespace: Id::nil(), path: &ROOT };
const KIND: ProviderType = ProviderType::AzureKeyVault;
const SECRET: &str = "a~secret.of-an_application";

fn fields(over: Value) -> Map<String, Value> {
    let mut all = json!({ "tenant_id": TENANT, "client_id": CLIENT, "client_secret": SECRET, "vault_name": "my-vault",
        "key_name": "my-key", "key_type": "RSA-HSM" });
    for (name, value) in over.as_object().unwrap() {
        all[name] = value.clone();
    }
    all.as_object().unwrap().clone()
}

fn service() -> ManagedKeys {
    ManagedKeys::new(Arc::new(Libraries::default()), [])
}

async fn begin() -> Transaction {
    Store::new(Memory::new()).begin().await.unwrap()
}

async fn write(transaction: &mut Transaction, fields: &Map<String, Value>) -> Result<(), Error> {
    service().write(transaction, PLACE, KIND, "k", fields).await.map(drop)
}

async fn read(transaction: &mut Transaction) -> Map<String, Value> {
    service().read(transaction, Id::nil(), KIND, "k").await.unwrap().unwrap()
}

#[tokio::test]
async fn a_record_reads_back_as_the_api_says_and_its_secret_never_does() {
    let mut transaction = begin().await;
    write(&mut transaction, &fields(json!({ "key_bits": "3072", "allow_generate_key": "true" }))).await.unwrap();
    let mut back = read(&mut transaction).await;
    back.remove("UUID").unwrap();
    let expected = json!({
        "name": "k", "type": "azurekeyvault", "allow_generate_key": true, "allow_replace_key": false,
        "allow_store_key": false, "any_mount": false, "inherits": false, "usages": ["sign", "verify"], "tenant_id": TENANT,
        "client_id": CLIENT, "client_secret": "redacted", "environment": "AZUREPUBLICCLOUD", "vault_name": "my-vault",
        "resource": "vault.azure.net", "key_name": "my-key", "key_type": "RSA-HSM", "key_bits": "3072",
    });
    assert_eq!(Value::Object(back), expected);
}

#[tokio::test]
async fn parameters_are_taken_in_every_form_that_clients_send() {
    for (given, field, expected) in [
        (json!({ "environment": "AzureUSGovernmentCloud" }), "environment", json!("AZUREUSGOVERNMENTCLOUD")),
        (json!({ "environment": "" }), "environment", json!("AZUREPUBLICCLOUD")),
        (json!({ "resource": "ManagedHSM.azure.net" }), "resource", json!("managedhsm.azure.net")),
        (json!({ "resource": "vault.azure.cn" }), "resource", json!("vault.azure.cn")),
        (json!({ "key_type": "ec-hsm", "curve": "p-521" }), "curve", json!("P521")),
        (json!({ "key_type": "rsa" }), "key_type", json!("RSA")),
        (json!({ "key_bits": 4096 }), "key_bits", json!("4096")),
        (
            json!({ "key_version": "0123456789abcdef0123456789ABCDEF" }),
            "key_version",
            json!("0123456789abcdef0123456789ABCDEF"),
        ),
        (json!({ "tenant_id": "contoso.onmicrosoft.com" }), "tenant_id", json!("contoso.onmicrosoft.com")),
        (json!({ "client_secret": "", "client_id": "" }), "client_secret", json!("")),
        (json!({ "client_secret": "" }), "client_id", json!(CLIENT)),
        (json!({ "encryption_mode": "raw" }), "key_name", json!("my-key")),
        (json!({ "vault_name": "abc" }), "vault_name", json!("abc")),
        (json!({ "vault_name": "a23456789-123456789-1234" }), "vault_name", json!("a23456789-123456789-1234")),
        (json!({ "key_name": "k".repeat(127) }), "key_name", json!("k".repeat(127))),
    ] {
        let mut transaction = begin().await;
        write(&mut transaction, &fields(given.clone())).await.unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(read(&mut transaction).await.get(field), Some(&expected), "{given}");
    }
}

#[tokio::test]
async fn what_azure_would_not_take_is_refused_by_its_field_and_nothing_is_written() {
    for (given, field) in [
        (json!({ "tenant_id": null }), "tenant_id"),
        (json!({ "tenant_id": "../x" }), "tenant_id"),
        (json!({ "tenant_id": "a..b" }), "tenant_id"),
        (json!({ "tenant_id": "a/b" }), "tenant_id"),
        (json!({ "tenant_id": "a?b" }), "tenant_id"),
        (json!({ "tenant_id": ".example" }), "tenant_id"),
        (json!({ "tenant_id": "x".repeat(254) }), "tenant_id"),
        (json!({ "client_id": "a b" }), "client_id"),
        (json!({ "client_id": "" }), "client_id"),
        (json!({ "client_secret": [SECRET] }), "client_secret"),
        (json!({ "client_secret": "x".repeat(16_385) }), "client_secret"),
        (json!({ "environment": "AZURE CLOUD" }), "environment"),
        (json!({ "environment": "evil.example" }), "environment"),
        (json!({ "vault_name": null }), "vault_name"),
        (json!({ "vault_name": "ab" }), "vault_name"),
        (json!({ "vault_name": "a23456789-123456789-12345" }), "vault_name"),
        (json!({ "vault_name": "1vault" }), "vault_name"),
        (json!({ "vault_name": "my--vault" }), "vault_name"),
        (json!({ "vault_name": "vault-" }), "vault_name"),
        (json!({ "vault_name": "evil.example/" }), "vault_name"),
        (json!({ "vault_name": "evil.com#" }), "vault_name"),
        (json!({ "vault_name": "vält" }), "vault_name"),
        (json!({ "vault_name": "user@evil" }), "vault_name"),
        (json!({ "resource": "evil.example" }), "resource"),
        (json!({ "resource": "https://vault.azure.net" }), "resource"),
        (json!({ "key_name": null }), "key_name"),
        (json!({ "key_name": "a/b" }), "key_name"),
        (json!({ "key_name": ".." }), "key_name"),
        (json!({ "key_name": "a_b" }), "key_name"),
        (json!({ "key_name": "k".repeat(128) }), "key_name"),
        (json!({ "key_version": "1" }), "key_version"),
        (json!({ "key_version": "0123456789abcdef0123456789abcde/" }), "key_version"),
        (json!({ "key_type": null }), "key_type"),
        (json!({ "key_type": "oct" }), "key_type"),
        (json!({ "key_bits": 1024 }), "key_bits"),
        (json!({ "curve": "P256K" }), "curve"),
        (json!({ "encryption_mode": "envelope" }), "encryption_mode"),
        (json!({ "allow_generate_key": true }), "key_bits"),
        (json!({ "allow_generate_key": true, "key_type": "EC" }), "curve"),
        (json!({ "allow_generate_key": true, "key_version": "0".repeat(32) }), "key_version"),
    ] {
        let mut transaction = begin().await;
        let error = write(&mut transaction, &fields(given.clone())).await.expect_err(&given.to_string());
        assert_eq!(error.reason(), Reason::Invalid, "{given}: {error}");
        assert!(error.public().starts_with(&format!("{field}:")), "{given}: {}", error.public());
        assert!(!format!("{error} {error:?} {}", error.public()).contains(SECRET), "{given}: {error}");
        assert!(!transaction.is_dirty(), "{given}");
    }
}

#[tokio::test]
async fn an_update_keeps_the_secret_when_what_it_reads_as_is_sent_back() {
    let scene = Scene::new("my-vault");
    let mut transaction = begin().await;
    let good = json!({ "client_secret": scene.azure.secret, "key_type": "EC", "curve": "P256",
        "allow_generate_key": true, "any_mount": true });
    write(&mut transaction, &fields(good)).await.unwrap();
    let before = read(&mut transaction).await;
    for redacted in ["redacted", "(redacted)"] {
        let again = json!({ "client_secret": redacted, "key_name": "other-key" });
        write(&mut transaction, again.as_object().unwrap()).await.unwrap();
    }
    let after = read(&mut transaction).await;
    assert_eq!((&after["UUID"], &after["key_name"]), (&before["UUID"], &json!("other-key")));
    assert_eq!((&after["client_secret"], &after["vault_name"]), (&json!("redacted"), &json!("my-vault")));

    // That the vault signs shows that the secret is still the right one; and the whole way of a managed key is gone.
    let Scene { azure, driver, .. } = scene;
    let driver: Arc<dyn keys::Driver> = Arc::new(driver);
    let service = ManagedKeys::new(Arc::new(Libraries::default()), [(KIND, driver)]);
    let test = keys::TestSign { use_pss: false, hash: Some(Hash::Sha256) };
    service.test_sign(&mut transaction, PLACE, KIND, "k", test, soon()).await.unwrap();
    azure.age("my-vault.vault.azure.net", "other-key", 60);
    azure.rotate("my-vault.vault.azure.net", "other-key");
    service.test_sign(&mut transaction, PLACE, KIND, "k", test, soon()).await.unwrap();
}

#[tokio::test]
async fn a_secret_is_in_no_text_that_a_record_or_a_driver_makes() {
    let scene = Scene::new("my-vault");
    let provider = scene.provider();
    let texts = format!("{provider:?} {:?} {:?}", scene.record(), settings(&scene.azure, "x", NodeIdentity::Managed));
    assert!(!texts.contains(&scene.azure.secret), "{texts}");
}
