//! What is asked of policies in tests, and what the examples promise in whichever language they are written: the tests of
//! each language include this file.

use innkeeper_guest::policy::{Act, KeyUse, Operation, Place, Policy, Principal, Question, RequestFacts, Verdict};

use super::{DIGESTS, HOURS, LIFETIME, Language, TWO};

/// Monday, 2026-11-23, 09:00 in Berlin.
pub(super) const MONDAY: u64 = 1_795_420_800;
const HOUR: u64 = 3600;

pub(super) fn question(time: u64, act: Act) -> Question {
    let principal = Principal {
        entity_id: Some("e".into()),
        entity_name: "ada".into(),
        entity_metadata: vec![("team".into(), "ca".into())],
        groups: vec!["operators".into()],
        display_name: "userpass-ada".into(),
        policies: vec!["default".into(), "ca".into()],
        metadata: vec![("approved_by".into(), "bob".into())],
        token_path: "auth/token/create/control-group".into(),
        token_time: time - 60,
        namespace: String::new(),
    };
    let place = Place {
        namespace: "team/".into(),
        mount_path: "pki/".into(),
        mount_type: "pki".into(),
        mount_accessor: "pki_1".into(),
    };
    Question {
        request_id: "r".into(),
        time,
        principal: Some(principal),
        remote_address: Some("192.0.2.1".into()),
        place,
        act,
    }
}

pub(super) fn request(parameters: &str) -> Act {
    let path = "pki/issue/web".into();
    Act::Request(RequestFacts { operation: Operation::Update, path, parameters: parameters.into(), wrap_ttl: None })
}

pub(super) fn signing(key: &str) -> Act {
    Act::KeyUse(KeyUse {
        key: key.into(),
        namespace: String::new(),
        uuid: "u".into(),
        home: "pkcs11".into(),
        key_type: "ec-p256".into(),
        usage: "sign".into(),
        algorithm: "ecdsa-sha-256".into(),
        digest: "ab".repeat(32),
        input_length: 100,
        request: None,
    })
}

pub(super) fn verdict(text: &str, question: &Question) -> Result<Option<String>, String> {
    Language::check(text).unwrap();
    Language::evaluate(text, question).map(|verdict| match verdict {
        Verdict::Allow => None,
        Verdict::Deny(reason) => Some(reason),
    })
}

#[test]
fn root_keys_sign_in_office_hours_only() {
    let denied = Some("root keys sign on weekdays from 8 to 18 o'clock".to_owned());
    let at = |time| verdict(HOURS, &question(time, signing("root-2026"))).unwrap();
    assert_eq!(at(MONDAY), None);
    assert_eq!(at(MONDAY + 9 * HOUR), denied);
    assert_eq!(at(MONDAY - 2 * HOUR), denied);
    assert_eq!(at(MONDAY + 5 * 24 * HOUR), denied);
    assert_eq!(verdict(HOURS, &question(MONDAY + 9 * HOUR, signing("issuing"))).unwrap(), None);
    assert_eq!(verdict(HOURS, &question(MONDAY + 9 * HOUR, request("{}"))).unwrap(), None);
}

#[test]
fn a_root_key_is_used_only_by_somebody_whom_another_person_gave_a_token() {
    let asked = question(MONDAY, signing("root-2026"));
    assert_eq!(verdict(TWO, &asked).unwrap(), None);
    let nobody = Question { principal: None, ..asked.clone() };
    assert_eq!(verdict(TWO, &nobody).unwrap().unwrap(), "a person must ask");
    assert_eq!(verdict(TWO, &Question { act: signing("issuing"), ..nobody }).unwrap(), None);
    let with = |change: fn(&mut Principal)| {
        let mut asked = asked.clone();
        change(asked.principal.as_mut().unwrap());
        verdict(TWO, &asked).unwrap().unwrap()
    };
    assert_eq!(with(|who| who.token_path = "auth/token/create".into()), "a second person must make the token");
    assert_eq!(with(|who| who.metadata.clear()), "the token does not say who approved it");
    assert_eq!(with(|who| who.entity_name = "bob".into()), "nobody approves what they do themselves");
    assert_eq!(with(|who| who.token_time -= 2 * HOUR), "the approval is older than an hour");
}

#[test]
fn only_approved_digests_are_signed() {
    assert_eq!(verdict(DIGESTS, &question(MONDAY, signing("k"))).unwrap(), None);
    assert_eq!(verdict(DIGESTS, &question(MONDAY, request("{}"))).unwrap(), None);
    let Act::KeyUse(mut key) = signing("k") else { unreachable!() };
    (key.digest, key.algorithm) = ("ab".repeat(20), "rsa-pkcs1-sha-1".into());
    let denied = verdict(DIGESTS, &question(MONDAY, Act::KeyUse(key))).unwrap();
    assert_eq!(denied.as_deref(), Some("rsa-pkcs1-sha-1 is no approved way to sign"));
}

#[test]
fn certificates_live_no_longer_than_the_namespace_wants() {
    for (parameters, fine) in [
        ("{}", true),
        (r#"{"ttl": "24h"}"#, true),
        (r#"{"ttl": "2160h"}"#, true),
        (r#"{"ttl": 3600}"#, true),
        (r#"{"ttl": "3600"}"#, true),
        (r#"{"ttl": "2161h"}"#, false),
        (r#"{"ttl": "99999999"}"#, false),
        (r#"{"ttl": 99999999}"#, false),
    ] {
        let verdict = verdict(LIFETIME, &question(MONDAY, request(parameters))).unwrap();
        assert_eq!(verdict.is_none(), fine, "{parameters}: {verdict:?}");
    }
    assert!(verdict(LIFETIME, &question(MONDAY, request(r#"{"ttl": "soon"}"#))).is_err());
}
