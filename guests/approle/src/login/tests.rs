//! Roles, secrets and logins together.

use innkeeper_guest::serde_json::Value;

use super::*;
use crate::{fields, role_id, roles, secrets, tidy};

/// Asks the route with this template as the host would.
fn ask(method: &str, path: &str, body: Value) -> Answer {
    ask_from("10.0.0.1", method, path, body)
}

fn ask_from(address: &str, method: &str, path: &str, body: Value) -> Answer {
    let tables = [roles::ROUTES, role_id::ROUTES, fields::ROUTES, secrets::ROUTES, ROUTES, tidy::ROUTES];
    let mut router = matchit::Router::new();
    for route in tables.into_iter().flatten() {
        router.insert(route.template(), route).unwrap();
    }
    let found = router.at(path).unwrap();
    let captures: Vec<(&str, &str)> = found.params.iter().collect();
    let operation = match method {
        "GET" => Operation::Read,
        "LIST" => Operation::List,
        "DELETE" => Operation::Delete,
        _ => Operation::Update,
    };
    let request = Request::for_test(&captures, &body).with_operation(operation).with_remote_address(address);
    found.value.answer(&request)
}

fn data(answer: Answer) -> Value {
    serde_json::from_str(answer.unwrap().data_text().expect("data")).unwrap()
}

fn said(answer: Answer) -> String {
    answer.map(drop).expect_err("a refusal").messages.concat()
}

fn kind(answer: Answer) -> FaultKind {
    answer.map(drop).expect_err("a refusal").kind
}

/// A role, and a login with it.
fn with_role(body: Value) -> String {
    assert!(ask("POST", "role/r", body).is_ok());
    data(ask("GET", "role/r/role-id", json!({})))["role_id"].as_str().unwrap().to_owned()
}

fn fresh_secret(body: Value) -> Value {
    data(ask("POST", "role/r/secret-id", body))
}

fn log_in(role_id: &str, secret_id: &Value) -> Answer {
    ask("POST", "login", json!({ "role_id": role_id, "secret_id": secret_id }))
}

#[test]
fn a_login_with_role_and_secret_gets_what_the_role_says_with_the_metadata_of_the_secret() {
    let id = with_role(json!({"token_policies": "a,b", "token_ttl": "20m", "token_num_uses": "3"}));
    let secret = fresh_secret(json!({"metadata": r#"{"host": "h1"}"#}));
    let answer = log_in(&id, &secret["secret_id"]).unwrap();
    let auth = answer.login().unwrap();
    assert_eq!((auth.policies.concat().as_str(), auth.token.ttl, auth.token.num_uses), ("ab", 1200, 3));
    assert_eq!(auth.alias.as_ref().unwrap().name, id);
    let noted = |name: &str| auth.metadata.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    assert_eq!((noted("role_name"), noted("host")), (Some("r"), Some("h1")));
    assert!(auth.display_name.is_empty());
    assert_eq!(renew(&auth.internal).unwrap().ttl, 1200);
    assert!(ask("DELETE", "role/r", json!({})).is_ok());
    assert!(renew(&auth.internal).unwrap_err().messages[0].contains("does not exist"));
}

#[test]
fn what_is_missing_is_named_and_what_is_wrong_is_not() {
    let id = with_role(json!({}));
    assert_eq!(said(ask("POST", "login", json!({}))), "missing role_id");
    assert_eq!(said(ask("POST", "login", json!({ "role_id": id }))), "missing secret_id");
    for (role, known) in [(id.as_str(), true), ("nobody", false)] {
        let fault = log_in(role, &json!("wrong")).map(drop).unwrap_err();
        assert_eq!((fault.kind, fault.messages.concat().as_str()), (FaultKind::InvalidCredentials, WRONG));
        let attempt = fault.attempt.unwrap();
        assert_eq!((attempt.alias.as_str(), attempt.known), (role, known));
    }
}

#[test]
fn a_login_without_a_secret_does_not_learn_whether_there_is_such_a_role() {
    let id = with_role(json!({}));
    let [known, unknown] = [id.as_str(), "nobody"].map(|id| log_in(id, &json!("")).map(drop).unwrap_err());
    assert_eq!(known, unknown);
    assert_eq!(unknown.messages, ["missing secret_id"]);
}

#[test]
fn a_secret_is_used_up_after_as_many_logins_as_it_was_given() {
    let id = with_role(json!({"secret_id_num_uses": 2}));
    let secret = fresh_secret(json!({}));
    assert_eq!(secret["secret_id_num_uses"], 2);
    assert!(log_in(&id, &secret["secret_id"]).is_ok());
    let known = data(ask("POST", "role/r/secret-id/lookup", json!({ "secret_id": secret["secret_id"] })));
    assert_eq!(
        (&known["secret_id_num_uses"], &known["secret_id_accessor"]),
        (&json!(1), &secret["secret_id_accessor"])
    );
    assert!(log_in(&id, &secret["secret_id"]).is_ok());
    assert_eq!(said(log_in(&id, &secret["secret_id"])), WRONG);
    assert!(ask("LIST", "role/r/secret-id", json!({})).unwrap().data_text().is_none());
    assert!(said(ask("POST", "role/r/secret-id", json!({"num_uses": 3}))).starts_with("num_uses:"));
    assert!(said(ask("POST", "role/r/secret-id", json!({"num_uses": 0}))).starts_with("num_uses:"));
}

#[test]
fn a_secret_that_has_ended_lets_nobody_in_and_is_cleared_away() {
    let id = with_role(json!({"secret_id_ttl": 1}));
    let short = fresh_secret(json!({}));
    assert_eq!(short["secret_id_ttl"], 1);
    assert!(said(ask("POST", "role/r/secret-id", json!({"ttl": "1h"}))).starts_with("ttl:"));
    assert!(log_in(&id, &short["secret_id"]).is_ok());
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(said(log_in(&id, &short["secret_id"])), WRONG);
    let accessor = json!({ "secret_id_accessor": short["secret_id_accessor"] });
    assert_eq!(kind(ask("POST", "role/r/secret-id-accessor/lookup", accessor)), FaultKind::NotFound);
    assert!(ask("LIST", "role/r/secret-id", json!({})).unwrap().data_text().is_some());
    assert!(ask("POST", "tidy/secret-id", json!({})).is_ok());
    assert!(ask("LIST", "role/r/secret-id", json!({})).unwrap().data_text().is_none());
    for folder in ["secret/", "accessor/", "expires/"] {
        assert_eq!(storage::names(folder).count(), 0, "{folder}");
    }
}

#[test]
fn a_chosen_secret_that_has_ended_is_chosen_again_and_stays_when_the_old_one_is_cleared_away() {
    let id = with_role(json!({}));
    let chosen = |ttl: u64| data(ask("POST", "role/r/custom-secret-id", json!({"secret_id": "mine", "ttl": ttl})));
    let old = chosen(1);
    std::thread::sleep(std::time::Duration::from_millis(2100));
    assert_eq!(said(log_in(&id, &json!("mine"))), WRONG);
    let new = chosen(3600);
    let accessor = json!({ "secret_id_accessor": old["secret_id_accessor"] });
    assert_eq!(kind(ask("POST", "role/r/secret-id-accessor/lookup", accessor)), FaultKind::NotFound);
    assert!(ask("POST", "tidy/secret-id", json!({})).is_ok());
    assert!(log_in(&id, &json!("mine")).is_ok());
    let listed = data(ask("LIST", "role/r/secret-id", json!({})));
    assert_eq!(listed["keys"], json!([new["secret_id_accessor"]]));
    assert_eq!(storage::names("expires/").count(), 1);
}

#[test]
fn an_end_that_is_not_that_of_the_secret_at_its_place_removes_nothing_but_itself() {
    let id = with_role(json!({}));
    let secret = fresh_secret(json!({"ttl": 3600}));
    let second = storage::names("expires/").next().unwrap().unwrap();
    let name = storage::names(&format!("expires/{second}")).next().unwrap().unwrap();
    storage::put(&format!("expires/000000000001/{name}"), b"of another").unwrap();
    assert!(ask("POST", "tidy/secret-id", json!({})).is_ok());
    assert!(log_in(&id, &secret["secret_id"]).is_ok());
    assert_eq!(storage::names("expires/").count(), 1);
}

#[test]
fn logins_come_from_the_networks_of_role_and_secret_only() {
    let id = with_role(json!({"secret_id_bound_cidrs": ["10.0.0.0/8"], "token_bound_cidrs": "10.0.0.0/8,127.0.0.1"}));
    assert!(said(ask("POST", "role/r/secret-id", json!({"cidr_list": ["11.0.0.0/8"]}))).starts_with("cidr_list:"));
    assert!(said(ask("POST", "role/r/secret-id", json!({"token_bound_cidrs": "1.2.3.4"}))).starts_with("token_bound"));
    let secret = fresh_secret(json!({"cidr_list": ["10.1.0.0/16"], "token_bound_cidrs": ["10.1.0.0/24"]}));
    let body = json!({ "role_id": id, "secret_id": secret["secret_id"] });
    assert!(said(ask_from("10.2.0.1", "POST", "login", body.clone())).contains("the secret ID"));
    let answer = ask_from("10.1.0.1", "POST", "login", body.clone()).unwrap();
    assert_eq!(answer.login().unwrap().token.bound_cidrs, ["10.1.0.0/24"]);
    assert_eq!(kind(ask_from("10.1.1.1", "POST", "login", body)), FaultKind::Denied);
    let wide = fresh_secret(json!({}));
    let body = json!({ "role_id": id, "secret_id": wide["secret_id"] });
    assert!(said(ask_from("127.0.0.1", "POST", "login", body)).contains("the role"));
}

#[test]
fn a_role_without_secrets_is_bound_to_networks() {
    assert!(said(ask("POST", "role/r", json!({"bind_secret_id": "false"}))).contains("at least one constraint"));
    let id = with_role(json!({"bind_secret_id": false, "bound_cidr_list": "10.0.0.0/8"}));
    assert!(ask("POST", "login", json!({ "role_id": id })).is_ok());
    assert!(ask_from("11.0.0.1", "POST", "login", json!({ "role_id": id })).is_err());
    assert!(said(ask("POST", "role/r/secret-id", json!({}))).contains("bind_secret_id"));
    assert!(said(ask("DELETE", "role/r/secret-id-bound-cidrs", json!({}))).contains("at least one constraint"));
}

#[test]
fn a_chosen_secret_is_taken_once_and_destroyed_by_itself_or_its_accessor() {
    let id = with_role(json!({}));
    assert_eq!(said(ask("POST", "role/r/custom-secret-id", json!({}))), "missing secret_id");
    let taken = data(ask("POST", "role/r/custom-secret-id", json!({"secret_id": "mine"})));
    assert_eq!(taken["secret_id"], "mine");
    assert!(said(ask("POST", "role/r/custom-secret-id", json!({"secret_id": "mine"}))).contains("already registered"));
    assert!(log_in(&id, &json!("mine")).is_ok());
    let listed = data(ask("LIST", "role/r/secret-id", json!({})));
    assert_eq!(listed["keys"], json!([taken["secret_id_accessor"]]));
    let accessor = json!({ "secret_id_accessor": taken["secret_id_accessor"] });
    let known = data(ask("POST", "role/r/secret-id-accessor/lookup", accessor.clone()));
    assert_eq!((&known["expiration_time"], &known["metadata"]), (&json!("0001-01-01T00:00:00Z"), &json!({})));
    assert!(ask("POST", "role/r/secret-id-accessor/destroy", accessor.clone()).is_ok());
    assert_eq!(kind(ask("DELETE", "role/r/secret-id-accessor/destroy", accessor)), FaultKind::NotFound);
    assert_eq!(said(log_in(&id, &json!("mine"))), WRONG);
    let other = fresh_secret(json!({}));
    let named = json!({ "secret_id": other["secret_id"] });
    assert!(ask("DELETE", "role/r/secret-id/destroy", named.clone()).is_ok());
    assert!(ask("POST", "role/r/secret-id/destroy", named.clone()).is_ok());
    assert!(ask("POST", "role/r/secret-id/lookup", named).unwrap().data_text().is_none());
}

#[test]
fn a_role_id_is_chosen_changed_and_no_two_roles_have_the_same() {
    let id = with_role(json!({"role_id": "chosen"}));
    assert_eq!(id, "chosen");
    assert!(said(ask("POST", "role/other", json!({"role_id": "chosen"}))).contains("already in use"));
    assert!(ask("POST", "role/r/role-id", json!({"role_id": "newer"})).is_ok());
    assert_eq!(said(ask("POST", "role/r/role-id", json!({}))), "missing role_id");
    let secret = fresh_secret(json!({}));
    assert_eq!(said(log_in("chosen", &secret["secret_id"])), WRONG);
    assert!(log_in("newer", &secret["secret_id"]).is_ok());
    assert!(ask("POST", "role/other", json!({"role_id": "chosen"})).is_ok());
}

#[test]
fn secrets_of_a_removed_role_are_gone_also_for_a_new_role_of_the_same_name() {
    with_role(json!({"role_id": "same"}));
    let secret = fresh_secret(json!({}));
    assert!(ask("DELETE", "role/r", json!({})).is_ok());
    assert_eq!(said(log_in("same", &secret["secret_id"])), WRONG);
    with_role(json!({"role_id": "same"}));
    assert_eq!(said(log_in("same", &secret["secret_id"])), WRONG);
    assert_eq!(storage::names("secret/").count(), 0);
}

#[test]
fn each_field_is_read_changed_and_set_back_at_its_own_path() {
    with_role(json!({}));
    for (path, field, sent, shown, after) in [
        ("policies", "token_policies", json!("a,b"), json!(["a", "b"]), json!([])),
        ("bind-secret-id", "bind_secret_id", json!("true"), json!(true), json!(true)),
        ("secret-id-num-uses", "secret_id_num_uses", json!("5"), json!(5), json!(0)),
        ("secret-id-ttl", "secret_id_ttl", json!("1h"), json!(3600), json!(0)),
        ("secret-id-bound-cidrs", "secret_id_bound_cidrs", json!(["10.0.0.1"]), json!(["10.0.0.1"]), json!([])),
        ("bound-cidr-list", "bound_cidr_list", json!("10.0.0.1"), json!(["10.0.0.1"]), json!([])),
        ("token-bound-cidrs", "token_bound_cidrs", json!("10.0.0.0/8"), json!(["10.0.0.0/8"]), json!([])),
        ("period", "token_period", json!("1m"), json!(60), json!(0)),
        ("token-num-uses", "token_num_uses", json!(7), json!(7), json!(0)),
        ("token-max-ttl", "token_max_ttl", json!("2h"), json!(7200), json!(0)),
        ("token-ttl", "token_ttl", json!("2m"), json!(120), json!(0)),
    ] {
        let path = format!("role/r/{path}");
        assert_eq!(said(ask("POST", &path, json!({}))), format!("missing {field}"));
        assert!(ask("POST", &path, json!({ field: sent })).is_ok(), "{path}");
        assert_eq!(data(ask("GET", &path, json!({})))[field], shown, "{path}");
        assert!(ask("DELETE", &path, json!({})).is_ok(), "{path}");
        assert_eq!(data(ask("GET", &path, json!({})))[field], after, "{path}");
        let elsewhere = path.replace("role/r/", "role/none/");
        for method in ["GET", "POST", "DELETE"] {
            assert_eq!(
                kind(ask(method, &elsewhere, json!({ field: sent }))),
                FaultKind::NotFound,
                "{method} {elsewhere}"
            );
        }
    }
    assert_eq!(data(ask("GET", "role/r/local-secret-ids", json!({})))["local_secret_ids"], false);
    assert!(said(ask("POST", "role/r", json!({"local_secret_ids": true}))).contains("during role creation"));
}

#[test]
fn a_role_is_listed_and_read_back_without_its_id() {
    with_role(json!({"token_max_ttl": "2000h", "policies": "a"}));
    let role = data(ask("GET", "role/R", json!({})));
    assert_eq!(
        (&role["bind_secret_id"], &role["token_policies"], &role["token_type"]),
        (&json!(true), &json!(["a"]), &json!("default"))
    );
    assert!(role.get("role_id").is_none() && role.get("key").is_none());
    assert_eq!(data(ask("LIST", "role", json!({})))["keys"], json!(["r"]));
    assert!(ask("GET", "role/none", json!({})).unwrap().data_text().is_none());
    assert!(said(ask("POST", "role/-x", json!({}))).starts_with("role_name:"));
}
