//! What clients ask about the nodes of a cluster and their versions.

use harness::Server;
use serde_json::{Value, json};

#[test]
fn the_version_that_opened_the_store_is_in_its_history() {
    let server = Server::start();
    let history = server.call("LIST", "sys/version-history", Value::Null);
    assert_eq!(history.status, 200, "{}", history.text);
    let version = server.call("GET", "sys/seal-status", Value::Null).json["version"].clone();
    assert_eq!(history.json["data"]["keys"], json!([version]));
    let told = &history.json["data"]["key_info"][version.as_str().unwrap()];
    assert_eq!(told["previous_version"], Value::Null);
    assert!(told["timestamp_installed"].as_str().unwrap().ends_with('Z') && told["build_date"].is_string(), "{told}");
    assert_eq!(server.send("LIST", "sys/version-history", &[], Value::Null).status, 403);
    assert_eq!(server.call("GET", "sys/version-history", Value::Null).status, 405);
}

#[test]
fn a_node_tells_of_itself_and_that_nothing_is_replicated() {
    let server = Server::start();
    let told = server.call("GET", "sys/ha-status", Value::Null).json;
    assert_eq!((&told["nodes"], &told["data"]["nodes"][0]["active_node"]), (&told["data"]["nodes"], &json!(true)));
    let disabled = json!({"mode": "disabled"});
    let status = |path: &str| server.send("GET", path, &[], Value::Null).json["data"].clone();
    assert_eq!(status("sys/replication/status"), json!({"dr": disabled, "performance": disabled}));
    assert_eq!(status("sys/replication/dr/status"), disabled);
    assert_eq!(status("sys/replication/performance/status"), disabled);
    let experiments = server.call("GET", "sys/experiments", Value::Null).json["data"].clone();
    assert_eq!(experiments, json!({"available": [], "enabled": []}));
}

#[test]
fn what_is_not_there_is_told_so() {
    let server = Server::start();
    for (method, path, status) in [
        ("GET", "sys/replication/other/status", 404),
        ("GET", "sys/license/status", 404),
        ("POST", "sys/replication/status", 405),
        ("POST", "sys/ha-status", 405),
        ("GET", "sys/step-down", 405),
        ("POST", "sys/experiments", 405),
    ] {
        assert_eq!(server.call(method, path, json!({})).status, status, "{method} {path}");
    }
}

#[test]
fn to_step_down_demands_sudo_and_changes_nothing() {
    let server = Server::start();
    assert_eq!(server.send("PUT", "sys/step-down", &[], Value::Null).status, 403);
    assert_eq!(server.call("PUT", "sys/step-down", Value::Null).status, 204);
    assert_eq!(server.call("GET", "sys/health", Value::Null).status, 200);
}
