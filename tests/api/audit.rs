//! Audit devices: what auditors read, and what happens when nobody can write it down.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Folder, Node, PIN, ROOT, Server, Token, file_storage, wait_until};
use serde_json::{Value, json};

/// Longest wait for what should happen soon.
const SOON: Duration = Duration::from_secs(20);

/// A server with a kv mount, and a folder for its logs.
struct House {
    server: Server,
    folder: Folder,
}

impl House {
    fn new() -> Self {
        let house = Self { server: Server::start(), folder: Folder::new() };
        assert_eq!(house.server.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
        house
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn enable(&self, name: &str) -> PathBuf {
        let answer = enable(&self.server, name, &self.file(name));
        assert_eq!((answer.status, answer.json), (204, Value::Null));
        self.file(name)
    }

    fn entries(&self, name: &str) -> Vec<Value> {
        entries(&self.file(name))
    }

    /// Lets the device of this name fail: where its file was, there is a folder.
    fn break_device(&self, name: &str) {
        let file = self.file(name);
        std::fs::rename(&file, file.with_extension("old")).unwrap();
        std::fs::create_dir(&file).unwrap();
        self.server.signal("HUP");
    }

    /// Asks for this until it is answered with that status.
    fn until(&self, status: u16, method: &str, path: &str) -> Answer {
        let late = Instant::now() + SOON;
        loop {
            let answer = self.server.call(method, path, Value::Null);
            if answer.status == status {
                return answer;
            }
            assert!(Instant::now() < late, "{method} {path}: {} {}", answer.status, answer.text);
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn enable(server: &Server, name: &str, file: &std::path::Path) -> Answer {
    let body = json!({"type": "file", "description": "for auditors", "options": {"file_path": file}});
    server.call("POST", &format!("sys/audit/{name}"), body)
}

fn entries(file: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

/// Those of a type about a path.
fn about<'a>(entries: &'a [Value], kind: &str, path: &str) -> Vec<&'a Value> {
    entries.iter().filter(|entry| entry["type"] == kind && entry["request"]["path"] == path).collect()
}

fn hash(server: &Server, name: &str, input: &str) -> Value {
    let answer = server.call("POST", &format!("sys/audit-hash/{name}"), json!({"input": input}));
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(answer.json["hash"], answer.json["data"]["hash"], "old clients read it at the top");
    answer.json["hash"].clone()
}

#[test]
fn devices_are_enabled_listed_and_disabled() {
    let house = House::new();
    let file = house.enable("file");
    let entry = json!({
        "type": "file", "description": "for auditors", "local": false, "path": "file/",
        "options": {"file_path": file},
    });
    for method in ["GET", "LIST"] {
        let listed = house.server.call(method, "sys/audit", Value::Null);
        assert_eq!((&listed.json["file/"], &listed.json["data"]), (&entry, &json!({"file/": entry})), "{method}");
    }
    // The entry of trial is the first, and the answer to the enabling is recorded by the new device.
    let first = house.entries("file");
    assert_eq!(first[0]["request"]["path"], "sys/audit/test");
    assert_eq!(about(&first, "response", "sys/audit/file").len(), 1);
    for _ in 0..2 {
        assert_eq!(house.server.call("DELETE", "sys/audit/file", Value::Null).status, 204);
    }
    let after = house.entries("file").len();
    assert_eq!(about(&house.entries("file"), "request", "sys/audit/file").len(), 1, "its disabling is its last word");
    assert_eq!(house.server.call("GET", "sys/audit", Value::Null).json["data"], json!({}));
    assert_eq!(house.entries("file").len(), after);
}

#[test]
fn a_device_that_cannot_be_used_is_refused_with_the_reason() {
    let house = House::new();
    house.enable("file");
    let folder = house.folder.path().to_str().unwrap().to_owned();
    let options = |file: &str| json!({"type": "file", "options": {"file_path": file}});
    let twice = house.file("file").to_str().unwrap().to_owned();
    for (path, body, says) in [
        ("a", options(&folder), "cannot be used"),
        ("a", options(&format!("{folder}/missing/log")), "cannot be used"),
        ("a", options("/dev/full"), "No space left"),
        ("a", options("audit.log"), "file_path"),
        ("a", options(&twice), "file/ writes to it"),
        ("file", options(&format!("{folder}/other")), "already in use"),
        ("a", json!({"type": "file"}), "file_path"),
        ("a", json!({"type": "file", "options": {"file_path": "discard", "format": "jsonx"}}), "jsonx"),
        ("a", json!({"type": "file", "options": {"file_path": "discard", "exclude": "x"}}), "exclude"),
        ("a", json!({"type": "smoke"}), "type"),
        ("a", json!({}), "type"),
    ] {
        let answer = house.server.call("POST", &format!("sys/audit/{path}"), body);
        let text = answer.error();
        assert!(answer.status == 400 && text.contains(says), "{says}: {} {}", answer.status, answer.text);
    }
    let team = house.server.call("POST", "sys/namespaces/team", Value::Null);
    assert_eq!(team.status, 200);
    let answer = house.server.call_in("team", "POST", "sys/audit/a", options(&format!("{folder}/other")));
    assert!(matches!(answer.status, 400 | 404), "it is of the root namespace only: {}", answer.status);
    assert_eq!(house.server.send("GET", "sys/audit", &[], Value::Null).status, 403);
    assert_eq!(house.server.call("GET", "sys/audit/file", Value::Null).status, 405);
    assert_eq!(house.server.call("POST", "sys/audit-hash/none", json!({"input": "x"})).status, 400);
    assert_eq!(house.server.call("POST", "sys/audit-hash/file", json!({})).status, 400);
}

#[test]
fn a_request_and_its_answer_are_recorded_without_a_secret_in_clear() {
    let house = House::new();
    let file = house.enable("file");
    let secret = "correct horse battery staple";
    let body = json!({"password": secret, "deep": {"list": [secret, 7, true]}});
    assert_eq!(house.server.call("POST", "kv/a", body).status, 204);
    assert_eq!(house.server.call("GET", "kv/a", Value::Null).json["data"]["password"], secret);
    let refused = house.server.call_as("hvs.wrong", "GET", "kv/a", Value::Null);
    assert_eq!(refused.status, 403);
    let expected = hash(&house.server, "file", secret);
    let text = std::fs::read_to_string(file).unwrap();
    for clear in [secret, ROOT, "hvs.wrong"] {
        assert!(!text.contains(clear), "{clear:?} is in clear");
    }
    let all = house.entries("file");
    let asked = about(&all, "request", "kv/a");
    let answered = about(&all, "response", "kv/a");
    assert_eq!((asked.len(), answered.len()), (3, 3));
    assert_eq!(asked[0]["request"]["data"]["password"], expected);
    assert_eq!(asked[0]["request"]["data"]["deep"], json!({"list": [expected, 7, true]}));
    assert_eq!(asked[0]["request"]["mount_type"], "kv");
    assert_eq!(asked[0]["request"]["mount_point"], "kv/");
    assert_eq!(asked[0]["request"]["namespace"]["id"], "root");
    assert_eq!(asked[0]["request"]["remote_address"], "127.0.0.1");
    assert_eq!(asked[0]["request"]["client_token"], hash(&house.server, "file", ROOT));
    assert_eq!(asked[0]["auth"]["display_name"], "root");
    assert_eq!(asked[0]["auth"]["policy_results"]["allowed"], true);
    assert_eq!(answered[0]["request"]["id"], asked[0]["request"]["id"]);
    assert_eq!(answered[1]["response"]["data"]["password"], expected);
    assert!(asked[2].get("auth").is_none() && asked[2]["error"].as_str().unwrap().contains("permission denied"));
    assert_eq!(answered[2]["error"], asked[2]["error"]);
    for entry in &all {
        let time = entry["time"].as_str().unwrap();
        assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    }
    // Probes are not recorded.
    let before = house.entries("file").len();
    for probe in ["sys/health", "sys/seal-status", "sys/init", "sys/leader"] {
        assert_eq!(house.server.send("GET", probe, &[], Value::Null).status, 200);
    }
    assert_eq!(house.entries("file").len(), before);
}

#[test]
fn a_mount_can_have_names_whose_values_are_shown_and_a_server_headers() {
    let house = House::new();
    house.enable("file");
    let tuned = json!({"audit_non_hmac_request_keys": "color", "audit_non_hmac_response_keys": ["shape"]});
    assert_eq!(house.server.call("POST", "sys/mounts/kv/tune", tuned).status, 204);
    let headers = "sys/config/auditing/request-headers";
    assert_eq!(house.server.call("LIST", headers, Value::Null).status, 404);
    assert_eq!(house.server.call("POST", &format!("{headers}/X-Ticket"), json!({})).status, 204);
    assert_eq!(house.server.call("PUT", &format!("{headers}/X-Case"), json!({"hmac": "true"})).status, 204);
    let read = house.server.call("GET", headers, Value::Null);
    assert_eq!(read.json["headers"], json!({"x-ticket": {"hmac": false}, "x-case": {"hmac": true}}));
    assert_eq!(house.server.call("LIST", headers, Value::Null).json["data"]["keys"], json!(["x-case", "x-ticket"]));
    let one = house.server.call("GET", &format!("{headers}/x-case"), Value::Null);
    assert_eq!(one.json["x-case"], json!({"hmac": true}));
    let sent = [("X-Vault-Token", ROOT), ("X-Ticket", "T-1"), ("X-Case", "C-1"), ("X-Other", "O-1")];
    let body = json!({"color": "red", "shape": "round"});
    assert_eq!(house.server.send("POST", "kv/a", &sent, body).status, 204);
    assert_eq!(house.server.call("GET", "kv/a", Value::Null).status, 200);
    let (red, round) = (hash(&house.server, "file", "red"), hash(&house.server, "file", "round"));
    let all = house.entries("file");
    let asked = &about(&all, "request", "kv/a")[0]["request"];
    assert_eq!(asked["data"], json!({"color": "red", "shape": round}));
    assert_eq!(asked["headers"], json!({"x-ticket": ["T-1"], "x-case": [hash(&house.server, "file", "C-1")]}));
    assert_eq!(about(&all, "response", "kv/a")[1]["response"]["data"], json!({"color": red, "shape": "round"}));
    assert_eq!(house.server.call("DELETE", &format!("{headers}/X-Case"), Value::Null).status, 204);
    let gone = house.server.call("GET", &format!("{headers}/X-Case"), Value::Null);
    assert_eq!(gone.status, 400);
}

#[test]
fn when_no_device_writes_nothing_is_done_and_one_that_does_is_enough() {
    let house = House::new();
    assert_eq!(house.server.call("POST", "kv/a", json!({"is": "old"})).status, 204);
    house.enable("one");
    house.enable("two");
    house.break_device("one");
    // Once it is broken its old file gets no more lines, and requests are served: the other device has them.
    let old = house.file("one").with_extension("old");
    wait_until("the device does not open its file anew", || {
        let before = entries(&old).len();
        assert_eq!(house.server.call("GET", "kv/a", Value::Null).status, 200);
        entries(&old).len() == before
    });
    house.break_device("two");
    let failed = house.until(500, "GET", "kv/a");
    assert!(failed.json["errors"][0].as_str().unwrap().starts_with("internal error"), "{}", failed.text);
    assert_eq!(house.server.call("POST", "kv/a", json!({"is": "new"})).status, 500);
    assert_eq!(house.server.call("DELETE", "sys/audit/one", Value::Null).status, 500);
    assert_eq!(house.server.send("GET", "sys/health", &[], Value::Null).status, 200);
    std::fs::remove_dir(house.file("two")).unwrap();
    let read = house.until(200, "GET", "kv/a");
    assert_eq!(read.json["data"]["is"], "old", "what was not recorded was not done");
    assert!(!house.entries("two").is_empty());
}

#[test]
fn files_are_rotated_by_a_signal() {
    let house = House::new();
    let file = house.enable("file");
    assert_eq!(house.server.call("GET", "kv/none", Value::Null).status, 404);
    let old = file.with_extension("1");
    std::fs::rename(&file, &old).unwrap();
    assert_eq!(house.server.call("GET", "kv/still", Value::Null).status, 404);
    assert_eq!(about(&entries(&old), "request", "kv/still").len(), 1);
    house.server.signal("HUP");
    wait_until("the file is not made anew", || file.exists());
    assert_eq!(house.server.call("GET", "kv/new", Value::Null).status, 404);
    assert_eq!(about(&entries(&file), "request", "kv/new").len(), 1);
    assert!(about(&entries(&old), "request", "kv/new").is_empty());
}

#[test]
fn another_node_records_from_its_next_request_on() {
    let folder = Folder::new();
    let [one, two] = Server::two_with_guests(&[]);
    let file = folder.path().join("log");
    assert_eq!(enable(&one, "file", &file).status, 204);
    assert_eq!(two.call("GET", "sys/mounts", Value::Null).status, 200);
    assert_eq!(about(&entries(&file), "response", "sys/mounts").len(), 1);
}

#[test]
fn devices_and_their_salts_outlive_the_server() {
    let folder = Folder::new();
    let store = file_storage(&folder.path().join("store"));
    let mut node = Node::start(&store, &[]);
    let keys = node.init(1, 1);
    node.unseal(&keys);
    let file = folder.path().join("log");
    let body = json!({"type": "file", "options": {"file_path": file}});
    assert_eq!(node.call("POST", "sys/audit/file", body).status, 204);
    let hashed = |node: &Node| node.call("POST", "sys/audit-hash/file", json!({"input": "x"})).json["hash"].clone();
    let before = hashed(&node);
    assert!(before.as_str().unwrap().starts_with("hmac-sha256:"));
    drop(node);
    let mut node = Node::start(&store, &[]);
    node.unseal(&keys);
    let count = entries(&file).len();
    assert_eq!(hashed(&node), before);
    assert_eq!(entries(&file).len(), count + 2);
}

/// A server with the managed key `ec`, lent to the mount `signer` as `ec`, and one that is not lent.
fn with_a_key() -> (Token, House) {
    let token = Token::new("test");
    let server = Server::start_with(&token.stanza(), &token.environment());
    let house = House { server, folder: Folder::new() };
    let mount = json!({"type": "signer", "config": {"allowed_managed_keys": ["ec"]}});
    assert_eq!(house.server.call("POST", "sys/mounts/signer", mount).status, 204);
    for name in ["ec", "foreign"] {
        let fields = json!({
            "library": "hsm", "token_label": "test", "pin": PIN, "key_label": name, "allow_generate_key": true,
            "mechanism": "0x1041", "curve": "P256",
        });
        assert_eq!(house.server.call("POST", &format!("sys/managed-keys/pkcs11/{name}"), fields).status, 204);
    }
    (token, house)
}

#[test]
fn each_use_of_a_managed_key_is_recorded_with_who_what_and_through_which_mount() {
    let (_token, house) = with_a_key();
    house.enable("file");
    let key = json!({"managed_key_name": "ec"});
    assert_eq!(house.server.call("POST", "signer/keys/ec", key).status, 204);
    let foreign = json!({"managed_key_name": "foreign"});
    assert_eq!(house.server.call("POST", "signer/keys/foreign", foreign).status, 400);
    let body = json!({"input": STANDARD.encode("hello")});
    assert_eq!(house.server.call("POST", "signer/sign/ec", body).status, 200);
    assert_eq!(house.server.call("POST", "sys/managed-keys/pkcs11/ec/test/sign", json!({})).status, 204);
    let all = house.entries("file");
    let acts = |act: &str| -> Vec<&Value> {
        all.iter().filter(|entry| entry["type"] == "key-use" && entry["key"]["act"] == act).collect()
    };
    assert_eq!(acts("generate").len(), 1, "it was absent and has been made");
    assert_eq!(acts("generate")[0]["key"]["name"], "ec");
    let [refused] = acts("open")[..] else { panic!("one refusal: {all:?}") };
    assert_eq!((&refused["key"]["name"], &refused["key"]["result"]), (&json!("foreign"), &json!("failed")));
    assert!(refused["error"].as_str().unwrap().contains("not lent"), "{refused}");
    let [signed, tested] = acts("sign")[..] else { panic!("two signatures: {all:?}") };
    assert_eq!(signed["key"]["digest"], hex::encode(digest(&SHA256, b"hello")));
    assert_eq!((&signed["key"]["home"], &signed["key"]["type"]), (&json!("pkcs11"), &json!("EC P256")));
    assert_eq!((&signed["key"]["result"], &signed["auth"]["display_name"]), (&json!("done"), &json!("root")));
    assert_eq!(
        (&signed["request"]["path"], &signed["request"]["mount_type"]),
        (&json!("signer/sign/ec"), &json!("signer"))
    );
    let asked = about(&all, "request", "signer/sign/ec")[0];
    assert_eq!(signed["request"]["id"], asked["request"]["id"]);
    let uuid = house.server.call("GET", "sys/managed-keys/pkcs11/ec", Value::Null).json["data"]["UUID"].clone();
    assert_eq!(signed["key"]["uuid"], uuid);
    assert_eq!(tested["request"]["path"], "sys/managed-keys/pkcs11/ec/test/sign");
    assert!(all.iter().all(|entry| !entry.to_string().contains(&format!("\"{PIN}\""))));
}

#[test]
fn the_entry_of_a_wrapped_answer_says_when_it_was_wrapped() {
    let house = House::new();
    house.enable("file");
    let headers = [("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", "60")];
    let told = house.server.send("GET", "sys/mounts", &headers, Value::Null).json["wrap_info"].clone();
    let entries = house.entries("file");
    let wrapped = &entries.last().unwrap()["response"]["wrap_info"];
    assert_eq!((&wrapped["creation_time"], &wrapped["creation_path"]), (&told["creation_time"], &json!("sys/mounts")));
    assert!(wrapped["creation_time"].as_str().unwrap().ends_with('Z'), "{wrapped}");
}

#[test]
fn the_entry_of_what_is_unwrapped_proves_which_answer_was_given() {
    let house = House::new();
    house.enable("file");
    let headers = [("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", "60")];
    let told = house.server.send("POST", "sys/wrapping/wrap", &headers, json!({"secret": "unseen"}));
    let token = &told.json["wrap_info"]["token"];
    let answer = house.server.call("POST", "sys/wrapping/unwrap", json!({ "token": token }));
    assert_eq!(answer.json["data"]["secret"], "unseen", "{}", answer.text);
    let entries = house.entries("file");
    let response = &about(&entries, "response", "sys/wrapping/unwrap")[0]["response"];
    let expected = hash(&house.server, "file", answer.text.as_str());
    assert_eq!((&response["data_hmac"], &response["data_length"]), (&expected, &json!(answer.text.len())));
}

#[test]
fn entries_name_what_a_namespace_has_by_itself_and_whom_a_login_let_in() {
    let house = House::new();
    house.enable("a");
    house.server.call("POST", "sys/auth/up", json!({"type": "userpass"}));
    house.server.call("POST", "auth/up/users/ann", json!({"password": "pass-word"}));
    assert_eq!(house.server.send("POST", "auth/up/login/ann", &[], json!({"password": "pass-word"})).status, 200);
    house.server.call("GET", "sys/policies/acl/default", Value::Null);
    let entries = house.entries("a");
    let login = about(&entries, "response", "auth/up/login/ann");
    assert_eq!(login[0]["response"]["auth"]["display_name"], "up-ann", "{}", login[0]);
    let mounts = house.server.call("GET", "sys/mounts", Value::Null);
    for kind in ["request", "response"] {
        let entry = about(&entries, kind, "sys/policies/acl/default")[0];
        assert_eq!(entry["request"]["mount_accessor"], mounts.json["data"]["sys/"]["accessor"], "{entry}");
    }
}
