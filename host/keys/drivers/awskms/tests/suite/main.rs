//! The driver against LocalStack, whose keys and signatures are real; against moto, whose checks of who asks are; and
//! against a server of this suite that fails in every way. `tests/setup/install` makes what they need.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod conformance;
mod faults;
mod identity;
mod making;
mod node;
mod parameters;
mod pointed;
mod speed;
mod states;
mod stub;

use std::sync::OnceLock;
use std::time::Duration;

use awskms::{Driver, Settings};
use keys::registry::{AwsKmsKeyType, AwsKmsLocator, AwsKmsProvider};
use keys::{Curve, Hash, Input, Locator, Provider, Scheme, SignRequest};
use keys_testing::localstack::LocalStack;
use secrecy::SecretString;
use tokio::time::Instant;

/// What AWS would give.
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const REGION: &str = "eu-central-1";

/// The LocalStack of this run.
fn localstack() -> &'static LocalStack {
    static LOCALSTACK: OnceLock<LocalStack> = OnceLock::new();
    LOCALSTACK.get_or_init(LocalStack::start)
}

fn deadline() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn driver() -> Driver {
    Driver::new(Settings::default())
}

fn provider_of(access_key: &str, secret_key: &str, region: &str, endpoint: &str) -> Provider {
    Provider::AwsKms(AwsKmsProvider {
        access_key: Some(SecretString::from(access_key)),
        secret_key: Some(SecretString::from(secret_key)),
        region: Some(region.into()),
        endpoint: Some(endpoint.into()),
    })
}

/// The usual credentials at this endpoint.
fn provider_at(endpoint: &str) -> Provider {
    provider_of(ACCESS_KEY, SECRET_KEY, REGION, endpoint)
}

fn ecdsa(kms_key: &str, curve: Option<Curve>) -> Locator {
    let key_type = AwsKmsKeyType::Ecdsa;
    Locator::AwsKms(AwsKmsLocator {
        kms_key: kms_key.into(),
        key_type,
        key_bits: None,
        curve,
        decrypts: false,
        described: None,
    })
}

fn rsa(kms_key: &str, key_bits: Option<u32>) -> Locator {
    let key_type = AwsKmsKeyType::Rsa;
    Locator::AwsKms(AwsKmsLocator {
        kms_key: kms_key.into(),
        key_type,
        key_bits,
        curve: None,
        decrypts: false,
        described: None,
    })
}

fn symmetric(kms_key: &str, key_type: AwsKmsKeyType, key_bits: Option<u32>) -> Locator {
    let locator =
        AwsKmsLocator { kms_key: kms_key.into(), key_type, key_bits, curve: None, decrypts: false, described: None };
    Locator::AwsKms(locator)
}

/// A digest to be signed with P-256.
fn request(digest: &[u8; 32]) -> SignRequest<'_> {
    SignRequest { scheme: Scheme::Ecdsa(Hash::Sha256), input: Input::Digest(digest), public_key: None }
}

/// AWS's own client, for what the driver does not do.
fn aws(endpoint: &str) -> aws_sdk_kms::Client {
    use aws_sdk_kms::config::{BehaviorVersion, Builder, Credentials, Region};
    let config = Builder::new()
        .behavior_version(BehaviorVersion::latest())
        .credentials_provider(Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test"))
        .region(Region::new(REGION))
        .endpoint_url(endpoint);
    aws_sdk_kms::Client::from_conf(config.build())
}
