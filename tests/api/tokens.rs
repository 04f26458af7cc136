//! `auth/token`, as the root token sees it.

use harness::{Answer, Server, wait_until};
use serde_json::{Value, json};

/// A server with the policies that the tokens of these tests get.
fn server() -> Server {
    let server = Server::start();
    for name in ["web", "db"] {
        server.policy("", name, "path \"x\" { capabilities = [\"read\"] }");
    }
    server
}

fn post(server: &Server, path: &str, body: Value) -> Answer {
    server.call("POST", &format!("auth/token/{path}"), body)
}

/// The `auth` of a token that is made.
fn made(server: &Server, path: &str, body: Value) -> Value {
    let answer = post(server, path, body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["auth"].clone()
}

fn token(auth: &Value) -> &str {
    auth["client_token"].as_str().unwrap()
}

fn looked_up(server: &Server, auth: &Value) -> Value {
    let answer = post(server, "lookup", json!({"token": token(auth)}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["data"].clone()
}

#[test]
fn a_token_is_made_shown_by_itself_and_by_its_accessor_and_ended() {
    let server = server();
    let body = json!({
        "policies": ["web", "Db"], "meta": {"owner": "team"}, "ttl": "1h", "display_name": "my app!", "num_uses": 7,
    });
    let auth = made(&server, "create", body);
    assert!(token(&auth).starts_with("hvs.") && token(&auth).len() >= 94);
    assert_eq!(auth["accessor"].as_str().unwrap().len(), 24);
    assert_eq!(auth["policies"], json!(["db", "default", "web"]));
    assert_eq!(auth["token_policies"], auth["policies"]);
    let expected = json!([3600, true, "service", false, 7, {"owner": "team"}, "", null]);
    let shown =
        ["lease_duration", "renewable", "token_type", "orphan", "num_uses", "metadata", "entity_id", "mfa_requirement"];
    assert_eq!(json!(shown.map(|field| auth[field].clone())), expected);
    let data = looked_up(&server, &auth);
    for (field, value) in [
        ("id", json!(token(&auth))),
        ("accessor", auth["accessor"].clone()),
        ("display_name", json!("token-my-app")),
        ("path", json!("auth/token/create")),
        ("meta", json!({"owner": "team"})),
        ("policies", json!(["db", "default", "web"])),
        ("creation_ttl", json!(3600)),
        ("explicit_max_ttl", json!(0)),
        ("num_uses", json!(7)),
        ("orphan", json!(false)),
        ("type", json!("service")),
        ("renewable", json!(true)),
        ("entity_id", json!("")),
    ] {
        assert_eq!(data[field], value, "{field}");
    }
    assert!((3590..=3600).contains(&data["ttl"].as_u64().unwrap()));
    assert!(data["expire_time"].as_str().unwrap().ends_with('Z'));
    assert!(data["issue_time"].as_str().unwrap().ends_with('Z'));
    for absent in ["role", "period", "bound_cidrs", "namespace_path", "parent"] {
        assert!(data.get(absent).is_none(), "{absent}");
    }
    let by_accessor = post(&server, "lookup-accessor", json!({"accessor": auth["accessor"]})).json["data"].clone();
    assert_eq!((&by_accessor["id"], &by_accessor["policies"]), (&json!(""), &data["policies"]));
    let by_query = server.call("GET", &format!("auth/token/lookup?token={}", token(&auth)), Value::Null);
    assert_eq!(by_query.json["data"]["accessor"], auth["accessor"]);
    for _ in 0..2 {
        assert_eq!(post(&server, "revoke", json!({"token": token(&auth)})).status, 204);
    }
    let gone = post(&server, "lookup", json!({"token": token(&auth)}));
    assert_eq!((gone.status, gone.error()), (403, "bad token"));
    let gone = post(&server, "lookup-accessor", json!({"accessor": auth["accessor"]}));
    assert_eq!((gone.status, gone.error()), (400, "invalid accessor"));
}

#[test]
fn every_bad_input_is_refused_by_name() {
    let server = server();
    post(&server, "roles/plain", json!({"allowed_entity_aliases": "web-*"}));
    let batch = made(&server, "create", json!({"type": "batch", "policies": "web"}));
    let batch = token(&batch);
    made(&server, "create", json!({"id": "taken", "policies": "web"}));
    for (path, body, status, text) in [
        ("create", json!({"type": "other"}), 400, "invalid 'token_type' value"),
        ("create", json!({"ttl": "-1h"}), 400, "ttl must be positive"),
        ("create", json!({"ttl": -5}), 400, "ttl must be positive"),
        ("create", json!({"ttl": "soon"}), 400, "ttl: must be a duration"),
        ("create", json!({"ttl": {}}), 400, "ttl: must be a duration"),
        ("create", json!({"period": "-1"}), 400, "period must be positive"),
        ("create", json!({"explicit_max_ttl": "-1"}), 400, "explicit_max_ttl must be positive"),
        ("create", json!({"lease": "-1s"}), 400, "lease must be positive"),
        ("create", json!({"num_uses": -1}), 400, "number of uses cannot be negative"),
        ("create", json!({"num_uses": "many"}), 400, "num_uses: must be a whole number"),
        ("create", json!({"policies": 5}), 400, "policies: must be a list of texts"),
        ("create", json!({"policies": ["p".repeat(300)]}), 400, "policies: must be at most 256 names"),
        ("create", json!({"policies": "response-wrapping"}), 400, "cannot assign policy \"response-wrapping\""),
        ("create", json!({"policies": "control-group"}), 400, "cannot assign policy \"control-group\""),
        ("create", json!({"meta": ["a"]}), 400, "meta: must be an object of texts"),
        ("create", json!({"meta": {"k": "v".repeat(600)}}), 400, "meta: must be at most 64 entries"),
        ("create", json!({"renewable": "perhaps"}), 400, "renewable: must be true or false"),
        ("create", json!({"no_parent": 7}), 400, "no_parent: must be true or false"),
        ("create", json!({"display_name": "d".repeat(600)}), 400, "display_name: must be at most 512 bytes"),
        ("create", json!({"id": "hvs.own"}), 400, "custom token ID cannot have the 'hvs.' prefix"),
        ("create", json!({"id": "a.b"}), 400, "custom token ID cannot have the '.'"),
        ("create", json!({"id": "taken"}), 400, "cannot create a token with a duplicate ID"),
        ("create", json!({"entity_alias": "x"}), 400, "'entity_alias' is only allowed in combination with token role"),
        ("create/plain", json!({"entity_alias": "x"}), 400, "invalid 'entity_alias' value"),
        ("create/nowhere", json!({}), 400, "unknown role nowhere"),
        ("create/-bad", json!({}), 400, "role name: "),
        ("create", json!({"type": "batch"}), 400, "batch tokens cannot be root tokens"),
        (
            "create",
            json!({"type": "batch", "policies": "web", "num_uses": 1}),
            400,
            "batch tokens cannot have \"num_uses\" set",
        ),
        (
            "create",
            json!({"type": "batch", "policies": "web", "period": "1h"}),
            400,
            "batch tokens cannot have \"period\" set",
        ),
        (
            "create",
            json!({"type": "batch", "policies": "web", "explicit_max_ttl": 5}),
            400,
            "batch tokens cannot have \"explicit_max_ttl\" set",
        ),
        ("create", json!({"type": "batch", "policies": "web", "id": "x"}), 400, "batch tokens cannot have \"id\" set"),
        ("lookup", json!({"token": "hvs.unknown"}), 403, "bad token"),
        ("lookup", json!({"token": 5}), 400, "token: must be text"),
        ("lookup", json!({"token": "x".repeat(9000)}), 403, "bad token"),
        ("lookup-accessor", json!({}), 400, "missing accessor"),
        ("lookup-accessor", json!({"accessor": "nobody"}), 400, "invalid accessor"),
        ("renew", json!({}), 400, "missing token ID"),
        ("renew", json!({"token": "hvs.unknown"}), 400, "token not found"),
        ("renew", json!({"token": batch}), 400, "batch tokens cannot be renewed"),
        ("renew", json!({"token": "taken", "increment": "-5s"}), 400, "increment must be positive"),
        ("renew-self", json!({}), 400, "lease is not renewable"),
        ("renew-accessor", json!({}), 400, "missing accessor"),
        ("renew-accessor", json!({"accessor": "nobody"}), 400, "invalid accessor"),
        ("revoke", json!({}), 400, "missing token ID"),
        ("revoke", json!({"token": batch}), 400, "batch tokens cannot be revoked"),
        ("revoke-accessor", json!({}), 400, "missing accessor"),
        ("revoke-orphan", json!({}), 400, "missing token ID"),
        ("revoke-orphan", json!({"token": "hvs.unknown"}), 400, "token to revoke not found"),
        ("revoke-orphan", json!({"token": batch}), 400, "batch tokens cannot be revoked"),
        ("roles/r", json!({"token_type": "other"}), 400, "invalid 'token_type' value \"other\""),
        ("roles/r", json!({"path_suffix": "a/b"}), 400, "given role path suffix contains invalid characters"),
        ("roles/r", json!({"path_suffix": "a..b"}), 400, "given role path suffix contains invalid characters"),
        ("roles/r", json!({"token_period": "-1"}), 400, "'token_period' cannot be negative"),
        ("roles/r", json!({"token_num_uses": -1}), 400, "'token_num_uses' cannot be negative"),
        ("roles/r", json!({"token_bound_cidrs": "10.0.0.0/99"}), 400, "token_bound_cidrs: must be addresses"),
        (
            "roles/r",
            json!({"token_type": "batch"}),
            400,
            "'token_type' cannot be 'batch' when role is set to generate non-orphan tokens",
        ),
        (
            "roles/r",
            json!({"token_type": "batch", "orphan": true}),
            400,
            "'token_type' cannot be 'batch' when role is set to generate renewable tokens",
        ),
        ("roles/r", json!({"allowed_policies": {"a": 1}}), 400, "allowed_policies: must be a list of texts"),
        ("roles/-r", json!({}), 400, "role name: "),
        ("nothing", json!({}), 404, "unsupported path"),
    ] {
        let answer = post(&server, path, body.clone());
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
        assert!(answer.error().starts_with(text), "{path} {body}: {}", answer.text);
    }
    assert_eq!(server.call("GET", "auth/token/roles/r", Value::Null).status, 404, "a refused role was kept");
}

#[test]
fn each_path_takes_its_own_methods_and_no_others() {
    let server = server();
    for (path, methods) in [
        ("create", ["GET", "DELETE", "LIST"]),
        ("lookup", ["DELETE", "LIST", "DELETE"]),
        ("lookup-accessor", ["GET", "DELETE", "LIST"]),
        ("renew-self", ["GET", "DELETE", "LIST"]),
        ("revoke", ["GET", "DELETE", "LIST"]),
        ("accessors", ["GET", "DELETE", "POST"]),
        ("roles", ["GET", "DELETE", "POST"]),
        ("tidy", ["GET", "DELETE", "LIST"]),
    ] {
        for method in methods {
            let answer = server.call(method, &format!("auth/token/{path}"), Value::Null);
            assert_eq!(answer.status, 405, "{method} {path}: {}", answer.text);
        }
    }
}

#[test]
fn a_time_to_live_is_bounded_and_the_answer_says_so() {
    let server = server();
    const MAX: u64 = 768 * 3600;
    for (body, ttl, warning) in [
        (json!({"policies": "web"}), MAX, None),
        (json!({"policies": "web", "ttl": "2h"}), 7200, None),
        (json!({"policies": "web", "lease": "2h"}), 7200, None),
        (
            json!({"policies": "web", "ttl": "1000h"}),
            MAX,
            Some(
                "TTL of \"1000h0m0s\" exceeded the effective max_ttl of \"768h0m0s\"; TTL value is capped accordingly",
            ),
        ),
        (
            json!({"policies": "web", "ttl": "2h", "explicit_max_ttl": "1h"}),
            3600,
            Some("TTL of \"2h0m0s\" exceeded the effective max_ttl of \"1h0m0s\""),
        ),
        (json!({"policies": "web", "period": "30m"}), 1800, None),
        (json!({"policies": "web", "period": "1000h"}), MAX, Some("Period of 3600000 seconds is greater than")),
        (json!({"policies": "root"}), 0, None),
        (json!({"policies": "root", "ttl": "1h"}), 3600, None),
        (json!({"policies": "root", "explicit_max_ttl": "1h"}), 3600, None),
    ] {
        let answer = post(&server, "create", body.clone());
        assert_eq!(answer.json["auth"]["lease_duration"], ttl, "{body}: {}", answer.text);
        let said = answer.json["warnings"][0].as_str();
        assert_eq!(said.is_some(), warning.is_some(), "{body}: {}", answer.text);
        assert!(said.unwrap_or_default().starts_with(warning.unwrap_or_default()), "{body}: {}", answer.text);
        assert_eq!(answer.json["auth"]["renewable"], ttl > 0, "{body}");
    }
}

#[test]
fn renewing_answers_the_new_time_and_is_shown() {
    let server = server();
    let auth = made(&server, "create", json!({"policies": "web", "ttl": "1h", "explicit_max_ttl": "3h"}));
    let renewed = post(&server, "renew", json!({"token": token(&auth), "increment": "2h"}));
    assert_eq!(renewed.json["auth"]["lease_duration"], 7200, "{}", renewed.text);
    assert_eq!(renewed.json["auth"]["client_token"], auth["client_token"]);
    let data = looked_up(&server, &auth);
    assert!(data["ttl"].as_u64().unwrap() > 7100);
    assert!(data["last_renewal_time"].is_u64() && data["last_renewal"].as_str().unwrap().ends_with('Z'));
    let capped = post(&server, "renew-accessor", json!({"accessor": auth["accessor"], "increment": 99999}));
    assert_eq!(capped.json["auth"]["client_token"], "", "an accessor must not lead to its token");
    assert!(capped.json["auth"]["lease_duration"].as_u64().unwrap() <= 10_800);
    assert!(capped.json["warnings"][0].as_str().unwrap().starts_with("TTL of"));
    let fixed = made(&server, "create", json!({"policies": "web", "ttl": "1h", "renewable": false}));
    let refused = post(&server, "renew", json!({"token": token(&fixed)}));
    assert_eq!((refused.status, refused.error()), (400, "lease is not renewable"));
}

#[test]
fn whoever_names_a_policy_that_is_not_there_is_told() {
    let server = server();
    let answer = post(&server, "create", json!({"policies": ["web", "wbe"]}));
    assert_eq!(answer.json["warnings"], json!(["Policy \"wbe\" does not exist"]));
    let answer = server.call("POST", "auth/token/create", json!({"policies": ["web", "root"]}));
    assert_eq!(answer.json["warnings"], Value::Null, "{}", answer.text);
}

#[test]
fn a_token_is_nobody_once_its_time_is_over() {
    let server = server();
    let auth = made(&server, "create", json!({"policies": "root", "ttl": "1s"}));
    let own = |path: &str| server.call_as(token(&auth), "GET", path, Value::Null).status;
    wait_until("it never ends", || own("auth/token/lookup-self") != 200);
    assert_eq!(own("auth/token/lookup-self"), 403);
    assert_eq!(own("sys/mounts"), 403);
    assert_eq!(post(&server, "lookup", json!({"token": token(&auth)})).status, 403);
}

#[test]
fn the_end_of_a_token_is_the_end_of_those_below_it_but_not_of_orphans() {
    let server = server();
    let parent = made(&server, "create", json!({"policies": "root"}));
    let by_parent = |path: &str, body: Value| {
        let answer = server.call_as(token(&parent), "POST", path, body);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json["auth"].clone()
    };
    let child = by_parent("auth/token/create", json!({"policies": "web"}));
    let orphans = [
        by_parent("auth/token/create-orphan", json!({"policies": "web"})),
        by_parent("auth/token/create", json!({"policies": "web", "no_parent": true})),
    ];
    let batch = by_parent("auth/token/create", json!({"policies": "web", "type": "batch"}));
    assert!(orphans.iter().all(|orphan| orphan["orphan"] == true));
    assert_eq!(looked_up(&server, &orphans[0])["path"], "auth/token/create-orphan");
    assert_eq!(server.call_as(token(&parent), "POST", "auth/token/revoke-self", Value::Null).status, 204);
    for gone in [&parent, &child, &batch] {
        assert_eq!(post(&server, "lookup", json!({"token": token(gone)})).status, 403);
    }
    for orphan in &orphans {
        looked_up(&server, orphan);
    }
}

#[test]
fn revoke_orphan_leaves_the_children_and_an_accessor_is_enough_to_revoke() {
    let server = server();
    let parent = made(&server, "create", json!({"policies": "root"}));
    let child = server.call_as(token(&parent), "POST", "auth/token/create", json!({"policies": "web"}));
    let child = child.json["auth"].clone();
    assert_eq!(post(&server, "revoke-orphan", json!({"token": token(&parent)})).status, 204);
    assert_eq!(post(&server, "lookup", json!({"token": token(&parent)})).status, 403);
    assert_eq!(looked_up(&server, &child)["orphan"], true);
    assert_eq!(post(&server, "revoke-accessor", json!({"accessor": child["accessor"]})).status, 204);
    assert_eq!(post(&server, "lookup", json!({"token": token(&child)})).status, 403);
    let nobody = post(&server, "revoke-accessor", json!({"accessor": child["accessor"]}));
    assert_eq!((nobody.status, &nobody.json["warnings"][0]), (200, &json!("No token found with this accessor")));
}

#[test]
fn a_batch_token_shows_what_it_carries_and_has_no_accessor() {
    let server = server();
    let auth = made(&server, "create", json!({"type": "batch", "policies": "web", "ttl": "1h", "meta": {"a": "b"}}));
    assert!(token(&auth).starts_with("hvb."));
    assert_eq!(
        (&auth["accessor"], &auth["renewable"], &auth["token_type"]),
        (&json!(""), &json!(false), &json!("batch"))
    );
    let data = looked_up(&server, &auth);
    assert_eq!(
        (&data["type"], &data["meta"], &data["renewable"]),
        (&json!("batch"), &json!({"a": "b"}), &json!(false))
    );
    let large: serde_json::Map<_, _> = (0..30).map(|n| (format!("k{n}"), json!("v".repeat(400)))).collect();
    let refused = post(&server, "create", json!({"type": "batch", "policies": "web", "meta": large}));
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("8 KiB"), "{}", refused.text);
}

#[test]
fn a_token_of_another_namespace_carries_its_id_and_is_shown_with_its_path() {
    let server = server();
    let id = server.call("POST", "sys/namespaces/a", Value::Null).json["data"]["id"].as_str().unwrap().to_owned();
    server.call("POST", "sys/namespaces/b", Value::Null);
    let answer = server.call_in("a", "POST", "auth/token/create", json!({"policies": "web"}));
    let auth = answer.json["auth"].clone();
    for text in [token(&auth), auth["accessor"].as_str().unwrap()] {
        assert!(text.ends_with(&format!(".{id}")), "{text}");
    }
    assert_eq!(auth["policies"], json!(["default", "web"]));
    assert_eq!(looked_up(&server, &auth)["namespace_path"], "a/");
    let refused = server.call_in("a", "POST", "auth/token/create", json!({"policies": "root"}));
    assert_eq!(refused.error(), "root tokens may not be created from a parent namespace");
    let refused = server.call_in("a", "POST", "auth/token/create", json!({"id": "own", "policies": "web"}));
    assert_eq!(refused.error(), "token IDs can only be manually specified in the root namespace");
    let accessor = || json!({"accessor": auth["accessor"]});
    for (namespace, status) in [("", 200), ("a", 200), ("b", 400)] {
        let answer = server.call_in(namespace, "POST", "auth/token/lookup-accessor", accessor());
        assert_eq!(answer.status, status, "{namespace}: {}", answer.text);
    }
    let listed = server.call_in("a", "LIST", "auth/token/accessors", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!([auth["accessor"]]));
    assert_eq!(server.call_in("b", "LIST", "auth/token/accessors", Value::Null).status, 404);
    server.call_in("b", "POST", "auth/token/revoke-accessor", accessor());
    looked_up(&server, &auth);
    server.call_in("a", "POST", "auth/token/roles/r", json!({}));
    assert_eq!(server.call_in("b", "GET", "auth/token/roles/r", Value::Null).status, 404);
    assert_eq!(server.call_in("b", "POST", "auth/token/create/r", json!({})).status, 400);
    assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 204);
    assert_eq!(post(&server, "lookup", json!({"token": token(&auth)})).status, 403, "its namespace is gone");
}

#[test]
fn a_role_is_written_read_listed_and_removed() {
    let server = server();
    assert_eq!(server.call("LIST", "auth/token/roles", Value::Null).status, 404);
    let written = json!({
        "allowed_policies": "Web,db", "allowed_policies_glob": ["team-*"], "disallowed_policies": "admin",
        "disallowed_policies_glob": "root-*", "orphan": "true", "renewable": false, "path_suffix": "v1-x",
        "allowed_entity_aliases": "Alias-*", "token_bound_cidrs": "10.1.2.3/8,192.0.2.1", "token_period": "1h",
        "token_explicit_max_ttl": 7200, "token_no_default_policy": true, "token_num_uses": "3", "token_type": "service",
    });
    assert_eq!(post(&server, "roles/r", written).status, 204);
    let read = server.call("GET", "auth/token/roles/r", Value::Null).json["data"].clone();
    let expected = json!({
        "name": "r", "allowed_policies": ["db", "web"], "allowed_policies_glob": ["team-*"],
        "disallowed_policies": ["admin"], "disallowed_policies_glob": ["root-*"], "orphan": true, "renewable": false,
        "path_suffix": "v1-x", "allowed_entity_aliases": ["alias-*"],
        "token_bound_cidrs": ["10.0.0.0/8", "192.0.2.1"], "token_period": 3600, "token_explicit_max_ttl": 7200,
        "token_no_default_policy": true, "token_num_uses": 3, "token_type": "service", "period": 0,
        "explicit_max_ttl": 0,
    });
    assert_eq!(read, expected);
    assert_eq!(post(&server, "roles/r", json!({"renewable": true})).status, 204);
    let read = server.call("GET", "auth/token/roles/r", Value::Null).json["data"].clone();
    assert_eq!((&read["renewable"], &read["token_period"]), (&json!(true), &json!(3600)), "what is not named stays");
    let defaults = post(&server, "roles/plain", json!({}));
    assert_eq!(defaults.status, 204);
    let read = server.call("GET", "auth/token/roles/plain", Value::Null).json["data"].clone();
    assert_eq!(
        (&read["renewable"], &read["token_type"], &read["orphan"]),
        (&json!(true), &json!("default-service"), &json!(false))
    );
    assert_eq!(server.call("LIST", "auth/token/roles", Value::Null).json["data"]["keys"], json!(["plain", "r"]));
    for _ in 0..2 {
        assert_eq!(server.call("DELETE", "auth/token/roles/r", Value::Null).status, 204);
    }
    assert_eq!(server.call("GET", "auth/token/roles/r", Value::Null).status, 404);
    let both = post(&server, "roles/plain", json!({"period": 5, "token_period": 6}));
    assert_eq!(both.status, 200);
    assert!(both.json["warnings"][0].as_str().unwrap().starts_with("Both 'token_period' and deprecated 'period'"));
}

#[test]
fn what_a_role_says_goes_for_its_tokens_and_for_their_renewals() {
    let server = server();
    let role = json!({
        "allowed_policies": "web,db", "orphan": true, "path_suffix": "v1-x", "token_period": "30m",
        "token_num_uses": 5, "token_bound_cidrs": "192.0.2.0/24",
    });
    post(&server, "roles/r", role);
    let answer = post(&server, "create/r", json!({"policies": "web", "num_uses": 9, "period": "1h"}));
    let auth = answer.json["auth"].clone();
    assert_eq!(
        (&auth["policies"], &auth["lease_duration"]),
        (&json!(["default", "web"]), &json!(1800)),
        "{}",
        answer.text
    );
    assert_eq!((&auth["orphan"], &auth["num_uses"]), (&json!(true), &json!(5)));
    let warned = "Period specified both during creation call and in role; using the lesser value of 1800 seconds";
    assert_eq!(answer.json["warnings"], json!([warned]));
    let data = looked_up(&server, &auth);
    assert_eq!((&data["path"], &data["role"]), (&json!("auth/token/create/r/v1-x"), &json!("r")));
    assert_eq!((&data["period"], &data["bound_cidrs"]), (&json!(1800), &json!(["192.0.2.0/24"])));
    let elsewhere = server.call_as(token(&auth), "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(elsewhere.status, 403, "it is bound to a network that this test is not in");
    let refused = post(&server, "create/r", json!({"policies": "admin"}));
    assert!(
        refused.error().starts_with("token policies ([\"admin\" \"default\"]) must be subset of the role's allowed"),
        "{}",
        refused.text
    );
    post(&server, "roles/r", json!({"token_period": "10m"}));
    let renewed = post(&server, "renew", json!({"token": token(&auth)}));
    assert_eq!(renewed.json["auth"]["lease_duration"], 600, "{}", renewed.text);
    server.call("DELETE", "auth/token/roles/r", Value::Null);
    let refused = post(&server, "renew", json!({"token": token(&auth)}));
    assert_eq!((refused.status, refused.error()), (400, "original token role \"r\" could not be found, not renewing"));
    post(&server, "roles/b", json!({"token_type": "default-batch", "allowed_policies": "web"}));
    assert!(token(&made(&server, "create/b", json!({}))).starts_with("hvb."));
    assert!(token(&made(&server, "create/b", json!({"type": "service"}))).starts_with("hvs."));
}

#[test]
fn accessors_are_listed_and_tidying_is_taken_note_of() {
    let server = server();
    let auth = made(&server, "create", json!({"policies": "web"}));
    let own = server.call("GET", "auth/token/lookup-self", Value::Null).json["data"]["accessor"].clone();
    let listed = server.call("LIST", "auth/token/accessors", Value::Null).json["data"]["keys"].clone();
    let listed: Vec<&str> = listed.as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(listed.len(), 2);
    assert!(listed.contains(&auth["accessor"].as_str().unwrap()) && listed.contains(&own.as_str().unwrap()));
    let tidied = post(&server, "tidy", Value::Null);
    assert_eq!(tidied.status, 202);
    assert!(tidied.json["warnings"][0].as_str().unwrap().starts_with("Tidy operation successfully started."));
}

#[test]
fn what_a_token_asks_about_itself_is_answered_whatever_the_header_says() {
    let server = server();
    let auth = made(&server, "create", json!({"policies": "root", "ttl": "1h"}));
    let own = |method: &str, path: &str| {
        let headers = [("X-Vault-Token", token(&auth)), ("X-Vault-Namespace", "nowhere")];
        server.send(method, path, &headers, Value::Null).status
    };
    assert_eq!(own("GET", "auth/token/lookup-self"), 200);
    assert_eq!(own("POST", "auth/token/renew-self"), 200);
    assert_eq!(own("GET", "cubbyhole/x"), 404);
    assert_eq!(own("POST", "auth/token/lookup"), 404, "that is not about itself");
    assert_eq!(own("POST", "auth/token/revoke-self"), 204);
    assert_eq!(own("GET", "auth/token/lookup-self"), 403);
}

#[test]
fn a_longest_life_that_was_given_is_kept_whatever_the_role_says_later() {
    let server = server();
    assert_eq!(post(&server, "roles/r", json!({"allowed_policies": "web"})).status, 204);
    let auth = made(&server, "create/r", json!({"explicit_max_ttl": "5m", "policies": ["web"]}));
    let renewed = server.call_as(token(&auth), "POST", "auth/token/renew-self", json!({"increment": "10h"}));
    assert_eq!(renewed.status, 200, "{}", renewed.text);
    assert!(renewed.json["auth"]["lease_duration"].as_u64().unwrap() <= 300, "{}", renewed.text);
}

#[test]
fn numbers_that_clients_cannot_read_back_are_refused() {
    let server = server();
    let refused = post(&server, "create", json!({"num_uses": 9_223_372_036_854_775_808_u64}));
    assert!(refused.status == 400 && refused.text.contains("num_uses"), "{}", refused.text);
}

#[test]
fn networks_are_shown_as_they_are_named() {
    let server = server();
    let networks = json!(["127.0.0.1", "10.0.0.0/8", "::1"]);
    assert_eq!(post(&server, "roles/n", json!({"token_bound_cidrs": networks})).status, 204);
    let role = server.call("GET", "auth/token/roles/n", Value::Null);
    assert_eq!(role.json["data"]["token_bound_cidrs"], networks, "{}", role.text);
    // One that is written for both families lets the same addresses in.
    assert_eq!(post(&server, "roles/m", json!({"token_bound_cidrs": ["::ffff:127.0.0.1"]})).status, 204);
    let auth = made(&server, "create/m", json!({"policies": ["web"]}));
    assert_eq!(server.call_as(token(&auth), "GET", "auth/token/lookup-self", Value::Null).status, 200);
}

#[test]
fn a_namespace_says_how_long_its_tokens_live() {
    let server = server();
    let tune = "sys/auth/token/tune";
    assert_eq!(server.call("POST", tune, json!({"default_lease_ttl": "1h", "max_lease_ttl": "2h"})).status, 204);
    let tuned = server.call("GET", tune, Value::Null).json["data"].clone();
    assert_eq!((&tuned["default_lease_ttl"], &tuned["max_lease_ttl"]), (&json!(3600), &json!(7200)));
    let listed = server.call("GET", "sys/auth", Value::Null);
    assert_eq!(listed.json["data"]["token/"]["config"]["max_lease_ttl"], 7200, "{}", listed.text);
    let auth = made(&server, "create", json!({"policies": ["web"]}));
    assert_eq!(auth["lease_duration"], 3600);
    let auth = made(&server, "create", json!({"policies": ["web"], "ttl": "10h"}));
    assert_eq!(auth["lease_duration"], 7200);
    let renewed = server.call_as(token(&auth), "POST", "auth/token/renew-self", json!({"increment": "10h"}));
    assert!(renewed.json["auth"]["lease_duration"].as_u64().unwrap() <= 7200, "{}", renewed.text);
    for (body, says) in [
        (json!({"default_lease_ttl": "3h"}), "default_lease_ttl"),
        (json!({"max_lease_ttl": "soon"}), "max_lease_ttl"),
        (json!({"token_type": "batch"}), "token_type"),
    ] {
        let refused = server.call("POST", tune, body);
        assert!(refused.status == 400 && refused.text.contains(says), "{}", refused.text);
    }
    // Elsewhere nothing was said.
    server.call("POST", "sys/namespaces/team", Value::Null);
    let elsewhere = server.call_in("team", "POST", "auth/token/create", json!({"policies": ["default"]}));
    assert_eq!(elsewhere.json["auth"]["lease_duration"], 2_764_800, "{}", elsewhere.text);
    let refused = server.call("POST", "sys/mounts/sys/tune", json!({"max_lease_ttl": "2h"}));
    assert!(refused.status == 400 && refused.text.contains("cannot tune"), "{}", refused.text);
}
