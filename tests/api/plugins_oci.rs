//! `sys/plugins/catalog` with `oci_image`: components from a registry that the configuration names.

use harness::{Answer, Folder, Node, Server, file_storage};
use registries_testing::{ACCOUNT, Artifact, DockerRegistry};
use serde_json::{Value, json};

use crate::plugins::{parrot, sha256};

const AT: &str = "sys/plugins/catalog/secret/parrot";

fn config(registry: &DockerRegistry) -> String {
    format!("plugin_registries \"{}\" {{\n  plain_http = true\n}}\n", registry.host())
}

#[track_caller]
fn fine(answer: Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text);
    answer.json
}

#[test]
fn a_component_is_pulled_by_its_version_and_runs_when_the_registry_is_gone() {
    let (registry, store) = (DockerRegistry::start(), Folder::new());
    let component = parrot("0.1.0");
    let image = registry.push("birds/parrot:0.1.0", &Artifact::component(&component));
    let image = image.trim_end_matches(":0.1.0").to_owned();
    let config = format!("{}{}", file_storage(store.path()), config(&registry));
    let mut node = Node::start(&config, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let body = json!({ "sha256": sha256(&component), "oci_image": image, "version": "v0.1.0" });
    fine(node.call("POST", AT, body));
    let shown = fine(node.call("GET", &format!("{AT}?version=v0.1.0"), Value::Null))["data"].clone();
    assert_eq!((shown["oci_image"].as_str(), shown["source"].as_str()), (Some(image.as_str()), Some("store")));
    assert_eq!((shown["sha256"].as_str(), shown["signature"].is_null()), (Some(sha256(&component).as_str()), true));
    fine(node.call("POST", "sys/mounts/birds", json!({ "type": "parrot" })));
    let token = node.token().to_owned();
    drop((node, registry));
    let mut node = Node::start(&config, &[]);
    node.unseal(&keys);
    node.use_token(&token);
    assert_eq!(fine(node.call("POST", "birds/say", json!({ "text": "hello" })))["data"]["text"], "hello");
}

#[test]
fn a_registry_is_asked_with_the_account_and_the_password_in_the_file_that_the_configuration_names() {
    let (registry, folder) = (DockerRegistry::start_with(true, None), Folder::new());
    let component = parrot("0.1.0");
    let image = registry.push("parrot:1", &Artifact::component(&component));
    let file = folder.write("password", &format!("{}\n", ACCOUNT.1));
    let account = format!("plain_http = true\n  username = \"{}\"\n  password_file = \"{file}\"", ACCOUNT.0);
    let server = Server::start_with(&config(&registry).replace("plain_http = true", &account), &[]);
    fine(server.call("POST", AT, json!({ "sha256": sha256(&component), "oci_image": image })));
}

#[test]
fn images_that_cannot_be_are_refused_and_change_nothing() {
    let registry = DockerRegistry::start();
    let component = parrot("0.1.0");
    let digest = sha256(&component);
    let good = Artifact::component(&component);
    let image = registry.push("parrot:1", &good);
    let mut two = good.clone();
    two.layers.extend(Artifact::component(b"more").layers);
    let two = registry.push("two:1", &two);
    let nonsense = registry.push("nonsense:1", &Artifact::component(b"nonsense"));
    let index = json!({ "schemaVersion": 2, "manifests": [] }).to_string();
    let index = registry.push_manifest("index:1", "application/vnd.oci.image.index.v1+json", index);
    let (host, untagged) = (registry.host(), image.trim_end_matches(":1"));
    let server = Server::start_with(&config(&registry), &[]);
    for (body, says) in [
        (json!({ "oci_image": image }), "sha256: missing SHA-256 value"),
        (json!({ "sha256": digest, "oci_image": untagged }), "oci_image: must have a tag or a digest"),
        (json!({ "sha256": digest, "oci_image": "a b:1" }), "oci_image: must name a registry"),
        (json!({ "sha256": digest, "oci_image": 7 }), "oci_image"),
        (json!({ "sha256": digest, "oci_image": image, "command": "a" }), "oci_image: name a file or an image"),
        (json!({ "sha256": digest, "oci_image": image, "component": "AAAA" }), "oci_image: send the component or"),
        (json!({ "sha256": digest, "oci_image": "parrot:1" }), "docker.io is not in plugin_registries"),
        (json!({ "sha256": digest, "oci_image": "127.0.0.1:1/parrot:1" }), "127.0.0.1:1 is not in plugin_registries"),
        (json!({ "sha256": digest, "oci_image": format!("{host}/parrot:2") }), "has no such image"),
        (json!({ "sha256": digest, "oci_image": untagged, "version": "v9.9.9" }), "has no such image"),
        (json!({ "sha256": sha256(b"other"), "oci_image": image }), digest.as_str()),
        (json!({ "sha256": digest, "oci_image": two }), "must have one layer"),
        (json!({ "sha256": digest, "oci_image": index }), "index of several images"),
        (json!({ "sha256": sha256(b"nonsense"), "oci_image": nonsense }), "the component cannot be loaded"),
    ] {
        let refused = server.call("POST", AT, body.clone());
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        assert!(refused.error().contains(says), "{body} {says}: {}", refused.text);
    }
    assert_eq!(server.call("GET", AT, Value::Null).status, 404);
    drop(registry);
    let refused = server.call("POST", AT, json!({ "sha256": digest, "oci_image": image }));
    assert_eq!(refused.status, 503, "a registry that is gone may come back: {}", refused.text);
}
