//! Pages of others that speak with the server from a browser.

use harness::{Answer, ROOT, Server};
use serde_json::{Value, json};

fn ask(server: &Server, method: &str, origin: &str) -> Answer {
    let asks = ("Access-Control-Request-Method", "GET");
    let headers = [("X-Vault-Token", ROOT), ("Origin", origin), asks];
    server.send(method, "sys/mounts", if method == "OPTIONS" { &headers } else { &headers[..2] }, Value::Null)
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
}

#[test]
fn until_something_is_said_browsers_keep_answers_from_pages() {
    let server = Server::start();
    let answer = ask(&server, "GET", "https://ui.example.com");
    assert_eq!((answer.status, header(&answer, "access-control-allow-origin")), (200, ""));
    assert_eq!(ask(&server, "OPTIONS", "https://ui.example.com").status, 405);
    assert_eq!(server.call("GET", "sys/config/cors", Value::Null).json["enabled"], false);
}

#[test]
fn a_page_that_is_named_may_speak_with_the_server_and_others_may_not() {
    let server = Server::start();
    let rules = json!({"allowed_origins": "https://ui.example.com", "allowed_headers": "X-Custom"});
    assert_eq!(server.call("POST", "sys/config/cors", rules).status, 204);
    let answer = ask(&server, "GET", "https://ui.example.com");
    assert_eq!((answer.status, header(&answer, "access-control-allow-origin")), (200, "https://ui.example.com"));
    assert_eq!(header(&answer, "vary"), "Origin");
    let asked = ask(&server, "OPTIONS", "https://ui.example.com");
    let allowed = header(&asked, "access-control-allow-headers");
    assert!(asked.status == 204 && allowed.contains("X-Vault-Token") && allowed.contains("X-Custom"), "{allowed}");
    assert!(header(&asked, "access-control-allow-methods").contains("LIST"));
    for method in ["GET", "OPTIONS"] {
        let other = ask(&server, method, "https://evil.example.com");
        assert_eq!((other.status, header(&other, "access-control-allow-origin")), (403, ""));
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
        header(&ask(&server, "GET", "https://any.example.com"), "access-control-allow-origin"),
        "https://any.example.com"
    );
}
