//! Stores that earlier versions wrote are opened for ever after, and stores of later versions by none.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use embedded::Embedded;
use harness::{Folder, Keys, Node, file_storage, plain_listener, run};
use serde_json::{Value, json};
use storage::{Batch, Driver};

/// Unpacks the store of a format into a folder; with it come the facts.
fn unpacked(format: &str, folder: &Folder) -> (PathBuf, Value) {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(format);
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    let packed = std::fs::File::open(golden.join("records.gz.base64")).unwrap();
    let records = std::fs::File::create(data.join("records")).unwrap();
    let mut text = Command::new("base64").arg("-d").stdin(packed).stdout(Stdio::piped()).spawn().unwrap();
    let unzipped = Command::new("gzip").arg("-dc").stdin(text.stdout.take().unwrap()).stdout(records).status().unwrap();
    assert!(text.wait().unwrap().success() && unzipped.success());
    (data, serde_json::from_slice(&std::fs::read(golden.join("facts.json")).unwrap()).unwrap())
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

#[test]
fn a_store_of_format_1_is_opened_and_everything_in_it_is_as_it_was() {
    let folder = Folder::new();
    let (data, facts) = unpacked("format-1", &folder);
    let mut node = Node::start(&file_storage(&data), &[]);
    let shares = facts["unseal_keys"].as_array().unwrap().iter().map(text).collect();
    node.unseal(&Keys { shares, root_token: text(&facts["root_token"]) });
    let read = |path: &str| {
        let answer = node.call("GET", path, Value::Null);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json["data"].clone()
    };
    assert_eq!(read("kv/a")["is"], "written before the rotation");
    assert_eq!(read("kv2/data/b")["data"]["is"], "two");
    assert_eq!(read("kv2/data/b?version=1")["data"]["is"], "one");
    assert_eq!(read("team-a/kv/c")["is"], "in a namespace");
    assert_eq!(read("sys/managed-keys/pkcs11/hsm-key")["pin"], "redacted");
    assert_eq!(read(&format!("pki/cert/{}", text(&facts["issued"])))["revocation_time"], 0);
    assert_ne!(read(&format!("pki/cert/{}", text(&facts["revoked"])))["revocation_time"], 0);
    assert_eq!(read("sys/key-status")["term"], 2);
    // The root token was made when accessors could not be looked up yet.
    let accessor = read("auth/token/lookup-self")["accessor"].clone();
    let found = node.call("POST", "auth/token/lookup-accessor", json!({"accessor": accessor}));
    assert_eq!(found.json["data"]["policies"], json!(["root"]), "{}", found.text);
    let issued = node.call("POST", "pki/issue/r", json!({"common_name": "c.example.com"}));
    assert_eq!(issued.status, 200, "{}", issued.text);
}

#[test]
fn a_store_that_a_later_version_wrote_is_refused_by_the_name_of_that_version() {
    let folder = Folder::new();
    let (data, _) = unpacked("format-1", &folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Embedded::open(&data).unwrap();
        let mut batch = Batch::default();
        let format = br#"{"format": 2, "written_by": "9.8.7"}"#;
        batch.writes.insert("seal/format".into(), Some(format[..].into()));
        store.commit(batch).await.unwrap();
    });
    drop(runtime);
    let file = folder.write("innkeeper.hcl", &(plain_listener("") + &file_storage(&data)));
    let refused = run(&["server", &format!("-config={file}")]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{said}");
    for part in ["format 2", "9.8.7", "up to 1"] {
        assert!(said.contains(part), "{said}");
    }
}
