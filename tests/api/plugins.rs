//! `sys/plugins`: components of strangers, registered by their digest, mounted, upgraded and rolled back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Folder, Node, Server, file_storage};
use serde_json::{Value, json};

pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}

/// The engine `echo` as a stranger's component of this version.
pub fn parrot(version: &str) -> Vec<u8> {
    let mut bytes = bundle::ECHO.component.to_vec();
    let own = env!("CARGO_PKG_VERSION").as_bytes();
    assert_eq!(own.len(), version.len(), "the length of a text cannot be changed in a component");
    let places: Vec<usize> = (1..bytes.len() - own.len())
        // Behind '@' it is the version of the contract.
        .filter(|at| bytes[*at..].starts_with(own) && bytes[at - 1] != b'@')
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + own.len()].copy_from_slice(version.as_bytes());
    }
    bytes
}

/// A server with a plugin directory.
fn server() -> (Server, Folder) {
    let folder = Folder::new();
    let config = format!("plugin_directory = \"{}\"\n", folder.path().display());
    (Server::start_with(&config, &[]), folder)
}

fn put(folder: &Folder, name: &str, bytes: &[u8]) {
    std::fs::write(folder.path().join(name), bytes).unwrap();
}

#[track_caller]
fn register(server: &Server, version: &str) -> String {
    let component = parrot(version);
    let digest = sha256(&component);
    let body = json!({ "sha256": digest, "component": STANDARD.encode(component), "version": format!("v{version}") });
    let registered = server.call("PUT", "sys/plugins/catalog/secret/parrot", body);
    assert_eq!(registered.status, 204, "{}", registered.text);
    digest
}

#[track_caller]
fn fine(answer: harness::Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text);
    answer.json
}

#[test]
fn a_component_in_the_plugin_directory_is_registered_mounted_and_answers() {
    let (server, folder) = server();
    let component = parrot("0.1.0");
    put(&folder, "parrot.wasm", &component);
    let body = json!({ "sha256": sha256(&component), "command": "parrot.wasm" });
    fine(server.call("POST", "sys/plugins/catalog/secret/parrot", body));
    fine(server.call("POST", "sys/mounts/birds", json!({ "type": "parrot" })));
    let said = server.call("POST", "birds/say", json!({ "text": "hello" }));
    assert_eq!(said.json["data"]["text"], "hello");
    assert_eq!(said.json["mount_type"], "parrot", "the name that operators gave it");
    let mount = server.call("GET", "sys/mounts/birds", Value::Null).json["data"].clone();
    assert_eq!(mount["running_sha256"], sha256(&component));
    assert_eq!((mount["type"].as_str(), mount["plugin_version"].as_str()), (Some("parrot"), Some("")));
}

#[test]
fn what_a_component_imports_is_shown_before_anybody_mounts_it() {
    let (server, _folder) = server();
    register(&server, "0.1.0");
    let shown =
        server.call("GET", "sys/plugins/catalog/secret/parrot?version=v0.1.0", Value::Null).json["data"].clone();
    assert_eq!((shown["builtin"].as_bool(), shown["version"].as_str()), (Some(false), Some("v0.1.0")));
    assert_eq!((shown["says_name"].as_str(), shown["source"].as_str()), (Some("echo"), Some("store")));
    let imports: Vec<&str> = shown["imports"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(imports.contains(&"innkeeper:engine/storage@0.1.0"), "{imports:?}");
    assert!(!imports.iter().any(|import| import.contains("http-out")), "{imports:?}");
    let all = server.call("GET", "sys/plugins/catalog", Value::Null).json["data"].clone();
    let names: Vec<&str> = all["secret"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(names.contains(&"parrot") && names.contains(&"pki"), "{names:?}");
    let of = |name: &str| all["detailed"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!((of("parrot")["builtin"].as_bool(), of("pki")["builtin"].as_bool()), (Some(false), Some(true)));
    assert_eq!(of("pki")["version"], concat!("v", env!("CARGO_PKG_VERSION"), "+builtin"));
    let listed = server.call("LIST", "sys/plugins/catalog/secret", Value::Null).json["data"]["keys"].clone();
    assert!(listed.as_array().unwrap().contains(&json!("parrot")));
}

#[test]
fn a_plugin_is_upgraded_under_load_without_a_failed_request_and_rolled_back() {
    let (server, _folder) = server();
    let old = register(&server, "0.1.0");
    let mount = json!({ "type": "parrot", "plugin_version": "v0.1.0" });
    fine(server.call("POST", "sys/mounts/birds", mount));
    fine(server.call("POST", "birds/notes/one", json!({ "text": "kept" })));
    let running = || server.call("GET", "sys/mounts/birds", Value::Null).json["data"]["running_sha256"].clone();
    let (stop, server) = (AtomicBool::new(false), &server);
    let asked = thread::scope(|scope| {
        let ask = || {
            let mut asked = 0;
            while !stop.load(Ordering::Relaxed) {
                let said = server.call("POST", "birds/say", json!({ "text": "hello" }));
                assert_eq!((said.status, &said.json["data"]["text"]), (200, &json!("hello")), "{}", said.text);
                asked += 1;
            }
            asked
        };
        let askers: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        let new = register(server, "0.2.0");
        assert_eq!(running(), old, "a newer version runs nowhere by itself");
        fine(server.call("POST", "sys/mounts/birds/tune", json!({ "plugin_version": "v0.2.0" })));
        assert_eq!(running(), old, "and a mount that asks for it is reloaded first");
        fine(server.call("POST", "sys/plugins/reload/backend", json!({ "mounts": "birds" })));
        assert_eq!(running(), new);
        let help = server.call("GET", "birds/?help=1", Value::Null);
        assert!(help.text.contains("0.2.0"), "{}", help.text);
        fine(server.call("POST", "sys/mounts/birds/tune", json!({ "plugin_version": "v0.1.0" })));
        let reload = json!({ "plugin": "parrot", "scope": "global" });
        let reloaded = server.call("POST", "sys/plugins/reload/backend", reload);
        assert!(reloaded.json["data"]["reload_id"].is_string(), "{}", reloaded.text);
        assert_eq!(running(), old, "rolled back");
        stop.store(true, Ordering::Relaxed);
        askers.into_iter().map(|asker| asker.join().unwrap()).sum::<usize>()
    });
    assert!(asked > 10, "only {asked} requests");
    assert_eq!(server.call("GET", "birds/notes/one", Value::Null).json["data"]["text"], "kept");
}

#[test]
fn a_mount_that_names_no_version_gets_the_pinned_one_or_the_highest() {
    let (server, _folder) = server();
    register(&server, "0.9.0");
    let highest = register(&server, "1.0.0");
    let running = |path: &str| {
        fine(server.call("POST", &format!("sys/mounts/{path}"), json!({ "type": "parrot" })));
        server.call("GET", &format!("sys/mounts/{path}"), Value::Null).json["data"]["running_plugin_version"].clone()
    };
    assert_eq!(running("one"), "v1.0.0");
    let pin = "sys/plugins/pins/secret/parrot";
    fine(server.call("POST", pin, json!({ "version": "v0.9.0" })));
    assert_eq!(server.call("GET", pin, Value::Null).json["data"]["version"], "v0.9.0");
    assert_eq!(running("two"), "v0.9.0");
    let pins = server.call("GET", "sys/plugins/pins", Value::Null).json["data"]["pinned_versions"].clone();
    assert_eq!(pins, json!([{ "type": "secret", "name": "parrot", "version": "v0.9.0" }]));
    let refused = server.call("DELETE", "sys/plugins/catalog/secret/parrot?version=v0.9.0", Value::Null);
    assert_eq!((refused.status, refused.error()), (400, "parrot v0.9.0 is pinned: remove the pin first"));
    fine(server.call("DELETE", pin, Value::Null));
    assert_eq!(server.call("GET", pin, Value::Null).status, 404);
    assert_eq!(running("three"), "v1.0.0");
    let shown = server.call("GET", "sys/plugins/catalog/secret/parrot", Value::Null);
    assert_eq!(shown.json["data"]["sha256"], highest);
}

#[test]
fn what_a_mount_runs_is_not_removed_and_what_nothing_runs_is() {
    let (server, _folder) = server();
    register(&server, "0.1.0");
    fine(server.call("POST", "sys/mounts/birds", json!({ "type": "parrot" })));
    let at = "sys/plugins/catalog/secret/parrot?version=v0.1.0";
    let refused = server.call("DELETE", at, Value::Null);
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("is what parrot_"), "{}", refused.text);
    fine(server.call("DELETE", "sys/mounts/birds", Value::Null));
    fine(server.call("DELETE", at, Value::Null));
    assert_eq!(server.call("GET", at, Value::Null).status, 404);
    let refused = server.call("POST", "sys/mounts/birds", json!({ "type": "parrot" }));
    assert!(refused.error().starts_with("plugin not found in the catalog: parrot"), "{}", refused.text);
}

#[test]
fn a_file_that_was_changed_is_not_run_after_a_restart() {
    let (plugins, store) = (Folder::new(), Folder::new());
    let component = parrot("0.1.0");
    put(&plugins, "parrot.wasm", &component);
    let config = format!("{}plugin_directory = \"{}\"\n", file_storage(store.path()), plugins.path().display());
    let mut node = Node::start(&config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let body = json!({ "sha256": sha256(&component), "command": "parrot.wasm" });
    fine(node.call("POST", "sys/plugins/catalog/secret/parrot", body));
    fine(node.call("POST", "sys/mounts/birds", json!({ "type": "parrot" })));
    fine(node.call("POST", "sys/mounts/kept", json!({ "type": "kv" })));
    let token = node.token().to_owned();
    drop(node);
    put(&plugins, "parrot.wasm", &parrot("0.2.0"));
    let mut node = Node::start(&config, &[]);
    node.unseal(&keys);
    node.use_token(&token);
    let refused = node.call("POST", "birds/say", json!({ "text": "hello" }));
    assert_eq!(refused.status, 500, "{}", refused.text);
    assert!(refused.error().contains("checksums did not match"), "{}", refused.text);
    fine(node.call("POST", "kept/one", json!({ "a": "b" })));
    put(&plugins, "parrot.wasm", &component);
    assert_eq!(fine(node.call("POST", "birds/say", json!({ "text": "hello" })))["data"]["text"], "hello");
}

#[test]
fn native_code_is_kept_and_what_somebody_changed_there_is_not_run() {
    let (cache, store) = (Folder::new(), Folder::new());
    let config = format!("{}plugin_cache_directory = \"{}\"\n", file_storage(store.path()), cache.path().display());
    let mut node = Node::start(&config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let component = parrot("0.1.0");
    let body = json!({ "sha256": sha256(&component), "component": STANDARD.encode(component) });
    fine(node.call("POST", "sys/plugins/catalog/secret/parrot", body));
    fine(node.call("POST", "sys/mounts/birds", json!({ "type": "parrot" })));
    let token = node.token().to_owned();
    let files = || -> Vec<_> { std::fs::read_dir(cache.path()).unwrap().map(|file| file.unwrap().path()).collect() };
    assert_eq!(files().len(), 1, "{:?}", files());
    let log = |node: Node| {
        let said = node.call("POST", "birds/say", json!({ "text": "hello" }));
        assert_eq!(said.json["data"]["text"], "hello", "{}", said.text);
        node.log()
    };
    drop(node);
    let open = || {
        let mut node = Node::start(&config, &[]);
        node.unseal(&keys);
        node.use_token(&token);
        node
    };
    assert!(!log(open()).contains("compiled anew"));
    let mut bytes = std::fs::read(&files()[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&files()[0], bytes).unwrap();
    assert!(log(open()).contains("compiled anew"));
    assert!(!log(open()).contains("compiled anew"), "it was written again");
}

#[test]
fn wrong_registrations_are_refused_and_change_nothing() {
    let (server, folder) = server();
    let component = parrot("0.1.0");
    let (digest, sent) = (sha256(&component), STANDARD.encode(&component));
    put(&folder, "parrot.wasm", &component);
    put(&folder, "nonsense.wasm", b"nonsense");
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.wasm")).unwrap();
    let at = "sys/plugins/catalog/secret/bird";
    let table = [
        (at, json!({}), "sha256: missing SHA-256 value"),
        (at, json!({ "sha256": digest }), "command: missing command value"),
        (at, json!({ "sha256": "zz", "command": "parrot.wasm" }), "Could not decode SHA-256 value from Hex"),
        (at, json!({ "sha256": &digest[2..], "command": "parrot.wasm" }), "must be 64 hexadecimal digits"),
        (at, json!({ "sha256": digest, "command": "parrot.wasm", "component": sent }), "not both"),
        (at, json!({ "sha256": digest, "command": "../parrot.wasm" }), "outside of configured plugin directory"),
        (at, json!({ "sha256": digest, "command": "/etc/passwd" }), "outside of configured plugin directory"),
        (at, json!({ "sha256": digest, "command": "link.wasm" }), "outside of configured plugin directory"),
        (at, json!({ "sha256": digest, "command": "nobody.wasm" }), "the file cannot be read"),
        (at, json!({ "sha256": digest, "command": "." }), "outside of configured plugin directory"),
        (at, json!({ "sha256": digest, "command": "nonsense.wasm" }), "checksums did not match"),
        (at, json!({ "sha256": sha256(b"nonsense"), "command": "nonsense.wasm" }), "the component cannot be loaded"),
        (at, json!({ "sha256": digest, "component": "%%%" }), "component: must be base64"),
        (
            at,
            json!({ "sha256": digest, "component": sent, "version": "newest" }),
            "version: must be a semantic version",
        ),
        (at, json!({ "sha256": digest, "component": sent, "version": "v0.1.0+builtin" }), "is reserved"),
        (at, json!({ "sha256": digest, "component": sent, "version": "v9.9.9" }), "says of itself that it is 0.1.0"),
        (at, json!({ "sha256": digest, "component": sent, "args": ["-v"] }), "args: a component has neither"),
        (at, json!({ "sha256": digest, "component": sent, "env": ["A=b"] }), "env: a component has neither"),
        (at, json!({ "sha256": digest, "component": sent, "runtime": "runsc" }), "runtime: must be \"wasm\""),
        ("sys/plugins/catalog/auth/bird", json!({ "sha256": digest, "component": sent }), "register it as secret"),
        ("sys/plugins/catalog/database/bird", json!({ "sha256": digest, "component": sent }), "type: must be"),
        ("sys/plugins/catalog/secret/Bird", json!({ "sha256": digest, "component": sent }), "name: must be"),
        ("sys/plugins/pins/secret/bird", json!({ "version": "v1.0.0" }), "plugin not found in the catalog"),
        ("sys/plugins/pins/secret/bird", json!({}), "version: must be that of a registered plugin"),
        ("sys/plugins/reload/backend", json!({}), "one of plugin or mounts must be provided"),
        ("sys/plugins/reload/backend", json!({ "mounts": ["nowhere"] }), "no matching mount"),
        ("sys/plugins/reload/backend", json!({ "plugin": "bird", "scope": "half" }), "scope: must be"),
        ("sys/mounts/birds", json!({ "type": "bird" }), "plugin not found in the catalog: bird"),
        ("sys/mounts/birds", json!({ "type": "kv", "plugin_version": "v7.0.0" }), "plugin not found in the catalog"),
    ];
    for (path, body, says) in table {
        let refused = server.call("POST", path, body.clone());
        assert_eq!(refused.status, 400, "{path}: {}", refused.text);
        assert!(refused.error().contains(says), "{path} {says}: {}", refused.text);
    }
    assert_eq!(server.call("GET", at, Value::Null).status, 404);
}

#[test]
fn a_component_that_wants_more_than_the_contract_is_not_registered() {
    let (server, _folder) = server();
    let greedy = wat::parse_str(r#"(component (import "wasi:http/outgoing-handler@0.2.0" (instance)))"#).unwrap();
    let body = json!({ "sha256": sha256(&greedy), "component": STANDARD.encode(&greedy) });
    let refused = server.call("POST", "sys/plugins/catalog/secret/greedy", body);
    assert_eq!(refused.status, 400);
    assert!(refused.error().contains("wasi:http/outgoing-handler@0.2.0"), "{}", refused.text);
}

#[test]
fn the_catalog_is_the_roots_alone_and_its_mounts_are_those_of_namespaces_too() {
    let (server, _folder) = server();
    register(&server, "0.1.0");
    fine(server.call("POST", "sys/namespaces/team", json!({})));
    assert_eq!(server.call_in("team", "GET", "sys/plugins/catalog", Value::Null).status, 404);
    fine(server.call_in("team", "POST", "sys/mounts/birds", json!({ "type": "parrot" })));
    let said = server.call_in("team", "POST", "birds/say", json!({ "text": "hello" }));
    assert_eq!(said.json["data"]["text"], "hello", "{}", said.text);
    server.policy("", "reader", r#"path "sys/plugins/*" { capabilities = ["read", "list", "update"] }"#);
    let token = server.call("POST", "auth/token/create", json!({ "policies": ["reader"] }));
    let token = token.json["auth"]["client_token"].as_str().unwrap().to_owned();
    assert_eq!(server.call_as(&token, "GET", "sys/plugins/catalog", Value::Null).status, 200);
    for (method, path) in [("GET", "catalog/secret/parrot"), ("POST", "reload/backend"), ("POST", "pins/secret/parrot")]
    {
        let refused = server.call_as(&token, method, &format!("sys/plugins/{path}"), Value::Null);
        assert_eq!(refused.status, 403, "{path} without sudo: {}", refused.text);
    }
}
