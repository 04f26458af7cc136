//! Providers that answer, that do not, and that answer something else.

use std::cell::Cell;
use std::rc::Rc;

use super::*;

const KEY: &str = r#"{"kty":"OKP","crv":"Ed25519","kid":"k1","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn answer(status: u16, body: String) -> http_out::Response {
    http_out::Response { status, headers: Vec::new(), body: body.into_bytes() }
}

fn provider(url: &str) -> Config {
    serde_json::from_value(json!({
        "record": 1, "oidc_discovery_url": url, "oidc_discovery_ca_pem": "", "jwks_url": "", "jwks_ca_pem": "",
        "jwt_validation_pubkeys": [], "bound_issuer": "", "jwt_supported_algs": [], "default_role": "",
    }))
    .unwrap()
}

/// A provider of one key, and how often it was asked for its key set.
fn asked() -> Rc<Cell<u32>> {
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    http_out::answer_with(move |request| {
        let set = request.url.ends_with("/keys");
        count.set(count.get() + u32::from(set));
        let keys = format!("{{\"keys\":[{KEY},{{\"kty\":\"oct\"}}]}}");
        let found = json!({"issuer": "https://id.example", "jwks_uri": "https://id.example/keys"}).to_string();
        Ok(answer(200, if set { keys } else { found }))
    });
    asked
}

fn down() {
    http_out::answer_with(|_| Ok(answer(503, String::new())));
}

fn named(name: &str) -> Result<bool, Fault> {
    find(&provider("https://id.example"), |key| key.id.as_deref() == Some(name))
}

/// Lets so many seconds pass for what is kept.
fn pass(seconds: u64) {
    let mut kept = Kept::load().unwrap();
    (kept.at, kept.asked) = (kept.at.saturating_sub(seconds), kept.asked.saturating_sub(seconds));
    storage::put_json(KEPT, &kept).unwrap();
    storage::checkpoint().unwrap();
}

#[test]
fn a_provider_is_asked_once_and_again_only_for_a_key_that_is_not_known() {
    let asked = asked();
    assert_eq!((named("k1"), named("k1"), asked.get()), (Ok(true), Ok(true), 1));
    assert_eq!((named("k2"), asked.get()), (Ok(false), 1), "asked a moment ago");
    pass(PAUSE);
    assert_eq!((named("k1"), asked.get()), (Ok(true), 1));
    assert_eq!((named("k2"), named("k2"), asked.get()), (Ok(false), Ok(false), 2));
    pass(FRESH);
    assert_eq!((named("k1"), named("k1"), asked.get()), (Ok(true), Ok(true), 3));
}

#[test]
fn a_provider_that_is_down_is_not_asked_again_and_again_and_its_keys_are_good_for_an_hour() {
    asked();
    assert_eq!(named("k1"), Ok(true));
    down();
    pass(FRESH);
    assert_eq!(named("k1"), Ok(true));
    assert_eq!(named("k2").unwrap_err().detail.as_deref(), Some(ASKED_LATELY));
    storage::drop_writes();
    let again = asked();
    assert_eq!((named("k1"), again.get()), (Ok(true), 0));
    down();
    pass(STALE - FRESH);
    assert!(named("k1").unwrap_err().detail.unwrap().contains("status 503"));
    storage::drop_writes();
    let again = self::asked();
    assert!(named("k1").is_err());
    pass(PAUSE);
    assert_eq!((named("k1"), again.get()), (Ok(true), 1));
}

#[test]
fn what_a_provider_calls_itself_is_what_its_tokens_must_name() {
    for (own, theirs) in [("https://id.example", "https://id.example/"), ("https://id.example/", "https://id.example")]
    {
        http_out::answer_with(move |request| {
            assert!(!request.url.contains("example//"), "{}", request.url);
            let found = json!({"issuer": theirs, "jwks_uri": "https://id.example/keys", "keys": []}).to_string();
            Ok(answer(200, found))
        });
        let body = json!({"oidc_discovery_url": own});
        crate::config::write(&Request::for_test(&[], &body)).map(drop).unwrap();
        assert_eq!(crate::config::get().unwrap().unwrap().issuer(), theirs);
        let shown = crate::config::read(&Request::for_test(&[], &json!({}))).unwrap();
        assert!(shown.data_text().unwrap().contains(&format!("\"oidc_discovery_url\":\"{own}\"")));
    }
    assert_eq!(provider("https://older.example").issuer(), "https://older.example");
}

#[test]
fn a_provider_that_is_somebody_else_is_not_believed_and_no_text_tells_its_url() {
    http_out::answer_with(|_| Ok(answer(200, json!({"issuer": "https://other", "jwks_uri": "x"}).to_string())));
    assert!(fetch(&provider("https://id.example")).is_err());
    for (status, body) in [(500, String::new()), (200, "<html>".to_owned())] {
        http_out::answer_with(move |_| Ok(answer(status, body.clone())));
        let fault = fetch(&provider("https://id.example/?secret=s")).map(drop).unwrap_err();
        assert!(!fault.messages[0].contains("secret"), "{}", fault.messages[0]);
    }
}
