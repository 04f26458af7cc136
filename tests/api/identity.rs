use harness::Server;
use serde_json::{Value, json};

fn entity(server: &Server, body: Value) -> String {
    let made = server.call("POST", "identity/entity", body);
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["data"]["id"].as_str().unwrap().to_owned()
}

#[test]
fn an_entity_is_written_read_listed_renamed_and_removed() {
    let server = Server::start();
    let id = entity(&server, json!({"name": "Ann", "policies": "ops,Dev", "metadata": {"team": "x"}}));
    let read = server.call("GET", "identity/entity/name/ann", Value::Null);
    assert_eq!(read.json["data"]["id"], json!(id));
    assert_eq!(read.json["data"]["policies"], json!(["dev", "ops"]));
    assert_eq!(read.json["data"]["metadata"], json!({"team": "x"}));
    assert_eq!(read.json["data"]["namespace_id"], "root");
    assert_eq!(server.call("LIST", "identity/entity/id", Value::Null).json["data"]["keys"], json!([id]));
    assert_eq!(server.call("POST", &format!("identity/entity/id/{id}"), json!({"name": "anna"})).status, 204);
    assert_eq!(server.call("GET", "identity/entity/name/ann", Value::Null).status, 404);
    let kept = server.call("GET", &format!("identity/entity/id/{id}"), Value::Null);
    assert_eq!(kept.json["data"]["policies"], json!(["dev", "ops"]), "what is not sent stays");
    assert_eq!(server.call("DELETE", "identity/entity/name/anna", Value::Null).status, 204);
    assert_eq!(server.call("GET", &format!("identity/entity/id/{id}"), Value::Null).status, 404);
    assert_eq!(server.call("LIST", "identity/entity/name", Value::Null).status, 404);
}

#[test]
fn groups_hold_entities_and_groups() {
    let server = Server::start();
    let ann = entity(&server, json!({"name": "ann"}));
    let inner = server.call("POST", "identity/group", json!({"name": "inner", "member_entity_ids": [ann]}));
    let inner = inner.json["data"]["id"].as_str().unwrap().to_owned();
    let outer = server.call("POST", "identity/group", json!({"name": "outer", "member_group_ids": [inner]}));
    let outer = outer.json["data"]["id"].as_str().unwrap().to_owned();
    let read = server.call("GET", &format!("identity/entity/id/{ann}"), Value::Null);
    assert_eq!(read.json["data"]["direct_group_ids"], json!([inner]));
    assert_eq!(read.json["data"]["inherited_group_ids"], json!([outer]));
    let circle = server.call("POST", "identity/group/name/inner", json!({"member_group_ids": [outer]}));
    assert_eq!(circle.status, 400, "{}", circle.text);
    let read = server.call("GET", "identity/group/name/inner", Value::Null);
    assert_eq!(read.json["data"]["parent_group_ids"], json!([outer]));
    assert_eq!(server.call("DELETE", "identity/group/name/inner", Value::Null).status, 204);
    let read = server.call("GET", "identity/group/name/outer", Value::Null);
    assert_eq!(read.json["data"]["member_group_ids"], json!([]));
}

#[test]
fn lookup_finds_by_whatever_is_known_and_says_nothing_otherwise() {
    let server = Server::start();
    let ann = entity(&server, json!({"name": "ann"}));
    for question in [json!({"name": "ann"}), json!({"id": ann})] {
        let found = server.call("POST", "identity/lookup/entity", question);
        assert_eq!(found.json["data"]["id"], json!(ann));
    }
    assert_eq!(server.call("POST", "identity/lookup/entity", json!({"name": "bob"})).status, 204);
    assert_eq!(server.call("POST", "identity/lookup/group", json!({"name": "bob"})).status, 204);
    assert_eq!(server.call("POST", "identity/lookup/entity", json!({})).status, 400);
}

#[test]
fn what_one_namespace_knows_another_does_not() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    let ann = entity(&server, json!({"name": "ann"}));
    assert_eq!(server.call_in("a", "GET", "identity/entity/name/ann", Value::Null).status, 404);
    assert_eq!(server.call_in("a", "GET", &format!("identity/entity/id/{ann}"), Value::Null).status, 404);
    let there = server.call_in("a", "POST", "identity/group", json!({"name": "g", "member_entity_ids": [ann]}));
    assert_eq!(there.status, 400, "{}", there.text);
}

#[test]
fn bad_input_is_refused_with_the_field_that_is_wrong() {
    let server = Server::start();
    entity(&server, json!({"name": "ann"}));
    let many: serde_json::Map<String, Value> = (0..65).map(|n| (n.to_string(), json!("x"))).collect();
    for (path, body, says) in [
        ("identity/entity", json!({"name": "a/b"}), "name:"),
        ("identity/entity", json!({"name": "x".repeat(129)}), "name:"),
        ("identity/entity", json!({"name": 7}), "name:"),
        ("identity/entity", json!({"metadata": many}), "metadata:"),
        ("identity/entity", json!({"policies": ["root"]}), "policies:"),
        ("identity/entity", json!({"id": "no-uuid"}), "id:"),
        ("identity/entity", json!({"disabled": "perhaps"}), "disabled:"),
        ("identity/entity/id/no-uuid", json!({}), "id:"),
        ("identity/entity-alias", json!({"name": "x"}), "mount_accessor:"),
        ("identity/entity-alias", json!({"name": "x", "mount_accessor": "nobody_1"}), "mount_accessor:"),
        ("identity/group", json!({"type": "other"}), "type:"),
        ("identity/group", json!({"member_entity_ids": ["x"]}), "member_entity_ids:"),
        ("identity/group", json!({"type": "external", "member_entity_ids": [uuid()]}), "member_entity_ids:"),
        ("identity/group-alias", json!({"name": "x"}), "canonical_id:"),
        ("identity/group-alias", json!({"name": "x", "id": uuid()}), "id:"),
        ("identity/entity/merge", json!({"to_entity_id": uuid()}), "from_entity_ids:"),
        ("identity/entity/batch-delete", json!({}), "entity_ids:"),
    ] {
        let refused = server.call("POST", path, body.clone());
        assert_eq!(refused.status, 400, "{path} {body}: {}", refused.text);
        let text = refused.error();
        assert!(text.starts_with(says), "{path} {body}: {text}");
    }
    assert_eq!(server.call("GET", "identity/nothing", Value::Null).status, 404);
    assert_eq!(server.call("PATCH", "identity/entity/name/ann", Value::Null).status, 415);
    let ann = server.call("GET", "identity/entity/name/ann", Value::Null);
    assert_eq!(ann.json["data"]["metadata"], json!({}), "nothing of it was kept");
}

fn uuid() -> &'static str {
    "7b0ff8a6-1111-4222-8333-444455556666"
}

#[test]
fn an_alias_is_the_same_in_upper_and_lower_case_and_is_listed_with_its_mount() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/auth/up", json!({"type": "userpass"})).status, 204);
    assert_eq!(server.call("POST", "auth/up/users/bob", json!({"password": "pass-word"})).status, 204);
    let accessor = server.call("GET", "sys/auth", Value::Null).json["data"]["up/"]["accessor"].clone();
    let bob = entity(&server, json!({"name": "robert", "policies": ["ops"]}));
    let alias = json!({"name": "Bob", "canonical_id": bob, "mount_accessor": accessor});
    assert_eq!(server.call("POST", "identity/entity-alias", alias).status, 200);
    let auth = server.send("POST", "auth/up/login/bob", &[], json!({"password": "pass-word"})).json["auth"].clone();
    assert_eq!((&auth["entity_id"], &auth["identity_policies"]), (&json!(bob), &json!(["ops"])));
    let listed = server.call("LIST", "identity/entity/id", Value::Null);
    let shown = &listed.json["data"]["key_info"][&bob]["aliases"][0];
    assert_eq!((&shown["name"], &shown["mount_type"]), (&json!("Bob"), &json!("userpass")), "{}", listed.text);
    assert_eq!((&shown["mount_path"], &shown["mount_accessor"]), (&json!("auth/up/"), &accessor));
}

#[test]
fn the_alias_of_a_group_is_changed_by_its_identifier() {
    let server = Server::start();
    server.call("POST", "sys/auth/people", json!({"type": "userpass"}));
    let accessor = server.call("GET", "sys/auth", Value::Null).json["data"]["people/"]["accessor"].clone();
    let group =
        server.call("POST", "identity/group", json!({"name": "g", "type": "external"})).json["data"]["id"].clone();
    let alias = json!({"name": "old", "mount_accessor": accessor, "canonical_id": group});
    let id = server.call("POST", "identity/group-alias", alias).json["data"]["id"].clone();
    let changed = server.call("POST", "identity/group-alias", json!({"id": id, "name": "new"}));
    assert_eq!((changed.status, &changed.json["data"]["id"]), (200, &id), "{}", changed.text);
    let read = server.call("GET", &format!("identity/group-alias/id/{}", id.as_str().unwrap()), Value::Null);
    let data = &read.json["data"];
    assert_eq!((&data["name"], &data["mount_accessor"], &data["canonical_id"]), (&json!("new"), &accessor, &group));
    // It may become another group's, unless that has one.
    let other = json!({"name": "other", "type": "external"});
    let other = server.call("POST", "identity/group", other).json["data"]["id"].clone();
    let moved = server.call("POST", "identity/group-alias", json!({"id": id, "canonical_id": other}));
    assert_eq!((&moved.json["data"]["id"], &moved.json["data"]["canonical_id"]), (&id, &other), "{}", moved.text);
    let left = server.call("GET", &format!("identity/group/id/{}", group.as_str().unwrap()), Value::Null);
    assert!(!left.text.contains(id.as_str().unwrap()), "{}", left.text);
    let second = json!({"name": "second", "mount_accessor": accessor, "canonical_id": group});
    let second = server.call("POST", "identity/group-alias", second).json["data"]["id"].clone();
    let refused = server.call("POST", "identity/group-alias", json!({"id": second, "canonical_id": other}));
    assert_eq!(refused.status, 400, "{}", refused.text);
}
