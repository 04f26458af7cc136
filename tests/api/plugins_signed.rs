//! `plugin_signers`: which namespaces run only what somebody signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Folder, Server, openssl};
use registries_testing::{Artifact, DockerRegistry};
use serde_json::{Value, json};

use crate::plugins::{parrot, sha256};

const AT: &str = "sys/plugins/catalog/secret/parrot";

/// Somebody with a key, made by openssl.
struct Signer {
    folder: Folder,
    name: &'static str,
}

impl Signer {
    fn new(name: &'static str) -> Self {
        let signer = Self { folder: Folder::new(), name };
        let (private, public) = (signer.at("private.pem"), signer.at("public.pem"));
        openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &private], "");
        openssl(&["pkey", "-in", &private, "-pubout", "-out", &public], "");
        signer
    }

    fn at(&self, file: &str) -> String {
        self.folder.path().join(file).display().to_string()
    }

    /// What the configuration says of it.
    fn stanza(&self, namespaces: &Value) -> String {
        let (name, file) = (self.name, self.at("public.pem"));
        format!("plugin_signers \"{name}\" {{\n  public_key_file = \"{file}\"\n  namespaces = {namespaces}\n}}\n")
    }

    fn sign(&self, bytes: &[u8]) -> String {
        let made = self.at("made");
        openssl(&["dgst", "-sha256", "-sign", &self.at("private.pem"), "-out", &made], bytes);
        STANDARD.encode(std::fs::read(made).unwrap())
    }
}

#[track_caller]
fn fine(answer: Answer) -> Value {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text);
    answer.json
}

#[track_caller]
fn refused(answer: Answer, says: &str) {
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert!(answer.error().contains(says), "{says}: {}", answer.text);
}

fn register(server: &Server, version: &str, signature: Option<&str>) -> Answer {
    let component = parrot(version);
    let mut body = json!({
        "sha256": sha256(&component), "component": STANDARD.encode(&component), "version": format!("v{version}"),
    });
    if let Some(signature) = signature {
        body["signature"] = json!(signature);
    }
    server.call("POST", AT, body)
}

fn mount(version: &str) -> Value {
    json!({ "type": "parrot", "plugin_version": format!("v{version}") })
}

#[test]
fn a_namespace_with_signers_and_those_below_it_mount_and_reload_only_what_one_of_them_signed() {
    let (ours, theirs) = (Signer::new("ours"), Signer::new("theirs"));
    let config = format!("{}{}", ours.stanza(&json!(["team"])), theirs.stanza(&json!(["elsewhere"])));
    let server = Server::start_with(&config, &[]);
    fine(server.call("POST", "sys/namespaces/team", json!({})));
    fine(server.call("POST", "sys/namespaces/free", json!({})));
    fine(server.call_in("team", "POST", "sys/namespaces/inner", json!({})));
    fine(register(&server, "0.1.0", None));
    fine(register(&server, "0.2.0", Some(&theirs.sign(&parrot("0.2.0")))));
    fine(register(&server, "0.3.0", Some(&ours.sign(&parrot("0.3.0")))));
    for (namespace, shown) in [("team", "\"team/\""), ("team/inner", "\"team/inner/\"")] {
        for version in ["0.1.0", "0.2.0"] {
            let says =
                format!("parrot v{version} is not signed for the namespace {shown}: it must carry a signature by ours");
            refused(server.call_in(namespace, "POST", "sys/mounts/birds", mount(version)), &says);
        }
        fine(server.call_in(namespace, "POST", "sys/mounts/birds", mount("0.3.0")));
        let said = server.call_in(namespace, "POST", "birds/say", json!({ "text": "hello" }));
        assert_eq!(said.json["data"]["text"], "hello", "{}", said.text);
        let tuned = json!({ "plugin_version": "v0.1.0" });
        refused(server.call_in(namespace, "POST", "sys/mounts/birds/tune", tuned), "is not signed");
        // Built-in engines are part of the server.
        fine(server.call_in(namespace, "POST", "sys/mounts/kept", json!({ "type": "kv" })));
    }
    fine(server.call_in("free", "POST", "sys/mounts/birds", mount("0.1.0")));
    fine(server.call("POST", "sys/mounts/birds", mount("0.1.0")));
    let moved = json!({ "from": "birds", "to": "team/moved" });
    refused(server.call("POST", "sys/remount", moved), "is not signed for the namespace \"team/\"");
    let moved = json!({ "from": "birds", "to": "free/moved" });
    fine(server.call("POST", "sys/remount", moved));
    // What was signed is registered anew without its signature: the mount goes on, and is not reloaded.
    fine(register(&server, "0.3.0", None));
    let reload = json!({ "mounts": "birds" });
    refused(
        server.call_in("team", "POST", "sys/plugins/reload/backend", reload.clone()),
        "parrot v0.3.0 is not signed",
    );
    let said = server.call_in("team", "POST", "birds/say", json!({ "text": "hello" }));
    assert_eq!(said.json["data"]["text"], "hello", "{}", said.text);
    fine(register(&server, "0.3.0", Some(&ours.sign(&parrot("0.3.0")))));
    fine(server.call_in("team", "POST", "sys/plugins/reload/backend", reload));
}

#[test]
fn a_catalog_whose_namespace_has_a_signer_takes_only_what_that_one_signed() {
    let (ours, theirs, stranger) = (Signer::new("ours"), Signer::new("theirs"), Signer::new("stranger"));
    let config = format!("{}{}", ours.stanza(&json!([""])), theirs.stanza(&json!(["team"])));
    let server = Server::start_with(&config, &[]);
    let component = parrot("0.1.0");
    let good = ours.sign(&component);
    let cut = &good[..good.len() - 8];
    for (signature, says) in [
        (None, "signature: parrot v0.1.0 is not signed for the namespace \"\": it must carry a signature by ours"),
        (Some(""), "is not signed for the namespace \"\""),
        (Some(theirs.sign(&component).as_str()), "is not signed for the namespace \"\""),
        (Some("%%%"), "signature: must be the base64 of a signature"),
        (Some("AAAA"), "signature: it is not one that any of the plugin_signers made"),
        (Some(cut), "signature: it is not one that any of the plugin_signers made"),
        (Some(stranger.sign(&component).as_str()), "signature: it is not one that any of the plugin_signers made"),
        (Some(ours.sign(b"other").as_str()), "signature: it is not one that any of the plugin_signers made"),
    ] {
        refused(register(&server, "0.1.0", signature), says);
    }
    assert_eq!(server.call("GET", AT, Value::Null).status, 404);
    fine(register(&server, "0.1.0", Some(&format!("{good}\n"))));
    let shown = fine(server.call("GET", &format!("{AT}?version=v0.1.0"), Value::Null))["data"].clone();
    assert_eq!((&shown["signature"], &shown["signed_by"]), (&json!(good), &json!(["ours"])));
    fine(server.call("POST", "sys/mounts/birds", mount("0.1.0")));
}

#[test]
fn a_signature_is_also_taken_from_the_annotation_of_an_artifact_if_it_is_good() {
    let (ours, stranger, registry) = (Signer::new("ours"), Signer::new("stranger"), DockerRegistry::start());
    let plain = format!("plugin_registries \"{}\" {{\n  plain_http = true\n}}\n", registry.host());
    let server = Server::start_with(&format!("{plain}{}", ours.stanza(&json!([""]))), &[]);
    let component = parrot("0.1.0");
    let push = |tag: &str, signature: &str| {
        let artifact = Artifact::component(&component).annotated("dev.cosignproject.cosign/signature", signature);
        registry.push(&format!("parrot:{tag}"), &artifact)
    };
    let body = |image: String| json!({ "sha256": sha256(&component), "oci_image": image });
    for bad in [push("junk", "%%%"), push("stranger", &stranger.sign(&component)), push("other", &ours.sign(b"other"))]
    {
        refused(server.call("POST", AT, body(bad)), "is not signed for the namespace \"\"");
    }
    let good = ours.sign(&component);
    fine(server.call("POST", AT, body(push("good", &good))));
    let shown = fine(server.call("GET", AT, Value::Null))["data"].clone();
    assert_eq!((&shown["signature"], &shown["signed_by"]), (&json!(good), &json!(["ours"])));
}

#[test]
fn a_signature_that_nobody_can_check_is_refused() {
    let server = Server::start();
    let signature = Signer::new("nobody").sign(&parrot("0.1.0"));
    refused(register(&server, "0.1.0", Some(&signature)), "has no plugin_signers");
}
