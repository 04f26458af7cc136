//! Who asks, and may they: on moto, which checks the signatures of requests and the policies of users.

use std::sync::OnceLock;

use keys::{Curve, Driver as _, Error, Locator, Provider, Reason};
use keys_testing::moto::{Moto, User};
use model::Kind;

use crate::{deadline, driver, ecdsa, provider_of, request};

/// moto and its users: one who may do all, one who may not sign, one who may nothing in KMS.
pub(crate) struct Realm {
    moto: Moto,
    pub(crate) all: User,
    reader: User,
    nobody: User,
}

/// The realm of this run.
pub(crate) fn realm() -> &'static Realm {
    static REALM: OnceLock<Realm> = OnceLock::new();
    REALM.get_or_init(|| {
        let moto = Moto::start();
        let all = moto.user("all", &["kms:*"]);
        let reader = moto.user("reader", &["kms:GetPublicKey", "kms:DescribeKey"]);
        let nobody = moto.user("nobody", &["s3:ListBuckets"]);
        moto.enforce();
        Realm { moto, all, reader, nobody }
    })
}

impl Realm {
    pub(crate) fn url(&self) -> String {
        self.moto.url()
    }

    fn provider(&self, user: &User) -> Provider {
        provider_of(&user.access_key, &user.secret_key, "us-east-1", &self.url())
    }
}

fn locator(name: &str) -> Locator {
    ecdsa(&format!("alias/{name}"), Some(Curve::P256))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_the_right_key_is_let_in() {
    let (driver, provider) = (driver(), realm().provider(&realm().all));
    driver.health(&provider, deadline()).await.unwrap();
    let made = driver.generate(&provider, &locator("mine"), deadline()).await.unwrap();
    assert_eq!(driver.describe(&provider, &locator("mine"), deadline()).await.unwrap(), made);
    driver.sign(&provider, &locator("mine"), request(&[7; 32]), deadline()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_secret_and_an_unknown_user_are_refused_logins_and_are_not_repeated_to_anybody() {
    let all = &realm().all;
    let wrong = User { secret_key: format!("{}x", all.secret_key), ..all.clone() };
    let unknown = User { access_key: "AKIAUNKNOWNUNKNOWN00".into(), ..all.clone() };
    for user in [wrong, unknown] {
        let (driver, provider) = (driver(), realm().provider(&user));
        let signed = driver.sign(&provider, &locator("x"), request(&[7; 32]), deadline()).await.unwrap_err();
        let described = driver.describe(&provider, &locator("x"), deadline()).await.unwrap_err();
        let made = driver.generate(&provider, &locator("x"), deadline()).await.unwrap_err();
        let healthy = driver.health(&provider, deadline()).await.unwrap_err();
        for error in [signed, described, made, healthy] {
            assert!(matches!(error, Error::Login(_)), "{error:?}");
            assert_eq!((error.reason(), error.kind()), (Reason::Unavailable, Kind::InvalidRequest));
            for text in [error.public(), error.to_string(), format!("{error:?}"), format!("{provider:?}")] {
                assert!(!text.contains(&user.secret_key) && !text.contains(&user.access_key), "{text}");
                assert!(!text.contains("127.0.0.1"), "{text}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_policy_does_not_allow_is_forbidden_and_no_refused_login() {
    let made = driver().generate(&realm().provider(&realm().all), &locator("shared"), deadline()).await.unwrap();
    let (driver, reader) = (driver(), realm().provider(&realm().reader));
    assert_eq!(driver.describe(&reader, &locator("shared"), deadline()).await.unwrap(), made);
    let refused = driver.sign(&reader, &locator("shared"), request(&[7; 32]), deadline()).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
    assert!(refused.public().contains("denies access"), "{}", refused.public());
    let refused = driver.generate(&reader, &locator("new"), deadline()).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_wants_credentials_that_are_known_and_no_permission() {
    let (driver, nobody) = (driver(), realm().provider(&realm().nobody));
    driver.health(&nobody, deadline()).await.unwrap();
    let refused = driver.describe(&nobody, &locator("x"), deadline()).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_record_that_is_refused_costs_the_others_nothing_and_a_new_secret_is_taken_at_once() {
    let (driver, all) = (driver(), &realm().all);
    let wrong = realm().provider(&User { secret_key: "wrong".into(), ..all.clone() });
    driver.health(&wrong, deadline()).await.unwrap_err();
    driver.health(&realm().provider(all), deadline()).await.unwrap();
    driver.health(&wrong, deadline()).await.unwrap_err();
    driver.forget(&wrong).await;
    driver.health(&realm().provider(all), deadline()).await.unwrap();
}
