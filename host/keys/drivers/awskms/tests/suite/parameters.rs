//! The records of managed keys of this type, as clients of the API write and read them.

use std::sync::Arc;

use keys::{Caller, Error, Hash, Input, Libraries, ManagedKeys, Place, ProviderType, Scheme, TestSign};
use model::{Id, NamespacePath};
use serde_json::{Map, Value, json};
use storage::Store;
use storage::memory::Memory;

use crate::identity::realm;
use crate::{ACCESS_KEY, SECRET_KEY, deadline, driver, localstack};

static ROOT: NamespacePath = NamespacePath::root();
const KIND: ProviderType = ProviderType::AwsKms;

fn place() -> Place<'static> {
    Place { namespace: Id::nil(), path: &ROOT }
}

/// A server's registry, with the driver.
struct Bench(ManagedKeys, Store);

impl Bench {
    fn new() -> Self {
        let driver: Arc<dyn keys::Driver> = Arc::new(driver());
        let keys = ManagedKeys::new(Arc::new(Libraries::new([]).unwrap()), [(KIND, driver)]);
        Self(keys, Store::new(Memory::new()))
    }

    async fn write(&self, fields: Value) -> Result<(), Error> {
        let mut transaction = self.1.begin().await.unwrap();
        let fields = fields.as_object().unwrap();
        let replaced = self.0.write(&mut transaction, place(), KIND, "k", fields).await?;
        transaction.commit().await.unwrap();
        self.0.forget(replaced).await;
        Ok(())
    }

    async fn read(&self) -> Map<String, Value> {
        let mut transaction = self.1.begin().await.unwrap();
        let mut fields = self.0.read(&mut transaction, Id::nil(), KIND, "k").await.unwrap().unwrap();
        fields.remove("UUID").unwrap();
        fields
    }

    async fn test_sign(&self, hash: Hash) -> Result<(), Error> {
        let mut transaction = self.1.begin().await.unwrap();
        let test = TestSign { hash: Some(hash), use_pss: false };
        self.0.test_sign(&mut transaction, place(), KIND, "k", test, deadline()).await?;
        transaction.commit().await.unwrap();
        Ok(())
    }
}

fn with(over: Value) -> Value {
    let mut all = json!({ "access_key": ACCESS_KEY, "secret_key": SECRET_KEY, "region": "eu-central-1",
        "kms_key": "alias/k", "key_type": "ECDSA", "curve": "P256" });
    all.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
    all
}

#[tokio::test]
async fn a_record_reads_back_as_it_was_written_and_its_credentials_never_do() {
    let bench = Bench::new();
    bench.write(with(json!({ "endpoint": "http://127.0.0.1:4566", "any_mount": "true" }))).await.unwrap();
    let expected = json!({
        "name": "k", "type": "awskms", "allow_generate_key": false, "allow_replace_key": false,
        "allow_store_key": false, "any_mount": true, "inherits": false, "usages": ["sign", "verify"], "access_key": "redacted",
        "secret_key": "redacted", "region": "eu-central-1", "endpoint": "http://127.0.0.1:4566", "kms_key": "alias/k",
        "key_type": "ECDSA", "curve": "P256",
    });
    assert_eq!(Value::Object(bench.read().await), expected);
    let bench = Bench::new();
    bench.write(json!({ "kms_key": "alias/k", "key_type": "rsa", "key_bits": "3072" })).await.unwrap();
    let back = bench.read().await;
    for (field, value) in [
        ("access_key", ""),
        ("secret_key", ""),
        ("region", ""),
        ("endpoint", ""),
        ("key_bits", "3072"),
        ("key_type", "RSA"),
    ] {
        assert_eq!(back[field], value, "{field}");
    }
}

#[tokio::test]
async fn every_form_that_aws_and_its_clients_know_is_taken() {
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    for (given, field) in [
        (json!({ "kms_key": id }), "kms_key"),
        (json!({ "kms_key": "mrk-1234abcd12ab34cd56ef1234567890ab" }), "kms_key"),
        (json!({ "kms_key": format!("arn:aws:kms:eu-central-1:111122223333:key/{id}") }), "kms_key"),
        (json!({ "kms_key": "arn:aws-us-gov:kms:us-gov-west-1:111122223333:alias/a/b_c-D" }), "kms_key"),
        (json!({ "kms_key": "alias/a/b_c-D" }), "kms_key"),
        (json!({ "curve": "P384" }), "curve"),
        (json!({ "curve": "P521" }), "curve"),
        // Terraform's provider sends it with every key.
        (json!({ "key_bits": "256" }), "key_bits"),
        (json!({ "endpoint": "vpce-0a-b.kms.eu-central-1.vpce.amazonaws.com" }), "endpoint"),
        (json!({ "endpoint": "https://[::1]:4566" }), "endpoint"),
        (json!({ "endpoint": "http://localhost:4566/" }), "endpoint"),
        (json!({ "region": "us-gov-west-1" }), "region"),
    ] {
        let bench = Bench::new();
        bench.write(with(given.clone())).await.unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!(bench.read().await[field], given[field]);
    }
}

#[tokio::test]
async fn a_wrong_parameter_is_refused_by_its_name_and_what_is_right_is_said() {
    let long = format!("alias/{}", "a".repeat(251));
    for (given, words) in [
        (json!({ "kms_key": "" }), ["kms_key", "is required"]),
        (json!({ "kms_key": "my-key" }), ["kms_key", "alias/my-key"]),
        (json!({ "kms_key": "alias/" }), ["kms_key", "alias/"]),
        (json!({ "kms_key": "alias/a b" }), ["kms_key", "alias/"]),
        (json!({ "kms_key": long }), ["kms_key", "250"]),
        (json!({ "kms_key": "arn:aws:s3:::bucket" }), ["kms_key", "ARN"]),
        (json!({ "kms_key": "arn:aws:kms:eu-central-1:111122223333:grant/x" }), ["kms_key", "ARN"]),
        (
            json!({ "kms_key": "arn:aws:kms:eu-central-1:111122223333:key/x", "allow_generate_key": true }),
            ["kms_key", ""],
        ),
        (
            json!({ "kms_key": "1234abcd-12ab-34cd-56ef-1234567890ab", "allow_generate_key": true }),
            ["kms_key", "alias/name"],
        ),
        (json!({ "kms_key": "alias/aws/mine", "allow_generate_key": true }), ["kms_key", "AWS's own"]),
        (json!({ "key_type": "" }), ["key_type", "RSA, ECDSA, AES or HMAC"]),
        (json!({ "key_type": "SM2" }), ["key_type", "RSA, ECDSA, AES or HMAC"]),
        (json!({ "key_type": "RSA", "key_bits": "1024" }), ["key_bits", "2048"]),
        (json!({ "key_type": "RSA", "allow_generate_key": true }), ["key_bits", "2048"]),
        (json!({ "curve": "", "allow_generate_key": true }), ["curve", "P256"]),
        (json!({ "curve": "P224" }), ["curve", "P256"]),
        (json!({ "secret_key": "" }), ["access_key and secret_key", "both"]),
        (json!({ "access_key": "" }), ["access_key and secret_key", "both"]),
        (json!({ "access_key": "a b" }), ["access_key", "ASCII"]),
        (json!({ "secret_key": "a\r\nx: y" }), ["secret_key", "ASCII"]),
        (json!({ "secret_key": "s".repeat(257) }), ["secret_key", "256"]),
        (json!({ "region": "eu central 1" }), ["region", "eu-central-1"]),
        (json!({ "region": "x.example.org/" }), ["region", "eu-central-1"]),
        (json!({ "endpoint": "ftp://example.org" }), ["endpoint", "https"]),
        (json!({ "endpoint": "https://user:password@example.org" }), ["endpoint", "https"]),
        (json!({ "endpoint": "https://example.org/path" }), ["endpoint", "https"]),
        (json!({ "endpoint": "https://example.org?query" }), ["endpoint", "https"]),
        (json!({ "endpoint": "https://example.org:99999" }), ["endpoint", "https"]),
        (json!({ "endpoint": "https://[::1" }), ["endpoint", "https"]),
        (json!({ "endpoint": "https://" }), ["endpoint", "https"]),
    ] {
        let refused = Bench::new().write(with(given.clone())).await.unwrap_err();
        for word in words {
            assert!(refused.public().contains(word), "{given}: {}", refused.public());
        }
        assert!(
            !refused.public().contains(SECRET_KEY) && !refused.public().contains("password"),
            "{}",
            refused.public()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_with_redacted_credentials_keeps_them_and_a_new_one_replaces_them() {
    let (bench, all) = (Bench::new(), &realm().all);
    let over = json!({ "access_key": all.access_key, "secret_key": all.secret_key, "region": "us-east-1",
        "endpoint": realm().url(), "kms_key": format!("alias/updated-{}", std::process::id()), "allow_generate_key": true });
    bench.write(with(over)).await.unwrap();
    let described = bench.describe().await;
    // moto signs wrongly; that it let us in is enough.
    assert!(described.is_ok(), "{described:?}");
    let same = bench.read().await;
    bench.write(Value::Object(same.clone())).await.unwrap();
    assert_eq!(bench.read().await, same);
    bench.describe().await.unwrap();
    bench.write(json!({ "secret_key": "another" })).await.unwrap();
    assert!(
        matches!(bench.describe().await.unwrap_err(), Error::Of { source, .. } if matches!(*source, Error::Login(_)))
    );
    bench.write(json!({ "secret_key": all.secret_key, "access_key": "redacted" })).await.unwrap();
    bench.describe().await.unwrap();
    bench.write(json!({ "secret_key": "", "access_key": "" })).await.unwrap();
    assert_eq!(bench.read().await["access_key"], "");
    assert!(bench.describe().await.unwrap_err().public().contains("endpoint"), "the node's credentials are not lent");
}

impl Bench {
    async fn describe(&self) -> Result<(), Error> {
        let mut transaction = self.1.begin().await.unwrap();
        let caller = Caller {
            namespace: Id::nil(),
            path: &ROOT,
            mount: Id::nil(),
            allowed_managed_keys: &["k".into()],
            usages: keys::Usages::ALL,
            above: &[],
        };
        let key = self.0.open(&mut transaction, &caller, "k").await?;
        // Signed rather than described: a description is kept.
        key.sign(&mut transaction, Scheme::Ecdsa(Hash::Sha256), Input::Message(b"m"), deadline()).await.map(drop)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn test_sign_makes_a_key_if_it_may_and_signs_with_what_the_key_can() {
    let bench = Bench::new();
    let name = format!("alias/tested-{}", std::process::id());
    let fields = |generate: bool| {
        with(json!({ "endpoint": localstack().url(), "kms_key": name, "allow_generate_key": generate }))
    };
    bench.write(fields(false)).await.unwrap();
    let missing = bench.test_sign(Hash::Sha256).await.unwrap_err();
    assert!(missing.public().contains("key not found"), "{}", missing.public());
    bench.write(fields(true)).await.unwrap();
    bench.test_sign(Hash::Sha256).await.unwrap();
    let refused = bench.test_sign(Hash::Sha384).await.unwrap_err();
    assert!(refused.public().contains("it can sign ECDSA with sha2-256"), "{}", refused.public());
}

#[tokio::test]
async fn usages_decide_what_a_key_that_is_made_is_for_and_an_ecdsa_key_does_not_decrypt() {
    let made = json!({ "allow_generate_key": true, "usages": "encrypt,decrypt" });
    let refused = Bench::new().write(with(made)).await.unwrap_err();
    assert!(refused.public().starts_with("usages:"), "{}", refused.public());
    for (key, field) in [
        (json!({ "key_type": "aes" }), "key_type"),
        (json!({ "key_type": "HMAC", "key_bits": "384" }), "key_bits"),
        (json!({ "key_type": "RSA", "key_bits": "2048" }), "key_bits"),
    ] {
        let mut fields = json!({ "kms_key": "alias/k", "allow_generate_key": true, "usages": "encrypt,decrypt,mac" });
        fields.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        let bench = Bench::new();
        bench.write(fields).await.unwrap();
        assert_eq!(bench.read().await[field], key[field].as_str().unwrap().to_uppercase(), "{key}");
    }
    let bits = json!({ "key_type": "AES", "key_bits": "128", "kms_key": "alias/k" });
    assert!(Bench::new().write(bits).await.unwrap_err().public().contains("256"));
}
