//! The auth method userpass, from outside.

use harness::{Answer, Server, wait_until};
use serde_json::{Value, json};

fn staff(server: &Server, user: Value) {
    assert_eq!(server.call("POST", "sys/auth/userpass", json!({"type": "userpass"})).status, 204);
    assert_eq!(server.call("POST", "auth/userpass/users/ann", user).status, 204);
}

fn log_in(server: &Server, name: &str, password: &str) -> Answer {
    server.send("POST", &format!("auth/userpass/login/{name}"), &[], json!({ "password": password }))
}

fn with(server: &Server, login: &Answer, method: &str, path: &str) -> Answer {
    server.call_as(login.json["auth"]["client_token"].as_str().expect("a token"), method, path, Value::Null)
}

#[test]
fn a_login_gives_a_token_with_what_the_user_may_have() {
    let server = Server::start();
    let user = json!({
        "password": "s3cret", "token_policies": "reader, Writer", "token_ttl": "20m", "token_max_ttl": 3600,
        "token_num_uses": "5",
    });
    staff(&server, user);
    let login = log_in(&server, "Ann", "s3cret");
    assert_eq!(login.status, 200, "{}", login.text);
    let auth = &login.json["auth"];
    assert_eq!(auth["policies"], json!(["default", "reader", "writer"]));
    assert_eq!(auth["token_policies"], auth["policies"]);
    assert_eq!(auth["metadata"], json!({"username": "ann"}));
    assert_eq!((&auth["lease_duration"], &auth["renewable"]), (&json!(1200), &json!(true)));
    assert_eq!((&auth["token_type"], &auth["orphan"], &auth["num_uses"]), (&json!("service"), &json!(true), &json!(5)));
    assert_eq!(auth["entity_id"].as_str().unwrap().len(), 36);
    assert!(login.json["data"].is_null());
    let seen = with(&server, &login, "GET", "auth/token/lookup-self");
    let data = &seen.json["data"];
    assert_eq!((&data["display_name"], &data["path"]), (&json!("userpass-ann"), &json!("auth/userpass/login/Ann")));
    assert_eq!((&data["entity_id"], &data["meta"]), (&auth["entity_id"], &json!({"username": "ann"})));
    let again = log_in(&server, "ann", "s3cret");
    assert_eq!(again.json["auth"]["entity_id"], auth["entity_id"], "one person, one entity");
    assert_ne!(again.json["auth"]["client_token"], auth["client_token"]);
}

#[test]
fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret"}));
    for (name, password) in [("ann", "wrong"), ("bob", "s3cret")] {
        let refused = log_in(&server, name, password);
        assert_eq!((refused.status, &refused.json["errors"]), (400, &json!(["invalid username or password"])));
    }
    let missing = server.send("POST", "auth/userpass/login/ann", &[], json!({}));
    assert_eq!((missing.status, &missing.json["errors"]), (400, &json!(["missing password"])));
}

#[test]
fn users_are_kept_by_operators_only_and_passwords_are_never_shown() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret", "token_policies": "a"}));
    let login = log_in(&server, "ann", "s3cret");
    for (method, path) in [("GET", "users/ann"), ("LIST", "users"), ("DELETE", "users/ann"), ("POST", "users/bob")] {
        let path = format!("auth/userpass/{path}");
        assert_eq!(with(&server, &login, method, &path).status, 403, "{method} {path}");
        assert_eq!(server.send(method, &path, &[], Value::Null).status, 403, "{method} {path}");
    }
    let shown = server.call("GET", "auth/userpass/users/ann", Value::Null);
    assert!(!shown.text.contains("password") && !shown.text.contains("argon2"), "{}", shown.text);
    assert_eq!(shown.json["data"]["token_policies"], json!(["a"]));
    assert_eq!(server.call("LIST", "auth/userpass/users", Value::Null).json["data"]["keys"], json!(["ann"]));
    assert_eq!(server.call("POST", "auth/userpass/users/bob", json!({})).json["errors"][0], "missing password");
}

#[test]
fn a_new_password_lets_in_and_the_old_one_no_more_also_as_a_hash_of_elsewhere() {
    let server = Server::start();
    staff(&server, json!({"password": "old"}));
    assert_eq!(server.call("POST", "auth/userpass/users/ann/password", json!({"password": "new"})).status, 204);
    assert_eq!((log_in(&server, "ann", "old").status, log_in(&server, "ann", "new").status), (400, 200));
    // The test vector of OpenBSD's bcrypt.
    let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
    assert_eq!(server.call("POST", "auth/userpass/users/ann", json!({"password_hash": hash})).status, 204);
    assert_eq!((log_in(&server, "ann", "new").status, log_in(&server, "ann", "U*U").status), (400, 200));
    for bad in ["plain", "$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"] {
        let refused = server.call("POST", "auth/userpass/users/ann", json!({"password_hash": bad}));
        assert_eq!(refused.status, 400, "{bad}");
        assert!(refused.json["errors"][0].as_str().unwrap().starts_with("password_hash:"), "{}", refused.text);
    }
}

#[test]
fn five_failures_lock_a_name_until_an_operator_unlocks_it() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret"}));
    for name in ["ann", "nobody"] {
        for _ in 0..5 {
            assert_eq!(log_in(&server, name, "wrong").status, 400);
        }
        let locked = log_in(&server, name, "wrong");
        assert_eq!((locked.status, &locked.json["errors"]), (403, &json!(["permission denied"])), "{name}");
    }
    assert_eq!(log_in(&server, "ann", "s3cret").status, 403, "not even with the right password");
    let listed = server.call("GET", "sys/locked-users", Value::Null);
    let mount = &listed.json["data"]["by_namespace"][0]["mount_accessors"][0];
    assert_eq!(
        (&listed.json["data"]["total"], &mount["alias_identifiers"]),
        (&json!(1), &json!(["ann"])),
        "{}",
        listed.text
    );
    let accessor = mount["mount_accessor"].as_str().unwrap();
    let path = format!("sys/locked-users/{accessor}/unlock/ann");
    assert_eq!(server.call("POST", &path, Value::Null).status, 204);
    assert_eq!(log_in(&server, "ann", "s3cret").status, 200);
    assert_eq!(server.call("GET", "sys/locked-users", Value::Null).json["data"]["total"], 0);
}

#[test]
fn locking_is_tuned_and_switched_off_by_mount() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret"}));
    let tune = |config: Value| {
        let body = json!({ "user_lockout_config": config });
        assert_eq!(server.call("POST", "sys/auth/userpass/tune", body).status, 204);
    };
    tune(json!({"lockout_threshold": "1", "lockout_duration": "1h"}));
    assert_eq!(log_in(&server, "ann", "wrong").status, 400);
    assert_eq!(log_in(&server, "ann", "s3cret").status, 403);
    tune(json!({"lockout_threshold": "1", "lockout_duration": "1s"}));
    wait_until("it stays locked", || log_in(&server, "ann", "s3cret").status == 200);
    tune(json!({"lockout_disable": true}));
    for _ in 0..7 {
        assert_eq!(log_in(&server, "ann", "wrong").status, 400);
    }
    assert_eq!(log_in(&server, "ann", "s3cret").status, 200);
}

#[test]
fn a_user_bound_to_other_networks_is_not_let_in() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret", "token_bound_cidrs": ["192.0.2.0/24"]}));
    assert_eq!(log_in(&server, "ann", "s3cret").status, 403);
    let body = json!({"token_bound_cidrs": "127.0.0.0/8"});
    assert_eq!(server.call("POST", "auth/userpass/users/ann", body).status, 204);
    let login = log_in(&server, "ann", "s3cret");
    let seen = with(&server, &login, "GET", "auth/token/lookup-self");
    assert_eq!(seen.json["data"]["bound_cidrs"], json!(["127.0.0.0/8"]));
}

#[test]
fn the_mount_decides_what_tokens_there_are_and_how_long_they_live() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret", "token_ttl": "100h"}));
    let tuned = json!({"token_type": "batch", "max_lease_ttl": "1h", "default_lease_ttl": "30m"});
    assert_eq!(server.call("POST", "sys/auth/userpass/tune", tuned).status, 204);
    let batch = log_in(&server, "ann", "s3cret");
    let auth = &batch.json["auth"];
    assert_eq!(
        (&auth["token_type"], &auth["lease_duration"], &auth["renewable"]),
        (&json!("batch"), &json!(3600), &json!(false))
    );
    assert!(auth["client_token"].as_str().unwrap().starts_with("hvb."));
    assert!(batch.json["warnings"][0].as_str().unwrap().contains("capped"), "{}", batch.text);
    assert_eq!(with(&server, &batch, "GET", "auth/token/lookup-self").status, 200);
    assert_eq!(server.call("POST", "auth/userpass/users/ann", json!({"token_ttl": 0})).status, 204);
    assert_eq!(log_in(&server, "ann", "s3cret").json["auth"]["lease_duration"], 1800);
}

#[test]
fn a_token_is_renewed_while_its_user_is_as_before_and_ends_with_the_method() {
    let server = Server::start();
    staff(&server, json!({"password": "s3cret", "token_policies": "a", "token_ttl": "10m"}));
    let login = log_in(&server, "ann", "s3cret");
    assert_eq!(server.call("POST", "auth/userpass/users/ann", json!({"token_ttl": "20m"})).status, 204);
    let renewed = with(&server, &login, "POST", "auth/token/renew-self");
    assert_eq!((renewed.status, &renewed.json["auth"]["lease_duration"]), (200, &json!(1200)), "{}", renewed.text);
    assert_eq!(server.call("POST", "auth/userpass/users/ann/policies", json!({"token_policies": "b"})).status, 204);
    let refused = with(&server, &login, "POST", "auth/token/renew-self");
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("policies have changed"), "{}", refused.text);
    assert_eq!(server.call("DELETE", "sys/auth/userpass", Value::Null).status, 204);
    assert_eq!(with(&server, &login, "GET", "auth/token/lookup-self").status, 403);
}
