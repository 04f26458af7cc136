//! Keys that may not be used, or are not what their record says, on LocalStack.
//!
//! It is not faithful here: GetPublicKey gives the public half of a key that is disabled or scheduled for deletion, so
//! the state is seen by signing, and an empty one of a symmetric key, where AWS says UnsupportedOperationException; and
//! it signs with a hash that is not the curve's. The refusals of AWS's GetPublicKey are in `faults`.

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use keys::{Curve, Driver as _, Error, Hash, Input, Locator, Reason, Scheme, SignRequest};
use model::Kind;

use crate::{aws, deadline, driver, ecdsa, localstack, provider_at, provider_of, request, rsa};

async fn key_of(spec: KeySpec, usage: KeyUsageType) -> (String, String) {
    let made = aws(&localstack().url()).create_key().key_spec(spec).key_usage(usage).send().await.unwrap();
    let key = made.key_metadata.unwrap();
    (key.key_id, key.arn.unwrap())
}

async fn describe(locator: &Locator) -> Result<keys::Description, Error> {
    driver().describe(&provider_at(&localstack().url()), locator, deadline()).await
}

async fn sign(locator: &Locator) -> Result<Vec<u8>, Error> {
    driver().sign(&provider_at(&localstack().url()), locator, request(&[7; 32]), deadline()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_found_by_id_arn_alias_and_the_arn_of_its_alias() {
    let (id, arn) = key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await;
    let alias = format!("alias/four-{id}");
    aws(&localstack().url()).create_alias().alias_name(&alias).target_key_id(&id).send().await.unwrap();
    let alias_arn = arn.replace(&format!("key/{id}"), &alias);
    let by_id = describe(&ecdsa(&id, None)).await.unwrap();
    for name in [&arn, &alias, &alias_arn] {
        assert_eq!(describe(&ecdsa(name, Some(Curve::P256))).await.unwrap(), by_id, "{name}");
        sign(&ecdsa(name, None)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_key_is_said_to_be_disabled_and_works_again_once_it_is_enabled() {
    let (id, _) = key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await;
    let (aws, locator) = (aws(&localstack().url()), ecdsa(&id, None));
    aws.disable_key().key_id(&id).send().await.unwrap();
    let refused = sign(&locator).await.unwrap_err();
    assert!(matches!(&refused, Error::Unusable(state) if state == "disabled"), "{refused:?}");
    assert_eq!((refused.reason(), refused.kind()), (Reason::Unavailable, Kind::InvalidRequest));
    aws.enable_key().key_id(&id).send().await.unwrap();
    sign(&locator).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_scheduled_for_deletion_is_said_to_be_and_is_not_made_anew() {
    let (id, _) = key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await;
    let alias = format!("alias/dying-{id}");
    let aws = aws(&localstack().url());
    aws.create_alias().alias_name(&alias).target_key_id(&id).send().await.unwrap();
    aws.schedule_key_deletion().key_id(&id).pending_window_in_days(7).send().await.unwrap();
    let locator = ecdsa(&alias, Some(Curve::P256));
    let _ = driver().generate(&provider_at(&localstack().url()), &locator, deadline()).await;
    let holder = aws.describe_key().key_id(&alias).send().await.unwrap().key_metadata.unwrap();
    assert_eq!(holder.key_id, id, "another key was made");
    let refused = sign(&locator).await.unwrap_err();
    assert!(refused.public().contains("scheduled for deletion"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_decrypts_signs_nothing() {
    let (id, _) = key_of(KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt).await;
    let described = describe(&rsa(&id, None)).await.unwrap();
    assert_eq!(described.schemes, []);
    let request = SignRequest { scheme: Scheme::Pss(Hash::Sha256), input: Input::Digest(&[7; 32]), public_key: None };
    let provider = provider_at(&localstack().url());
    let refused = driver().sign(&provider, &rsa(&id, None), request, deadline()).await.unwrap_err();
    assert!(refused.public().contains("usage"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_another_curve_is_not_supported() {
    let (bitcoin, _) = key_of(KeySpec::EccSecgP256K1, KeyUsageType::SignVerify).await;
    let refused = describe(&ecdsa(&bitcoin, None)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_that_no_such_key_has_is_refused_without_asking() {
    // LocalStack would sign.
    let (id, _) = key_of(KeySpec::EccNistP384, KeyUsageType::SignVerify).await;
    let refused = sign(&ecdsa(&id, Some(Curve::P384))).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported, "{refused}");
    let refused = sign(&rsa(&id, None)).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported, "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_not_what_its_record_says_is_refused_by_the_name_of_the_field() {
    let (id, _) = key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await;
    for (locator, field) in [(rsa(&id, None), "key_type"), (ecdsa(&id, Some(Curve::P384)), "curve")] {
        let refused = describe(&locator).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Invalid);
        assert!(refused.public().starts_with(field), "{}", refused.public());
    }
    let (id, _) = key_of(KeySpec::Rsa2048, KeyUsageType::SignVerify).await;
    let refused = describe(&rsa(&id, Some(4096))).await.unwrap_err();
    assert!(refused.public().starts_with("key_bits"), "{}", refused.public());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_alias_and_an_unknown_id_are_absent_to_every_call() {
    for name in ["alias/nobody", "01234567-89ab-cdef-0123-456789abcdef"] {
        let locator = ecdsa(name, None);
        assert!(matches!(describe(&locator).await, Err(Error::Absent)), "{name}");
        assert!(matches!(sign(&locator).await, Err(Error::Absent)), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_region_has_other_keys_and_an_arn_of_another_region_is_refused_as_such() {
    let (id, arn) = key_of(KeySpec::EccNistP256, KeyUsageType::SignVerify).await;
    let elsewhere = provider_of("a", "b", "eu-west-3", &localstack().url());
    let missing = driver().describe(&elsewhere, &ecdsa(&id, None), deadline()).await.unwrap_err();
    assert!(matches!(missing, Error::Absent), "{missing}");
    let refused = driver().sign(&elsewhere, &ecdsa(&arn, None), request(&[7; 32]), deadline()).await.unwrap_err();
    assert!(refused.public().contains("region") && refused.public().contains("eu-central-1"), "{}", refused.public());
}
