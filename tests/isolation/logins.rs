//! An auth method is as foreign as any guest: what it says of a login is checked before a token is made of it.

use std::sync::LazyLock;

use harness::{Answer, PORTER, Server};
use serde_json::{Value, json};

use crate::hostile::failed_with;

const BOUNDS: &str = "the engine's answer is out of bounds";

static SERVER: LazyLock<Server> = LazyLock::new(|| Server::with_guests(&[PORTER]));

/// A porter of its own for each test.
fn porter(at: &str) {
    assert_eq!(SERVER.call("POST", &format!("sys/auth/{at}"), json!({"type": "porter"})).status, 204);
}

fn log_in(at: &str, wish: Value) -> Answer {
    SERVER.send("POST", &format!("auth/{at}/login"), &[], wish)
}

fn with(answer: &Answer, method: &str, path: &str) -> Answer {
    SERVER.call_as(answer.json["auth"]["client_token"].as_str().expect("a token"), method, path, Value::Null)
}

#[test]
fn no_auth_method_makes_a_root_token() {
    porter("rooted");
    for policies in [json!(["root"]), json!(["a", "Root"]), json!(["ROOT"]), json!([" root"]), json!(["root\u{a0}"])] {
        failed_with(&log_in("rooted", json!({"alias": "ann", "policies": policies})), BOUNDS);
    }
    let refused = log_in("rooted", json!({"alias": "ann", "policies": [" Response-Wrapping"]}));
    assert_eq!(refused.status, 400, "{}", refused.text);
}

#[test]
fn what_a_login_says_is_bounded() {
    porter("bounded");
    let many: Vec<String> = (0..257).map(|n| format!("p{n}")).collect();
    let pairs: Value = (0..65).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    for wish in [
        json!({"alias": ""}),
        json!({"alias": "x".repeat(513)}),
        json!({"alias": "a\nb"}),
        json!({"alias": "ann", "policies": many.clone()}),
        json!({"alias": "ann", "policies": ["x".repeat(257)]}),
        json!({"alias": "ann", "groups": many}),
        json!({"alias": "ann", "metadata": pairs}),
        json!({"alias": "ann", "metadata": {"k": "v".repeat(513)}}),
        json!({"alias": "ann", "internal": "x".repeat((16 << 10) + 1)}),
    ] {
        let answer = log_in("bounded", wish.clone());
        failed_with(&answer, BOUNDS);
    }
    assert_eq!(log_in("bounded", json!({"alias": "x".repeat(256)})).status, 200);
}

#[test]
fn a_login_is_answered_only_where_no_token_is_asked_for() {
    porter("tokened");
    failed_with(&SERVER.call("POST", "auth/tokened/with-token", json!({"alias": "ann"})), BOUNDS);
}

#[test]
fn a_method_is_asked_before_its_token_is_renewed_and_may_refuse() {
    porter("renewing");
    let willing = log_in("renewing", json!({"alias": "ann", "internal": "fine"}));
    let renewed = with(&willing, "POST", "auth/token/renew-self");
    assert_eq!((renewed.status, &renewed.json["auth"]["lease_duration"]), (200, &json!(7)), "{}", renewed.text);
    let unwilling = log_in("renewing", json!({"alias": "ann", "internal": "refuse"}));
    let refused = with(&unwilling, "POST", "auth/token/renew-self");
    assert_eq!((refused.status, &refused.json["errors"][0]), (400, &json!("the porter does not renew")));
}

#[test]
fn tokens_of_a_method_end_with_it_also_batch_tokens() {
    porter("passing");
    let service = log_in("passing", json!({"alias": "ann"}));
    let batch = log_in("passing", json!({"alias": "ann", "token_type": "batch"}));
    assert_eq!(batch.json["auth"]["token_type"], "batch", "{}", batch.text);
    for token in [&service, &batch] {
        assert_eq!(with(token, "GET", "auth/token/lookup-self").status, 200);
    }
    assert_eq!(SERVER.call("DELETE", "sys/auth/passing", Value::Null).status, 204);
    for token in [&service, &batch] {
        assert_eq!(with(token, "GET", "auth/token/lookup-self").status, 403);
    }
    assert_eq!(log_in("passing", json!({"alias": "ann"})).status, 403);
}

#[test]
fn a_host_that_the_operator_did_not_name_is_not_asked_and_questions_are_counted() {
    porter("asking");
    for url in
        [SERVER.address().to_owned(), "https://169.254.169.254/latest".to_owned(), "https://example.org/".to_owned()]
    {
        let answer = SERVER.call("POST", "auth/asking/fetch", json!({"url": url}));
        assert_eq!(answer.json["data"]["told"][0]["kind"], "HttpErrorKind::NotAllowed", "{}", answer.text);
    }
    let many = SERVER.call("POST", "auth/asking/fetch", json!({"url": "https://example.org/", "times": 9}));
    let told = many.json["data"]["told"].as_array().unwrap();
    assert_eq!(told[7]["kind"], "HttpErrorKind::NotAllowed");
    assert_eq!(told[8]["kind"], "HttpErrorKind::TooMany");
}
