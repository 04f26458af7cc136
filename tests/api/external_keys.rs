//! `sys/external-keys`: configs, keys below them and grants, on the same records as `sys/managed-keys`.

use harness::{Answer, PIN, Server, Token, openssl};
use serde_json::{Value, json};

const CONFIGS: &str = "sys/external-keys/configs";
const P256: u64 = 0x1041;

struct Bench {
    token: Token,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        let token = Token::new("test");
        let server = Server::start_with(&token.stanza(), &token.environment());
        Self { token, server }
    }

    fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.server.call(method, path, body)
    }

    #[track_caller]
    fn done(&self, method: &str, path: &str, body: Value) {
        let answer = self.call(method, path, body);
        assert_eq!((answer.status, &answer.json), (204, &Value::Null), "{method} {path}");
    }

    #[track_caller]
    fn data(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.call(method, path, body);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
        answer.json["data"].clone()
    }

    fn patch(&self, path: &str, body: Value) -> Answer {
        let headers = [("X-Vault-Token", harness::ROOT), ("Content-Type", "application/merge-patch+json")];
        self.server.send("PATCH", path, &headers, body)
    }

    /// The config `hsm` over the token, and its key `ca`, which is made when it is first used.
    fn with_key() -> Self {
        let bench = Self::new();
        bench.done("POST", &format!("{CONFIGS}/hsm"), config(json!({})));
        bench.done("POST", &format!("{CONFIGS}/hsm/keys/ca"), key("ca", json!({})));
        bench
    }
}

fn merged(mut fields: Value, over: Value) -> Value {
    for (name, value) in over.as_object().unwrap() {
        fields[name] = value.clone();
    }
    fields
}

fn config(over: Value) -> Value {
    merged(json!({"plugin": "pkcs11", "lib": "hsm", "token_label": "test", "pin": PIN}), over)
}

fn key(label: &str, over: Value) -> Value {
    let made = json!({"label": label, "mechanism": P256, "curve": "P256", "allow_generate_key": true});
    merged(made, over)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.error();
    assert!(answer.status == status && text.contains(says), "{} {}, not {status} {says:?}", answer.status, answer.json);
}

#[test]
fn configs_and_keys_read_back_without_secrets_in_the_names_of_this_api() {
    let bench = Bench::with_key();
    let read = bench.data("GET", &format!("{CONFIGS}/hsm"), Value::Null);
    assert_eq!(
        read,
        json!({
            "plugin": "pkcs11", "lib": "hsm", "token_label": "test", "pin": "(redacted)", "force_rw_session": false,
            "max_parallel": 1,
        })
    );
    let read = bench.data("GET", &format!("{CONFIGS}/hsm/keys/ca"), Value::Null);
    assert_eq!((&read["label"], &read["mechanism"], &read["curve"]), (&json!("ca"), &json!(P256), &json!("P256")));
    assert_eq!(read["usages"], json!(["encrypt", "decrypt", "sign", "verify"]), "{read}");
    for path in [format!("{CONFIGS}/none"), format!("{CONFIGS}/hsm/keys/none"), format!("{CONFIGS}/none/keys/ca")] {
        assert_eq!(bench.call("GET", &path, Value::Null).status, 404, "{path}");
        assert_eq!(bench.call("DELETE", &path, Value::Null).status, 204, "{path}");
    }
    refused(&bench.patch(&format!("{CONFIGS}/none"), json!({})), 404, "config \"none\" not found");
    refused(&bench.patch(&format!("{CONFIGS}/hsm/keys/none"), json!({})), 404, "key \"none\" not found");
}

#[test]
fn a_post_replaces_a_patch_merges_and_what_is_hidden_stays_as_it_was() {
    let bench = Bench::with_key();
    let path = format!("{CONFIGS}/hsm");
    assert_eq!(bench.patch(&path, json!({"max_parallel": 4, "pin": "(redacted)"})).status, 204);
    assert_eq!(bench.data("GET", &path, Value::Null)["max_parallel"], 4);
    bench.done("POST", &path, config(json!({"pin": "(redacted)"})));
    assert_eq!(bench.data("GET", &path, Value::Null)["max_parallel"], 1, "a replacement keeps nothing but secrets");
    refused(&bench.patch(&path, json!({"pin": null})), 400, "pin: is required");
    refused(&bench.call("POST", &path, json!({"plugin": "pkcs11", "lib": "hsm", "token_label": "test"})), 400, "pin:");
    let key_path = format!("{path}/keys/ca");
    assert_eq!(bench.patch(&key_path, json!({"usages": ["sign"], "any_mount": true})).status, 204);
    let read = bench.data("GET", &key_path, Value::Null);
    assert_eq!((&read["usages"], &read["label"]), (&json!(["sign"]), &json!("ca")));
    let uuid = read["uuid"].clone();
    bench.done("PUT", &key_path, key("ca", json!({})));
    let read = bench.data("GET", &key_path, Value::Null);
    assert_eq!((&read["any_mount"], &read["uuid"]), (&json!(false), &uuid));
}

#[test]
fn what_is_written_is_tried_first_unless_the_request_says_not_to() {
    let bench = Bench::new();
    let path = format!("{CONFIGS}/hsm");
    refused(&bench.call("POST", &path, config(json!({"pin": "9999"}))), 400, "refused the login");
    assert_eq!(bench.call("GET", &path, Value::Null).status, 404, "nothing was written");
    bench.done("POST", &path, config(json!({"pin": "9999", "verify": false})));
    assert_eq!(bench.data("GET", &path, Value::Null).get("verify"), None);
    bench.done("POST", &path, config(json!({})));
    let absent = key("absent", json!({"allow_generate_key": false}));
    refused(&bench.call("POST", &format!("{path}/keys/absent"), absent.clone()), 400, "key not found");
    assert_eq!(bench.call("GET", &format!("{path}/keys/absent"), Value::Null).status, 404);
    bench.done("POST", &format!("{path}/keys/absent"), merged(absent, json!({"verify": false})));
}

#[test]
fn wrong_fields_are_refused_by_name() {
    let bench = Bench::with_key();
    for (path, body, says) in [
        (format!("{CONFIGS}/x"), json!({}), "missing required field \"plugin\""),
        (format!("{CONFIGS}/x"), json!({"plugin": "transit"}), "plugin: \"transit\" is unknown; use pkcs11"),
        (format!("{CONFIGS}/x"), json!({"plugin": 1}), "plugin: must be a string"),
        (format!("{CONFIGS}/hsm"), json!({"plugin": "awskms"}), "plugin: this config is of type pkcs11"),
        (format!("{CONFIGS}/-x"), config(json!({})), "config: may hold"),
        (format!("{CONFIGS}/a:b"), config(json!({})), "config: may hold"),
        (format!("{CONFIGS}/x"), config(json!({"lib": "/usr/lib/x.so"})), "library: no kms_library"),
        (format!("{CONFIGS}/none/keys/k"), key("k", json!({})), "config \"none\" does not exist"),
        (format!("{CONFIGS}/hsm/keys/-k"), key("k", json!({})), "key: may hold"),
        (format!("{CONFIGS}/hsm/keys/k"), json!({"mechanism": P256}), "key_label or key_id: is required"),
        (format!("{CONFIGS}/hsm/keys/k"), key("k", json!({"verify": "perhaps"})), "verify: must be true or false"),
    ] {
        refused(&bench.call("POST", &path, body.clone()), 400, says);
    }
    let long = "k".repeat(128);
    bench.done("POST", &format!("{CONFIGS}/{long}"), config(json!({})));
    refused(
        &bench.call("POST", &format!("{CONFIGS}/{long}/keys/{}", "j".repeat(128)), key("k", json!({}))),
        400,
        "249",
    );
}

#[test]
fn names_are_listed_in_pages() {
    let bench = Bench::with_key();
    assert_eq!(bench.call("LIST", &format!("{CONFIGS}/none/keys"), Value::Null).status, 404);
    for name in ["b", "a"] {
        bench.done("POST", &format!("{CONFIGS}/{name}"), config(json!({"verify": false})));
        bench.done("POST", &format!("{CONFIGS}/hsm/keys/{name}"), key(name, json!({"verify": false})));
    }
    for (path, keys) in [
        (CONFIGS.to_owned(), json!(["a", "b", "hsm"])),
        (format!("{CONFIGS}?after=a&limit=1"), json!(["b"])),
        (format!("{CONFIGS}/hsm/keys"), json!(["a", "b", "ca"])),
        (format!("{CONFIGS}/hsm/keys?after=a"), json!(["b", "ca"])),
    ] {
        assert_eq!(bench.data("LIST", &path, Value::Null)["keys"], keys, "{path}");
    }
}

#[test]
fn a_key_that_one_api_made_is_seen_and_used_through_the_other() {
    let bench = Bench::with_key();
    let managed = "sys/managed-keys/pkcs11";
    assert_eq!(bench.data("LIST", managed, Value::Null)["keys"], json!(["hsm:ca"]));
    let read = bench.data("GET", &format!("{managed}/hsm:ca"), Value::Null);
    assert_eq!((&read["name"], &read["library"], &read["pin"]), (&json!("hsm:ca"), &json!("hsm"), &json!("redacted")));
    bench.done("POST", &format!("{managed}/hsm:ca/test/sign"), json!({}));
    refused(&bench.call("POST", &format!("{managed}/hsm:ca"), json!({"any_mount": true})), 400, "sys/external-keys");

    let alone = json!({
        "library": "hsm", "token_label": "test", "pin": PIN, "key_label": "alone", "mechanism": P256, "curve": "P256",
        "allow_generate_key": true,
    });
    bench.done("POST", &format!("{managed}/alone"), alone);
    let uuid = bench.data("GET", &format!("{managed}/alone"), Value::Null)["UUID"].clone();
    assert_eq!(bench.data("LIST", CONFIGS, Value::Null)["keys"], json!(["alone", "hsm"]));
    assert_eq!(bench.data("LIST", &format!("{CONFIGS}/alone/keys"), Value::Null)["keys"], json!(["alone"]));
    assert_eq!(bench.data("GET", &format!("{CONFIGS}/alone/keys/alone"), Value::Null)["uuid"], uuid);
    // A second key makes its provider one that is shared; the first stays what it was.
    bench.done("POST", &format!("{CONFIGS}/alone/keys/second"), key("second", json!({})));
    assert_eq!(bench.data("LIST", &format!("{CONFIGS}/alone/keys"), Value::Null)["keys"], json!(["alone", "second"]));
    assert_eq!(bench.data("GET", &format!("{managed}/alone"), Value::Null)["UUID"], uuid);
    bench.done("POST", &format!("{managed}/alone/test/sign"), json!({}));
    // One write rotates the credentials of both.
    refused(&bench.patch(&format!("{CONFIGS}/alone"), json!({"pin": "9999"})), 400, "pin: ");
    bench.done("DELETE", &format!("{managed}/alone"), Value::Null);
    assert_eq!(bench.data("LIST", &format!("{CONFIGS}/alone/keys"), Value::Null)["keys"], json!(["second"]));
    bench.done("DELETE", &format!("{managed}/alone:second"), Value::Null);
    assert_eq!(bench.data("LIST", managed, Value::Null)["keys"], json!(["hsm:ca"]));
}

#[test]
fn grants_are_the_lists_of_mounts_and_follow_a_moved_mount() {
    let bench = Bench::with_key();
    let grants = format!("{CONFIGS}/hsm/keys/ca/grants");
    let root = json!({"common_name": "R", "external_key_ref": "hsm:ca", "ttl": "87600h"});
    bench.done("POST", "sys/mounts/pki", json!({"type": "pki"}));
    refused(&bench.call("POST", "pki/root/generate/kms", root.clone()), 400, "is not lent to this mount");
    assert_eq!(bench.call("LIST", &grants, Value::Null).status, 404);
    refused(&bench.call("POST", &format!("{grants}/nowhere"), json!({})), 400, "mount: no secret engine is mounted");
    refused(&bench.call("POST", &format!("{CONFIGS}/hsm/keys/none/grants/pki"), json!({})), 404, "key \"none\"");
    for _ in 0..2 {
        bench.done("POST", &format!("{grants}/pki"), json!({}));
    }
    assert_eq!(bench.data("LIST", &grants, Value::Null)["keys"], json!(["pki/"]));
    let tuned = bench.call("GET", "sys/mounts/pki/tune", Value::Null);
    assert_eq!(tuned.json["data"]["allowed_managed_keys"], json!(["hsm:ca"]));
    let made = bench.data("POST", "pki/root/generate/kms", root);
    let read = bench.data("GET", &format!("pki/key/{}", made["key_id"].as_str().unwrap()), Value::Null);
    assert_eq!((&read["external_key_ref"], &read["managed_key_name"]), (&json!("hsm:ca"), &json!("hsm:ca")));
    let text = openssl(&["x509", "-noout", "-subject"], made["certificate"].as_str().unwrap());
    assert!(text.contains('R'), "{text}");

    assert_eq!(bench.call("POST", "sys/remount", json!({"from": "pki", "to": "moved"})).status, 200);
    assert_eq!(bench.data("LIST", &grants, Value::Null)["keys"], json!(["moved/"]));
    assert_eq!(bench.call("GET", "moved/crl/rotate", Value::Null).status, 200);
    for _ in 0..2 {
        bench.done("DELETE", &format!("{grants}/moved"), Value::Null);
    }
    refused(&bench.call("GET", "moved/crl/rotate", Value::Null), 400, "is not lent to this mount");
}

#[test]
fn a_key_that_is_deleted_takes_its_grants_along() {
    let bench = Bench::with_key();
    bench.done("POST", "sys/mounts/pki", json!({"type": "pki"}));
    bench.done("POST", &format!("{CONFIGS}/hsm/keys/other"), key("other", json!({"verify": false})));
    for name in ["ca", "other"] {
        bench.done("POST", &format!("{CONFIGS}/hsm/keys/{name}/grants/pki"), json!({}));
    }
    refused(&bench.call("DELETE", "sys/managed-keys/pkcs11/hsm:ca", Value::Null), 400, "is in use");
    bench.done("DELETE", &format!("{CONFIGS}/hsm"), Value::Null);
    for path in [format!("{CONFIGS}/hsm"), format!("{CONFIGS}/hsm/keys/ca"), "sys/managed-keys/pkcs11/hsm:ca".into()] {
        assert_eq!(bench.call("GET", &path, Value::Null).status, 404, "{path}");
    }
    assert_eq!(bench.call("GET", "sys/mounts/pki/tune", Value::Null).json["data"].get("allowed_managed_keys"), None);
    bench.done("POST", &format!("{CONFIGS}/hsm"), config(json!({})));
    bench.done("POST", &format!("{CONFIGS}/hsm/keys/ca"), key("ca", json!({})));
    let root = json!({"common_name": "R", "external_key_ref": "hsm:ca"});
    refused(&bench.call("POST", "pki/root/generate/kms", root), 400, "is not lent to this mount");
    assert_eq!(bench.token.private_keys(), 1, "a key in a token is never deleted from here");
}

#[test]
fn a_namespace_below_uses_an_inherited_key_by_grant_and_no_other() {
    let bench = Bench::with_key();
    assert_eq!(bench.call("POST", "sys/namespaces/team", Value::Null).status, 200);
    let below = |method: &str, path: &str, body: Value| bench.server.call_in("team", method, path, body);
    assert_eq!(below("POST", "sys/mounts/pki", json!({"type": "pki"})).status, 204);
    let root = json!({"common_name": "R", "external_key_ref": "hsm:ca", "ttl": "87600h"});
    let grant = format!("{CONFIGS}/hsm/keys/ca/grants/team/pki");
    refused(&bench.call("POST", &grant, json!({})), 400, "inherits: is not set");
    assert_eq!(below("POST", "sys/mounts/pki/tune", json!({"allowed_managed_keys": "hsm:ca"})).status, 204);
    refused(&below("POST", "pki/root/generate/kms", root.clone()), 400, "is not in this namespace");
    assert_eq!(below("POST", "sys/mounts/pki/tune", json!({"allowed_managed_keys": ""})).status, 204);

    assert_eq!(bench.patch(&format!("{CONFIGS}/hsm/keys/ca"), json!({"inherits": true})).status, 204);
    refused(&below("POST", "pki/root/generate/kms", root.clone()), 400, "is not lent to this mount");
    bench.done("POST", &grant, json!({}));
    let made = below("POST", "pki/root/generate/kms", root);
    assert_eq!(made.status, 200, "{}", made.text);
    let grants = format!("{CONFIGS}/hsm/keys/ca/grants");
    assert_eq!(bench.data("LIST", &grants, Value::Null)["keys"], json!(["team/pki/"]));
    refused(&bench.call("DELETE", "sys/managed-keys/pkcs11/hsm:ca", Value::Null), 400, "team/pki/");
    // It is used there, and neither read nor written nor listed.
    assert_eq!(below("GET", &format!("{CONFIGS}/hsm"), Value::Null).status, 404);
    assert_eq!(below("LIST", CONFIGS, Value::Null).status, 404);
    assert_eq!(bench.patch(&format!("{CONFIGS}/hsm/keys/ca"), json!({"inherits": false})).status, 204);
    refused(&below("GET", "pki/crl/rotate", Value::Null), 400, "is not in this namespace");
}

#[test]
fn credentials_are_rotated_in_one_write_while_requests_are_under_way() {
    let bench = Bench::with_key();
    let mount = json!({"type": "signer", "config": {"allowed_managed_keys": ["hsm:ca"]}});
    bench.done("POST", "sys/mounts/signer", mount);
    bench.done("POST", "signer/keys/ca", json!({"external_key_ref": "hsm:ca"}));
    let over = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let sign = || {
            let mut signed = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                bench.data("POST", "signer/sign/ca", json!({"input": "aGVsbG8="}));
                signed += 1;
            }
            signed
        };
        let signers: Vec<_> = (0..8).map(|_| scope.spawn(sign)).collect();
        for round in 0..10 {
            let change = json!({"pin": PIN, "force_rw_session": round % 2 == 0, "max_parallel": 1 + round % 3});
            let answer = bench.patch(&format!("{CONFIGS}/hsm"), change);
            assert_eq!(answer.status, 204, "{}", answer.text);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        for signer in signers {
            assert!(signer.join().unwrap() > 0, "every client went on through the rotations");
        }
    });
}

#[test]
fn health_is_told_of_one_key_and_of_all_and_a_key_is_made_by_request() {
    let bench = Bench::with_key();
    bench.done("POST", &format!("{CONFIGS}/wrong"), config(json!({"pin": "9999", "verify": false})));
    bench.done("POST", &format!("{CONFIGS}/wrong/keys/k"), key("k", json!({"verify": false})));
    bench.done("POST", &format!("{CONFIGS}/hsm/keys/new"), key("new", json!({"verify": false})));
    let one = bench.data("GET", "sys/managed-keys/pkcs11/hsm:ca/health", Value::Null);
    assert_eq!(one["healthy"], true, "{one}");
    let all = bench.data("GET", "sys/managed-keys/health", Value::Null);
    assert_eq!(all["healthy"], false, "{all}");
    assert_eq!(all["keys"]["pkcs11/hsm:ca"]["healthy"], true, "{all}");
    let wrong = &all["keys"]["pkcs11/wrong:k"];
    assert!(wrong["healthy"] == false && wrong["error"].as_str().unwrap().contains("pin: "), "{all}");
    assert!(!all.to_string().contains("9999"), "{all}");

    let made = bench.data("POST", "sys/managed-keys/pkcs11/hsm:new/generate", json!({}));
    let text = openssl(&["pkey", "-pubin", "-noout", "-text"], made["public_key"].as_str().unwrap());
    assert!(text.contains("P-256"), "{text}");
    refused(&bench.call("POST", "sys/managed-keys/pkcs11/hsm:new/generate", json!({})), 400, "there already");
    bench.patch(&format!("{CONFIGS}/hsm/keys/new"), json!({"allow_generate_key": false}));
    refused(&bench.call("POST", "sys/managed-keys/pkcs11/hsm:new/generate", json!({})), 400, "allow_generate_key");
}

#[test]
fn a_key_needs_no_mechanism_and_a_token_is_known_by_its_serial_number_too() {
    let bench = Bench::with_key();
    bench.done("POST", "sys/mounts/signer", json!({"type": "signer"}));
    // Made with a mechanism, found without one.
    bench.done("POST", &format!("{CONFIGS}/hsm/keys/made"), key("plain", json!({})));
    let plain = format!("{CONFIGS}/hsm/keys/plain");
    bench.done("POST", &plain, json!({"label": "plain", "any_mount": true}));
    let read = bench.data("GET", &plain, Value::Null);
    assert_eq!((read.get("mechanism"), &read["label"]), (None, &json!("plain")), "{read}");
    bench.done("POST", "signer/keys/plain", json!({"external_key_ref": "hsm:plain"}));
    let signed = bench.data("POST", "signer/sign/plain", json!({"input": "aGVsbG8="}));
    assert_eq!(signed["scheme"], "ecdsa/sha2-256");
    let unsaid = json!({"label": "x", "allow_generate_key": true});
    refused(&bench.call("POST", &plain, unsaid), 400, "mechanism: is required: it says what key is to be made");
    bench.done("POST", &plain, json!({"label": "plain", "rsa_oaep_hash": "SHA384", "any_mount": true}));
    assert_eq!(bench.data("GET", &plain, Value::Null)["rsa_oaep_hash"], "sha384");
    refused(&bench.call("POST", &plain, json!({"label": "plain", "rsa_oaep_hash": "md5"})), 400, "rsa_oaep_hash:");

    let serial = bench.token.serial();
    for over in [
        json!({"token_label": "", "serial": serial}),
        json!({"serial": serial}),
        json!({"token_label": "", "token_serial": serial}),
    ] {
        bench.done("POST", &format!("{CONFIGS}/hsm"), config(over));
        let read = bench.data("GET", &format!("{CONFIGS}/hsm"), Value::Null);
        assert_eq!(read["serial"], json!(serial), "{read}");
        bench.data("POST", "signer/sign/plain", json!({"input": "aGVsbG8="}));
    }
    let wrong = config(json!({"serial": "0000"}));
    refused(&bench.call("POST", &format!("{CONFIGS}/hsm"), wrong), 503, "cannot be reached now");
}
