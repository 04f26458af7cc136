//! The driver against a double of Cloud KMS that runs as a program of its own: `host/keys/testing/fakekms`.
//! `tests/setup/install` installs what that needs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod algorithms;
mod credentials;
mod damage;
mod faults;
mod states;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gcpckms::{Driver, NodeIdentity, Settings};
use keys::registry::{GcpCkmsLocator, GcpCkmsProtection};
use keys::{Curve, Description, Driver as _, Error, Hash, Input, Locator, Provider, Sealing, SignRequest};
use keys_testing::conformance::{self, Home, Sort};
use keys_testing::fakekms::{Account, FakeKms};
use tokio::time::Instant;

pub(crate) const P256: &str = "EC_SIGN_P256_SHA256";

/// The double that all tests of this run share, its ring, and an account that may do everything in it.
pub(crate) struct Cloud {
    pub(crate) fake: FakeKms,
    pub(crate) account: Account,
}

pub(crate) const RING: &str = "ring-1";

pub(crate) fn cloud() -> &'static Cloud {
    static CLOUD: OnceLock<Cloud> = OnceLock::new();
    CLOUD.get_or_init(|| {
        let fake = FakeKms::start();
        let account = fake.account(None);
        fake.ring(&account, RING);
        fake.ring(&account, "open");
        Cloud { fake, account }
    })
}

pub(crate) fn settings() -> Settings {
    Settings { node_identity: NodeIdentity::Refused, endpoint: Some(cloud().fake.endpoint()) }
}

pub(crate) fn driver() -> Driver {
    Driver::new(settings()).unwrap()
}

pub(crate) fn provider() -> Provider {
    cloud().account.provider(RING)
}

pub(crate) fn locator(key: &str, algorithm: &str) -> Locator {
    Locator::GcpCkms(GcpCkmsLocator {
        crypto_key: key.into(),
        crypto_key_version: "1".into(),
        algorithm: algorithm.into(),
        protection_level: GcpCkmsProtection::Hsm,
    })
}

pub(crate) fn within(seconds: f64) -> Instant {
    Instant::now() + Duration::from_secs_f64(seconds)
}

/// Makes a key.
pub(crate) async fn made(key: &str, algorithm: &str) -> Description {
    driver().generate(&provider(), &locator(key, algorithm), within(120.0)).await.unwrap()
}

/// Signs a message with the one scheme of an algorithm.
pub(crate) async fn sign(driver: &Driver, key: &str, algorithm: &str, seconds: f64) -> Result<Vec<u8>, Error> {
    let scheme = algorithms::scheme(algorithm).unwrap();
    let request = SignRequest { scheme, input: Input::Message(b"a message"), public_key: None };
    driver.sign(&provider(), &locator(key, algorithm), request, within(seconds)).await
}

struct Everything;

impl Home for Everything {
    fn driver(&self) -> Arc<dyn keys::Driver> {
        Arc::new(driver())
    }
    fn provider(&self) -> Provider {
        provider()
    }
    fn stranger(&self) -> Option<Provider> {
        Some(Account::new().provider(RING))
    }
    fn message_max(&self) -> usize {
        64 << 10
    }
    fn locator(&self, sort: Sort, name: &str) -> Option<Locator> {
        let algorithm = match sort {
            Sort::RsaPkcs1(2048) => "RSA_SIGN_PKCS1_2048_SHA256",
            Sort::RsaPkcs1(3072) => "RSA_SIGN_PKCS1_3072_SHA256",
            Sort::RsaPss(2048) => "RSA_SIGN_PSS_2048_SHA256",
            Sort::Ec(Curve::P256) => P256,
            Sort::Ec(Curve::P384) => "EC_SIGN_P384_SHA384",
            Sort::Ed25519 => "EC_SIGN_ED25519",
            Sort::Seal(Sealing::Home) => "GOOGLE_SYMMETRIC_ENCRYPTION",
            Sort::Mac(Hash::Sha256) => "HMAC_SHA256",
            Sort::Mac(Hash::Sha384) => "HMAC_SHA384",
            Sort::Mac(Hash::Sha512) => "HMAC_SHA512",
            _ => return None,
        };
        Some(locator(name, algorithm))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_driver_keeps_every_promise_of_drivers() {
    let rows = conformance::all(&Everything).await;
    let empty = rows.iter().filter(|row| row.schemes.is_empty() && row.symmetric.is_empty());
    let empty: Vec<Sort> = empty.map(|row| row.sort).collect();
    let expected = [Sort::Ec(Curve::P521), Sort::Seal(Sealing::AesGcm), Sort::Seal(Sealing::AesCbcPad)];
    assert_eq!(empty, expected, "what Cloud KMS has no keys for");
}
