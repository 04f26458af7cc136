//! Keys for what their record's usages say, and aliases that are pointed at another key, on LocalStack.

use aws_sdk_kms::types::{KeySpec, KeyUsageType};
use keys::registry::{AwsKmsKeyType, AwsKmsLocator};
use keys::{
    Cipher, Curve, Driver as _, Error, Hash, Input, Keeper, Locator, NewKey, Scheme, SealRequest, Sealing, SignRequest,
    Symmetric,
};

use crate::{aws, deadline, driver, ecdsa, localstack, provider_at, request, rsa, symmetric};

fn alias(what: &str) -> String {
    format!("alias/{what}-{}", std::process::id())
}

/// Points an alias at a new key.
async fn point_elsewhere(alias: &str, spec: KeySpec, usage: KeyUsageType) {
    let aws = aws(&localstack().url());
    let made = aws.create_key().key_spec(spec).key_usage(usage).send().await.unwrap();
    let id = made.key_metadata.unwrap().key_id;
    aws.update_alias().alias_name(alias).target_key_id(id).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_of_the_key_that_an_alias_points_at_now_is_refused_if_another_was_described() {
    let (provider, alias) = (provider_at(&localstack().url()), alias("moved"));
    let locator = ecdsa(&alias, Some(Curve::P256));
    let made = driver().generate(&provider, &locator, deadline()).await.unwrap();
    let pinned = locator.pinned(&made).into_owned();
    let expecting = SignRequest { public_key: Some(&made.public_key), ..request(&[7; 32]) };
    driver().sign(&provider, &pinned, expecting, deadline()).await.unwrap();
    point_elsewhere(&alias, KeySpec::EccNistP256, KeyUsageType::SignVerify).await;
    // With the name of the key, and, as with records of before, by the signature alone.
    for locator in [&pinned, &locator] {
        let refused = driver().sign(&provider, locator, expecting, deadline()).await;
        assert!(matches!(refused, Err(Error::Replaced)), "{refused:?}");
    }
    let now = driver().describe(&provider, &locator, deadline()).await.unwrap();
    assert_ne!(now.public_key, made.public_key);
    let expecting = SignRequest { public_key: Some(&now.public_key), ..request(&[7; 32]) };
    driver().sign(&provider, &locator.pinned(&now), expecting, deadline()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_symmetric_key_whose_alias_was_pointed_elsewhere_neither_seals_nor_opens_nor_authenticates() {
    let provider = provider_at(&localstack().url());
    let (sealing, authenticating) = (alias("sealing"), alias("authenticating"));
    let locator = symmetric(&sealing, AwsKmsKeyType::Aes, None);
    let made = driver().generate(&provider, &locator, deadline()).await.unwrap();
    let pinned = locator.pinned(&made).into_owned();
    let request = SealRequest { sealing: Sealing::Home, text: b"a text", associated: b"" };
    let sealed = driver().seal(&provider, &pinned, request, deadline()).await.unwrap();
    point_elsewhere(&sealing, KeySpec::SymmetricDefault, KeyUsageType::EncryptDecrypt).await;
    let refused = driver().seal(&provider, &pinned, request, deadline()).await;
    assert!(matches!(refused, Err(Error::Replaced)), "{refused:?}");
    let opened = driver().open(&provider, &pinned, SealRequest { text: &sealed, ..request }, deadline()).await;
    assert!(matches!(opened, Err(Error::Replaced)), "{:?}", opened.map(|text| text.len()));

    let locator = symmetric(&authenticating, AwsKmsKeyType::Hmac, Some(256));
    let made = driver().generate(&provider, &locator, deadline()).await.unwrap();
    let pinned = locator.pinned(&made).into_owned();
    driver().mac(&provider, &pinned, Hash::Sha256, b"m", deadline()).await.unwrap();
    point_elsewhere(&authenticating, KeySpec::Hmac256, KeyUsageType::GenerateVerifyMac).await;
    let refused = driver().mac(&provider, &pinned, Hash::Sha256, b"m", deadline()).await;
    assert!(matches!(refused, Err(Error::Replaced)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rsa_key_is_made_for_decrypting_when_its_usages_say_so() {
    let (provider, alias) = (provider_at(&localstack().url()), alias("decrypts"));
    let Locator::AwsKms(locator) = rsa(&alias, Some(2048)) else { unreachable!() };
    let locator = Locator::AwsKms(AwsKmsLocator { decrypts: true, ..locator });
    let made = driver().generate(&provider, &locator, deadline()).await.unwrap();
    assert_eq!(made.schemes, []);
    let sealed = keys::encrypt_to(&made.public_key, Hash::Sha256, b"secret").unwrap();
    let pinned = locator.pinned(&made).into_owned();
    let opened = driver().decrypt(&provider, &pinned, Hash::Sha256, &sealed, deadline()).await.unwrap();
    assert_eq!(&opened[..], b"secret");
    let signed = SignRequest { scheme: Scheme::Pss(Hash::Sha256), input: Input::Digest(&[7; 32]), public_key: None };
    assert!(driver().sign(&provider, &pinned, signed, deadline()).await.is_err());
    point_elsewhere(&alias, KeySpec::Rsa2048, KeyUsageType::EncryptDecrypt).await;
    // AWS calls the ciphertext invalid, and then the alias is looked at; LocalStack says that it failed.
    assert!(driver().decrypt(&provider, &pinned, Hash::Sha256, &sealed, deadline()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_made_way_stays_in_aws_without_the_alias() {
    let (provider, alias) = (provider_at(&localstack().url()), alias("made-way"));
    let locator = ecdsa(&alias, Some(Curve::P256));
    let before = driver().generate(&provider, &locator, deadline()).await.unwrap();
    let after = driver().put(&provider, &locator, NewKey::Made, true, deadline()).await.unwrap();
    assert_ne!(before.public_key, after.public_key);
    let old = before.version.unwrap();
    let still = driver().describe(&provider, &ecdsa(&old, None), deadline()).await.unwrap();
    assert_eq!(still.public_key, before.public_key);
    driver().sign(&provider, &ecdsa(&old, None), request(&[7; 32]), deadline()).await.unwrap();
}
