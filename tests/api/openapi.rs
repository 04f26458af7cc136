//! What the server says of itself: OpenAPI, and help.

use harness::Server;
use serde_json::{Value, json};

fn with_engines() -> Server {
    let server = Server::start();
    for (path, kind) in [("pki", "pki"), ("deep/pki", "pki"), ("secret", "kv")] {
        assert_eq!(server.call("POST", &format!("sys/mounts/{path}"), json!({"type": kind})).status, 204);
    }
    server
}

fn paths(document: &Value) -> Vec<&str> {
    document["paths"].as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_document_names_the_paths_of_the_host_and_of_each_mount() {
    let server = with_engines();
    let answer = server.call("GET", "sys/internal/specs/openapi", Value::Null);
    assert_eq!((answer.status, &answer.json["openapi"]), (200, &json!("3.0.2")));
    let all = paths(&answer.json);
    for path in
        ["/sys/mounts/{path}", "/auth/token/lookup-self", "/pki/issue/{role}", "/deep/pki/issue/{role}", "/pki/roles/"]
    {
        assert!(all.contains(&path), "{path} is not in {all:?}");
    }
    let issue = &answer.json["paths"]["/pki/issue/{role}"];
    assert_eq!(issue["parameters"][0]["name"], "role");
    let fields = &issue["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!(fields["common_name"]["type"], "string");
    assert!(fields["common_name"]["description"].as_str().is_some_and(|about| !about.is_empty()));
    let parameters = answer.json["paths"]["/pki/roles/"]["get"]["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|parameter| parameter["name"] == "list" && parameter["required"] == true));
    assert_eq!(answer.json["paths"]["/sys/health"]["get"]["x-vault-unauthenticated"], true);
    assert_eq!(answer.json["paths"]["/sys/seal"]["post"]["x-vault-sudo"], true);
    assert_eq!(
        answer.json["paths"]["/sys/mounts/{path}"]["post"]["requestBody"]["content"]["application/json"]["schema"]["required"],
        json!(["type"])
    );
}

#[test]
fn no_two_operations_of_the_document_have_one_identifier() {
    let document = with_engines().call("GET", "sys/internal/specs/openapi", Value::Null).json;
    let items = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let mut ids: Vec<&str> = items.filter_map(|operation| operation["operationId"].as_str()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(all > 100 && ids.len() == all, "{} of {all}", ids.len());
}

#[test]
fn with_generic_paths_each_engine_stands_for_its_mounts() {
    let server = with_engines();
    let document = server.call("GET", "sys/internal/specs/openapi?generic_mount_paths=true", Value::Null).json;
    let all = paths(&document);
    assert!(all.contains(&"/{pki_mount_path}/issue/{role}") && !all.contains(&"/pki/issue/{role}"), "{all:?}");
    let parameters = document["paths"]["/{pki_mount_path}/issue/{role}"]["parameters"].as_array().unwrap();
    assert_eq!(
        (&parameters[0]["name"], &parameters[0]["schema"]["default"]),
        (&json!("pki_mount_path"), &json!("pki"))
    );
}

#[test]
fn a_namespace_is_shown_its_own_mounts_only() {
    let server = with_engines();
    server.call("POST", "sys/namespaces/team", Value::Null);
    server.call_in("team", "POST", "sys/mounts/own", json!({"type": "pki"}));
    let document = server.call_in("team", "GET", "sys/internal/specs/openapi", Value::Null).json;
    let all = paths(&document);
    assert!(all.contains(&"/own/issue/{role}") && !all.contains(&"/pki/issue/{role}"), "{all:?}");
    assert_eq!(server.send("GET", "sys/internal/specs/openapi", &[], Value::Null).status, 403);
}

#[test]
fn a_path_of_the_host_is_explained_like_one_of_an_engine() {
    let server = with_engines();
    server.call("POST", "sys/namespaces/team", Value::Null);
    for (path, says) in [
        ("sys/mounts/anything?help=1", "Enables an engine at a path."),
        ("team/sys/mounts?help=1", "Shows the mounts."),
        ("auth/token/lookup-self?help=1", "Shows the token that asks."),
        ("pki/issue/web?help=1", "common_name"),
        ("identity/group/name/x?help=1", "member_entity_ids"),
        ("cubbyhole/a/b?help=1", "Shows what the token that asks keeps there."),
        ("sys?help=1", "sys/mounts/{path}/tune"),
        ("team/sys?help=1", "sys/seal"),
        ("auth/token?help=1", "auth/token/create/{role}"),
        ("identity?help=1", "identity/lookup/entity"),
        ("cubbyhole?help=1", "cubbyhole/{path}"),
    ] {
        let answer = server.call("GET", path, Value::Null);
        assert!(answer.json["help"].as_str().is_some_and(|help| help.contains(says)), "{path}: {}", answer.text);
    }
    // Explaining does nothing.
    assert_eq!(server.call("DELETE", "sys/mounts/secret?help=1", Value::Null).status, 200);
    assert_eq!(server.call("GET", "sys/mounts/secret", Value::Null).status, 200);
}

#[test]
fn whatever_is_said_of_the_directory_is_there() {
    let server = Server::start();
    let document = server.call("GET", "sys/internal/specs/openapi", Value::Null).json;
    let items = document["paths"].as_object().unwrap().iter();
    let own: Vec<_> = items.filter(|(path, _)| path.starts_with("/identity/")).collect();
    assert!(own.len() >= 20, "{}", own.len());
    for (path, item) in own {
        let at = path.trim_start_matches('/').replace("{id}", "x").replace("{name}", "x");
        for method in item.as_object().unwrap().keys().filter(|method| *method != "parameters") {
            let method = if at.ends_with('/') { "LIST" } else { method.as_str() };
            let answer = server.call(&method.to_uppercase(), at.trim_end_matches('/'), json!({}));
            assert!(answer.status != 405 && !answer.text.contains("unsupported"), "{method} {at}: {}", answer.text);
        }
    }
}

#[test]
fn the_document_shows_only_the_mounts_that_the_caller_may_see() {
    let server = with_engines();
    let rule = "path \"deep/pki/issue/*\" { capabilities = [\"update\"] }\n\
                path \"sys/internal/specs/openapi\" { capabilities = [\"read\"] }";
    server.call("POST", "sys/policies/acl/some", json!({"policy": rule}));
    let made = server.call("POST", "auth/token/create", json!({"policies": ["some"]}));
    let token = made.json["auth"]["client_token"].as_str().unwrap();
    for query in ["", "?generic_mount_paths=true"] {
        let path = format!("sys/internal/specs/openapi{query}");
        let document = server.send("GET", &path, &[("X-Vault-Token", token)], Value::Null).json;
        let all = paths(&document);
        let (seen, hidden) = if query.is_empty() { ("/deep/pki/", "/pki/") } else { ("/{pki_mount_path}/", "/pki/") };
        assert!(all.iter().any(|path| path.starts_with(seen)), "{all:?}");
        let others = ["/secret/", "/{secret}", "/{kv_mount_path}/", hidden];
        assert!(!all.iter().any(|path| others.iter().any(|other| path.starts_with(other))), "{all:?}");
        assert!(all.contains(&"/sys/mounts/{path}"));
    }
}
