//! Every algorithm that a record may name does what its name says, and nothing else.

use keys::registry::GCPCKMS_ALGORITHMS;
use keys::{Driver as _, Error, Hash, Input, KeyType, Reason, Scheme, SignRequest};
use keys_testing::openssl;

use super::{P256, cloud, driver, locator, made, provider, sign, within};

fn hash(algorithm: &str) -> Option<Hash> {
    algorithm.rsplit_once("_SHA").and_then(|(_, bits)| Hash::parse(&format!("sha{bits}")))
}

/// The scheme of an algorithm that signs.
pub(crate) fn scheme(algorithm: &str) -> Option<Scheme> {
    match algorithm.split('_').collect::<Vec<_>>()[..] {
        ["EC", "SIGN", "ED25519"] => Some(Scheme::Ed25519),
        ["EC", "SIGN", ..] => hash(algorithm).map(Scheme::Ecdsa),
        ["RSA", "SIGN", "PSS", ..] => hash(algorithm).map(Scheme::Pss),
        ["RSA", "SIGN", "PKCS1", ..] => hash(algorithm).map(Scheme::Pkcs1v15),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_signing_algorithm_gives_the_signature_that_its_name_says() {
    let driver = driver();
    for algorithm in GCPCKMS_ALGORITHMS {
        let Some(scheme) = scheme(algorithm) else { continue };
        let key = format!("every-{algorithm}");
        let made = made(&key, algorithm).await;
        assert_eq!(made.schemes, [scheme], "{algorithm}");
        if let KeyType::Rsa { bits } = made.key_type {
            assert!(algorithm.contains(&format!("_{bits}_")), "{algorithm} has {bits} bits");
        }
        let signature = sign(&driver, &key, algorithm, 60.0).await.unwrap();
        assert!(openssl::verifies(&made.public_key, scheme, b"a message", &signature), "{algorithm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_encrypted_to_a_key_is_decrypted_and_damaged_ciphertexts_are_refused() {
    let driver = driver();
    for algorithm in ["RSA_DECRYPT_OAEP_2048_SHA256", "RSA_DECRYPT_OAEP_2048_SHA1", "RSA_DECRYPT_OAEP_3072_SHA256"] {
        let key = format!("open-{algorithm}");
        let made = made(&key, algorithm).await;
        assert!(made.schemes.is_empty(), "a key that decrypts signs nothing");
        let (cipher, hash) = (driver.cipher().unwrap(), hash(algorithm).unwrap());
        let mut sealed = keys::encrypt_to(&made.public_key, hash, b"a secret").unwrap();
        let there = locator(&key, algorithm);
        let opened = cipher.decrypt(&provider(), &there, hash, &sealed, within(30.0)).await.unwrap();
        assert_eq!(&opened[..], b"a secret", "{algorithm}");
        for wrong in [Hash::Sha384, Hash::Sha512] {
            let refused = cipher.decrypt(&provider(), &there, wrong, &sealed, within(30.0)).await.unwrap_err();
            assert_eq!(refused.reason(), Reason::Unsupported, "{refused}");
        }
        sealed[20] ^= 1;
        let refused = cipher.decrypt(&provider(), &there, hash, &sealed, within(30.0)).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Invalid, "{refused}");
        let short = cipher.decrypt(&provider(), &there, hash, &sealed[1..], within(30.0)).await.unwrap_err();
        assert_eq!(short.reason(), Reason::Invalid, "{short}");
    }
    made("open-not", P256).await;
    let signer = driver.cipher().unwrap();
    let refused = signer.decrypt(&provider(), &locator("open-not", P256), Hash::Sha256, &[0; 256], within(9.0)).await;
    assert_eq!(refused.unwrap_err().reason(), Reason::Unsupported);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_names_another_algorithm_than_the_versions_own_is_refused_with_both_names() {
    let (own, said) = ("RSA_SIGN_PSS_2048_SHA256", "RSA_SIGN_PKCS1_2048_SHA256");
    made("other-algorithm", own).await;
    let there = locator("other-algorithm", said);
    for once in 0..2 {
        let driver = driver();
        if once == 1 {
            // The version is known from its right record: signing with the wrong one is refused all the same.
            driver.describe(&provider(), &locator("other-algorithm", own), within(30.0)).await.unwrap();
        }
        let request =
            SignRequest { scheme: Scheme::Pkcs1v15(Hash::Sha256), input: Input::Message(b"m"), public_key: None };
        let answers = [
            driver.describe(&provider(), &there, within(30.0)).await.map(drop),
            driver.generate(&provider(), &there, within(30.0)).await.map(drop),
            driver.sign(&provider(), &there, request, within(30.0)).await.map(drop),
        ];
        for refused in answers.map(Result::unwrap_err) {
            assert_eq!(refused.reason(), Reason::Invalid, "{refused}");
            assert!(refused.public().contains(own) && refused.public().contains(said), "{}", refused.public());
        }
    }
    assert_eq!(cloud().fake.calls("AsymmetricSign", "other-algorithm"), 0, "nothing was signed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_that_is_not_the_versions_is_refused_without_asking_the_service() {
    made("one-scheme", P256).await;
    let before = cloud().fake.calls("AsymmetricSign", "one-scheme");
    let request = SignRequest { scheme: Scheme::Ecdsa(Hash::Sha384), input: Input::Message(b"m"), public_key: None };
    let refused = driver().sign(&provider(), &locator("one-scheme", P256), request, within(9.0)).await.unwrap_err();
    assert!(matches!(&refused, Error::UnsupportedScheme { able, .. } if able == &[Scheme::Ecdsa(Hash::Sha256)]));
    assert_eq!(cloud().fake.calls("AsymmetricSign", "one-scheme"), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn ed25519_signs_messages_of_64_kib_and_says_so_of_longer_ones() {
    let algorithm = "EC_SIGN_ED25519";
    let made = made("long", algorithm).await;
    let (driver, there) = (driver(), locator("long", algorithm));
    for (length, fits) in [(gcpckms::MESSAGE_MAX, true), (gcpckms::MESSAGE_MAX + 1, false)] {
        let message = vec![7; length];
        let request = SignRequest { scheme: Scheme::Ed25519, input: Input::Message(&message), public_key: None };
        match driver.sign(&provider(), &there, request, within(30.0)).await {
            Ok(signature) => {
                assert!(fits && openssl::verifies(&made.public_key, Scheme::Ed25519, &message, &signature));
            }
            Err(error) => assert!(!fits && error.public().contains("64 KiB"), "{}", error.public()),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_warm_signature_asks_for_nothing_but_the_signature() {
    made("warm", P256).await;
    let driver = driver();
    for _ in 0..5 {
        sign(&driver, "warm", P256, 30.0).await.unwrap();
    }
    let fake = &cloud().fake;
    assert_eq!(fake.calls("AsymmetricSign", "/warm/"), 5);
    let looks = fake.calls("GetPublicKey", "/warm/");
    sign(&driver, "warm", P256, 30.0).await.unwrap();
    assert_eq!(fake.calls("GetPublicKey", "/warm/"), looks, "the version was asked for its algorithm again");
}
