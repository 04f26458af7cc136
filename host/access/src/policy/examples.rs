//! Policies as people write them, and what comes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use model::{Id, NamespacePath, Operation};
use serde_json::{Value, json};

use super::*;

fn acl(texts: &[&str]) -> Acl {
    acl_for(texts, &Subject::default())
}

fn acl_for(texts: &[&str], subject: &Subject) -> Acl {
    let policies: Vec<Policy> = texts.iter().map(|text| Policy::parse(text).unwrap()).collect();
    let (names, root) = (["one", "two", "three"], NamespacePath::root());
    let sources = policies.iter().zip(names);
    let source = |(policy, name)| Source { policy, name, namespace: Id::nil(), path: &root };
    Acl::new(sources.map(source), subject, 1000)
}

fn may(acl: &Acl, operation: Operation, path: &str) -> bool {
    acl.decide(&Question { operation, path, parameters: None, wrap_ttl: None, sudo: false }).allowed
}

fn may_send(acl: &Acl, body: &Value) -> bool {
    let question =
        Question { operation: Operation::Update, path: "a", parameters: body.as_object(), wrap_ttl: None, sudo: false };
    acl.decide(&question).allowed
}

fn malformed(text: &str) -> String {
    Policy::parse(text).unwrap_err().to_string()
}

#[test]
fn a_pattern_fits_what_it_says_and_nothing_else() {
    for (pattern, fits, fails) in [
        ("secret/foo", &["secret/foo"][..], &["secret/foo/", "secret/foobar", "secret", "x/secret/foo"][..]),
        ("/secret/foo", &["secret/foo"], &["/secret/foo"]),
        ("secret/bar/*", &["secret/bar/", "secret/bar/zip", "secret/bar/zip/zap"], &["secret/bar", "secret/bars/zip"]),
        ("secret/zip-*", &["secret/zip-", "secret/zip-zap", "secret/zip-zap/zong"], &["secret/zip", "secret/zip/zap"]),
        ("secret/+/teamb", &["secret/foo/teamb", "secret//teamb"], &["secret/foo/bar/teamb", "secret/teamb"]),
        ("+/+/x", &["a/b/x"], &["a/x", "a/b/c/x"]),
        ("+", &["a", ""], &["a/b"]),
        (
            "secret/+/bar/ba*",
            &["secret/foo/bar/bar", "secret/foo/bar/baz/deep"],
            &["secret/foo/bar/b", "secret/bar/ba"],
        ),
        ("secret/+/*", &["secret/a/", "secret/a/b/c"], &["secret/a"]),
        ("*", &["", "anything/at/all"], &[]),
        ("a*b", &["a*b"], &["axb"]),
        ("a+b/c", &["a+b/c"], &["axb/c"]),
        ("a/+b", &["a/+b"], &["a/xb", "a/b"]),
        ("", &[""], &["a"]),
    ] {
        let acl = acl(&[&format!("path {pattern:?} {{ capabilities = [\"read\"] }}")]);
        for path in fits {
            assert!(may(&acl, Operation::Read, path), "{pattern} should fit {path}");
        }
        for path in fails {
            assert!(!may(&acl, Operation::Read, path), "{pattern} should not fit {path}");
        }
    }
}

#[test]
fn of_two_patterns_the_better_one_alone_decides() {
    for (better, worse, path) in [
        ("secret/a", "secret/*", "secret/a"),
        ("secret/a", "secret/+", "secret/a"),
        ("secret/ab*", "secret/a*", "secret/abc"),
        // The first wildcard is later.
        ("secret/a*", "secret/+", "secret/a"),
        ("secret/foo/+/baz", "secret/+/bar/baz", "secret/foo/bar/baz"),
        ("secret/team/*", "secret/+/x/y", "secret/team/x/y"),
        // No star at the end.
        ("secret/+", "secret/*", "secret/a"),
        ("secret/+/+", "secret/+/a*", "secret/x/ab"),
        // Fewer pluses.
        ("secret/+/b/c", "secret/+/+/c", "secret/a/b/c"),
        ("secret/+/b/+/d", "secret/+/+/+/d", "secret/a/b/c/d"),
        // Longer.
        ("secret/+/bar/ba*", "secret/+/bar/b*", "secret/x/bar/bar"),
        // Greater in order.
        ("+/b/+", "+/+/a", "x/b/a"),
    ] {
        let rule = |path: &str, capability: &str| format!("path {path:?} {{ capabilities = [{capability:?}] }}\n");
        for texts in [[rule(better, "read"), rule(worse, "deny")], [rule(worse, "deny"), rule(better, "read")]] {
            let acl = acl(&[&texts[0], &texts[1]]);
            assert!(may(&acl, Operation::Read, path), "{better} before {worse} at {path}");
        }
        // Nothing is added from the one that is worse.
        let acl = acl(&[&rule(better, "update"), &rule(worse, "read")]);
        assert!(!may(&acl, Operation::Read, path), "{worse} adds to {better}");
        assert!(may(&acl, Operation::Update, path));
    }
}

#[test]
fn a_listing_is_decided_without_its_slash_too() {
    let list = |pattern: &str| acl(&[&format!("path {pattern:?} {{ capabilities = [\"list\"] }}")]);
    for pattern in ["secret/metadata/", "secret/metadata", "secret/metadata/*", "secret/met*", "secret/+", "secret/+/"]
    {
        assert!(may(&list(pattern), Operation::List, "secret/metadata/"), "{pattern}");
        assert!(may(&list(pattern), Operation::List, "secret/metadata"), "{pattern}");
    }
    assert!(!may(&list("secret/metadata/x"), Operation::List, "secret/metadata/"));
    // An exact match without the slash comes before a pattern with it.
    let both = acl(&[r#"path "a/b" { capabilities = ["read"] }"#, r#"path "a/b/*" { capabilities = ["list"] }"#]);
    assert!(!may(&both, Operation::List, "a/b/"));
    // And so does a pattern that fits without the slash.
    let both = acl(&[r#"path "a/*" { capabilities = ["read"] } path "a/b/*" { capabilities = ["list"] }"#]);
    assert!(!may(&both, Operation::List, "a/b/"));
    assert!(may(&both, Operation::List, "a/b/c/"));
}

#[test]
fn each_operation_needs_its_own_capability() {
    let all = [
        ("create", Operation::Create),
        ("read", Operation::Read),
        ("update", Operation::Update),
        ("delete", Operation::Delete),
        ("list", Operation::List),
        ("patch", Operation::Patch),
    ];
    for (word, _) in all {
        let acl = acl(&[&format!("path \"a\" {{ capabilities = [{word:?}, \"sudo\"] }}")]);
        for (other, operation) in all {
            assert_eq!(may(&acl, operation, "a"), word == other, "{word} {operation:?}");
        }
    }
}

#[test]
fn sudo_is_needed_where_a_route_demands_it_and_permits_nothing_by_itself() {
    let sudo = |acl: &Acl| {
        let question = Question { operation: Operation::Read, path: "a", parameters: None, wrap_ttl: None, sudo: true };
        acl.decide(&question).allowed
    };
    assert!(sudo(&acl(&[r#"path "a" { capabilities = ["read", "sudo"] }"#])));
    assert!(!sudo(&acl(&[r#"path "a" { capabilities = ["read"] }"#])));
    assert!(!sudo(&acl(&[r#"path "a" { capabilities = ["sudo"] }"#])));
    // Not from another pattern.
    assert!(!sudo(&acl(&[r#"path "a" { capabilities = ["read"] } path "*" { capabilities = ["sudo"] }"#])));
    assert!(sudo(&Acl::root()));
}

#[test]
fn the_same_pattern_in_several_policies_adds_up_and_a_denial_wins() {
    let read = r#"path "a/*" { capabilities = ["read"] }"#;
    let list = r#"path "a/*" { capabilities = ["list"] }"#;
    let deny = r#"path "a/*" { capabilities = ["deny", "read"] allowed_parameters = { "x" = [] } }"#;
    let both = acl(&[read, list]);
    assert!(may(&both, Operation::Read, "a/b") && may(&both, Operation::List, "a/b"));
    for texts in [[read, deny, list], [deny, read, list], [read, list, deny]] {
        assert!(!may(&acl(&texts), Operation::Read, "a/b"));
        assert_eq!(acl(&texts).capabilities("a/b"), ["deny"]);
    }
    // The same within one policy, and with a slash in front.
    let twice = acl(&[r#"path "a/*" { capabilities = ["read"] } path "/a/*" { capabilities = ["list"] }"#]);
    assert!(may(&twice, Operation::Read, "a/b") && may(&twice, Operation::List, "a/b"));
}

#[test]
fn the_policies_that_give_the_capability_are_named_once_each() {
    let acl = acl(&[
        r#"path "a" { capabilities = ["read"] } path "a" { capabilities = ["read"] }"#,
        r#"path "a" { capabilities = ["list"] }"#,
        r#"path "a" { capabilities = ["read"] }"#,
    ]);
    let question = Question { operation: Operation::Read, path: "a", parameters: None, wrap_ttl: None, sudo: false };
    let granting = acl.decide(&question).granting;
    let names: Vec<_> = granting.iter().map(|granting| granting.name.as_str()).collect();
    assert_eq!(names, ["one", "three"]);
    assert_eq!((granting[0].namespace_id.as_str(), granting[0].namespace_path.as_str()), ("root", ""));
    assert!(acl.decide(&Question { operation: Operation::Patch, ..question }).granting.is_empty());
    let root = Acl::root().decide(&question);
    assert_eq!((root.allowed, root.granting[0].name.as_str()), (true, "root"));
}

#[test]
fn paths_of_a_policy_are_below_its_namespace() {
    let policy =
        Policy::parse(r#"path "*" { capabilities = ["read"] } path "+/x" { capabilities = ["list"] }"#).unwrap();
    let path = NamespacePath::parse("team").unwrap();
    let source = Source { policy: &policy, name: "p", namespace: Id::from_random([7; 16]), path: &path };
    let acl = Acl::new([source], &Subject::default(), 0);
    assert!(may(&acl, Operation::Read, "team/a") && may(&acl, Operation::Read, "team/below/a"));
    assert!(may(&acl, Operation::List, "team/y/x"));
    assert!(!may(&acl, Operation::Read, "other/a") && !may(&acl, Operation::Read, "a"));
    assert!(!may(&acl, Operation::List, "y/x"));
    // Those above name what is below.
    let above = self::acl(&[r#"path "team/a" { capabilities = ["read"] }"#]);
    assert!(may(&above, Operation::Read, "team/a"));
}

#[test]
fn words_of_the_old_language_stand_for_capabilities() {
    for (word, wanted) in [
        ("deny", &["deny"][..]),
        ("read", &["read", "list"]),
        ("write", &["read", "list", "update", "delete", "create"]),
        ("sudo", &["sudo", "read", "list", "update", "delete", "create"]),
    ] {
        assert_eq!(acl(&[&format!("path \"a\" {{ policy = {word:?} }}")]).capabilities("a"), wanted);
    }
    let both = acl(&[r#"path "a" { policy = "read" capabilities = ["patch"] }"#]);
    assert_eq!(both.capabilities("a"), ["read", "list", "patch"]);
}

#[test]
fn capabilities_are_told_in_order_and_deny_alone_for_nothing() {
    let acl = acl(&[r#"path "a" { capabilities = ["patch", "create", "delete", "update", "list", "read", "sudo"] }
           path "b" { capabilities = [] }
           path "c/" { capabilities = ["list"] }
           path "d" { capabilities = ["list"] }"#]);
    assert_eq!(acl.capabilities("a"), ["sudo", "read", "list", "update", "delete", "create", "patch"]);
    assert_eq!(acl.capabilities("b"), ["deny"]);
    assert_eq!(acl.capabilities("nowhere"), ["deny"]);
    assert_eq!((acl.capabilities("c/"), acl.capabilities("c")), (vec!["list"], vec!["deny"]));
    assert_eq!((acl.capabilities("d/"), acl.capabilities("d")), (vec!["list"], vec!["list"]));
    assert_eq!(Acl::root().capabilities("a"), ["root"]);
}

#[test]
fn a_mount_is_reached_when_anything_below_it_may_be_done() {
    for (pattern, seen) in [
        ("kv/a/b", true),
        ("kv/*", true),
        ("kv/a*", true),
        ("k*", true),
        ("*", true),
        ("+/a", true),
        ("+/*", true),
        ("+/a/*", true),
        ("kv", true),
        ("kv/a", true),
        ("kvx/*", false),
        ("other/+", false),
    ] {
        let acl = acl(&[&format!("path {pattern:?} {{ capabilities = [\"read\"] }}")]);
        assert_eq!(acl.reaches("kv/"), seen, "{pattern}");
    }
    let denied = acl(&[r#"path "kv/*" { capabilities = ["deny"] } path "kv/a" { capabilities = [] }"#]);
    assert!(!denied.reaches("kv/"));
    assert!(Acl::root().reaches("kv/"));
}

#[test]
fn parameters_are_required_denied_and_allowed() {
    let with = |rest: &str| acl(&[&format!("path \"a\" {{ capabilities = [\"update\"] {rest} }}")]);
    for (rules, body, wanted) in [
        (r#"required_parameters = ["Bar", "baz"]"#, json!({"bar": 1, "baz": 2}), true),
        (r#"required_parameters = ["bar", "baz"]"#, json!({"bar": 1}), false),
        (r#"required_parameters = ["bar"]"#, json!({}), false),
        (r#"allowed_parameters = { "bar" = [] }"#, json!({"bar": "anything"}), true),
        (r#"allowed_parameters = { "bar" = [] }"#, json!({"BAR": "anything"}), true),
        (r#"allowed_parameters = { "bar" = [] }"#, json!({"other": 1}), false),
        (r#"allowed_parameters = { "bar" = [] }"#, json!({}), true),
        (r#"allowed_parameters = { "bar" = ["zip", "zap"] }"#, json!({"bar": "zap"}), true),
        (r#"allowed_parameters = { "bar" = ["zip", "zap"] }"#, json!({"bar": "zop"}), false),
        (r#"allowed_parameters = { "bar" = ["zip"] "*" = [] }"#, json!({"bar": "zip", "other": 1}), true),
        (r#"allowed_parameters = { "bar" = ["zip"] "*" = [] }"#, json!({"bar": "zop", "other": 1}), false),
        (r#"allowed_parameters = { "*" = [] }"#, json!({"any": "thing"}), true),
        (r#"allowed_parameters = {}"#, json!({"any": "thing"}), true),
        (r#"allowed_parameters = { "bar" = ["foo-*"] }"#, json!({"bar": "foo-1"}), true),
        (r#"allowed_parameters = { "bar" = ["foo-*"] }"#, json!({"bar": "bar-foo-1"}), false),
        (r#"allowed_parameters = { "bar" = ["a", "b"] }"#, json!({"bar": ["b", "a"]}), true),
        (r#"allowed_parameters = { "bar" = ["a", "b"] }"#, json!({"bar": ["b", "c"]}), false),
        (r#"allowed_parameters = { "bar" = ["a", "b"] }"#, json!({"bar": "b, a"}), true),
        (r#"allowed_parameters = { "bar" = ["a", "b"] }"#, json!({"bar": "b,c"}), false),
        (r#"allowed_parameters = { "bar" = ["a"] }"#, json!({"bar": ""}), false),
        (r#"allowed_parameters = { "bar" = [["a", "b"]] }"#, json!({"bar": ["a", "b"]}), true),
        (r#"allowed_parameters = { "bar" = [["a", "b"]] }"#, json!({"bar": ["a"]}), false),
        (r#"allowed_parameters = { "bar" = [true, 5] }"#, json!({"bar": true}), true),
        (r#"allowed_parameters = { "bar" = [true, 5] }"#, json!({"bar": 5}), true),
        (r#"allowed_parameters = { "bar" = [true, 5] }"#, json!({"bar": "true"}), false),
        (r#"denied_parameters = { "bar" = [] }"#, json!({"bar": 1}), false),
        (r#"denied_parameters = { "bar" = [] }"#, json!({"Bar": 1}), false),
        (r#"denied_parameters = { "bar" = [] }"#, json!({"other": 1}), true),
        (r#"denied_parameters = { "bar" = ["zip", "zap*"] }"#, json!({"bar": "zapped"}), false),
        (r#"denied_parameters = { "bar" = ["zip", "zap*"] }"#, json!({"bar": "zop"}), true),
        (r#"denied_parameters = { "*" = [] }"#, json!({"any": 1}), false),
        (r#"denied_parameters = { "*" = [] }"#, json!({}), true),
        (r#"denied_parameters = { "bar" = ["a"] }"#, json!({"bar": ["b", "a"]}), false),
        (r#"denied_parameters = { "bar" = ["a"] }"#, json!({"bar": "b, a"}), false),
        (r#"denied_parameters = { "bar" = ["a"] }"#, json!({"bar": ["b"]}), true),
        (r#"denied_parameters = { "policies" = ["admin"] }"#, json!({"policies": ["ADMIN"]}), false),
        (r#"allowed_parameters = { "*" = [] } denied_parameters = { "bar" = [] }"#, json!({"bar": 1}), false),
        (r#"allowed_parameters = { "a" = ["x"] } allowed_parameters = { "a" = ["y"] }"#, json!({"a": "y"}), true),
    ] {
        assert_eq!(may_send(&with(rules), &body), wanted, "{rules} {body}");
    }
}

#[test]
fn parameters_of_several_policies_join_and_a_name_without_values_swallows_the_others() {
    let with = |one: &str, two: &str| {
        let text = |rest: &str| format!("path \"a\" {{ capabilities = [\"update\"] {rest} }}");
        acl(&[&text(one), &text(two)])
    };
    let (x, y, any) = (r#"{ "k" = ["x"] }"#, r#"{ "k" = ["y"] }"#, r#"{ "k" = [] }"#);
    let allowed =
        |one: &str, two: &str| with(&format!("allowed_parameters = {one}"), &format!("allowed_parameters = {two}"));
    assert!(may_send(&allowed(x, y), &json!({"k": "x"})) && may_send(&allowed(x, y), &json!({"k": "y"})));
    assert!(!may_send(&allowed(x, y), &json!({"k": "z"})));
    assert!(may_send(&allowed(x, any), &json!({"k": "z"})) && may_send(&allowed(any, x), &json!({"k": "z"})));
    // One that names none leaves the other's bounds as they are.
    assert!(!may_send(&with("", &format!("allowed_parameters = {x}")), &json!({"k": "z"})));
    let denied =
        |one: &str, two: &str| with(&format!("denied_parameters = {one}"), &format!("denied_parameters = {two}"));
    assert!(!may_send(&denied(x, y), &json!({"k": "y"})) && may_send(&denied(x, y), &json!({"k": "z"})));
    assert!(!may_send(&denied(any, y), &json!({"k": "z"})));
    let required = with(r#"required_parameters = ["x"]"#, r#"required_parameters = ["y"]"#);
    assert!(may_send(&required, &json!({"x": 1, "y": 1})) && !may_send(&required, &json!({"x": 1})));
}

#[test]
fn parameters_do_not_matter_to_deletions_and_listings() {
    let acl = acl(&[
        r#"path "a" { capabilities = ["delete", "list"] denied_parameters = { "*" = [] } required_parameters = ["x"] }"#,
    ]);
    let body = json!({"k": 1});
    for operation in [Operation::Delete, Operation::List] {
        let question = Question { operation, path: "a", parameters: body.as_object(), wrap_ttl: None, sudo: false };
        assert!(acl.decide(&question).allowed);
    }
}

#[test]
fn wrapping_keeps_within_its_bounds() {
    let may_wrap = |acl: &Acl, ttl: Option<u64>| {
        let wrap_ttl = ttl.map(Duration::from_secs);
        let question = Question { operation: Operation::Read, path: "a", parameters: None, wrap_ttl, sudo: false };
        acl.decide(&question).allowed
    };
    let with = |rest: &str| format!("path \"a\" {{ capabilities = [\"read\"] {rest} }}");
    let bounds = acl(&[&with(r#"min_wrapping_ttl = "1m" max_wrapping_ttl = "1h30m""#)]);
    for (ttl, wanted) in [(None, false), (Some(59), false), (Some(60), true), (Some(5400), true), (Some(5401), false)] {
        assert_eq!(may_wrap(&bounds, ttl), wanted, "{ttl:?}");
    }
    let numbers = acl(&[&with("min_wrapping_ttl = 60")]);
    assert!(may_wrap(&numbers, Some(60)) && !may_wrap(&numbers, Some(59)) && !may_wrap(&numbers, None));
    // The smaller of two bounds, and none at all where both leave nothing.
    let smaller = acl(&[&with("max_wrapping_ttl = 60"), &with("max_wrapping_ttl = \"90\"")]);
    assert!(may_wrap(&smaller, Some(60)) && !may_wrap(&smaller, Some(61)));
    let nothing = acl(&[&with("max_wrapping_ttl = 60"), &with("min_wrapping_ttl = 90")]);
    assert!([None, Some(60), Some(75), Some(90)].iter().all(|ttl| !may_wrap(&nothing, *ttl)));
}

#[test]
fn a_listing_keeps_to_the_page_that_a_policy_allows() {
    let decide = |text: &str, body: &Value| {
        let question = Question {
            operation: Operation::List,
            path: "a/",
            parameters: body.as_object(),
            wrap_ttl: None,
            sudo: false,
        };
        acl(&[text]).decide(&question)
    };
    let bound = r#"path "a/" { capabilities = ["list"] pagination_limit = 10 }"#;
    for (body, wanted) in [
        (json!({"limit": 10}), true),
        (json!({"limit": "10"}), true),
        (json!({"limit": "max"}), true),
        (json!({}), true),
        (json!({"limit": 11}), false),
        (json!({"limit": "many"}), false),
    ] {
        assert_eq!(decide(bound, &body).allowed, wanted, "{body}");
    }
    assert_eq!(decide(bound, &json!({})).page_max, Some(10));
    let must = r#"path "a/" { capabilities = ["list"] pagination_limit = 10 required_parameters = ["limit"] }"#;
    assert!(!decide(must, &json!({})).allowed);
}

#[test]
fn a_rule_counts_until_it_expires() {
    let text = r#"path "a" { capabilities = ["read"] expiration = "1970-01-01T00:16:40Z" }
                  path "b" { capabilities = ["read"] expiration = "1970-01-01T00:16:39Z" }
                  path "c" { capabilities = ["read"] expiration = "2000" }"#;
    let acl = acl(&[text]);
    assert!(may(&acl, Operation::Read, "a") && may(&acl, Operation::Read, "c"));
    assert!(!may(&acl, Operation::Read, "b"));
    assert_eq!(acl.expires(), Some(1000));
}

fn somebody() -> Subject {
    let of = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let alias = Alias {
        id: "alias-1".into(),
        name: "login-name".into(),
        metadata: of(&[("service", "web")]),
        custom_metadata: of(&[("floor", "3")]),
    };
    let group =
        Group { id: "group-1".into(), name: "ops".into(), namespace: Id::nil(), metadata: of(&[("area", "north")]) };
    let foreign =
        Group { id: "group-2".into(), name: "far".into(), namespace: Id::from_random([1; 16]), metadata: of(&[]) };
    Subject {
        entity_id: "entity-1".into(),
        name: "some-name".into(),
        metadata: of(&[
            ("team", "red"),
            ("star", "*"),
            ("plus", "x/+"),
            ("empty", ""),
            ("a.b", "dotted"),
            ("deep", "x/y"),
        ]),
        aliases: BTreeMap::from([("auth_1".to_owned(), alias)]),
        groups: vec![group, foreign],
    }
}

#[test]
fn templates_put_in_what_is_known_of_the_one_who_asks() {
    for (template, path) in [
        ("{{identity.entity.id}}", Some("entity-1")),
        ("{{ identity.entity.name }}", Some("some-name")),
        ("{{identity.entity.metadata.team}}", Some("red")),
        ("{{identity.entity.metadata.a.b}}", Some("dotted")),
        ("{{identity.entity.metadata.deep}}", Some("x/y")),
        ("{{identity.entity.aliases.auth_1.id}}", Some("alias-1")),
        ("{{identity.entity.aliases.auth_1.name}}", Some("login-name")),
        ("{{identity.entity.aliases.auth_1.metadata.service}}", Some("web")),
        ("{{identity.entity.aliases.auth_1.custom_metadata.floor}}", Some("3")),
        ("{{identity.groups.ids.group-1.name}}", Some("ops")),
        ("{{identity.groups.ids.group-2.name}}", Some("far")),
        ("{{identity.groups.names.ops.id}}", Some("group-1")),
        ("{{identity.groups.names.ops.metadata.area}}", Some("north")),
        ("{{identity.entity.id}}-{{identity.entity.name}}", Some("entity-1-some-name")),
        // Nothing known, so no rule.
        ("{{identity.entity.metadata.other}}", None),
        ("{{identity.entity.metadata.empty}}", None),
        ("{{identity.entity.aliases.auth_2.name}}", None),
        ("{{identity.groups.names.dev.id}}", None),
        ("{{identity.groups.names.far.id}}", None),
        ("{{something.else}}", None),
        ("{{}}", None),
        // A value is no wildcard.
        ("{{identity.entity.metadata.star}}", None),
        ("{{identity.entity.metadata.plus}}", None),
    ] {
        let text = format!("path \"kv/{template}/*\" {{ capabilities = [\"read\"] }}");
        let acl = acl_for(&[&text], &somebody());
        assert_eq!(acl.len(), usize::from(path.is_some()), "{template}");
        if let Some(path) = path {
            assert!(may(&acl, Operation::Read, &format!("kv/{path}/x")), "{template}");
        }
        assert!(!may(&acl, Operation::Read, "kv/anything/x"), "{template}");
    }
    let nobody = acl(&[r#"path "kv/{{identity.entity.id}}" { capabilities = ["read"] }"#]);
    assert!(nobody.is_empty());
}

#[test]
fn json_says_the_same_as_hcl() {
    for text in [
        r#"{"path": {"a/*": {"capabilities": ["read"]}, "b": {"policy": "read", "allowed_parameters": {"k": ["x"]}}}}"#,
        r#"{"path": [{"a/*": {"capabilities": ["read"]}}, {"b": [{"policy": "read", "allowed_parameters": [{"k": ["x"]}]}]}]}"#,
        r#"path = { "a/*" = { capabilities = ["read"] } "b" = { policy = "read", allowed_parameters { k = ["x"] } } }"#,
        "name = \"ignored\"\n\"path\" \"a/*\" { \"capabilities\" = [\"read\"] }\npath \"b\" { policy = \"read\" allowed_parameters = { \"k\" = [\"x\"] \"j\" = [] } comment = <<EOF\nwhy\nEOF\n}",
    ] {
        let acl = acl(&[text]);
        assert_eq!(acl.capabilities("a/x"), ["read"], "{text}");
        assert_eq!(acl.capabilities("b"), ["read", "list"], "{text}");
    }
}

#[test]
fn what_is_no_policy_is_refused_in_the_words_that_clients_know() {
    for (text, wanted) in [
        ("path \"a\" {", "At 1:11: expected '}', found the end of the text"),
        ("nope = 1", "1 error occurred:\n\t* invalid key \"nope\" on line 1\n\n"),
        ("x = 1\ny = 2", "2 errors occurred:\n\t* invalid key \"x\" on line 1\n\t* invalid key \"y\" on line 2\n\n"),
        ("path \"a\" {\nwhat = 1 }", "1 error occurred:\n\t* path \"a\": invalid key \"what\" on line 2\n\n"),
        (r#"path "a" { capabilities = ["fly"] }"#, r#"path "a": invalid capability "fly""#),
        (r#"path "a" { capabilities = "read" }"#, r#"path "a": capabilities: must be a list of texts"#),
        (r#"path "a" { policy = "banana" }"#, r#"path "a": invalid policy "banana""#),
        (r#"path "a/+*" { }"#, r#"path "a/+*": invalid use of wildcards ('+*' is forbidden)"#),
        (r#"path "{{a" { }"#, "failed to validate policy templating: unbalanced templating characters"),
        (r#"path "a}}" { }"#, "failed to validate policy templating: unbalanced templating characters"),
        (
            r#"path "a" { min_wrapping_ttl = "2h" max_wrapping_ttl = "1h" }"#,
            "max_wrapping_ttl cannot be less than min_wrapping_ttl",
        ),
        (
            r#"path "a" { max_wrapping_ttl = "soon" }"#,
            "error parsing max_wrapping_ttl: must be a duration such as 90, \"90s\" or \"72h\", at most 290 years",
        ),
        (
            r#"path "a" { expiration = "soon" }"#,
            "path \"a\": invalid expiration time: must be a time such as \"2030-01-31T12:00:00Z\"",
        ),
        (
            r#"path "a" { allowed_parameters = { "x" = "y" } }"#,
            r#"path "a": allowed_parameters: must be an object of lists"#,
        ),
        (r#"path "a" { allowed_parameters = ["x"] }"#, r#"path "a": allowed_parameters: must be an object of lists"#),
        ("path \"a\" \"b\" { }", "path: must be a block with one label, such as path \"secret/*\" { … }"),
        ("path = 1", "path: must be a block with one label, such as path \"secret/*\" { … }"),
        (r#"{"path": 5"#, "At 1:10: EOF while parsing an object"),
    ] {
        assert_eq!(malformed(text), format!("failed to parse policy: {wanted}"), "{text}");
    }
    assert!(malformed(&format!("# {}", "x".repeat(TEXT_MAX))).contains("512 KiB"));
    assert!(malformed(r#"path "a" { list_scan_response_keys_filter_path = "x" }"#).contains("does not filter"));
    // A denial voids whatever else stands beside it.
    assert!(Policy::parse(r#"path "a" { capabilities = ["deny"] max_wrapping_ttl = "soon" }"#).is_ok());
}

#[test]
fn what_is_read_but_not_enforced_is_said() {
    let text = r#"path "a" { capabilities = ["read"] mfa_methods = ["m"] control_group = { ttl = "1h" } }"#;
    let warnings = Policy::parse(text).unwrap().warnings();
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].starts_with("mfa_methods") && warnings[1].starts_with("control_group"));
    assert!(Policy::parse(r#"path "a" { capabilities = ["read"] }"#).unwrap().warnings().is_empty());
}
