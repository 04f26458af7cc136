//! How many requests a client may make.

use harness::{Process, ROOT, Server, plain_listener};
use serde_json::{Value, json};

fn with_echo() -> Server {
    let server = Server::start();
    server.call("POST", "sys/mounts/echo", json!({"type": "echo"}));
    server.call("POST", "sys/namespaces/team", Value::Null);
    server.call_in("team", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    server
}

fn say(server: &Server, path: &str) -> u16 {
    server.call("GET", path, Value::Null).status
}

#[test]
fn a_quota_is_written_read_listed_and_removed() {
    let server = with_echo();
    assert_eq!(server.call("LIST", "sys/quotas/rate-limit", Value::Null).status, 404);
    let quota = json!({"path": "echo", "rate": "2.5", "interval": "1m", "block_interval": "10s"});
    assert_eq!(server.call("POST", "sys/quotas/rate-limit/a", quota).status, 204);
    let read = server.call("GET", "sys/quotas/rate-limit/a", Value::Null).json["data"].clone();
    assert_eq!((&read["rate"], &read["interval"], &read["block_interval"]), (&json!(2.5), &json!(60), &json!(10)));
    assert_eq!((&read["path"], &read["type"], &read["name"]), (&json!("echo/"), &json!("rate-limit"), &json!("a")));
    assert_eq!(server.call("LIST", "sys/quotas/rate-limit", Value::Null).json["data"]["keys"], json!(["a"]));
    for (name, body, says) in [
        ("b", json!({"path": "echo", "rate": 1}), "exists under the name \"a\""),
        ("b", json!({"path": "nowhere", "rate": 1}), "path:"),
        ("b", json!({"rate": 0}), "rate:"),
        ("b%20c", json!({"rate": 1}), "name:"),
    ] {
        let refused = server.call("POST", &format!("sys/quotas/rate-limit/{name}"), body);
        assert!(refused.status == 400 && refused.text.contains(&says.replace('"', "\\\"")), "{}", refused.text);
    }
    assert_eq!(server.call("DELETE", "sys/quotas/rate-limit/a", Value::Null).status, 204);
    assert_eq!(server.call("GET", "sys/quotas/rate-limit/a", Value::Null).status, 404);
    assert_eq!(server.call_in("team", "LIST", "sys/quotas/rate-limit", Value::Null).status, 404);
}

#[test]
fn a_client_that_makes_too_many_requests_is_told_when_to_come_back() {
    let server = with_echo();
    server.call("POST", "sys/quotas/rate-limit/echo", json!({"path": "echo", "rate": 3, "interval": "1h"}));
    let statuses: Vec<u16> = (0..5).map(|_| say(&server, "echo/say")).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let refused = server.call("GET", "echo/say", Value::Null);
    assert_eq!(refused.json, json!({"errors": ["request path \"echo/say\": rate limit quota exceeded"]}));
    let wait = refused.header("retry-after").unwrap();
    assert!(wait.parse::<u64>().unwrap() > 60, "{wait:?}");
    // Without a token it is not otherwise, and elsewhere there is room.
    assert_eq!(server.send("GET", "echo/say", &[], Value::Null).status, 429);
    assert_eq!((say(&server, "sys/mounts"), say(&server, "team/echo/say")), (200, 200));
    // A changed rule begins anew.
    server.call("POST", "sys/quotas/rate-limit/echo", json!({"rate": 1}));
    assert_eq!((say(&server, "echo/say"), say(&server, "echo/say")), (200, 429));
    server.call("DELETE", "sys/quotas/rate-limit/echo", Value::Null);
    assert_eq!(say(&server, "echo/say"), 200);
}

#[test]
fn of_two_quotas_the_more_specific_one_holds() {
    let server = with_echo();
    for (name, path, rate) in [("all", "", 1000), ("team", "team", 2), ("say", "team/echo/say", 1)] {
        let quota = json!({"path": path, "rate": rate, "interval": "1h"});
        assert_eq!(server.call("POST", &format!("sys/quotas/rate-limit/{name}"), quota).status, 204);
    }
    let header = |path: &str| server.call_in("team", "GET", path, Value::Null).status;
    assert_eq!((say(&server, "team/echo/say"), header("echo/say")), (200, 429));
    assert_eq!((say(&server, "team/sys/mounts"), header("sys/mounts"), header("sys/mounts")), (200, 200, 429));
    assert_eq!(say(&server, "echo/say"), 200);
}

#[test]
fn what_opens_and_watches_a_server_is_not_limited() {
    let server = with_echo();
    server.call("POST", "sys/quotas/rate-limit/all", json!({"rate": 1, "interval": "1h"}));
    say(&server, "sys/mounts");
    assert_eq!(say(&server, "sys/mounts"), 429);
    assert!((0..10).all(|_| say(&server, "sys/health") == 200 && say(&server, "sys/seal-status") == 200));
    assert_eq!(say(&server, "sys/generate-root/attempt"), 200);
}

#[test]
fn paths_can_be_exempt() {
    let server = with_echo();
    let config = json!({"rate_limit_exempt_paths": ["echo/say", "sys/quotas/config"]});
    assert_eq!(server.call("POST", "sys/quotas/config", config.clone()).status, 204);
    server.call("POST", "sys/quotas/rate-limit/all", json!({"rate": 1, "interval": "1h"}));
    assert!((0..5).all(|_| say(&server, "echo/say") == 200));
    let read = server.call("GET", "sys/quotas/config", Value::Null).json["data"].clone();
    assert_eq!(read["rate_limit_exempt_paths"], config["rate_limit_exempt_paths"]);
    for (field, wrong) in [
        ("enable_rate_limit_audit_logging", json!("perhaps")),
        ("enable_rate_limit_response_headers", json!([true])),
        ("rate_limit_exempt_paths", json!({"a": 1})),
    ] {
        let refused = server.call("POST", "sys/quotas/config", json!({ field: wrong }));
        assert!(refused.status == 400 && refused.text.contains(field), "{}", refused.text);
    }
}

#[test]
fn answers_say_what_is_left_where_operators_want_that() {
    let server = with_echo();
    server.call("POST", "sys/quotas/rate-limit/echo", json!({"path": "echo", "rate": 2, "interval": "1h"}));
    assert_eq!(server.call("GET", "echo/say", Value::Null).header("x-ratelimit-limit"), None);
    let config = json!({"enable_rate_limit_response_headers": true});
    assert_eq!(server.call("POST", "sys/quotas/config", config).status, 204);
    assert_eq!(server.call("GET", "sys/mounts", Value::Null).header("x-ratelimit-limit"), None, "no rule holds there");
    let told = |status: u16| {
        let answer = server.call("GET", "echo/say", Value::Null);
        assert_eq!(answer.status, status, "{}", answer.text);
        ["limit", "remaining", "reset"].map(|name| answer.header(&format!("x-ratelimit-{name}")).unwrap().to_owned())
    };
    let [limit, left, reset] = told(200);
    assert_eq!((limit.as_str(), left.as_str()), ("2", "0"));
    assert!((3000..=3600).contains(&reset.parse::<u64>().unwrap()), "{reset}");
    let [limit, left, _] = told(429);
    assert_eq!((limit.as_str(), left.as_str()), ("2", "0"));
}

#[test]
fn refusals_are_in_the_audit_log_where_operators_want_that() {
    let (server, folder) = (with_echo(), harness::Folder::new());
    let file = folder.path().join("log");
    let device = json!({"type": "file", "options": {"file_path": file}});
    assert_eq!(server.call("POST", "sys/audit/file", device).status, 204);
    server.call("POST", "sys/quotas/rate-limit/team", json!({"path": "team/echo", "rate": 1, "interval": "1h"}));
    let refused = || {
        server.call_in("team", "GET", "echo/say", Value::Null);
        assert_eq!(server.call_in("team", "GET", "echo/say", Value::Null).status, 429);
        let log = std::fs::read_to_string(&file).unwrap();
        let entries = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        entries.filter(|entry| entry["error"].as_str().is_some_and(|error| error.contains("quota exceeded"))).collect()
    };
    let before: Vec<Value> = refused();
    assert_eq!(before, Vec::<Value>::new());
    server.call("POST", "sys/quotas/config", json!({"enable_rate_limit_audit_logging": true}));
    let entries = refused();
    assert_eq!(entries[0]["type"], "request");
    let request = &entries[0]["request"];
    assert_eq!((&request["path"], &request["namespace"]["path"]), (&json!("echo/say"), &json!("team/")), "{request}");
    assert_eq!((&request["mount_type"], &request["remote_address"]), (&json!("echo"), &json!("127.0.0.1")));
}

#[test]
fn a_client_is_an_address_as_a_believed_proxy_names_it() {
    let server = Process::configured(
        &plain_listener(
            "x_forwarded_for_authorized_addrs = \"127.0.0.1\"\n x_forwarded_for_reject_not_present = false",
        ),
        &["-dev", "-dev-no-store-token", "-dev-root-token-id=test-root", "-dev-listen-address=127.0.0.1:0"],
    );
    let ask = |address: &str, method: &str, path: &str, from: &str, body: Value| {
        let headers = [("X-Vault-Token", ROOT), ("X-Forwarded-For", from)];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        harness::try_send(address, method, path, &headers, body).unwrap().status
    };
    let [plain, proxied] = server.addresses() else { panic!("two listeners") };
    let quota = json!({"rate": 1, "interval": "1h", "path": "sys/mounts"});
    assert_eq!(ask(plain, "POST", "sys/quotas/rate-limit/a", "x", quota), 204);
    let mounts = |address: &str, from: &str| ask(address, "GET", "sys/mounts", from, Value::Null);
    assert_eq!((mounts(proxied, "192.0.2.1"), mounts(proxied, "192.0.2.1")), (200, 429));
    assert_eq!((mounts(proxied, "192.0.2.2"), mounts(proxied, "192.0.2.2")), (200, 429));
    // Where nobody is believed, the connection's own address counts.
    assert_eq!((mounts(plain, "192.0.2.3"), mounts(plain, "192.0.2.4")), (200, 429));
}

#[test]
fn a_request_that_a_quota_refuses_uses_up_no_use_of_its_token() {
    let server = with_echo();
    let made = server.call("POST", "auth/token/create", json!({"policies": ["root"], "num_uses": 3}));
    let token = made.json["auth"]["client_token"].as_str().unwrap().to_owned();
    let say = || server.call_as(&token, "GET", "echo/say", Value::Null).status;
    server.call("POST", "sys/quotas/rate-limit/echo", json!({"path": "echo", "rate": 1, "interval": "1h"}));
    assert_eq!(say(), 200);
    assert_eq!((say(), say(), say()), (429, 429, 429));
    assert_eq!(server.call("DELETE", "sys/quotas/rate-limit/echo", Value::Null).status, 204);
    assert_eq!((say(), say(), say()), (200, 200, 403));
}

#[test]
fn a_quota_holds_whatever_a_request_calls_its_namespace() {
    let server = with_echo();
    server.call("POST", "sys/quotas/rate-limit/logins", json!({"path": "auth/token", "rate": 1, "interval": "1h"}));
    server.call("POST", "sys/quotas/rate-limit/echo", json!({"path": "echo", "rate": 1, "interval": "1h"}));
    let ask = |namespace: &str, path: &str| server.call_in(namespace, "GET", path, Value::Null).status;
    assert_eq!((ask("", "echo/say"), ask("root", "echo/say"), ask("/", "echo/say")), (200, 429, 429));
    // Where nothing is mounted it is not otherwise, and the rules of one namespace are no other's.
    server.call("POST", "sys/quotas/rate-limit/team", json!({"path": "team", "rate": 1, "interval": "1h"}));
    assert_eq!((ask("team", "nowhere/x"), ask("team", "nowhere/x"), ask("team", "echo/say")), (404, 429, 429));
    let own = "auth/token/lookup-self";
    assert_eq!((ask("", own), ask("root", own), ask("no/such/place", own)), (200, 429, 429));
}

#[test]
fn a_rate_that_lets_nothing_through_is_refused_and_never_fells_the_server() {
    let server = with_echo();
    for rate in [json!({"rate": 1e-30}), json!({"rate": 1e-6, "interval": "24h"}), json!({"rate": f64::MIN_POSITIVE})] {
        let refused = server.call("POST", "sys/quotas/rate-limit/all", rate);
        assert!(refused.status == 400 && refused.text.contains("rate:"), "{}", refused.text);
    }
    assert_eq!(say(&server, "echo/say"), 200);
    assert_eq!(server.call("POST", "sys/quotas/rate-limit/all", json!({"rate": 1e-3, "interval": "1h"})).status, 204);
}
