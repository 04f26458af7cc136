use harness::Server;
use serde_json::{Value, json};

#[test]
fn header_and_path_prefix_lead_to_the_same_namespace() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/namespaces/a", Value::Null).status, 200);
    assert_eq!(server.call_in("a", "POST", "sys/namespaces/b", json!({"custom_metadata": {"owner": "x"}})).status, 200);
    assert_eq!(server.call("POST", "a/b/sys/mounts/echo", json!({"type": "echo"})).status, 204);
    let answer = server.call_in("a/", "POST", "b/echo/say", json!({"text": "hi"}));
    assert_eq!((answer.status, &answer.json["data"]["text"]), (200, &json!("hi")));
    assert_eq!(server.call_in("a/b", "GET", "sys/namespaces/b", Value::Null).status, 404);
    let listed = server.call_in("a", "LIST", "sys/namespaces", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!(["b/"]));
    assert_eq!(listed.json["data"]["key_info"]["b/"]["custom_metadata"]["owner"], "x");
}

#[test]
fn what_is_mounted_in_one_namespace_is_not_there_in_another() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    assert_eq!(server.call("POST", "echo/say", json!({})).status, 404);
    assert_eq!(server.call_in("nowhere", "POST", "echo/say", json!({})).status, 404);
}

#[test]
fn a_namespace_goes_with_its_mounts_but_not_before_its_children() {
    let server = Server::start();
    server.call("POST", "sys/namespaces/a", Value::Null);
    server.call_in("a", "POST", "sys/namespaces/b", Value::Null);
    server.call_in("a", "POST", "sys/mounts/echo", json!({"type": "echo"}));
    assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 400);
    assert_eq!(server.call_in("a", "DELETE", "sys/namespaces/b", Value::Null).status, 204);
    assert_eq!(server.call("DELETE", "sys/namespaces/a", Value::Null).status, 204);
    assert_eq!(server.call_in("a", "GET", "sys/mounts", Value::Null).status, 404);
}

#[test]
fn bad_names_are_refused() {
    let server = Server::start();
    for name in ["sys", "auth", "a%20b", "x/y", "%2b"] {
        assert_eq!(server.call("POST", &format!("sys/namespaces/{name}"), Value::Null).status, 400, "{name}");
    }
}
