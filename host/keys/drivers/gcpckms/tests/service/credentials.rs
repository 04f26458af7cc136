//! Who may come in, and what is said to those who may not.

use gcpckms::{Driver, NodeIdentity};
use keys::registry::GcpCkmsProvider;
use keys::{Driver as _, Error, Provider, Reason};
use keys_testing::fakekms::Account;
use secrecy::SecretString;
use serde_json::json;

use super::{Cloud, P256, RING, cloud, driver, locator, made, provider, settings, within};

fn with(credentials: Option<String>, ring: &str) -> Provider {
    let Provider::GcpCkms(good) = cloud().account.provider(ring) else { unreachable!() };
    Provider::GcpCkms(GcpCkmsProvider { credentials: credentials.map(SecretString::from), ..good })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_account_that_is_not_known_is_refused_and_a_good_one_beside_it_is_not() {
    made("login", P256).await;
    let driver = driver();
    let unknown = Account::new();
    let mut other_key = cloud().account.clone();
    other_key.file["private_key"] = unknown.file["private_key"].clone();
    for (who, account) in [("unknown", &unknown), ("another key", &other_key)] {
        let refused = account.provider(RING);
        let error = driver.describe(&refused, &locator("login", P256), within(30.0)).await.unwrap_err();
        assert!(matches!(error, Error::Login(_)), "{who}: {error}");
        assert!(matches!(driver.health(&refused, within(30.0)).await, Err(Error::Login(_))), "{who}");
        driver.describe(&provider(), &locator("login", P256), within(30.0)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_without_the_permission_is_forbidden_and_healthy() {
    let fake = &cloud().fake;
    made("forbidden", P256).await;
    let driver = driver();
    let nobody = fake.account(Some(&[])).provider(RING);
    let error = driver.describe(&nobody, &locator("forbidden", P256), within(30.0)).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error}");
    let error = driver.generate(&nobody, &locator("forbidden-new", P256), within(30.0)).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error}");
    // It may sign and not look at rings: the service was reached and took the credentials.
    driver.health(&nobody, within(30.0)).await.unwrap();
    let disabled = fake.account_denied(Some(&[]), "SERVICE_DISABLED").provider(RING);
    let error = driver.health(&disabled, within(30.0)).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "a service that is switched off is not healthy: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_file_whose_key_is_none_is_refused_without_a_call() {
    let mut file = cloud().account.file.clone();
    file["private_key"] = json!("-----BEGIN PRIVATE KEY-----\nTUlJ\n-----END PRIVATE KEY-----\n");
    let error = driver().describe(&with(Some(file.to_string()), RING), &locator("pem", P256), within(30.0)).await;
    assert!(matches!(error.unwrap_err(), Error::Login(_)));
    assert_eq!(cloud().fake.calls("GetPublicKey", "/pem/"), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_came_past_the_registry_still_reads_no_file_and_fetches_nothing() {
    let driver = driver();
    for credentials in [
        "/etc/passwd".to_owned(),
        json!({ "type": "external_account", "credential_source": { "file": "/etc/passwd" } }).to_string(),
    ] {
        let there = locator("past", P256);
        let error = driver.describe(&with(Some(credentials), RING), &there, within(30.0)).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Invalid, "{error}");
    }
    for ring in ["../../..", "a/b", "a?b", ""] {
        let error = driver.describe(&with(None, ring), &locator("past", P256), within(30.0)).await.unwrap_err();
        assert!(error.public().starts_with("key_ring:"), "{}", error.public());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nodes_own_identity_is_not_lent_where_the_operator_forbids_it() {
    let Cloud { account, .. } = cloud();
    let there = locator("lent", P256);
    driver().generate(&account.provider("open"), &there, within(30.0)).await.unwrap();
    let error = driver().describe(&with(None, "open"), &there, within(30.0)).await.unwrap_err();
    assert!(error.public().starts_with("credentials:"), "{}", error.public());
    // Where none are sent at all, the service decides.
    let anonymous = Driver::new(gcpckms::Settings { node_identity: NodeIdentity::Anonymous, ..settings() }).unwrap();
    anonymous.describe(&with(None, "open"), &there, within(30.0)).await.unwrap();
    let error = anonymous.describe(&with(None, RING), &there, within(30.0)).await.unwrap_err();
    assert!(matches!(error, Error::Login(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_was_forgotten_is_connected_anew() {
    made("forgotten", P256).await;
    let driver = driver();
    for _ in 0..2 {
        driver.describe(&provider(), &locator("forgotten", P256), within(30.0)).await.unwrap();
        driver.forget(&provider()).await;
    }
    driver.forget_all().await;
    driver.describe(&provider(), &locator("forgotten", P256), within(30.0)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_in_no_text() {
    let unknown = Account::new();
    let provider = unknown.provider(RING);
    let secret = unknown.file["private_key"].as_str().unwrap();
    let line = secret.lines().nth(3).unwrap();
    let error = driver().describe(&provider, &locator("quiet", P256), within(30.0)).await.unwrap_err();
    for text in [error.public(), error.to_string(), format!("{error:?}"), format!("{provider:?}")] {
        assert!(!text.contains(line) && !text.contains(&cloud().fake.endpoint()), "{text}");
    }
    // What a service writes goes to the log only, and cut short.
    let message = format!("{}{}", "x".repeat(5000), "hunter2");
    cloud()
        .fake
        .fault(json!({ "method": "GetPublicKey", "name": "/quiet/", "times": 1, "code": 7, "message": message }));
    let error = driver().describe(&super::provider(), &locator("quiet", P256), within(30.0)).await.unwrap_err();
    assert!(!error.public().contains("xxx") && !error.to_string().contains("hunter2"), "{error}");
}
