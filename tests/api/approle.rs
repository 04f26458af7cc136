//! The auth method approle, from outside.

use harness::{Answer, Server};
use serde_json::{Value, json};

/// A role, and its id.
fn role(server: &Server, role: Value) -> String {
    assert_eq!(server.call("POST", "sys/auth/approle", json!({"type": "approle"})).status, 204);
    assert_eq!(server.call("POST", "auth/approle/role/web", role).status, 204);
    let id = server.call("GET", "auth/approle/role/web/role-id", Value::Null);
    id.json["data"]["role_id"].as_str().unwrap().to_owned()
}

fn secret(server: &Server, body: Value) -> Value {
    let made = server.call("POST", "auth/approle/role/web/secret-id", body);
    assert_eq!(made.status, 200, "{}", made.text);
    made.json["data"].clone()
}

fn log_in(server: &Server, role_id: &str, secret_id: &Value) -> Answer {
    server.send("POST", "auth/approle/login", &[], json!({ "role_id": role_id, "secret_id": secret_id }))
}

#[test]
fn a_machine_logs_in_with_role_and_secret_and_its_token_says_which() {
    let server = Server::start();
    let id = role(&server, json!({"token_policies": ["app"], "token_ttl": "1h", "token_period": "30m"}));
    let secret = secret(&server, json!({"metadata": "{\"host\": \"h1\"}"}));
    assert_eq!((&secret["secret_id_ttl"], &secret["secret_id_num_uses"]), (&json!(0), &json!(0)));
    let login = log_in(&server, &id, &secret["secret_id"]);
    assert_eq!(login.status, 200, "{}", login.text);
    let auth = &login.json["auth"];
    assert_eq!(auth["policies"], json!(["app", "default"]));
    assert_eq!(auth["metadata"], json!({"host": "h1", "role_name": "web"}));
    assert_eq!((&auth["lease_duration"], &auth["token_type"]), (&json!(1800), &json!("service")));
    let token = auth["client_token"].as_str().unwrap();
    let seen = server.call_as(token, "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(
        (&seen.json["data"]["display_name"], &seen.json["data"]["path"]),
        (&json!("approle"), &json!("auth/approle/login"))
    );
    let entity = auth["entity_id"].as_str().unwrap();
    let entity = server.call("GET", &format!("identity/entity/id/{entity}"), Value::Null);
    assert_eq!(entity.json["data"]["aliases"][0]["name"], json!(id), "{}", entity.text);
}

#[test]
fn what_is_missing_or_wrong_is_refused_as_clients_expect() {
    let server = Server::start();
    let id = role(&server, json!({}));
    for (body, says) in [
        (json!({}), "missing role_id"),
        (json!({ "role_id": id }), "missing secret_id"),
        (json!({ "role_id": id, "secret_id": "x" }), "invalid role or secret ID"),
        (json!({ "role_id": "x", "secret_id": "x" }), "invalid role or secret ID"),
    ] {
        let refused = server.send("POST", "auth/approle/login", &[], body);
        assert_eq!((refused.status, &refused.json["errors"]), (400, &json!([says])));
    }
    for (method, path) in [
        ("GET", "role/none"),
        ("GET", "role/none/role-id"),
        ("POST", "role/none/secret-id"),
        ("LIST", "role/none/secret-id"),
        ("GET", "role/none/policies"),
    ] {
        let absent = server.call(method, &format!("auth/approle/{path}"), Value::Null);
        assert_eq!(absent.status, 404, "{method} {path}: {}", absent.text);
    }
}

#[test]
fn two_logins_at_once_do_not_use_the_last_use_of_a_secret_twice() {
    let server = Server::start();
    let id = role(&server, json!({"secret_id_num_uses": 3}));
    let secret = secret(&server, json!({}));
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..8).map(|_| scope.spawn(|| log_in(&server, &id, &secret["secret_id"]).status)).collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 3, "{statuses:?}");
}

#[test]
fn a_secret_is_looked_up_and_destroyed_by_itself_and_by_its_accessor() {
    let server = Server::start();
    let id = role(&server, json!({"secret_id_ttl": "1h"}));
    let secret = secret(&server, json!({"num_uses": 5, "cidr_list": "127.0.0.0/8"}));
    let at = |path: &str, body: Value| server.call("POST", &format!("auth/approle/role/web/{path}"), body);
    for known in [
        at("secret-id/lookup", json!({ "secret_id": secret["secret_id"] })),
        at("secret-id-accessor/lookup", json!({ "secret_id_accessor": secret["secret_id_accessor"] })),
    ] {
        let data = &known.json["data"];
        assert_eq!((&data["secret_id_ttl"], &data["secret_id_num_uses"]), (&json!(3600), &json!(5)), "{}", known.text);
        assert_eq!(data["cidr_list"], json!(["127.0.0.0/8"]));
        assert!(data["expiration_time"].as_str().unwrap() > data["creation_time"].as_str().unwrap());
        assert!(!known.text.contains(secret["secret_id"].as_str().unwrap()));
    }
    assert_eq!(log_in(&server, &id, &secret["secret_id"]).status, 200);
    let accessor = json!({ "secret_id_accessor": secret["secret_id_accessor"] });
    assert_eq!(at("secret-id-accessor/destroy", accessor.clone()).status, 204);
    assert_eq!(at("secret-id-accessor/lookup", accessor).status, 404);
    assert_eq!(at("secret-id/lookup", json!({ "secret_id": secret["secret_id"] })).status, 204);
    assert_eq!(log_in(&server, &id, &secret["secret_id"]).status, 400);
    assert_eq!(at("custom-secret-id", json!({"secret_id": "chosen"})).status, 200);
    assert_eq!(log_in(&server, &id, &json!("chosen")).status, 200);
    assert_eq!(at("secret-id/destroy", json!({"secret_id": "chosen"})).status, 204);
    assert_eq!(log_in(&server, &id, &json!("chosen")).status, 400);
}

#[test]
fn a_secret_bound_to_other_networks_lets_nobody_in_from_here() {
    let server = Server::start();
    let id = role(&server, json!({}));
    let elsewhere = secret(&server, json!({"cidr_list": ["192.0.2.0/24"]}));
    let refused = log_in(&server, &id, &elsewhere["secret_id"]);
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("unauthorized by CIDR restrictions"), "{}", refused.text);
    let tokens = secret(&server, json!({"token_bound_cidrs": ["192.0.2.0/24"]}));
    assert_eq!(log_in(&server, &id, &tokens["secret_id"]).status, 403);
}

#[test]
fn wrong_secrets_lock_a_role_for_a_while() {
    let server = Server::start();
    let id = role(&server, json!({}));
    let secret = secret(&server, json!({}));
    for _ in 0..5 {
        assert_eq!(log_in(&server, &id, &json!("wrong")).status, 400);
    }
    assert_eq!(log_in(&server, &id, &secret["secret_id"]).status, 403);
}

#[test]
fn secrets_that_have_ended_are_cleared_away_by_themselves_or_when_asked() {
    let server = Server::start();
    role(&server, json!({"secret_id_ttl": 1}));
    secret(&server, json!({}));
    std::thread::sleep(std::time::Duration::from_millis(2100));
    let tidied = server.call("POST", "auth/approle/tidy/secret-id", Value::Null);
    assert_eq!(tidied.status, 202, "{}", tidied.text);
    assert_eq!(server.call("LIST", "auth/approle/role/web/secret-id", Value::Null).status, 404);
}
