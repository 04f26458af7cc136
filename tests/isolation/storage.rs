//! A guest reaches its own drawer, in keys and values of bounded size, and what it writes counts only with its answer.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::hostile::{Hostile, a_bystander_is_served, failed_with, server};

#[test]
fn a_request_reads_what_it_wrote_and_so_does_the_next_one() {
    let hostile = Hostile::at("notes");
    assert_eq!(hostile.note("a"), None);
    assert_eq!(hostile.told("write-then-read", json!({"name": "a", "text": "first"}))["text"], "first");
    assert_eq!(hostile.note("a").as_deref(), Some("first"));
    assert_eq!(hostile.call("LIST", "notes", Value::Null).json["data"]["keys"], json!(["a"]));
}

#[test]
fn what_was_written_before_a_trap_or_a_refusal_is_not_kept() {
    let hostile = Hostile::at("halfway");
    for before in [None, Some("before")] {
        if let Some(text) = before {
            hostile.keep("a", text);
        }
        failed_with(&hostile.ask("trap-after-writes", Value::Null), "internal error");
        assert_eq!(hostile.note("a").as_deref(), before);
        let refused = hostile.ask("fault-after-writes", Value::Null);
        assert_eq!((refused.status, refused.json), (400, json!({"errors": ["refused after writing"]})));
        assert_eq!(hostile.note("a").as_deref(), before);
    }
}

#[test]
fn mounts_of_one_guest_do_not_see_each_other_and_a_new_one_is_empty() {
    let (one, other) = (Hostile::at("one"), Hostile::at("one-more"));
    one.keep("a", "of one");
    assert_eq!(other.note("a"), None);
    other.keep("a", "of the other");
    assert_eq!(one.note("a").as_deref(), Some("of one"));
    assert_eq!(server().call("DELETE", "sys/mounts/one", Value::Null).status, 204);
    let anew = Hostile::at("one");
    assert_eq!(anew.note("a"), None);
    assert_eq!(other.note("a").as_deref(), Some("of the other"));
}

#[test]
fn keys_over_their_bounds_are_refused_and_those_at_it_are_not() {
    let told = Hostile::at("keys-large").told("huge-key", Value::Null);
    for (key, said) in [
        ("segment_255", "ok"),
        ("segment_256", "invalid-key"),
        ("key_511", "ok"),
        ("key_513", "invalid-key"),
        ("key_1_mib", "invalid-key"),
    ] {
        assert_eq!(told[key], said, "{key}");
    }
}

#[test]
fn values_over_a_mebibyte_and_requests_over_sixteen_are_refused() {
    let told = Hostile::at("values-large").told("huge-value", Value::Null);
    assert_eq!((&told["two_mib"], &told["one_mib_and_one"]), (&json!("too-large"), &json!("too-large")));
    assert_eq!((&told["mebibytes_taken"], &told["next"]), (&json!(16), &json!("too-large")));
    a_bystander_is_served();
}

#[test]
fn a_request_writes_ten_thousand_keys_and_not_one_more() {
    let told = Hostile::at("many-keys").told("too-many-writes", Value::Null);
    assert_eq!((&told["taken"], &told["refused"]), (&json!(10_000), &json!("too-large")));
}

#[test]
fn a_request_reads_a_hundred_thousand_keys_and_not_one_more() {
    let told = Hostile::at("many-reads").told("too-many-reads", Value::Null);
    assert_eq!(told["long_after"], "invalid-key");
    // The host itself has read a few: who asks, and what is mounted here.
    let taken = told["taken"].as_u64().unwrap();
    assert!((99_900..=100_000).contains(&taken), "{taken} reads");
    assert_eq!(told["refused"], "too-large");
    assert_eq!(told["list"], "too-large");
}

#[test]
fn no_key_or_prefix_leads_out_of_the_drawer() {
    let hostile = Hostile::at("tricks");
    hostile.keep("a", "mine");
    let told = hostile.told("path-tricks", Value::Null);
    let keys = told["keys"].as_object().unwrap();
    assert!(keys.len() > 10);
    for (key, said) in keys {
        assert_eq!(said, &json!({"put": "invalid-key", "get": "invalid-key", "delete": "invalid-key"}), "{key:?}");
    }
    let prefixes = told["prefixes"].as_object().unwrap();
    assert!(prefixes.len() > 5);
    for (prefix, said) in prefixes {
        assert_eq!(said, "invalid-key", "{prefix:?}");
    }
    assert_eq!(hostile.call("LIST", "notes", Value::Null).json["data"]["keys"], json!(["a"]));
}

#[test]
fn of_requests_that_change_the_same_record_each_counts_once() {
    const CLIENTS: u64 = 4;
    const TIMES: u64 = 5;
    let hostile = Hostile::at("contended");
    std::thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut done = 0;
                while done < TIMES {
                    let answer = hostile.ask("counter", json!({"milliseconds": 5}));
                    match answer.status {
                        200 => done += 1,
                        // It lost too often against the others, says so, and was not counted.
                        503 => {
                            assert!(answer.header("retry-after").is_some(), "{answer:?}");
                            sleep(Duration::from_millis(20));
                        }
                        status => panic!("{status}: {}", answer.text),
                    }
                }
            });
        }
    });
    assert_eq!(hostile.call("GET", "counter", Value::Null).json["data"]["count"], CLIENTS * TIMES);
}
