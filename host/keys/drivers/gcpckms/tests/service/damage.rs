//! Answers that were damaged on the way, or are not to what was asked.

use keys::{Driver as _, Hash, Reason, Scheme};
use keys_testing::openssl;
use serde_json::json;

use super::{P256, cloud, driver, locator, made, provider, sign, within};

fn spoil(method: &str, name: &str, how: &str, times: u32) {
    cloud().fake.fault(json!({ "method": method, "name": name, "times": times, "spoil": how }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_signature_is_asked_for_once_more_and_twice_damaged_is_an_error() {
    let fake = &cloud().fake;
    for how in ["checksum", "bytes", "unverified", "name"] {
        let key = format!("damaged-{how}");
        let made = made(&key, P256).await;
        let driver = driver();
        spoil("AsymmetricSign", &key, how, 1);
        let signature = sign(&driver, &key, P256, 30.0).await.unwrap_or_else(|error| panic!("{how}: {error}"));
        let scheme = Scheme::Ecdsa(Hash::Sha256);
        assert!(openssl::verifies(&made.public_key, scheme, b"a message", &signature), "{how}");
        assert_eq!(fake.calls("AsymmetricSign", &key), 2, "{how}");
        spoil("AsymmetricSign", &key, how, 2);
        let error = sign(&driver, &key, P256, 30.0).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Unavailable, "{how}: {error}");
        assert!(error.to_string().contains("checksum"), "{error}");
        assert_eq!(fake.calls("AsymmetricSign", &key), 4, "{how}: only one more");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_public_key_is_never_taken() {
    for how in ["checksum", "bytes", "name"] {
        let key = format!("damaged-public-{how}");
        let made = made(&key, P256).await;
        let there = locator(&key, P256);
        spoil("GetPublicKey", &key, how, 1);
        assert_eq!(driver().describe(&provider(), &there, within(30.0)).await.unwrap(), made, "{how}");
        spoil("GetPublicKey", &key, how, 2);
        let error = driver().describe(&provider(), &there, within(30.0)).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Unavailable, "{how}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_plaintext_is_never_taken() {
    let (key, algorithm) = ("damaged-plaintext", "RSA_DECRYPT_OAEP_2048_SHA256");
    let made = made(key, algorithm).await;
    let sealed = keys::encrypt_to(&made.public_key, Hash::Sha256, b"a secret").unwrap();
    let (driver, there) = (driver(), locator(key, algorithm));
    for how in ["checksum", "bytes", "unverified"] {
        for times in [1, 2] {
            spoil("AsymmetricDecrypt", key, how, times);
            let cipher = driver.cipher().unwrap();
            match cipher.decrypt(&provider(), &there, Hash::Sha256, &sealed, within(30.0)).await {
                Ok(opened) => assert!(times == 1 && &opened[..] == b"a secret", "{how}"),
                Err(error) => assert!(times == 2 && error.reason() == Reason::Unavailable, "{how}: {error}"),
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_the_service_found_damaged_is_sent_once_more() {
    made("damaged-request", P256).await;
    let message = "The checksum in field digest_crc32c did not match the data in field digest.";
    let fault =
        json!({ "method": "AsymmetricSign", "name": "damaged-request", "times": 1, "code": 3, "message": message });
    cloud().fake.fault(fault);
    sign(&driver(), "damaged-request", P256, 30.0).await.unwrap();
    assert_eq!(cloud().fake.calls("AsymmetricSign", "damaged-request"), 2);
}
