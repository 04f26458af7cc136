#[path = "../../cel/src/tests/examples.rs"]
mod examples;

use innkeeper_guest::policy::{Policy, Question};

use crate::Rego;
use crate::Rego as Language;
use examples::{MONDAY, question, request, signing, verdict};

const HOURS: &str = include_str!("../examples/office-hours-for-root-keys.rego");
const TWO: &str = include_str!("../examples/two-people.rego");
const DIGESTS: &str = include_str!("../examples/approved-digests.rego");
const LIFETIME: &str = include_str!("../examples/certificate-lifetime.rego");

/// A module with these rules.
fn module(rules: &str) -> String {
    format!("package innkeeper\n\n{rules}\n")
}

#[test]
fn it_allows_if_allow_is_true_and_deny_is_empty() {
    let asked = question(MONDAY, request("{}"));
    for (rules, says) in [
        ("allow := true", None),
        ("default allow := false\nallow if input.place.mount_type == \"pki\"", None),
        ("allow := false", Some(crate::NO)),
        ("allow if input.place.mount_type == \"kv\"", Some(crate::NO)),
        ("default allow := false\nallow if input.nothing", Some(crate::NO)),
        ("allow := true\ndeny contains \"never\" if 1 > 2", None),
        ("allow := true\ndeny contains \"not today\"", Some("not today")),
        ("allow := false\ndeny contains \"b\"\ndeny contains \"a\"", Some("a; b")),
        ("import rego.v1\nallow := true\ndeny := {\"a\", \"b\"}", Some("a; b")),
        ("allow := true\ndeny := set()", None),
    ] {
        assert_eq!(verdict(&module(rules), &asked).unwrap().as_deref(), says, "{rules}");
    }
}

#[test]
fn a_policy_may_be_of_any_package() {
    let asked = question(MONDAY, request("{}"));
    for package in ["a", "a.b.c", "innkeeper[\"1.0\"]", "a[\"b \\\" c\"]"] {
        let text = format!(
            "package {package}\nallow := true\ndeny contains \"no\" if input.request.path == \"pki/issue/web\""
        );
        assert_eq!(verdict(&text, &asked).unwrap().as_deref(), Some("no"), "{package}");
    }
}

#[test]
fn a_policy_can_name_all_that_is_known() {
    let asked = question(MONDAY, request("{\"n\": 5, \"nested\": {\"list\": [1.5, null, true]}}"));
    for condition in [
        "input.request.parameters.n < 6; input.request.parameters.nested.list[0] > 1.0",
        "input.request.operation == \"update\"; startswith(input.request.path, \"pki/\"); input.request.wrap_ttl == null",
        "input.principal.entity_name == \"ada\"; \"operators\" in input.principal.groups; \"ca\" in input.principal.policies",
        "input.principal.entity_metadata.team == \"ca\"; input.principal.metadata[\"approved_by\"] == \"bob\"",
        "input.place.namespace == \"team/\"; input.place.mount_type == \"pki\"",
        "net.cidr_contains(\"192.0.2.0/24\", input.place.remote_address)",
        "glob.match(\"pki/*/web\", [\"/\"], input.request.path); regex.match(`^pki/`, input.request.path)",
        "semver.compare(\"1.2.0\", \"1.10.0\") == -1; base64.encode(\"a\") == \"YQ==\"; hex.encode(\"a\") == \"61\"",
        "input.key == null",
        "input.now == 1795420800; input.principal.token_time == input.now - 60",
    ] {
        assert_eq!(verdict(&module(&format!("allow if {{ {condition} }}")), &asked), Ok(None), "{condition}");
    }
    let asked = question(MONDAY, signing("k"));
    let condition = "input.request == null; input.key.digest_length == 32; input.key.input_length == 100; input.key.type == \"ec-p256\"";
    assert_eq!(verdict(&module(&format!("allow if {{ {condition} }}")), &asked), Ok(None));
}

#[test]
fn the_only_moment_there_is_is_that_of_the_question() {
    for (condition, now) in [
        ("time.now_ns() == 1795420800000000000", MONDAY),
        ("time.now_ns() == 60000000000", 60),
        ("time.clock(time.now_ns()) == [8, 0, 0]; time.date(time.now_ns()) == [2026, 11, 23]", MONDAY),
        ("time.clock([time.now_ns(), \"Europe/Berlin\"]) == [9, 0, 0]", MONDAY),
        (
            "time.clock([time.now_ns(), \"America/New_York\"]) == [3, 0, 0]; time.weekday(time.now_ns()) == \"Monday\"",
            MONDAY,
        ),
        ("time.parse_rfc3339_ns(\"2026-11-23T09:00:00+01:00\") == time.now_ns()", MONDAY),
        ("time.parse_duration_ns(\"1h30m\") == 5400000000000; time.parse_duration_ns(\"100ms\") == 100000000", MONDAY),
    ] {
        let policy = module(&format!("allow if {{ {condition} }}"));
        assert_eq!(verdict(&policy, &question(now, request("{}"))), Ok(None), "{condition}");
    }
}

#[test]
fn what_comes_to_something_else_or_to_an_error_is_no_verdict() {
    let asked = question(MONDAY, request("{\"n\": \"a\"}"));
    for (rules, says) in [
        ("allow := 1", "true or false"),
        ("allow := \"true\"", "true or false"),
        ("allow contains \"a\"", "true or false"),
        ("allow := true\ndeny := true", "set of texts"),
        ("allow := true\ndeny contains 1", "set of texts"),
        ("allow := true\ndeny[text] if text := \"no\"", "set of texts"),
        ("allow := true\nallow := false", "allow"),
        ("allow := true\ndeny contains \"no\" if to_number(input.request.parameters.n) > 1", "number"),
        ("allow := true\ndeny contains \"no\" if f(input.request.parameters.n)\nf(n) if abs(n) > 1", "abs"),
        ("allow := true\ndeny contains \"no\" if 1 / (input.now - input.now) > 1", "zero"),
        ("allow := true\ndeny contains \"no\" if regex.match(input.request.parameters.n, 1)", "regex.match"),
        ("allow if time.clock([time.now_ns(), \"Mars/Olympus\"])", "time.clock"),
        ("allow if time.clock([1, 2, 3])", "time.clock"),
        ("allow if time.parse_duration_ns(\"soon\") > 1", "time.parse_duration_ns"),
    ] {
        let error = verdict(&module(rules), &asked).unwrap_err();
        assert!(error.contains(says), "{rules}: {error}");
    }
    for parameters in ["", "{", "{} {}"] {
        let error = verdict(&module("allow := true"), &question(MONDAY, request(parameters))).unwrap_err();
        assert!(error.contains("the parameters"), "{error}");
    }
    let end = Question { time: u64::MAX, ..asked };
    assert!(verdict(&module("allow := true"), &end).unwrap_err().contains("out of range"));
}

#[test]
fn what_is_no_policy_is_refused_before_it_is_kept() {
    for (text, says) in [
        ("", "package"),
        ("allow := true", "package"),
        ("package a", "allow is missing"),
        ("package a\nalow := true", "allow is missing"),
        ("package a\nallow {", "allow"),
        ("package a\nallow.ed := true", "allow"),
        ("package a\nallow := true\ndeny.this := \"no\"", "deny"),
        ("package a\nallow := true if {", ""),
        ("package a\nallow if input.", ""),
        ("package a\nallow if x > 1", "x"),
        ("package a\n\u{0}", ""),
    ] {
        let error = Rego::check(text).unwrap_err();
        assert!(error.contains(says), "{text:?}: {error}");
    }
    let deep = format!("package a\nallow if {}1{} == 1", "(".repeat(400), ")".repeat(400));
    assert!(Rego::check(&deep).unwrap_err().contains("too deep"));
    let long = format!("package a\nallow := true\n{}", "# words\n".repeat(2048));
    assert!(Rego::check(&long).unwrap_err().contains("16 KiB"));
    assert!(Rego::evaluate(&long, &question(MONDAY, request("{}"))).unwrap_err().contains("16 KiB"));
}

#[test]
fn a_function_that_is_not_there_is_found_wherever_it_is_called() {
    for call in [
        "http.send({\"method\": \"get\", \"url\": \"http://192.0.2.1\"})",
        "opa.runtime()",
        "rand.intn(\"a\", 5)",
        "uuid.rfc4122(\"a\")",
        "time.format(time.now_ns())",
        "io.jwt.decode(\"a\")",
        "nothing(1)",
        "other.place(1)",
    ] {
        for rules in [
            format!("deny contains \"no\" if {call}"),
            format!("deny contains \"no\" if not {call}"),
            format!("deny contains {call}"),
            format!("deny contains \"no\" if count([x | x := {call}]) > 0"),
            format!("deny contains \"no\" if count({{x: 1 | x := {call}}}) > 0"),
            format!("deny contains \"no\" if {{ some x in [1]; x == {call} }}"),
            format!("deny contains \"no\" if every x in [1] {{ x == {call} }}"),
            format!("deny contains \"no\" if input.place with input.place as {call}"),
            format!("deny contains \"no\" if input.a[{call}] == {{\"a\": [1 + 1]}}"),
            format!("h if {{ false }} else := {call}"),
            format!("f(x) := {call}"),
            format!("default g := 1\ng := {{1, {call}}} if 1 == 2"),
        ] {
            let Err(error) = Rego::check(&module(&format!("allow := true\n{rules}"))) else {
                panic!("{rules}");
            };
            let name = call.split('(').next().unwrap();
            assert!(error.contains(&format!("there is no function {name}")), "{rules}: {error}");
        }
    }
    let own = "allow if f(1) == data.innkeeper.g(1)\nf(x) := x\ndefault g(_) := 2\ng(x) := x if print(x)";
    assert_eq!(verdict(&module(own), &question(MONDAY, request("{}"))), Ok(None));
}

#[test]
fn a_lifetime_that_is_none_is_denied() {
    for parameters in [r#"{"ttl": ["1h"]}"#, r#"{"ttl": null}"#] {
        assert!(verdict(LIFETIME, &question(MONDAY, request(parameters))).unwrap().is_some(), "{parameters}");
    }
}
