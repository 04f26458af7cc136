//! Pages of others that speak with the server from a browser.

use harness::{Answer, ROOT, Server};
use serde_json::{Value, json};

fn ask(server: &Server, method: &str, origin: &str) -> Answer {
    let asks = ("Access-Control-Request-Method", "GET");
    let headers = [("X-Vault-Token", ROOT), ("Origin", origin), asks];
    server.send(method, "sys/mounts", if method == "OPTIONS" { &headers } else { &headers[..2] }, Value::Null)
}

#[test]
fn until_something_is_said_browsers_keep_answers_from_pages() {
    let server = Server::start();
    let answer = ask(&server, "GET", "https://ui.example.com");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, None));
    assert_eq!(ask(&server, "OPTIONS", "https://ui.example.com").status, 405);
    assert_eq!(server.call("GET", "sys/config/cors", Value::Null).json["enabled"], false);
}

#[test]
fn a_page_that_is_named_may_speak_with_the_server_and_others_may_not() {
    let server = Server::start();
    let rules = json!({"allowed_origins": "https://ui.example.com", "allowed_headers": "X-Custom"});
    assert_eq!(server.call("POST", "sys/config/cors", rules).status, 204);
    let answer = ask(&server, "GET", "https://ui.example.com");
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, Some("https://ui.example.com")));
    assert_eq!(answer.header("vary"), Some("Origin"));
    let asked = ask(&server, "OPTIONS", "https://ui.example.com");
    let allowed = asked.header("access-control-allow-headers").unwrap();
    assert!(asked.status == 204 && allowed.contains("X-Vault-Token") && allowed.contains("X-Custom"), "{allowed}");
    assert!(asked.header("access-control-allow-methods").unwrap().contains("LIST"));
    for method in ["GET", "OPTIONS"] {
        let other = ask(&server, method, "https://evil.example.com");
        assert_eq!((other.status, other.header("access-control-allow-origin")), (403, None));
        assert_eq!(other.json, json!({"errors": ["origin not allowed"]}));
    }
    let read = server.call("GET", "sys/config/cors", Value::Null).json;
    assert_eq!(
        (&read["enabled"], &read["data"]["allowed_origins"]),
        (&json!(true), &json!(["https://ui.example.com"]))
    );
    assert_eq!(server.call("DELETE", "sys/config/cors", Value::Null).status, 204);
    assert_eq!(ask(&server, "GET", "https://evil.example.com").status, 200);
}

#[test]
fn rules_that_make_no_sense_are_refused() {
    let server = Server::start();
    for (body, says) in [
        (json!({}), "allowed_origins:"),
        (json!({"allowed_origins": ["*", "https://a"]}), "allowed_origins:"),
        (json!({"allowed_origins": "a b"}), "allowed_origins:"),
        (json!({"allowed_origins": "*", "allowed_headers": "a:b"}), "allowed_headers:"),
    ] {
        let refused = server.call("POST", "sys/config/cors", body);
        assert!(refused.status == 400 && refused.text.contains(says), "{}", refused.text);
    }
    assert_eq!(server.call("POST", "sys/config/cors", json!({"allowed_origins": "*"})).status, 204);
    assert_eq!(
        ask(&server, "GET", "https://any.example.com").header("access-control-allow-origin"),
        Some("https://any.example.com")
    );
}
