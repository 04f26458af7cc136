//! An endpoint that fails in every way, and what AWS does that LocalStack does not.

use std::time::{Duration, Instant as Clock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keys::{Cipher as _, Driver as _, Error, Hash, Input, KeyType, Locator, Reason, Scheme, SignRequest};
use serde_json::json;
use tokio::time::Instant;

use crate::stub::{Answer, Stub};
use crate::{ACCESS_KEY, SECRET_KEY, deadline, driver, ecdsa, provider_at, request, rsa};

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(1500)
}

fn p256() -> Locator {
    ecdsa("alias/k", None)
}

/// An ECDSA signature in form: SEQUENCE { 1, 1 }.
fn signature() -> Answer {
    Answer::json(json!({ "KeyId": "k", "Signature": STANDARD.encode([0x30, 6, 2, 1, 1, 2, 1, 1]),
        "SigningAlgorithm": "ECDSA_SHA_256" }))
}

async fn sign(stub: &Stub, until: Instant) -> Result<Vec<u8>, Error> {
    driver().sign(&provider_at(&stub.url()), &p256(), request(&[7; 32]), until).await
}

async fn describe(stub: &Stub) -> Error {
    driver().describe(&provider_at(&stub.url()), &p256(), soon()).await.unwrap_err()
}

/// Nothing that only the log may know is in what clients are told, and no secret is anywhere.
fn discreet(stub: &Stub, error: &Error) {
    let public = error.public();
    for word in [ACCESS_KEY, SECRET_KEY, stub.url().trim_start_matches("http://"), "127.0.0.1", "told by the server"] {
        assert!(!public.contains(word), "{public}");
    }
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(!text.contains(SECRET_KEY), "{text}");
        assert!(text.len() < 1000, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_aws_is_told_apart() {
    type Test = fn(&Error) -> bool;
    let cases: [(u16, &str, Test); 14] = [
        (400, "UnrecognizedClientException", |error| matches!(error, Error::Login(_))),
        (400, "InvalidSignatureException", |error| matches!(error, Error::Login(_))),
        (400, "ExpiredTokenException", |error| matches!(error, Error::Login(_))),
        (400, "IncompleteSignatureException", |error| matches!(error, Error::Login(_))),
        (400, "AccessDeniedException", |error| matches!(error, Error::Forbidden(_))),
        (400, "NotFoundException", |error| matches!(error, Error::Absent)),
        (400, "DisabledException", |error| error.public().contains("disabled")),
        (400, "InvalidKeyUsageException", |error| matches!(error, Error::Unsupported(_))),
        (400, "UnsupportedOperationException", |error| matches!(error, Error::Unsupported(_))),
        (400, "InvalidArnException", |error| error.public().starts_with("kms_key")),
        (403, "", |error| matches!(error, Error::Forbidden(_))),
        (401, "", |error| matches!(error, Error::Login(_))),
        (418, "", |error| error.reason() == Reason::Internal),
        (301, "", |error| error.reason() == Reason::Internal),
    ];
    for (status, code, expected) in cases {
        let stub = Stub::always(Answer::error(status, code, "told by the server"));
        let error = describe(&stub).await;
        assert!(expected(&error), "{status} {code}: {error:?}");
        assert_eq!(stub.operations(), ["GetPublicKey"], "{status} {code} is asked once");
        discreet(&stub, &error);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_of_a_key_is_asked_for_and_told() {
    for (state, word) in [
        ("PendingDeletion", "scheduled for deletion"),
        ("PendingImport", "imported"),
        ("Unavailable", "not connected"),
        ("Sleeping", "in a state"),
    ] {
        let stub = Stub::new(move |_, asked| match asked.operation.as_str() {
            "DescribeKey" => Answer::json(json!({ "KeyMetadata": { "KeyId": "k", "KeyState": state } })),
            _ => Answer::error(400, "KMSInvalidStateException", "told by the server"),
        });
        let error = describe(&stub).await;
        assert!(matches!(&error, Error::Unusable(said) if said.contains(word)), "{state}: {error:?}");
        discreet(&stub, &error);
    }
    let secretive = Stub::new(|_, asked| match asked.operation.as_str() {
        "DescribeKey" => Answer::error(400, "AccessDeniedException", ""),
        _ => Answer::error(400, "KMSInvalidStateException", ""),
    });
    assert!(matches!(describe(&secretive).await, Error::Unusable(_)), "nobody lets it see the state");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_request_is_sent_again_until_it_is_carried_out() {
    for refusal in [Answer::error(400, "ThrottlingException", "Rate exceeded"), Answer::Reply(429, vec![], vec![])] {
        let stub = Stub::new(move |before, _| if before < 5 { refusal.clone() } else { signature() });
        sign(&stub, deadline()).await.unwrap();
        assert_eq!(stub.asked().len(), 6);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn throttling_that_does_not_end_is_unavailable_before_the_deadline_with_a_time_to_come_back() {
    let stub = Stub::always(Answer::error(400, "ThrottlingException", "told by the server"));
    let started = Clock::now();
    let error = sign(&stub, soon()).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!((error.reason(), error.retry_after()), (Reason::Unavailable, Some(Duration::from_secs(1))), "{error}");
    assert!((3..12).contains(&stub.asked().len()), "{} times", stub.asked().len());
    discreet(&stub, &error);
    // AWS says when: nobody asks before.
    let stub = Stub::always(Answer::error(400, "ThrottlingException", "").with("x-amz-retry-after", "7000"));
    let error = sign(&stub, soon()).await.unwrap_err();
    assert_eq!((error.retry_after(), stub.asked().len()), (Some(Duration::from_secs(7)), 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_pass_is_tried_again_a_few_times_and_is_then_unavailable() {
    let garbage = b"\x15\x03\x01\x00\x02\x02\x16".to_vec();
    for failure in [
        Answer::error(500, "KMSInternalException", "told by the server"),
        Answer::error(400, "KeyUnavailableException", "told by the server"),
        Answer::Reply(500, vec![], b"told by the server".to_vec()),
        Answer::Reply(502, vec![], b"<html>told by the server</html>".to_vec()),
        Answer::Reply(200, vec![], b"{told by the server".to_vec()),
        Answer::Reply(200, vec![], b"{}".to_vec()),
        Answer::json(json!({ "Signature": STANDARD.encode("told by the server") })),
        Answer::Bytes(garbage.clone()),
        Answer::Bytes(vec![]),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{".to_vec()),
        Answer::Flood,
    ] {
        let stub = Stub::always(failure);
        let error = sign(&stub, soon()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Unavailable, "{error:?}");
        assert!(error.retry_after().is_some());
        assert!((1..=4).contains(&stub.asked().len()), "{} times", stub.asked().len());
        discreet(&stub, &error);
    }
    let stub = Stub::new(move |before, _| if before < 2 { Answer::Bytes(garbage.clone()) } else { signature() });
    sign(&stub, deadline()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_where_nobody_listens_is_unavailable() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for endpoint in [format!("http://127.0.0.1:{port}"), "https://no-such-host.invalid".to_owned()] {
        let error = driver().describe(&provider_at(&endpoint), &p256(), deadline()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Unavailable, "{error}");
        assert!(!error.public().contains("invalid") && !error.public().contains("127"), "{}", error.public());
        let error = driver().health(&provider_at(&endpoint), deadline()).await.unwrap_err();
        assert_eq!(error.reason(), Reason::Unavailable, "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_answer_and_who_answers_late_is_left_at_the_deadline() {
    let late = Answer::Late(Duration::from_secs(20), Box::new(signature()));
    for answer in [Answer::Never, late] {
        let (stub, started) = (Stub::always(answer), Clock::now());
        let driver = driver();
        let (provider, locator) = (provider_at(&stub.url()), p256());
        let signed = driver.sign(&provider, &locator, request(&[7; 32]), soon()).await.unwrap_err();
        let described = driver.describe(&provider, &locator, soon()).await.unwrap_err();
        let made = driver.generate(&provider, &locator, soon()).await.unwrap_err();
        let decrypted = driver.decrypt(&provider, &locator, Hash::Sha256, &[1; 256], soon()).await.unwrap_err();
        let healthy = driver.health(&provider, soon()).await.unwrap_err();
        for error in [signed, described, made, decrypted, healthy] {
            assert_eq!(error.reason(), Reason::Timeout, "{error}");
        }
        assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
    }
    let slow = Stub::always(Answer::Late(Duration::from_millis(300), Box::new(signature())));
    sign(&slow, deadline()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_for_another_algorithm_is_no_signature() {
    let other =
        json!({ "Signature": STANDARD.encode([0x30, 6, 2, 1, 1, 2, 1, 1]), "SigningAlgorithm": "ECDSA_SHA_384" });
    let error = sign(&Stub::always(Answer::json(other)), soon()).await.unwrap_err();
    assert_eq!(error.reason(), Reason::Unavailable, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_edwards25519_signs_messages_whole_up_to_the_bound_of_aws() {
    let public_key = keys::spki::ed25519(&[9; 32]).unwrap();
    let stub = Stub::new(move |_, asked| match asked.operation.as_str() {
        "GetPublicKey" => Answer::json(json!({ "PublicKey": STANDARD.encode(&public_key),
            "SigningAlgorithms": ["ED25519_SHA_512", "ED25519_PH_SHA_512"] })),
        _ => Answer::json(json!({ "Signature": STANDARD.encode([7; 64]), "SigningAlgorithm": "ED25519_SHA_512" })),
    });
    let (driver, provider) = (driver(), provider_at(&stub.url()));
    let description = driver.describe(&provider, &p256(), deadline()).await.unwrap();
    assert_eq!((description.key_type, description.schemes.as_slice()), (KeyType::Ed25519, &[Scheme::Ed25519][..]));
    let request = |message| SignRequest { scheme: Scheme::Ed25519, input: Input::Message(message), public_key: None };
    let signed = driver.sign(&provider, &p256(), request(b"a message"), deadline()).await.unwrap();
    assert_eq!(signed, [7; 64]);
    let asked = stub.asked().pop().unwrap().fields;
    assert_eq!((&asked["MessageType"], &asked["Message"]), (&json!("RAW"), &json!(STANDARD.encode("a message"))));
    driver.sign(&provider, &p256(), request(&[0; 4096]), deadline()).await.unwrap();
    let refused = driver.sign(&provider, &p256(), request(&[0; 4097]), deadline()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Invalid);
    assert!(refused.public().contains("4096"), "{}", refused.public());
}

/// LocalStack and moto encrypt to RSA keys with a symmetric key of theirs, so this key of AWS is in the test.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_encrypted_to_the_public_half_is_decrypted_by_the_key() {
    let folder = keys_testing::openssl::tempdir();
    let (private, public) = (folder.0.join("private.pem"), folder.0.join("public.der"));
    let openssl =
        |args: &[&str]| assert!(std::process::Command::new("openssl").args(args).output().unwrap().status.success());
    openssl(&["genrsa", "-out", private.to_str().unwrap(), "2048"]);
    openssl(&["rsa", "-in", private.to_str().unwrap(), "-pubout", "-outform", "DER", "-out", public.to_str().unwrap()]);
    let path = folder.0.clone();
    let stub = Stub::new(move |before, asked| {
        let hash = match asked.fields["EncryptionAlgorithm"].as_str() {
            Some("RSAES_OAEP_SHA_1") => "sha1",
            Some("RSAES_OAEP_SHA_256") => "sha256",
            _ => return Answer::error(400, "ValidationException", ""),
        };
        let (sealed, plain) = (path.join(format!("{before}.sealed")), path.join(format!("{before}.plain")));
        std::fs::write(&sealed, STANDARD.decode(asked.fields["CiphertextBlob"].as_str().unwrap()).unwrap()).unwrap();
        let mut openssl = std::process::Command::new("openssl");
        openssl.args(["pkeyutl", "-decrypt", "-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt"]);
        openssl.arg(format!("rsa_oaep_md:{hash}")).arg("-inkey").arg(path.join("private.pem"));
        if !openssl.arg("-in").arg(&sealed).arg("-out").arg(&plain).output().unwrap().status.success() {
            return Answer::error(400, "InvalidCiphertextException", "told by the server");
        }
        Answer::json(json!({ "KeyId": "k", "Plaintext": STANDARD.encode(std::fs::read(&plain).unwrap()) }))
    });
    let (driver, provider, locator) = (driver(), provider_at(&stub.url()), rsa("alias/k", None));
    let public = std::fs::read(&public).unwrap();
    for hash in [Hash::Sha1, Hash::Sha256] {
        let mut sealed = keys::encrypt_to(&public, hash, b"the plaintext").unwrap();
        let opened = driver.decrypt(&provider, &locator, hash, &sealed, deadline()).await.unwrap();
        assert_eq!(&**opened, b"the plaintext");
        sealed[100] ^= 1;
        let refused = driver.decrypt(&provider, &locator, hash, &sealed, deadline()).await.unwrap_err();
        assert_eq!(refused.reason(), Reason::Invalid, "{refused}");
        discreet(&stub, &refused);
    }
    let before = stub.asked().len();
    let refused = driver.decrypt(&provider, &locator, Hash::Sha512, &[1; 256], deadline()).await.unwrap_err();
    assert_eq!(refused.reason(), Reason::Unsupported);
    let refused = driver.decrypt(&provider, &locator, Hash::Sha256, &[1; 6145], deadline()).await.unwrap_err();
    assert_eq!((refused.reason(), stub.asked().len()), (Reason::Invalid, before));
}
