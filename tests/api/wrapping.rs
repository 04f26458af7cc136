//! Answers that are wrapped.

use harness::{Answer, ROOT, Server, wait_until};
use serde_json::{Value, json};

fn wrapped(server: &Server, ttl: &str, method: &str, path: &str, body: Value) -> Answer {
    server.send(method, path, &[("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", ttl)], body)
}

fn token(answer: &Answer) -> String {
    answer.json["wrap_info"]["token"].as_str().unwrap_or_else(|| panic!("not wrapped: {}", answer.text)).to_owned()
}

fn refused(answer: &Answer) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json["errors"], json!(["wrapping token is not valid or does not exist"]));
}

#[test]
fn a_wrapped_answer_shows_only_where_it_is_and_is_unwrapped_once() {
    let server = Server::start();
    let plain = server.call("GET", "sys/mounts/sys", Value::Null);
    let put_away = wrapped(&server, "5m", "GET", "sys/mounts/sys", Value::Null);
    assert_eq!(put_away.status, 200);
    assert_eq!((&put_away.json["data"], &put_away.json["request_id"]), (&Value::Null, &json!("")));
    let info = &put_away.json["wrap_info"];
    assert_eq!((&info["ttl"], &info["creation_path"]), (&json!(300), &json!("sys/mounts/sys")));
    assert!(info["creation_time"].as_str().unwrap().ends_with('Z'));
    assert!(!info["accessor"].as_str().unwrap().is_empty());
    let token = token(&put_away);
    let unwrapped = server.call("POST", "sys/wrapping/unwrap", json!({"token": token}));
    assert_eq!((unwrapped.status, &unwrapped.json["data"]), (200, &plain.json["data"]), "{}", unwrapped.text);
    assert_eq!(unwrapped.json["wrap_info"], Value::Null);
    refused(&server.call("POST", "sys/wrapping/unwrap", json!({"token": token})));
    refused(&server.call_as(&token, "POST", "sys/wrapping/unwrap", Value::Null));
}

#[test]
fn a_wrapping_token_unwraps_as_the_clients_own_token_too_and_does_nothing_else() {
    let server = Server::start();
    let body = json!({"a": {"b": [1, "two", null]}});
    let token = token(&wrapped(&server, "60", "POST", "sys/wrapping/wrap", body.clone()));
    let own = [("X-Vault-Token", token.as_str())];
    assert_eq!(server.send("GET", "sys/mounts", &own, Value::Null).status, 403);
    let token = self::token(&wrapped(&server, "60", "POST", "sys/wrapping/wrap", body.clone()));
    let own = [("X-Vault-Token", token.as_str())];
    let unwrapped = server.send("PUT", "sys/wrapping/unwrap", &own, Value::Null);
    assert_eq!((unwrapped.status, &unwrapped.json["data"]), (200, &body), "{}", unwrapped.text);
    refused(&server.send("PUT", "sys/wrapping/unwrap", &own, Value::Null));
}

#[test]
fn wrapping_is_looked_up_by_anybody_who_has_the_token_without_using_it_up() {
    let server = Server::start();
    let token = token(&wrapped(&server, "1h30m", "POST", "sys/wrapping/wrap", json!({"x": 1})));
    for _ in 0..3 {
        let told = server.send("POST", "sys/wrapping/lookup", &[], json!({"token": token}));
        assert_eq!(told.status, 200, "{}", told.text);
        assert_eq!(told.json["data"]["creation_ttl"], 5400);
        assert_eq!(told.json["data"]["creation_path"], "sys/wrapping/wrap");
    }
    let own = server.call_as(&token, "GET", "sys/wrapping/lookup", Value::Null);
    assert_eq!(own.json["data"]["creation_ttl"], 5400, "{}", own.text);
    assert_eq!(server.call("POST", "sys/wrapping/unwrap", json!({"token": token})).json["data"]["x"], 1);
    refused(&server.send("POST", "sys/wrapping/lookup", &[], json!({"token": token})));
    refused(&server.send("POST", "sys/wrapping/lookup", &[], Value::Null));
    refused(&server.call("POST", "sys/wrapping/lookup", json!({"token": ROOT})));
}

#[test]
fn rewrapping_gives_the_same_answer_a_new_token_and_ends_the_old_one() {
    let server = Server::start();
    let old = token(&wrapped(&server, "600", "POST", "sys/wrapping/wrap", json!({"x": 1})));
    let again = server.call("POST", "sys/wrapping/rewrap", json!({"token": old}));
    assert_eq!(again.status, 200, "{}", again.text);
    assert_eq!(again.json["wrap_info"]["ttl"], 600);
    assert_eq!(again.json["wrap_info"]["creation_path"], "sys/wrapping/wrap");
    let new = token(&again);
    assert_ne!(new, old);
    refused(&server.call("POST", "sys/wrapping/unwrap", json!({"token": old})));
    assert_eq!(server.call("POST", "sys/wrapping/unwrap", json!({"token": new})).json["data"]["x"], 1);
}

#[test]
fn a_wrapped_answer_is_gone_when_its_time_is_over() {
    let server = Server::start();
    let token = token(&wrapped(&server, "1s", "POST", "sys/wrapping/wrap", json!({"x": 1})));
    let looked_up = || server.send("POST", "sys/wrapping/lookup", &[], json!({"token": token})).status;
    wait_until("it never ends", || looked_up() != 200);
    refused(&server.call("POST", "sys/wrapping/unwrap", json!({"token": token})));
}

#[test]
fn of_many_that_unwrap_at_once_one_gets_the_answer() {
    let server = Server::start();
    for round in 0..5 {
        let token = token(&wrapped(&server, "60", "POST", "sys/wrapping/wrap", json!({"round": round})));
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            let racing: Vec<_> = (0..8)
                .map(|racer| {
                    let (server, token) = (&server, &token);
                    // Half of them in the body, half as their own token.
                    scope.spawn(move || match racer % 2 {
                        0 => server.call("POST", "sys/wrapping/unwrap", json!({"token": token})).status,
                        _ => server.call_as(token, "POST", "sys/wrapping/unwrap", Value::Null).status,
                    })
                })
                .collect();
            racing.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| matches!(status, 200 | 400)), "{statuses:?}");
    }
}

#[test]
fn what_says_nothing_or_has_no_envelope_is_given_as_it_is() {
    let server = Server::start();
    assert_eq!(wrapped(&server, "60", "POST", "sys/mounts/echo", json!({"type": "echo"})).status, 204);
    let health = wrapped(&server, "60", "GET", "sys/health", Value::Null);
    assert_eq!((health.status, &health.json["initialized"]), (200, &json!(true)));
    let missing = wrapped(&server, "60", "GET", "echo/notes/a", Value::Null);
    assert_eq!((missing.status, missing.json), (404, json!({"errors": []})));
    let refused = wrapped(&server, "60", "POST", "echo/say", json!({"times": 1000}));
    assert_eq!(refused.status, 400);
    assert!(refused.json.get("wrap_info").is_none());
}

#[test]
fn wrong_wishes_are_refused_and_none_is_none() {
    let server = Server::start();
    for bad in ["-1", "-5m", "soon", "5 minutes too long", "2764801"] {
        let answer = wrapped(&server, bad, "GET", "sys/mounts", Value::Null);
        assert_eq!(answer.status, 400, "{bad}: {}", answer.text);
        assert!(answer.json["errors"][0].as_str().unwrap().starts_with("X-Vault-Wrap-TTL: must be"), "{}", answer.text);
    }
    assert!(wrapped(&server, "0", "GET", "sys/mounts", Value::Null).json["data"].is_object());
    let jwt = [("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", "60"), ("X-Vault-Wrap-Format", "jwt")];
    let answer = server.send("GET", "sys/mounts", &jwt, Value::Null);
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("X-Vault-Wrap-Format"), "{}", answer.text);
    let bare = server.call("POST", "sys/wrapping/wrap", json!({"x": 1}));
    assert_eq!((bare.status, &bare.json["errors"][0]), (400, &json!("endpoint requires response wrapping to be used")));
    refused(&server.call("POST", "sys/wrapping/unwrap", json!({"token": ROOT})));
    refused(&server.call("POST", "sys/wrapping/unwrap", Value::Null));
    refused(&server.send("POST", "sys/wrapping/unwrap", &[], json!({"token": "hvs.nobody"})));
    assert_eq!(server.call("POST", "sys/wrapping/unwrap", json!({"token": 7})).status, 400);
}

#[test]
fn an_engines_answer_of_a_namespace_is_wrapped_there_and_unwrapped_from_anywhere() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/namespaces/a", Value::Null).status, 200);
    assert_eq!(server.call_in("a", "POST", "sys/mounts/echo", json!({"type": "echo"})).status, 204);
    let headers = [("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", "60"), ("X-Vault-Namespace", "a")];
    let answer = server.send("POST", "echo/say", &headers, json!({"text": "hi"}));
    assert_eq!(answer.json["wrap_info"]["creation_path"], "echo/say");
    let token = token(&answer);
    let unwrapped = server.call("POST", "sys/wrapping/unwrap", json!({"token": token}));
    assert_eq!(unwrapped.json["data"]["text"], "hi", "{}", unwrapped.text);
    assert_eq!(unwrapped.json["mount_type"], "echo");
}
