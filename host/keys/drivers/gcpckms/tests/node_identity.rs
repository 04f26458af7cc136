//! A record without credentials speaks as the node. A test binary of its own: the environment is the process's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

use std::time::Duration;

use gcpckms::{Driver, NodeIdentity, Settings};
use keys::registry::{GcpCkmsLocator, GcpCkmsProtection, GcpCkmsProvider};
use keys::{Driver as _, Error, Locator, Provider};
use keys_testing::fakekms::FakeKms;
use keys_testing::openssl;
use tokio::time::Instant;

#[test]
fn the_nodes_key_file_is_used_when_a_record_has_no_credentials_and_the_operator_lends_it() {
    let fake = FakeKms::start();
    let account = fake.account(None);
    fake.ring(&account, "ring-1");
    let folder = openssl::tempdir();
    let file = folder.0.join("key.json");
    std::fs::write(&file, account.file.to_string()).unwrap();
    // SAFETY: this is the only test of the process, and no other thread was started yet but the one that reads the
    // double's first line, which looks at no variable.
    #[expect(unsafe_code, reason = "Google's client takes the node's identity from the environment only")]
    unsafe {
        std::env::set_var("GOOGLE_APPLICATION_CREDENTIALS", &file);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let provider = Provider::GcpCkms(GcpCkmsProvider {
            credentials: None,
            project: "my-project-1".into(),
            region: "europe-west3".into(),
            key_ring: "ring-1".into(),
        });
        let locator = Locator::GcpCkms(GcpCkmsLocator {
            crypto_key: "key".into(),
            crypto_key_version: "1".into(),
            algorithm: "EC_SIGN_P256_SHA256".into(),
            protection_level: GcpCkmsProtection::Hsm,
        });
        let driver = |node_identity| Driver::new(Settings { node_identity, endpoint: Some(fake.endpoint()) }).unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        let refused = driver(NodeIdentity::Refused).generate(&provider, &locator, until).await.unwrap_err();
        assert!(matches!(refused, Error::Invalid(_)), "{refused}");
        assert_eq!(fake.calls("CreateCryptoKey", ""), 0);
        driver(NodeIdentity::Lent).generate(&provider, &locator, until).await.unwrap();
        assert_eq!(fake.calls("CreateCryptoKey", ""), 1);
    });
}
