//! Keys that are not there, not there yet, or there and not to be used.

use keys::{Driver as _, Error, Locator, Reason};
use serde_json::json;

use super::{Cloud, P256, RING, cloud, driver, locator, made, provider, sign, within};

fn version(key: &str, number: &str) -> Locator {
    let Locator::GcpCkms(mut there) = locator(key, P256) else { unreachable!() };
    there.crypto_key_version = number.into();
    Locator::GcpCkms(there)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_not_enabled_says_its_state_and_works_again_once_it_is() {
    let Cloud { fake, account } = cloud();
    made("state", P256).await;
    let driver = driver();
    sign(&driver, "state", P256, 30.0).await.unwrap();
    for (state, said) in
        [("DISABLED", "disabled"), ("DESTROY_SCHEDULED", "scheduled for destruction"), ("DESTROYED", "destroyed")]
    {
        fake.set_state(account, RING, "state", state);
        let described = driver.describe(&provider(), &locator("state", P256), within(30.0)).await.unwrap_err();
        let signed = sign(&driver, "state", P256, 30.0).await.unwrap_err();
        let made = driver.generate(&provider(), &locator("state", P256), within(30.0)).await.unwrap_err();
        for error in [described, signed, made] {
            assert!(matches!(&error, Error::Unusable(state) if state == said), "{state}: {error}");
            assert_eq!(error.kind(), model::Kind::InvalidRequest);
        }
    }
    fake.set_state(account, RING, "state", "ENABLED");
    sign(&driver, "state", P256, 30.0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_said_even_to_an_account_that_may_only_sign() {
    let Cloud { fake, account } = cloud();
    made("signer-only", P256).await;
    fake.set_state(account, RING, "signer-only", "DISABLED");
    let signer = fake.account(Some(&["GetPublicKey", "AsymmetricSign"])).provider(RING);
    let error = driver().describe(&signer, &locator("signer-only", P256), within(30.0)).await.unwrap_err();
    assert!(matches!(&error, Error::Unusable(state) if state == "disabled"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_absent_and_a_missing_ring_is_named_when_a_key_is_to_be_made() {
    let driver = driver();
    made("has-one", P256).await;
    let elsewhere = cloud().account.provider("no-such-ring");
    for (provider, locator) in [
        (&elsewhere, version("any", "1")),
        (&provider(), version("no-such-key", "1")),
        (&provider(), version("has-one", "2")),
    ] {
        let error = driver.describe(provider, &locator, within(30.0)).await.unwrap_err();
        assert!(matches!(error, Error::Absent), "{locator:?}: {error}");
    }
    let error = driver.generate(&elsewhere, &version("any", "1"), within(30.0)).await.unwrap_err();
    assert!(error.reason() == Reason::Invalid && error.public().starts_with("key_ring:"), "{}", error.public());
    let error = driver.health(&elsewhere, within(30.0)).await.unwrap_err();
    assert!(error.public().starts_with("key_ring:"), "{}", error.public());
    let error = driver.generate(&provider(), &version("has-one", "2"), within(30.0)).await.unwrap_err();
    assert!(error.public().starts_with("crypto_key_version:"), "{}", error.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_version_of_a_key_is_used_by_its_number() {
    let Cloud { fake, account } = cloud();
    let first = made("two", P256).await;
    fake.new_version(account, RING, "two");
    let second = driver().describe(&provider(), &version("two", "2"), within(30.0)).await.unwrap();
    assert_ne!(second.public_key, first.public_key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_being_made_is_waited_for_inside_the_deadline() {
    let fake = &cloud().fake;
    fake.fault(json!({ "method": "CreateCryptoKey", "name": "slowly", "times": 1, "delay": 1500 }));
    let (driver, there) = (driver(), locator("slowly", P256));
    let early = driver.generate(&provider(), &there, within(0.7)).await.unwrap_err();
    assert!(early.retry_after().is_some() && early.reason() == Reason::Unavailable, "{early}");
    // Another node, which finds it in the making.
    let made = super::driver().describe(&provider(), &there, within(30.0)).await.unwrap();
    assert_eq!(driver.generate(&provider(), &there, within(30.0)).await.unwrap(), made);
    assert_eq!(fake.calls("CreateCryptoKey", "/slowly"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_in_an_hsm_unless_the_record_says_software() {
    use keys::registry::GcpCkmsProtection;
    let Cloud { fake, account } = cloud();
    for (key, level, word) in
        [("hard", GcpCkmsProtection::Hsm, "HSM"), ("soft", GcpCkmsProtection::Software, "SOFTWARE")]
    {
        let Locator::GcpCkms(mut there) = locator(key, P256) else { unreachable!() };
        there.protection_level = level;
        driver().generate(&provider(), &Locator::GcpCkms(there), within(30.0)).await.unwrap();
        let path = format!(
            "projects/my-project-1/locations/europe-west3/keyRings/{RING}/cryptoKeys/{key}/cryptoKeyVersions/1"
        );
        let version = fake.rest(account, "GET", &path, &json!({}));
        assert_eq!(version["protectionLevel"], word, "{version}");
    }
}
