//! How many leases there may be.

use std::time::{Duration, Instant};

use harness::{HOSTILE, Server};
use serde_json::{Value, json};

/// Longer than it takes for a lease that was revoked to be taken back.
const SOON: Duration = Duration::from_secs(15);

fn lending() -> Server {
    let server = Server::with_guests(&[HOSTILE]);
    server.call("POST", "sys/namespaces/team", Value::Null);
    for (namespace, path) in [("", "l"), ("", "other"), ("team", "l")] {
        let mounted = server.call_in(namespace, "POST", &format!("sys/mounts/{path}"), json!({"type": "hostile"}));
        assert_eq!(mounted.status, 204, "{}", mounted.text);
    }
    server
}

fn lend(server: &Server, path: &str) -> u16 {
    server.call("POST", path, json!({"ttl": 600, "renewable": true})).status
}

fn quota(server: &Server, name: &str, body: Value) {
    let answer = server.call("POST", &format!("sys/quotas/lease-count/{name}"), body);
    assert_eq!(answer.status, 204, "{}", answer.text);
}

fn counter(server: &Server, name: &str) -> u64 {
    let read = server.call("GET", &format!("sys/quotas/lease-count/{name}"), Value::Null);
    read.json["data"]["counter"].as_u64().unwrap()
}

fn until(says: &str, holds: impl Fn() -> bool) {
    let late = Instant::now() + SOON;
    while !holds() {
        assert!(Instant::now() < late, "{says}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_quota_of_leases_is_written_read_listed_and_removed() {
    let server = lending();
    assert_eq!(server.call("LIST", "sys/quotas/lease-count", Value::Null).status, 404);
    quota(&server, "a", json!({"path": "l/", "max_leases": "7"}));
    let read = server.call("GET", "sys/quotas/lease-count/a", Value::Null).json["data"].clone();
    let told = json!({
        "type": "lease-count", "name": "a", "path": "l/", "max_leases": 7, "counter": 0, "inheritable": false, "role": "",
    });
    assert_eq!(read, told);
    assert_eq!(server.call("LIST", "sys/quotas/lease-count", Value::Null).json["data"]["keys"], json!(["a"]));
    for (name, body, says) in [
        ("b", json!({"path": "l", "max_leases": 1}), "exists under the name \\\"a\\\""),
        ("b", json!({"path": "nowhere", "max_leases": 1}), "path:"),
        ("b", json!({"path": "l/+/x", "max_leases": 1}), "path:"),
        ("b", json!({"path": 7, "max_leases": 1}), "path:"),
        ("b", json!({}), "max_leases:"),
        ("b", json!({"max_leases": 0}), "max_leases:"),
        ("b", json!({"max_leases": -1}), "max_leases:"),
        ("b", json!({"max_leases": "many"}), "max_leases:"),
        ("b", json!({"max_leases": 1, "role": "web"}), "role:"),
        ("b", json!({"max_leases": 1, "inheritable": []}), "inheritable:"),
        ("b%20c", json!({"max_leases": 1}), "name:"),
    ] {
        let refused = server.call("POST", &format!("sys/quotas/lease-count/{name}"), body);
        assert!(refused.status == 400 && refused.text.contains(says), "{}", refused.text);
    }
    let merge = [("X-Vault-Token", harness::ROOT), ("Content-Type", "application/merge-patch+json")];
    assert_eq!(server.send("PATCH", "sys/quotas/lease-count/a", &merge, json!({})).status, 405);
    assert_eq!(server.call("DELETE", "sys/quotas/lease-count/a", Value::Null).status, 204);
    assert_eq!(server.call("DELETE", "sys/quotas/lease-count/a", Value::Null).status, 204);
    assert_eq!(server.call("GET", "sys/quotas/lease-count/a", Value::Null).status, 404);
    assert_eq!(server.call_in("team", "LIST", "sys/quotas/lease-count", Value::Null).status, 404);
}

#[test]
fn beyond_the_quota_no_lease_is_made_until_another_has_ended() {
    let server = lending();
    quota(&server, "l", json!({"path": "l", "max_leases": 2}));
    let first = server.call("POST", "l/lend/a", json!({"ttl": 600}));
    assert_eq!((first.status, lend(&server, "l/lend/b")), (200, 200));
    let refused = server.call("POST", "l/lend/c", json!({"ttl": 600}));
    assert_eq!(refused.status, 429);
    let text = "1 error occurred:\n\t* request path \"l/lend/c\": lease count quota exceeded\n\n";
    assert_eq!(refused.json, json!({"errors": [text]}));
    assert_eq!(server.call("LIST", "sys/leases/lookup/l/lend/c", Value::Null).status, 404, "nothing was lent");
    // What lends nothing goes on, and so does what is elsewhere.
    assert_eq!(server.call("GET", "l/lent/a", Value::Null).status, 200);
    assert_eq!((lend(&server, "other/lend/a"), lend(&server, "team/l/lend/a")), (200, 200));
    let id = first.json["lease_id"].as_str().unwrap();
    // To renew a lease makes none.
    server.call("PUT", "sys/leases/renew", json!({"lease_id": id}));
    assert_eq!(counter(&server, "l"), 2);
    assert_eq!(server.call("PUT", "sys/leases/revoke", json!({"lease_id": id, "sync": true})).status, 204);
    assert_eq!((counter(&server, "l"), lend(&server, "l/lend/c"), lend(&server, "l/lend/d")), (1, 200, 429));
    quota(&server, "l", json!({"max_leases": 3}));
    assert_eq!((lend(&server, "l/lend/d"), lend(&server, "l/lend/e")), (200, 429));
    server.call("DELETE", "sys/quotas/lease-count/l", Value::Null);
    assert_eq!(lend(&server, "l/lend/e"), 200);
}

#[test]
fn leases_that_were_there_before_count_for_the_rule_that_is_most_specific() {
    let server = lending();
    for path in ["l/lend/a", "l/lend/b", "l/lend/b", "other/lend/a", "team/l/lend/a"] {
        assert_eq!(lend(&server, path), 200);
    }
    quota(&server, "all", json!({"max_leases": 100}));
    assert_eq!(counter(&server, "all"), 5);
    quota(&server, "l", json!({"path": "l", "max_leases": 100}));
    quota(&server, "b", json!({"path": "l/lend/b", "max_leases": 2}));
    quota(&server, "team", json!({"path": "team", "max_leases": 100}));
    let counted = || ["all", "l", "b", "team"].map(|name| counter(&server, name));
    assert_eq!(counted(), [1, 1, 2, 1]);
    assert_eq!((lend(&server, "l/lend/b"), lend(&server, "l/lend/c")), (429, 200));
    // A rule that goes leaves its leases to the next.
    server.call("DELETE", "sys/quotas/lease-count/b", Value::Null);
    assert_eq!(["all", "l", "team"].map(|name| counter(&server, name)), [1, 4, 1]);
    // One that moves counts where it is.
    quota(&server, "l", json!({"path": "other"}));
    assert_eq!(["all", "l", "team"].map(|name| counter(&server, name)), [4, 1, 1]);
    server.call("PUT", "sys/leases/revoke-prefix/l", json!({"sync": true}));
    server.call("PUT", "sys/leases/revoke-prefix/other", json!({"sync": true}));
    until("the leases are taken back", || counter(&server, "all") == 0 && counter(&server, "l") == 0);
}

#[test]
fn tokens_count_and_a_root_token_is_never_refused() {
    let server = lending();
    server.call("POST", "sys/policies/acl/some", json!({"policy": "path \"l/*\" { capabilities = [\"read\"] }"}));
    quota(&server, "tokens", json!({"path": "auth/token", "max_leases": 1}));
    let create = |body: Value| server.call("POST", "auth/token/create", body);
    let made = create(json!({"policies": ["some"], "ttl": "1h"}));
    assert_eq!(made.status, 200, "{}", made.text);
    for kind in ["service", "batch"] {
        let refused = create(json!({"policies": ["some"], "ttl": "1h", "type": kind}));
        assert!(refused.status == 429 && refused.text.contains("lease count quota exceeded"), "{}", refused.text);
    }
    assert_eq!(create(json!({"policies": ["root"]})).status, 200);
    assert_eq!(create(json!({"policies": ["root"], "ttl": "1h"})).status, 200);
    assert_eq!(counter(&server, "tokens"), 2);
    server.call("POST", "auth/token/revoke", json!({"token": made.json["auth"]["client_token"]}));
    until("the token's lease is gone", || counter(&server, "tokens") == 1);
}

#[test]
fn many_that_lend_at_once_do_not_pass_the_quota() {
    let server = lending();
    quota(&server, "l", json!({"path": "l", "max_leases": 10}));
    let lent = std::thread::scope(|scope| {
        let lending: Vec<_> = (0..4)
            .map(|n| {
                let server = &server;
                scope.spawn(move || (0..6).filter(|_| lend(server, &format!("l/lend/{n}")) == 200).count())
            })
            .collect();
        lending.into_iter().map(|lending| lending.join().unwrap()).sum::<usize>()
    });
    assert_eq!((lent, counter(&server, "l")), (10, 10));
}
