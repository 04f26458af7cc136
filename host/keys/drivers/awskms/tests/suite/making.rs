//! Making keys: races, halves of it that fail, callers that leave.

use std::time::Duration;

use aws_sdk_kms::types::KeyState;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use keys::{Curve, Driver as _, Error, KeyType};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stub::{Answer, Asked, Stub};
use crate::{SECRET_KEY, aws, deadline, driver, ecdsa, localstack, provider_at};

/// The public half of a key of P-256: the curve's own base point.
fn public_key() -> Answer {
    let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
    let y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";
    let mut point = vec![4];
    for number in [x, y] {
        point.extend((0..64).step_by(2).map(|at| u8::from_str_radix(&number[at..at + 2], 16).unwrap()));
    }
    let public_key = keys::spki::ec(Curve::P256, &point).unwrap();
    Answer::json(json!({ "PublicKey": STANDARD.encode(public_key), "SigningAlgorithms": ["ECDSA_SHA_256"] }))
}

fn key(id: &str) -> Answer {
    Answer::json(json!({ "KeyMetadata": { "KeyId": id } }))
}

fn named(asked: &Asked) -> &str {
    asked.fields["KeyId"].as_str().unwrap_or_default()
}

/// AWS where `alias/k` is nobody's at first. `alias` answers CreateAlias; then the alias is `holder`'s.
fn stub(alias: Answer, holder: Option<&'static str>) -> Stub {
    let claimed = std::sync::atomic::AtomicBool::new(false);
    Stub::new(move |_, asked| {
        use std::sync::atomic::Ordering::Relaxed;
        let absent = || Answer::error(400, "NotFoundException", "");
        match (asked.operation.as_str(), named(asked)) {
            ("CreateKey", _) => key("ours"),
            ("CreateAlias", _) => {
                claimed.store(true, Relaxed);
                alias.clone()
            }
            ("DescribeKey", _) => holder.map_or_else(absent, key),
            ("ScheduleKeyDeletion", _) => Answer::json(json!({ "KeyId": named(asked) })),
            ("GetPublicKey", "ours" | "theirs") => public_key(),
            ("GetPublicKey", _) if claimed.load(Relaxed) && holder.is_some() => public_key(),
            ("GetPublicKey", _) => absent(),
            _ => Answer::error(400, "ValidationException", ""),
        }
    })
}

async fn generate(stub: &Stub, until: Instant) -> Result<keys::Description, Error> {
    driver().generate(&provider_at(&stub.url()), &ecdsa("alias/k", Some(Curve::P256)), until).await
}

fn deleted(stub: &Stub) -> Vec<Value> {
    let asked = stub.asked().into_iter().filter(|asked| asked.operation == "ScheduleKeyDeletion");
    asked.map(|asked| asked.fields).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_for_signing_and_given_its_alias() {
    let stub = stub(Answer::json(json!({})), Some("ours"));
    assert_eq!(generate(&stub, deadline()).await.unwrap().key_type, KeyType::Ec(Curve::P256));
    assert_eq!(stub.operations(), ["GetPublicKey", "CreateKey", "CreateAlias", "GetPublicKey"]);
    let asked = stub.asked();
    assert_eq!(
        (&asked[1].fields["KeySpec"], &asked[1].fields["KeyUsage"]),
        (&json!("ECC_NIST_P256"), &json!("SIGN_VERIFY"))
    );
    assert!(asked[1].head.contains("/eu-central-1/kms/aws4_request") && !asked[1].head.contains(SECRET_KEY));
    assert_eq!(asked[2].fields, json!({ "AliasName": "alias/k", "TargetKeyId": "ours" }));
    assert_eq!(named(&asked[3]), "ours", "the alias may not be known everywhere yet");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_the_race_for_the_alias_gives_up_its_own_key_and_takes_the_other() {
    let stub = stub(Answer::error(400, "AlreadyExistsException", ""), Some("theirs"));
    generate(&stub, deadline()).await.unwrap();
    assert_eq!(deleted(&stub), [json!({ "KeyId": "ours", "PendingWindowInDays": 7 })]);
    assert_eq!(named(&stub.asked().pop().unwrap()), "theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_that_was_given_though_nobody_said_so_keeps_its_key() {
    let stub = stub(Answer::error(400, "AlreadyExistsException", ""), Some("ours"));
    generate(&stub, deadline()).await.unwrap();
    assert_eq!(deleted(&stub), [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_may_not_have_its_alias_is_given_up_and_the_refusal_told() {
    let stub = stub(Answer::error(400, "AccessDeniedException", ""), None);
    let refused = generate(&stub, deadline()).await.unwrap_err();
    assert!(matches!(refused, Error::Forbidden(_)), "{refused}");
    assert_eq!(deleted(&stub).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_caller_left_is_named_all_the_same() {
    let slow = Answer::Late(Duration::from_millis(1500), Box::new(Answer::json(json!({}))));
    let stub = stub(slow, Some("ours"));
    let left = generate(&stub, Instant::now() + Duration::from_millis(500)).await.unwrap_err();
    assert!(matches!(left, Error::Timeout), "{left}");
    for _ in 0..100 {
        if stub.operations().ends_with(&["CreateAlias".into(), "GetPublicKey".into()]) {
            assert_eq!(deleted(&stub), [] as [Value; 0]);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{:?}", stub.operations());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_not_made_twice_when_nobody_knows_whether_it_was_made() {
    let stub = Stub::new(|_, asked| match asked.operation.as_str() {
        "CreateKey" => Answer::error(500, "KMSInternalException", ""),
        _ => Answer::error(400, "NotFoundException", ""),
    });
    generate(&stub, deadline()).await.unwrap_err();
    assert_eq!(stub.operations(), ["GetPublicKey", "CreateKey"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_nodes_that_make_one_key_at_once_all_but_one_give_theirs_up() {
    let (aws, provider) = (aws(&localstack().url()), provider_at(&localstack().url()));
    let alias = format!("alias/many-{}", std::process::id());
    let mut nodes = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (provider, locator) = (provider.clone(), ecdsa(&alias, Some(Curve::P256)));
        nodes.spawn(async move { driver().generate(&provider, &locator, deadline()).await.unwrap() });
    }
    let made = nodes.join_all().await;
    assert!(made.iter().all(|description| *description == made[0]));
    let mut alive = 0;
    for key in aws.list_keys().limit(1000).send().await.unwrap().keys.unwrap() {
        let key = aws.describe_key().key_id(key.key_id.unwrap()).send().await.unwrap().key_metadata.unwrap();
        if key.description.is_some_and(|description| description.ends_with(&alias)) {
            alive += usize::from(key.key_state != Some(KeyState::PendingDeletion));
        }
    }
    assert_eq!(alive, 1);
}
