//! A service that is overloaded, broken, slow or somebody else.

use std::time::{Duration, Instant};

use keys::{Driver as _, Error, Reason};
use serde_json::{Value, json};

use super::{P256, cloud, driver, locator, made, provider, sign, within};

const EXHAUSTED: u32 = 8;

async fn with(key: &str, fault: Value) {
    made(key, P256).await;
    let mut all = json!({ "method": "AsymmetricSign", "name": key, "times": 1000 });
    all.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    cloud().fake.fault(all);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_is_waited_out_inside_the_deadline() {
    let fault = json!({ "code": EXHAUSTED, "message": "Quota exceeded", "times": 4 });
    with("throttled", fault).await;
    sign(&driver(), "throttled", P256, 30.0).await.unwrap();
    assert_eq!(cloud().fake.calls("AsymmetricSign", "throttled"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_that_does_not_end_says_when_to_come_again_before_the_deadline_is_over() {
    for (key, fault) in [
        ("overloaded", json!({ "code": EXHAUSTED, "message": "Quota exceeded" })),
        ("crowded", json!({ "http": 429, "body": "<html>slow down</html>" })),
    ] {
        with(key, fault).await;
        let started = Instant::now();
        let error = sign(&driver(), key, P256, 1.5).await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(3), "{key}");
        assert_eq!(error.retry_after(), Some(Duration::from_secs(5)), "{key}: {error}");
        assert_eq!(error.kind(), model::Kind::Unavailable, "{key}");
        assert!(cloud().fake.calls("AsymmetricSign", key) >= 3, "{key}: it was tried again");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_service_is_tried_a_few_times_and_then_said_to_be_unavailable() {
    for (key, fault) in [
        ("five-hundred", json!({ "http": 500, "body": "panic: password=hunter2" })),
        ("bad-gateway", json!({ "http": 502, "body": "<html>hunter2</html>" })),
        ("internal", json!({ "code": 13, "message": "Internal error encountered." })),
        ("garbage", json!({ "http": 200, "body": "hunter2 is no JSON" })),
        ("half", json!({ "http": 200, "body": "{\"signature\": \"hunter2" })),
        ("typed", json!({ "http": 200, "body": "{\"signature\": {\"hunter2\": 1}}" })),
        ("page", json!({ "http": 404, "body": "<html>hunter2 not found</html>" })),
    ] {
        with(key, fault).await;
        let error = sign(&driver(), key, P256, 20.0).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Unavailable, "{key}: {error}");
        assert!(error.retry_after().is_some(), "{key}");
        assert_eq!(cloud().fake.calls("AsymmetricSign", key), 3, "{key}");
        for text in [error.public(), error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("hunter2") && !text.contains("127.0.0.1"), "{key}: {text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_recovers_is_not_noticed() {
    with("recovers", json!({ "http": 503, "body": "", "times": 2 })).await;
    sign(&driver(), "recovers", P256, 30.0).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_answer_is_waited_for_and_one_that_never_comes_ends_at_the_deadline() {
    with("slow", json!({ "delay": 700, "times": 1 })).await;
    sign(&driver(), "slow", P256, 30.0).await.unwrap();
    with("never", json!({ "delay": 600_000 })).await;
    let started = Instant::now();
    let error = sign(&driver(), "never", P256, 1.0).await.unwrap_err();
    assert!(matches!(error, Error::Timeout), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_making_that_never_answers_ends_at_the_deadline_too() {
    cloud().fake.fault(json!({ "method": "GetPublicKey", "name": "never-made", "times": 1000, "delay": 600_000 }));
    let started = Instant::now();
    let error = driver().generate(&provider(), &locator("never-made", P256), within(1.0)).await.unwrap_err();
    assert!(matches!(error, Error::Timeout) && started.elapsed() < Duration::from_secs(3), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_address_is_unavailable() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = gcpckms::Settings { endpoint: Some(format!("http://{closed}")), ..super::settings() };
    let driver = gcpckms::Driver::new(settings).unwrap();
    let error = driver.describe(&provider(), &locator("any", P256), within(10.0)).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Unavailable, "{error}");
    let port = closed.port().to_string();
    assert!(!error.public().contains(&port) && !error.to_string().contains(&port), "{error}");
    assert_eq!(driver.health(&provider(), within(10.0)).await.unwrap_err().reason(), Reason::Unavailable);
}
