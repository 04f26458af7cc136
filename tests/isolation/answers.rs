//! A guest's answer is as foreign as a client's request: what is out of bounds is not passed on.

use serde_json::{Value, json};

use crate::hostile::{Hostile, a_bystander_is_served, failed_with};

const BOUNDS: &str = "the engine's answer is out of bounds";

#[test]
fn an_answer_over_eight_mebibytes_is_not_sent_and_the_bound_is_named() {
    let hostile = Hostile::at("huge");
    failed_with(&hostile.ask("huge-answer", Value::Null), "more than 8 MiB");
    a_bystander_is_served();
}

#[test]
fn a_status_that_is_none_never_reaches_a_client() {
    let hostile = Hostile::at("status");
    for status in [0, 99, 100, 101, 199, 600, 999, 65_535] {
        failed_with(&hostile.ask("bad-status", json!({"status": status})), BOUNDS);
    }
    for status in [200, 404, 418, 599] {
        let answer = hostile.ask("bad-status", json!({"status": status}));
        assert_eq!((answer.status, answer.text.as_str()), (status, "with a bad status"));
    }
}

#[test]
fn a_guest_cannot_write_lines_into_the_head_of_the_answer() {
    let hostile = Hostile::at("head");
    hostile.tune(json!({"allowed_response_headers": ["x-odd", "x-even"]}));
    for value in ["a\r\nb: c", "a\nb: c", "a\rb: c", "a\u{0}", "\u{7f}", "é"] {
        let answer = hostile.ask("crlf-header", json!({"value": value}));
        failed_with(&answer, BOUNDS);
        assert_eq!((answer.header("b"), answer.header("x-odd")), (None, None), "{value:?}");
    }
    for name in ["", "x-odd\r\nb: c"] {
        failed_with(&hostile.ask("crlf-header", json!({"name": name, "value": "x"})), BOUNDS);
    }
}

#[test]
fn a_header_is_sent_only_if_the_guest_declares_it_and_the_mount_allows_it() {
    let hostile = Hostile::at("headers");
    let odd = || hostile.ask("crlf-header", json!({"value": "fine"}));
    assert_eq!(odd().header("x-odd"), None, "the mount does not allow it yet");
    hostile.tune(json!({"allowed_response_headers": ["X-Odd", "X-Even", "Cache-Control"]}));
    assert_eq!(odd().header("x-odd"), Some("fine"));
    for undeclared in ["x-even", "cache-control"] {
        let answer = hostile.ask("crlf-header", json!({"name": undeclared, "value": "sneaked in"}));
        assert_eq!(answer.status, 200);
        assert!(!format!("{:?}", answer.headers).contains("sneaked in"), "{undeclared}");
    }
}

#[test]
fn data_that_is_no_json_object_does_not_get_into_the_envelope() {
    let hostile = Hostile::at("envelope");
    for text in ["{not json", "", "[1]", "\"text\"", "1", "true", "{}}", "{}, \"auth\": {}", "{\"a\":1} x", "null, 1"] {
        let answer = hostile.ask("not-json-answer", json!({"text": text}));
        failed_with(&answer, BOUNDS);
        assert!(answer.json.get("auth").is_none(), "{text}");
    }
    for (text, data) in [("{\"a\":1}", json!({"a": 1})), ("null", Value::Null), (" {} ", json!({}))] {
        let answer = hostile.ask("not-json-answer", json!({"text": text}));
        assert_eq!((answer.status, &answer.json["data"], &answer.json["auth"]), (200, &data, &Value::Null), "{text:?}");
    }
}

#[test]
fn an_operation_that_a_route_does_not_declare_is_refused_by_the_host() {
    let hostile = Hostile::at("actionless");
    for method in ["GET", "LIST", "POST", "PUT", "DELETE"] {
        let answer = hostile.call(method, "no-such-action", Value::Null);
        assert_eq!((answer.status, answer.json), (405, json!({"errors": ["unsupported operation"]})), "{method}");
    }
    assert_eq!(hostile.call("GET", "sleepy", Value::Null).status, 405);
    assert_eq!(hostile.call("GET", "no-such-route", Value::Null).status, 404);
}

#[test]
fn a_login_from_a_secrets_engine_gives_nothing_out() {
    let hostile = Hostile::at("forged");
    for method in ["POST", "GET"] {
        let answer = hostile.call(method, "forged-login", Value::Null);
        failed_with(&answer, BOUNDS);
        assert!(!answer.text.contains("client_token"), "{}", answer.text);
    }
}
