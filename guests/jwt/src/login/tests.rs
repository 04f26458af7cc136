//! Logins, without the signatures: natively there is no host to verify them.

use std::cell::Cell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use innkeeper_guest::serde_json::Value;

use super::*;

fn token(header: &Value, claims: &Value) -> String {
    let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([1; 64]))
}

fn refused(jwt: &str) -> Fault {
    let fault = login(&Request::for_test(&[], &json!({ "role": "r", "jwt": jwt }))).map(drop).unwrap_err();
    storage::drop_writes();
    fault
}

/// A mount with a role, whose key set another answers for.
fn mount() {
    let role = json!({ "record": 1, "user_claim": "sub", "bound_subject": "ann" });
    storage::put_json("role/r", &role).unwrap();
    let config = json!({
        "record": 1, "oidc_discovery_url": "", "oidc_discovery_ca_pem": "", "jwks_url": "https://id.example/keys",
        "jwks_ca_pem": "", "jwt_validation_pubkeys": [], "bound_issuer": "", "jwt_supported_algs": [],
        "default_role": "",
    });
    storage::put_json("config", &config).unwrap();
    storage::checkpoint().unwrap();
}

#[test]
fn strangers_with_tokens_of_an_unknown_key_do_not_make_us_ask_again_and_again() {
    mount();
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    http_out::answer_with(move |_| {
        count.set(count.get() + 1);
        Ok(http_out::Response { status: 200, headers: Vec::new(), body: br#"{"keys":[]}"#.to_vec() })
    });
    let stranger = token(&json!({ "alg": "EdDSA", "kid": "k2" }), &json!({ "sub": "ann" }));
    for _ in 0..3 {
        assert!(refused(&stranger).messages[0].contains("no known key"));
    }
    assert_eq!(asked.get(), 1);
}

fn granted(role: Value, claims: Value) -> Result<Auth, Fault> {
    let (Value::Object(mut role), Value::Object(claims)) = (role, claims) else { panic!("objects") };
    role.entry("user_claim").or_insert(json!("sub"));
    grant("r", &innkeeper_guest::serde_json::from_value(role.into()).unwrap(), &claims)
}

#[test]
fn a_login_carries_what_the_role_maps() {
    let role = json!({ "groups_claim": "g", "claim_mappings": { "/a/b": "where", "absent": "x" } });
    let auth = granted(role, json!({ "sub": 7, "g": ["p", "q"], "a": { "b": true } })).unwrap();
    assert_eq!(auth.alias.unwrap().name, "7");
    assert_eq!(auth.group_aliases, ["p", "q"]);
    assert_eq!(auth.metadata, [("role".into(), "r".into()), ("where".to_owned(), "true".to_owned())]);
}

#[test]
fn claims_that_the_host_would_not_take_are_refused_by_name() {
    let role = json!({ "groups_claim": "g", "claim_mappings": { "m": "m" } });
    let fits = json!({ "sub": "x".repeat(512), "g": vec!["y"; 256], "m": "" });
    assert!(granted(role.clone(), fits.clone()).is_ok());
    for (claim, value) in [
        ("sub", json!("x".repeat(513))),
        ("sub", json!("a\nb")),
        ("sub", json!("")),
        ("sub", json!({})),
        ("g", json!(vec!["y"; 257])),
        ("g", json!(["y".repeat(513)])),
        ("g", json!([""])),
        ("g", json!(["a\u{7f}"])),
        ("g", json!([[]])),
        ("m", json!("m".repeat(513))),
        ("m", json!("\t")),
    ] {
        let mut claims = fits.clone();
        claims[claim] = value;
        let fault = granted(role.clone(), claims).map(drop).unwrap_err();
        assert_eq!(fault.kind, FaultKind::InvalidRequest);
        assert!(fault.messages[0].contains(&format!("{claim:?}")), "{}", fault.messages[0]);
    }
}

#[test]
fn who_logs_in_does_not_learn_whom_we_ask_and_why_that_failed() {
    mount();
    http_out::answer_with(|_| {
        let message = "id.example: connection refused".to_owned();
        Err(http_out::HttpError { kind: http_out::HttpErrorKind::Unreachable, message })
    });
    let fault = refused(&token(&json!({ "alg": "EdDSA" }), &json!({ "sub": "ann" })));
    assert_eq!(fault.kind, FaultKind::Unavailable);
    assert_eq!(fault.messages, ["error validating token: the keys to check it with cannot be had now"]);
    assert_eq!(fault.detail.as_deref(), Some("id.example: connection refused"));
}

#[test]
fn a_role_of_a_name_that_cannot_be_is_not_found() {
    mount();
    for name in ["a/../b", "..", "a\nb", "x/y", "nobody"] {
        let body = json!({ "role": name, "jwt": "x" });
        let fault = login(&Request::for_test(&[], &body)).map(drop).unwrap_err();
        assert_eq!(fault.messages, [format!("role {name:?} could not be found")]);
    }
}
