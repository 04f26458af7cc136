//! What engines lend, and what becomes of it.

use std::time::Duration;

use harness::{HOSTILE, ROOT, Server, wait_until};
use serde_json::{Value, json};

fn lending() -> Server {
    let server = Server::with_guests(&[HOSTILE]);
    assert_eq!(server.call("POST", "sys/mounts/l", json!({"type": "hostile"})).status, 204);
    server
}

fn lend(server: &Server, name: &str, body: Value) -> String {
    let answer = server.call("POST", &format!("l/lend/{name}"), body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json["lease_id"].as_str().unwrap().to_owned()
}

fn count(server: &Server, name: &str, what: &str) -> u64 {
    server.call("GET", &format!("l/lent/{name}"), Value::Null).json["data"][what].as_u64().unwrap()
}

fn invalid(server: &Server, id: &str) {
    let answer = server.call("PUT", "sys/leases/lookup", json!({"lease_id": id}));
    assert_eq!((answer.status, &answer.json["errors"]), (400, &json!(["invalid lease"])), "{}", answer.text);
}

#[test]
fn an_answer_that_lends_says_so_and_the_lease_is_looked_up_by_its_id() {
    let server = lending();
    let answer = server.call("POST", "l/lend/a", json!({"ttl": 600, "renewable": true}));
    let id = answer.json["lease_id"].as_str().unwrap();
    assert!(id.starts_with("l/lend/a/"), "{id}");
    assert_eq!((&answer.json["lease_duration"], &answer.json["renewable"]), (&json!(600), &json!(true)));
    let told = server.call("PUT", "sys/leases/lookup", json!({"lease_id": id})).json["data"].clone();
    assert_eq!((&told["id"], &told["renewable"], &told["last_renewal"]), (&json!(id), &json!(true), &Value::Null));
    assert!((595..=600).contains(&told["ttl"].as_u64().unwrap()));
    assert!(told["issue_time"].as_str().unwrap() < told["expire_time"].as_str().unwrap());
    // The mount's default where the engine names no time, and never more than its longest.
    server.call("POST", "sys/mounts/l/tune", json!({"default_lease_ttl": "1m", "max_lease_ttl": "2m"}));
    for (ttl, given) in [(0, 60), (9999, 120)] {
        assert_eq!(server.call("POST", "l/lend/b", json!({"ttl": ttl})).json["lease_duration"], given);
    }
}

#[test]
fn a_lease_that_ends_is_gone_at_once_and_taken_back_once_within_moments() {
    let server = lending();
    let id = lend(&server, "a", json!({"ttl": 1}));
    let kept = lend(&server, "b", json!({"ttl": 600}));
    wait_until("the lease never ends", || {
        server.call("PUT", "sys/leases/lookup", json!({"lease_id": id})).status == 400
    });
    invalid(&server, &id);
    wait_until("it is not taken back", || count(&server, "a", "revoked") == 1);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((count(&server, "a", "revoked"), count(&server, "b", "revoked")), (1, 0));
    assert_eq!(server.call("PUT", "sys/leases/lookup", json!({"lease_id": kept})).status, 200);
}

#[test]
fn a_revoked_lease_is_taken_back_before_the_answer_whichever_way_it_is_named() {
    let server = lending();
    for (number, (path, in_body)) in
        [("sys/leases/revoke", true), ("sys/revoke", true), ("sys/leases/revoke", false), ("sys/revoke", false)]
            .into_iter()
            .enumerate()
    {
        let name = format!("n{number}");
        let id = lend(&server, &name, json!({"ttl": 600}));
        let answer = match in_body {
            true => server.call("PUT", path, json!({"lease_id": id, "sync": true})),
            false => server.call("PUT", &format!("{path}/{id}"), Value::Null),
        };
        assert_eq!(answer.status, 204, "{}", answer.text);
        assert_eq!(count(&server, &name, "revoked"), 1);
        invalid(&server, &id);
        // Once more changes nothing.
        assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id})).status, 204);
        assert_eq!(count(&server, &name, "revoked"), 1);
    }
}

#[test]
fn a_lease_is_extended_by_its_engine_up_to_the_longest_time_of_its_mount() {
    let server = lending();
    server.call("POST", "sys/mounts/l/tune", json!({"max_lease_ttl": "1h"}));
    let id = lend(&server, "a", json!({"ttl": 60, "renewable": true}));
    let renew = |path: &str, body: Value| server.call("PUT", path, body);
    let answer = renew("sys/leases/renew", json!({"lease_id": id, "increment": "30m"}));
    assert_eq!((answer.status, &answer.json["lease_id"]), (200, &json!(id)), "{}", answer.text);
    assert_eq!((&answer.json["lease_duration"], &answer.json["data"]), (&json!(1800), &Value::Null));
    let answer = renew(&format!("sys/renew/{id}"), json!({}));
    assert_eq!(answer.json["lease_duration"], 60, "without an increment, as long as it was given for");
    let answer = renew("sys/renew", json!({"lease_id": id, "increment": 7200}));
    assert!((3590..=3600).contains(&answer.json["lease_duration"].as_u64().unwrap()), "{}", answer.text);
    assert!(answer.json["warnings"][0].as_str().unwrap().contains("capped"), "{}", answer.text);
    assert_eq!(count(&server, "a", "renewed"), 3);
    let told = server.call("PUT", "sys/leases/lookup", json!({"lease_id": id}));
    assert!(told.json["data"]["last_renewal"].is_string());
    let fixed = lend(&server, "b", json!({"ttl": 60}));
    let answer = renew("sys/leases/renew", json!({"lease_id": fixed}));
    assert_eq!((answer.status, &answer.json["errors"]), (400, &json!(["lease is not renewable"])));
}

#[test]
fn leases_are_listed_by_folders_and_revoked_below_a_prefix() {
    let server = lending();
    let first = lend(&server, "a", json!({"ttl": 600}));
    for name in ["a", "b", "b"] {
        lend(&server, name, json!({"ttl": 600}));
    }
    let list = |path: &str| server.call("LIST", &format!("sys/leases/lookup/{path}"), Value::Null);
    assert_eq!(list("l").json["data"]["keys"], json!(["lend/"]));
    assert_eq!(list("l/lend/").json["data"]["keys"], json!(["a/", "b/"]));
    let leaves = list("l/lend/a").json["data"]["keys"].as_array().unwrap().len();
    assert_eq!(leaves, 2);
    assert_eq!(server.call("PUT", "sys/leases/revoke-prefix/l/lend/a", Value::Null).status, 204);
    invalid(&server, &first);
    assert_eq!(count(&server, "a", "revoked"), 2);
    assert_eq!(list("l/lend").json["data"]["keys"], json!(["b/"]));
    assert_eq!(server.call("PUT", "sys/revoke-prefix/l", Value::Null).status, 204);
    assert_eq!(list("l").status, 404);
    assert_eq!(count(&server, "b", "revoked"), 2);
}

#[test]
fn more_leases_than_one_request_revokes_are_all_revoked_in_the_end() {
    let server = lending();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let server = &server;
            scope.spawn(move || {
                (0..160).for_each(|number| drop(lend(server, &format!("x{thread}-{number}"), json!({"ttl": 900}))))
            });
        }
    });
    assert_eq!(server.call("PUT", "sys/leases/revoke-prefix/l/lend", Value::Null).status, 204);
    wait_until("some leases are left", || server.call("LIST", "sys/leases/lookup/l", Value::Null).status == 404);
    assert!((0..4).all(|thread| count(&server, &format!("x{thread}-159"), "revoked") == 1));
}

#[test]
fn what_cannot_be_taken_back_counts_as_gone_is_told_if_asked_and_is_forgotten_by_force() {
    let server = lending();
    let id = lend(&server, "a", json!({"ttl": 600, "stuck": true}));
    let answer = server.call("PUT", "sys/leases/revoke", json!({"lease_id": id, "sync": true}));
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.json["errors"][0].as_str().unwrap().contains("it will not let go"), "{}", answer.text);
    invalid(&server, &id);
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id})).status, 204);
    assert_eq!(server.call("LIST", "sys/leases/lookup/l/lend", Value::Null).json["data"]["keys"], json!(["a/"]));
    // Once it lets go, asking again takes it back, without waiting for the next try.
    assert_eq!(server.call("DELETE", "l/lent/a", Value::Null).status, 204);
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id, "sync": true})).status, 204);
    assert_eq!(count(&server, "a", "revoked"), 1);
    lend(&server, "b", json!({"ttl": 600, "stuck": true}));
    assert_eq!(server.call("PUT", "sys/leases/revoke-force/l/lend/b", Value::Null).status, 204);
    wait_until("force does not forget it", || server.call("LIST", "sys/leases/lookup/l", Value::Null).status == 404);
    assert_eq!(count(&server, "b", "revoked"), 0);
}

#[test]
fn a_removed_mount_takes_back_what_it_lent_and_its_leases_are_gone() {
    let server = lending();
    let well = lend(&server, "a", json!({"ttl": 600}));
    let stuck = lend(&server, "b", json!({"ttl": 600, "stuck": true}));
    assert_eq!(server.call("DELETE", "sys/mounts/l", Value::Null).status, 204);
    wait_until("leases of a removed mount are left", || {
        server.call("LIST", "sys/leases/lookup/l/lend", Value::Null).status == 404
    });
    invalid(&server, &well);
    invalid(&server, &stuck);
    // What is mounted there next begins with nothing.
    assert_eq!(server.call("POST", "sys/mounts/l", json!({"type": "hostile"})).status, 204);
    assert_eq!(count(&server, "a", "revoked"), 0);
}

#[test]
fn what_a_moved_mount_lent_is_still_taken_back() {
    let server = lending();
    let id = lend(&server, "a", json!({"ttl": 600}));
    assert_eq!(server.call("POST", "sys/remount", json!({"from": "l", "to": "m"})).status, 200);
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id, "sync": true})).status, 204);
    let told = server.call("GET", "m/lent/a", Value::Null);
    assert_eq!(told.json["data"]["revoked"], 1, "{}", told.text);
}

#[test]
fn a_lease_carries_its_namespace_and_is_nobodys_business_elsewhere() {
    let server = lending();
    for namespace in ["a", "b"] {
        assert_eq!(server.call("POST", &format!("sys/namespaces/{namespace}"), Value::Null).status, 200);
        assert_eq!(server.call_in(namespace, "POST", "sys/mounts/l", json!({"type": "hostile"})).status, 204);
    }
    let answer = server.call_in("a", "POST", "l/lend/x", json!({"ttl": 600}));
    let id = answer.json["lease_id"].as_str().unwrap();
    let lookup =
        |namespace: &str| server.call_in(namespace, "PUT", "sys/leases/lookup", json!({"lease_id": id})).status;
    assert_eq!((lookup("a"), lookup(""), lookup("b")), (200, 200, 400));
    assert_eq!(server.call_in("b", "PUT", "sys/leases/revoke", json!({"lease_id": id})).status, 204);
    assert_eq!(lookup("a"), 200, "a sibling revoked it");
    assert_eq!(server.call_in("a", "LIST", "sys/leases/lookup/l", Value::Null).json["data"]["keys"], json!(["lend/"]));
    assert_eq!(server.call("LIST", "sys/leases/lookup/l", Value::Null).status, 404);
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id, "sync": true})).status, 204);
    assert_eq!(server.call_in("a", "GET", "l/lent/x", Value::Null).json["data"]["revoked"], 1);
}

#[test]
fn of_two_nodes_one_takes_a_lease_back() {
    let [one, two] = Server::two_with_guests(&[HOSTILE]);
    assert_eq!(one.call("POST", "sys/mounts/l", json!({"type": "hostile"})).status, 204);
    for number in 0..20 {
        lend(if number % 2 == 0 { &one } else { &two }, &format!("n{number}"), json!({"ttl": 1}));
    }
    wait_until("leases are left", || two.call("LIST", "sys/leases/lookup/l", Value::Null).status == 404);
    std::thread::sleep(Duration::from_secs(2));
    assert!((0..20).all(|number| count(&one, &format!("n{number}"), "revoked") == 1));
}

#[test]
fn a_lease_ends_with_the_token_that_it_was_lent_to() {
    let server = lending();
    let made = server.call("POST", "auth/token/create", json!({"policies": ["root"], "ttl": "10m"}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    let lent = server.call_as(token, "POST", "l/lend/a", json!({"ttl": 600}));
    let id = lent.json["lease_id"].as_str().unwrap();
    lend(&server, "b", json!({"ttl": 600}));
    assert_eq!(server.call("POST", "auth/token/revoke", json!({"token": token})).status, 204);
    wait_until("what the token held is not taken back", || count(&server, "a", "revoked") == 1);
    invalid(&server, id);
    assert_eq!(count(&server, "b", "revoked"), 0);
}

#[test]
fn a_token_is_leased_and_ends_with_its_lease() {
    let server = lending();
    let made = server.call("POST", "auth/token/create", json!({"policies": ["default"], "ttl": "10m"}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    let own = [("X-Vault-Token", token)];
    assert_eq!(server.send("GET", "auth/token/lookup-self", &own, Value::Null).status, 200);
    let names = server.call("LIST", "sys/leases/lookup/auth/token/create", Value::Null);
    let id = format!("auth/token/create/{}", names.json["data"]["keys"][0].as_str().unwrap());
    let answer = server.call("PUT", "sys/leases/renew", json!({"lease_id": id}));
    assert_eq!(answer.json["errors"], json!(["tokens cannot be renewed through this endpoint"]));
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id})).status, 204);
    assert_eq!(server.send("GET", "auth/token/lookup-self", &own, Value::Null).status, 403);
    invalid(&server, &id);
}

#[test]
fn a_certificate_is_revoked_with_its_lease() {
    let server = Server::start();
    for (path, body) in [
        ("sys/mounts/pki", json!({"type": "pki"})),
        ("pki/root/generate/internal", json!({"common_name": "R", "key_type": "ec"})),
        ("pki/roles/r", json!({"allow_any_name": true, "key_type": "ec", "ttl": "1h", "generate_lease": true})),
    ] {
        assert!(server.call("POST", path, body).status < 300, "{path}");
    }
    let issued = server.call("POST", "pki/issue/r", json!({"common_name": "www.example.com"}));
    let (id, serial) = (issued.json["lease_id"].as_str().unwrap(), &issued.json["data"]["serial_number"]);
    assert!(id.starts_with("pki/issue/r/"), "{id}");
    assert!((3590..=3600).contains(&issued.json["lease_duration"].as_u64().unwrap()), "{}", issued.text);
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id, "sync": true})).status, 204);
    let read = server.call("GET", &format!("pki/cert/{}", serial.as_str().unwrap()), Value::Null);
    assert!(read.json["data"]["revocation_time"].as_u64().unwrap() > 0, "{}", read.text);
}

#[test]
fn irrevocable_leases_are_counted_and_listed_and_other_questions_refused() {
    let server = lending();
    for path in ["sys/leases/count?type=irrevocable", "sys/leases/count?type=irrevocable&include_child_namespaces=true"]
    {
        let answer = server.call("GET", path, Value::Null);
        assert_eq!(answer.json["data"], json!({"lease_count": 0, "counts": {}}), "{}", answer.text);
    }
    for method in ["GET", "LIST"] {
        let answer = server.call(method, "sys/leases?type=irrevocable", Value::Null);
        assert_eq!(answer.json["data"], json!({"lease_count": 0, "leases": []}), "{}", answer.text);
    }
    assert_eq!(server.call("GET", "sys/leases/count", Value::Null).status, 400);
    assert_eq!(server.call("GET", "sys/leases?type=irrevocable&limit=0", Value::Null).status, 400);
    assert_eq!(server.call("POST", "sys/leases/tidy", Value::Null).status, 202);
}

#[test]
fn wrong_leases_are_refused_in_words() {
    let server = lending();
    for path in ["sys/leases/lookup", "sys/leases/renew", "sys/leases/revoke"] {
        let answer = server.call("PUT", path, json!({}));
        assert_eq!((answer.status, &answer.json["errors"]), (400, &json!(["invalid lease ID"])), "{path}");
        assert_eq!(server.call("PUT", path, json!({"lease_id": 7})).status, 400, "{path}");
    }
    let long = "x/".repeat(5000);
    for id in
        ["l/lend/a/unknown", "x", "../x/y", "l//x", "l/x.nothing", "l/x.00000000-0000-0000-0000-000000000000", &long]
    {
        invalid(&server, id);
        let answer = server.call("PUT", "sys/leases/renew", json!({"lease_id": id}));
        assert_eq!((answer.status, &answer.json["errors"]), (400, &json!(["invalid lease"])));
    }
    for path in ["sys/leases/lookup/l", "sys/leases/revoke-prefix/l", "sys/leases/revoke-force/l", "sys/leases/renew"] {
        assert_eq!(server.send("PUT", path, &[], Value::Null).status, 403, "{path}");
    }
    let id = lend(&server, "a", json!({"ttl": 60, "renewable": true}));
    assert_eq!(server.call("PUT", "sys/leases/renew", json!({"lease_id": id, "increment": "soon"})).status, 400);
    assert_eq!(server.call("GET", "sys/leases/lookup", json!({"lease_id": id})).status, 405);
    let heavy = server.call("POST", "l/lend/b", json!({"ballast": 65_536}));
    assert_eq!(heavy.status, 500, "{}", heavy.text);
    assert!(heavy.text.contains("more than 64 KiB kept with a lease"), "{}", heavy.text);
    let answer =
        server.send("POST", "l/lend/c", &[("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", "60")], json!({"ttl": 60}));
    let token = answer.json["wrap_info"]["token"].as_str().unwrap();
    let unwrapped = server.call("POST", "sys/wrapping/unwrap", json!({"token": token}));
    assert!(unwrapped.json["lease_id"].as_str().unwrap().starts_with("l/lend/c/"), "{}", unwrapped.text);
}

#[test]
fn tokens_under_a_revoked_prefix_open_nothing_from_then_on_however_many_they_are() {
    let server = Server::start();
    let make = || server.call("POST", "auth/token/create", json!({"policies": ["default"], "ttl": "1h"}));
    let tokens: Vec<String> =
        (0..900).map(|_| make().json["auth"]["client_token"].as_str().unwrap().to_owned()).collect();
    assert_eq!(server.call("PUT", "sys/leases/revoke-prefix/auth/token/create", Value::Null).status, 204);
    for (number, token) in tokens.iter().enumerate().rev() {
        assert_eq!(server.call_as(token, "GET", "auth/token/lookup-self", Value::Null).status, 403, "token {number}");
    }
}

#[test]
fn who_waits_for_a_revoked_prefix_waits_for_all_of_it() {
    let server = lending();
    for number in 0..700 {
        lend(&server, "many", json!({"ttl": 600, "number": number}));
    }
    assert_eq!(server.call("PUT", "sys/leases/revoke-prefix/l", json!({"sync": true})).status, 204);
    assert_eq!(count(&server, "many", "revoked"), 700);
}
