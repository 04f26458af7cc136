//! What goes wrong between the node and Azure.

use std::time::Instant as Clock;

use keys::Reason;
use keys_testing::azure::Fault;
use model::Kind;

use super::*;

fn within(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}

/// A vault with a key that has signed once, so that what follows is one request.
async fn warm(vault: &'static str) -> Scene {
    let scene = Scene::new(vault);
    scene.make(&p256("k")).await;
    scene.sign(&p256("k")).await.unwrap();
    scene.azure.asked(vault);
    scene
}

#[tokio::test]
async fn a_throttled_call_waits_as_long_as_it_is_told_and_succeeds_within_its_deadline() {
    let scene = warm("throttled").await;
    scene.azure.fault("throttled", [Fault::Throttled(1), Fault::Throttled(1)]);
    let started = Clock::now();
    scene.sign(&p256("k")).await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2), "it did not wait: {:?}", started.elapsed());
    assert_eq!(scene.azure.asked("throttled").len(), 3);
}

#[tokio::test]
async fn a_wait_that_is_longer_than_the_deadline_is_passed_on_at_once() {
    let scene = warm("patience").await;
    scene.azure.fault("patience", [Fault::Throttled(77)]);
    let started = Clock::now();
    let refused = scene.sign(&p256("k")).await.unwrap_err();
    assert_eq!(refused.retry_after(), Some(Duration::from_secs(77)), "{refused}");
    assert_eq!(refused.kind(), Kind::Unavailable);
    assert!(started.elapsed() < Duration::from_secs(5));
    public(&refused);
}

#[tokio::test]
async fn an_error_of_the_service_is_tried_again_and_then_is_unavailable() {
    let scene = warm("failing").await;
    scene.azure.fault("failing", [Fault::Status(500), Fault::Status(503)]);
    scene.sign(&p256("k")).await.unwrap();
    scene.azure.asked("failing");
    scene.azure.fault("failing", vec![Fault::Status(502); 9]);
    let refused = scene.sign(&p256("k")).await.unwrap_err();
    assert!(matches!(refused, Error::Unavailable { .. }) && refused.to_string().contains("502"), "{refused}");
    assert_eq!(scene.azure.asked("failing").len(), 3, "it was tried too often");
    public(&refused);
}

#[tokio::test]
async fn answers_that_are_none_are_errors_of_our_own_words() {
    let scene = warm("garbage").await;
    for (fault, reason) in [
        (Fault::Html, Reason::Internal),
        (Fault::Endless, Reason::Internal),
        (Fault::Redirect, Reason::Internal),
        (Fault::Status(418), Reason::Internal),
        (Fault::Noise, Reason::Unavailable),
        (Fault::HangUp, Reason::Unavailable),
    ] {
        scene.azure.fault("garbage", vec![fault.clone(); 9]);
        let refused = scene.sign(&p256("k")).await.unwrap_err();
        assert_eq!(refused.reason(), reason, "{fault:?}: {refused}");
        public(&refused);
    }
    scene.azure.fault("garbage", []);
    scene.sign(&p256("k")).await.unwrap();
}

#[tokio::test]
async fn a_service_that_is_slow_is_waited_for_until_the_deadline_and_no_longer() {
    let scene = warm("slow").await;
    scene.azure.fault("slow", [Fault::Slow(Duration::from_millis(300))]);
    scene.sign_by(&p256("k"), within(10_000)).await.unwrap();
    for fault in [Fault::Slow(Duration::from_secs(5)), Fault::Never] {
        scene.azure.fault("slow", [fault]);
        let started = Clock::now();
        let late = scene.sign_by(&p256("k"), within(500)).await.unwrap_err();
        assert!(matches!(late, Error::Timeout), "{late}");
        assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
        public(&late);
    }
    scene.azure.fault("slow", []);
    scene.sign(&p256("k")).await.unwrap();
}

#[tokio::test]
async fn faults_of_the_authority_are_not_taken_for_refused_credentials() {
    let scene = Scene::new("authority");
    let (provider, locator) = (scene.provider(), p256("k"));
    for (faults, reason) in [
        (vec![Fault::Status(500); 9], Reason::Unavailable),
        (vec![Fault::Html; 9], Reason::Internal),
        (vec![Fault::Throttled(90)], Reason::Unavailable),
        (vec![Fault::HangUp; 9], Reason::Unavailable),
    ] {
        scene.azure.fault(TENANT, faults);
        let refused = scene.driver.describe(&provider, &locator, soon()).await.unwrap_err();
        assert_eq!(refused.reason(), reason, "{refused}");
        assert!(!matches!(refused, Error::Login(_)), "{refused}");
        public(&refused);
    }
    scene.azure.fault(TENANT, [Fault::Never]);
    let late = scene.driver.describe(&provider, &locator, within(500)).await.unwrap_err();
    assert!(matches!(late, Error::Timeout), "{late}");
    scene.azure.fault(TENANT, []);
    assert!(matches!(scene.driver.describe(&provider, &locator, soon()).await.unwrap_err(), Error::Absent));
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts_and_a_port_that_nobody_listens_on_fail_fast() {
    let azure = Azure::start();
    let distrustful =
        Settings { ca_file: Some(azure.other_ca_file()), ..settings(&azure, "tls", NodeIdentity::Forbidden) };
    let mut deserted = settings(&azure, "tls", NodeIdentity::Forbidden);
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    deserted.addresses.values_mut().for_each(|address| *address = free);
    let azure = Arc::new(azure);
    for (settings, word) in [(distrustful, "certificate"), (deserted, "connect")] {
        let scene = Scene { azure: Arc::clone(&azure), driver: Driver::new(settings).unwrap(), vault: "tls" };
        let started = Clock::now();
        let refused = scene.driver.describe(&scene.provider(), &p256("k"), soon()).await.unwrap_err();
        assert!(matches!(refused, Error::Unavailable { .. }), "{refused}");
        assert!(refused.to_string().contains(word), "the log says why: {refused}");
        assert!(started.elapsed() < Duration::from_secs(5), "{word}: {:?}", started.elapsed());
        public(&refused);
    }
}

#[tokio::test]
async fn a_creation_that_fails_is_not_repeated_blindly() {
    let scene = Scene::new("blind");
    let absent = scene.driver.describe(&scene.provider(), &p256("k"), soon()).await.unwrap_err();
    assert!(matches!(absent, Error::Absent));
    // The look that comes first is served; the creation meets the fault.
    scene.azure.fault("blind", [Fault::Slow(Duration::ZERO), Fault::Status(500), Fault::Status(500)]);
    let failed = scene.driver.generate(&scene.provider(), &p256("k"), soon()).await.unwrap_err();
    assert!(matches!(failed, Error::Unavailable { .. }), "{failed}");
    let creations = scene.azure.asked("blind").into_iter().filter(|asked| asked.ends_with("/create")).count();
    assert_eq!(creations, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_hangs_holds_its_own_users_only_so_many_at_once() {
    let scene = Arc::new(warm("hanging").await);
    scene.azure.fault("hanging", vec![Fault::Never; 300]);
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..260 {
        let scene = Arc::clone(&scene);
        crowd.spawn(async move { scene.sign_by(&p256("k"), within(3000)).await.unwrap_err() });
    }
    let all = crowd.join_all().await;
    let busy = all.iter().filter(|error| matches!(error, Error::Busy { .. })).count();
    assert_eq!(busy, 4, "of 260 calls");
}
