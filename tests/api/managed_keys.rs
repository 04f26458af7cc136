use harness::{Answer, PIN, Server, Token, stanza};
use serde_json::{Value, json};

const PATH: &str = "sys/managed-keys/pkcs11";

/// A server over a token of its own.
fn with_token() -> (Token, Server) {
    let token = Token::new("test");
    let server = Server::start_with(&token.stanza(), &token.environment());
    (token, server)
}

/// The usual parameters with these over them; `null` leaves one out.
fn parameters(over: Value) -> Value {
    let mut all = json!({
        "library": "hsm", "token_label": "test", "pin": PIN, "key_label": "k", "mechanism": "0x1041", "curve": "P256",
    });
    for (name, value) in over.as_object().unwrap() {
        match value {
            Value::Null => drop(all.as_object_mut().unwrap().remove(name)),
            value => all[name] = value.clone(),
        }
    }
    all
}

fn register(server: &Server, name: &str, over: Value) {
    let answer = server.call("POST", &format!("{PATH}/{name}"), parameters(over));
    assert_eq!((answer.status, answer.json), (204, Value::Null));
}

fn test_sign(server: &Server, name: &str, body: Value) -> Answer {
    server.call("POST", &format!("{PATH}/{name}/test/sign"), body)
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.error();
    assert!(answer.status == status && text.contains(says), "{} {}, not {status} {says:?}", answer.status, answer.json);
}

#[test]
fn a_key_is_read_back_with_every_parameter_and_without_its_pin() {
    let (_token, server) = with_token();
    let all = json!({
        "library": "HSM", "token_label": "test", "pin": "secret-pin", "key_label": "label", "mechanism": "0x1041",
        "curve": "P384", "key_bits": "3072", "force_rw_session": "true", "max_parallel": "4",
        "allow_generate_key": "true", "allow_replace_key": true, "allow_store_key": "1", "any_mount": "true",
        "usages": "sign,verify,random", "slot": "", "key_id": "",
    });
    for method in ["POST", "PUT"] {
        let answer = server.call(method, &format!("{PATH}/k"), all.clone());
        assert_eq!((answer.status, answer.json), (204, Value::Null), "{method}");
    }
    let read = server.call("GET", &format!("{PATH}/k"), Value::Null);
    assert_eq!(read.status, 200);
    let mut data = read.json["data"].as_object().unwrap().clone();
    let uuid = data.remove("UUID").unwrap();
    assert_eq!(uuid.as_str().unwrap().len(), 36);
    assert_eq!(
        Value::Object(data),
        json!({
            "name": "k", "type": "pkcs11", "library": "HSM", "token_label": "test", "pin": "redacted",
            "key_label": "label", "mechanism": 4161, "curve": "P384", "key_bits": 3072, "force_rw_session": true,
            "max_parallel": 4, "allow_generate_key": true, "allow_replace_key": true, "allow_store_key": true,
            "any_mount": true, "inherits": false, "usages": ["sign", "verify", "generate_random"],
        })
    );
    // An update keeps the UUID and what is not sent; the redacted PIN stands for the same one.
    register(&server, "k", json!({ "pin": "redacted", "key_id": "0xAB01", "allow_generate_key": false }));
    let data = server.call("GET", &format!("{PATH}/k"), Value::Null).json["data"].clone();
    assert_eq!(data["UUID"], uuid);
    assert_eq!((&data["key_id"], &data["max_parallel"]), (&json!("ab01"), &json!(4)));
    register(&server, "by-slot", json!({ "token_label": null, "slot": "0" }));
    let data = server.call("GET", &format!("{PATH}/by-slot"), Value::Null).json["data"].clone();
    assert_eq!((&data["slot"], data.get("token_label")), (&json!(0), None));
    assert_eq!((&data["usages"], &data["max_parallel"]), (&json!(["sign", "verify"]), &json!(1)));
}

#[test]
fn keys_are_listed_in_pages_and_only_in_their_namespace() {
    let (_token, server) = with_token();
    assert_eq!(server.call("LIST", PATH, Value::Null).status, 404);
    assert_eq!(server.call("POST", "sys/namespaces/team", Value::Null).status, 200);
    for name in ["c", "a", "b"] {
        register(&server, name, json!({}));
    }
    let answer = server.call_in("team", "POST", &format!("{PATH}/theirs"), parameters(json!({})));
    assert_eq!(answer.status, 204);
    for (method, query, keys) in [
        ("LIST", "", json!(["a", "b", "c"])),
        ("GET", "?list=true", json!(["a", "b", "c"])),
        ("LIST", "?limit=2", json!(["a", "b"])),
        ("LIST", "?after=a", json!(["b", "c"])),
        ("LIST", "?after=a&limit=1", json!(["b"])),
        ("LIST", "?limit=0", json!(["a", "b", "c"])),
    ] {
        let answer = server.call(method, &format!("{PATH}{query}"), Value::Null);
        assert_eq!(answer.json["data"]["keys"], keys, "{method} {query}");
    }
    assert_refused(&server.call("LIST", &format!("{PATH}?limit=x"), Value::Null), 400, "limit:");
    assert_eq!(server.call_in("team", "LIST", PATH, Value::Null).json["data"]["keys"], json!(["theirs"]));
    assert_eq!(server.call_in("team", "GET", &format!("{PATH}/a"), Value::Null).status, 404);
    assert_eq!(server.call("GET", &format!("{PATH}/theirs"), Value::Null).status, 404);
    assert_refused(&test_sign(&server, "theirs", json!({})), 404, "not in this namespace");
}

#[test]
fn a_namespace_takes_its_keys_with_it() {
    let (_token, server) = with_token();
    server.call("POST", "sys/namespaces/team", Value::Null);
    server.call_in("team", "POST", &format!("{PATH}/k"), parameters(json!({})));
    assert_eq!(server.call("DELETE", "sys/namespaces/team", Value::Null).status, 204);
    assert_eq!(server.call_in("team", "GET", &format!("{PATH}/k"), Value::Null).status, 404);
    server.call("POST", "sys/namespaces/team", Value::Null);
    assert_eq!(server.call_in("team", "GET", &format!("{PATH}/k"), Value::Null).status, 404);
}

#[test]
fn wrong_parameters_are_refused_by_name_and_nothing_is_written() {
    let (_token, server) = with_token();
    for (over, says) in [
        (json!({ "library": "other" }), "library: no kms_library of the name \"other\""),
        (json!({ "library": "/usr/lib/softhsm/libsofthsm2.so" }), "library: no kms_library"),
        (json!({ "library": null }), "library: is required"),
        (json!({ "pin": null }), "pin: is required"),
        (json!({ "pin": "" }), "pin: is required"),
        (json!({ "pin": "redacted" }), "pin: is required"),
        (json!({ "mechanism": null }), "mechanism: is required"),
        (json!({ "mechanism": "ECDSA" }), "mechanism:"),
        (json!({ "key_label": null }), "key_label or key_id: is required"),
        (json!({ "token_label": null }), "slot or token_label: is required"),
        (json!({ "token_label": "", "slot": "" }), "slot or token_label: is required"),
        (json!({ "slot": "0" }), "slot and token_label: only one"),
        (json!({ "token_label": null, "slot": "x" }), "slot:"),
        (json!({ "any_mount": "maybe" }), "any_mount:"),
        (json!({ "allow_generate_key": 2 }), "allow_generate_key:"),
        (json!({ "force_rw_session": [true] }), "force_rw_session:"),
        (json!({ "key_id": "01", "allow_generate_key": true }), "key_id: cannot be combined with allow_generate_key"),
        (json!({ "key_id": "0xyz" }), "key_id:"),
        (json!({ "key_bits": 1024 }), "key_bits:"),
        (json!({ "curve": "P224" }), "curve:"),
        (json!({ "max_parallel": 100_000 }), "max_parallel:"),
        (json!({ "usages": "sign,fly" }), "usages:"),
        (json!({ "key_label": "x".repeat(513) }), "key_label:"),
        (json!({ "key_label": "a\u{0}b" }), "key_label:"),
    ] {
        let answer = server.call("POST", &format!("{PATH}/k"), parameters(over.clone()));
        assert_refused(&answer, 400, says);
        assert!(!answer.json.to_string().contains(PIN), "{over}: the PIN is repeated");
    }
    for (name, status) in [
        ("-a", 400),
        ("a%20b", 400),
        ("a%2Fb", 404),
        ("%2e%2e", 400),
        ("..%2f..%2fmounts", 400),
        (&"x".repeat(129), 400),
    ] {
        let answer = server.call("POST", &format!("{PATH}/{name}"), parameters(json!({})));
        assert_eq!(answer.status, status, "{name}");
    }
    assert_eq!(server.call("LIST", PATH, Value::Null).status, 404);
    assert_eq!(server.call("GET", &format!("{PATH}/k"), Value::Null).status, 404);
    assert_eq!(server.call("PATCH", &format!("{PATH}/k"), parameters(json!({}))).status, 415);
    assert_eq!(server.call("GET", PATH, Value::Null).status, 405);
}

#[test]
fn other_types_are_refused_whatever_is_done_with_them() {
    let (_token, server) = with_token();
    for kind in ["yandexcloudkms", "nonsense"] {
        for (method, below) in [("LIST", ""), ("POST", "/k"), ("GET", "/k"), ("DELETE", "/k"), ("POST", "/k/test/sign")]
        {
            let body = if method == "POST" { parameters(json!({})) } else { Value::Null };
            let answer = server.call(method, &format!("sys/managed-keys/{kind}{below}"), body);
            let says = format!("unsupported managed key type \"{kind}\": use pkcs11");
            assert_refused(&answer, 400, &says);
        }
    }
    for path in ["sys/managed-keys", "sys/managed-keys/pkcs11/k/test", "sys/managed-keys/pkcs11/k/test/sign/x"] {
        assert_eq!(server.call("POST", path, json!({})).status, 404, "{path}");
    }
    assert_eq!(server.send("GET", &format!("{PATH}/k"), &[], Value::Null).status, 403);
}

#[test]
fn test_sign_makes_the_key_in_the_token_and_signs_with_it() {
    let (token, server) = with_token();
    let rsa = json!({ "mechanism": "0x0001", "curve": "", "key_bits": "2048" });
    let pss = json!({ "mechanism": "13", "curve": "", "key_bits": 2048 });
    for (name, over, body) in [
        ("p256", json!({}), json!({})),
        ("p384", json!({ "curve": "P384" }), json!({ "hash_algorithm": "sha2-384" })),
        ("rsa", rsa, json!({ "use_pss": "false" })),
        ("rsa-pss", pss, json!({ "use_pss": true, "hash_algorithm": "sha2-512" })),
    ] {
        let mut over = over;
        over["key_label"] = json!(name);
        over["allow_generate_key"] = json!("true");
        let before = token.private_keys();
        register(&server, name, over);
        assert_eq!(token.private_keys(), before, "{name}: writing the record made a key");
        for _ in 0..2 {
            let answer = test_sign(&server, name, body.clone());
            assert_eq!((answer.status, answer.json), (204, Value::Null), "{name}");
            assert_eq!(token.private_keys(), before + 1, "{name}");
        }
        assert_eq!(server.call("DELETE", &format!("{PATH}/{name}"), Value::Null).status, 204);
        assert_eq!(token.private_keys(), before + 1, "{name}: deleting the record touched the token");
    }
}

#[test]
fn first_uses_at_once_make_one_key_and_all_succeed() {
    let (token, server) = with_token();
    register(&server, "k", json!({ "allow_generate_key": true, "max_parallel": 4 }));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| assert_eq!(test_sign(&server, "k", json!({})).status, 204));
        }
    });
    assert_eq!(token.private_keys(), 1);
}

#[test]
fn an_absent_key_is_not_made_without_leave() {
    let (token, server) = with_token();
    register(&server, "k", json!({}));
    assert_refused(&test_sign(&server, "k", json!({})), 400, "key not found");
    assert_eq!(token.private_keys(), 0);
    assert_refused(&test_sign(&server, "unknown", json!({})), 404, "not in this namespace");
    assert_refused(&test_sign(&server, "k", json!({ "hash_algorithm": "md5" })), 400, "hash_algorithm:");
    assert_refused(&test_sign(&server, "k", json!({ "use_pss": "maybe" })), 400, "use_pss:");
    // Leave that is given later counts.
    register(&server, "k", json!({ "allow_generate_key": true }));
    assert_eq!(test_sign(&server, "k", json!({})).status, 204);
    assert_eq!(test_sign(&server, "k", json!({ "use_pss": true })).status, 204, "use_pss means nothing for EC keys");
}

#[test]
fn a_use_outside_the_usages_asks_the_token_nothing() {
    let token = Token::new("test");
    let server = Server::start_with(&token.spied_stanza(), &token.environment());
    register(&server, "k", json!({ "usages": "verify", "allow_generate_key": true }));
    assert_refused(&test_sign(&server, "k", json!({})), 400, "may not be used to sign");
    assert_eq!(token.calls("C_Initialize"), 0);
}

#[test]
fn a_wrong_pin_is_tried_once_until_the_record_is_rewritten() {
    let token = Token::new("test");
    let server = Server::start_with(&token.spied_stanza(), &token.environment());
    register(&server, "k", json!({ "pin": "9999", "allow_generate_key": true }));
    for _ in 0..3 {
        let answer = test_sign(&server, "k", json!({}));
        assert_refused(&answer, 400, "refused the login");
        assert!(!answer.json.to_string().contains("9999"));
    }
    assert_eq!(token.calls("C_Login"), 1);
    register(&server, "k", json!({}));
    assert_eq!(test_sign(&server, "k", json!({})).status, 204);
    assert_eq!(token.calls("C_Login"), 2);
}

#[test]
fn a_server_that_is_stopped_leaves_its_tokens_in_order() {
    let token = Token::new("test");
    let server = Server::start_with(&token.spied_stanza(), &token.environment());
    register(&server, "k", json!({ "allow_generate_key": true }));
    assert_eq!(test_sign(&server, "k", json!({})).status, 204);
    assert_eq!(token.calls("C_Finalize"), 0);
    assert!(server.stop());
    assert_eq!(token.calls("C_Finalize"), 1);
}

#[test]
fn a_key_stays_while_a_mount_lists_it() {
    let (_token, server) = with_token();
    register(&server, "k", json!({}));
    let config = json!({ "type": "echo", "config": { "allowed_managed_keys": ["k", "other"] } });
    assert_eq!(server.call("POST", "sys/mounts/echo", config).status, 204);
    let path = format!("{PATH}/k");
    assert_refused(&server.call("DELETE", &path, Value::Null), 400, "echo/");
    assert_eq!(server.call("GET", &path, Value::Null).status, 200);
    let nothing = json!({ "allowed_managed_keys": [] });
    assert_eq!(server.call("POST", "sys/mounts/echo/tune", nothing).status, 204);
    assert_eq!(server.call("DELETE", &path, Value::Null).status, 204);
    assert_eq!(server.call("GET", &path, Value::Null).status, 404);
    assert_eq!(server.call("DELETE", &path, Value::Null).status, 204, "deleting what is gone is no error");
    // A mount of another namespace does not count.
    server.call("POST", "sys/namespaces/team", Value::Null);
    let config = json!({ "type": "echo", "config": { "allowed_managed_keys": "k" } });
    assert_eq!(server.call_in("team", "POST", "sys/mounts/echo", config).status, 204);
    register(&server, "k", json!({}));
    assert_eq!(server.call("DELETE", &path, Value::Null).status, 204);
}

#[test]
fn a_library_that_cannot_be_loaded_is_unavailable_and_harms_nobody_else() {
    let token = Token::new("test");
    let config = token.stanza() + &stanza("gone", "/nowhere/lib.so".as_ref());
    let server = Server::start_with(&config, &token.environment());
    register(&server, "broken", json!({ "library": "gone" }));
    let answer = test_sign(&server, "broken", json!({}));
    assert_refused(&answer, 503, "cannot be reached now");
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.json.to_string().contains("nowhere"), "the path is told: {}", answer.json);
    register(&server, "k", json!({ "allow_generate_key": true }));
    assert_eq!(test_sign(&server, "k", json!({})).status, 204);
}

#[test]
fn a_library_is_open_to_the_namespaces_of_its_stanza_only() {
    let token = Token::new("test");
    let config = token.stanza().replace("\n}", "\n  namespaces = [\"team\"]\n}");
    let server = Server::start_with(&config, &token.environment());
    server.call("POST", "sys/namespaces/team", Value::Null);
    let path = format!("{PATH}/k");
    assert_refused(&server.call("POST", &path, parameters(json!({}))), 400, "library: \"hsm\" is not open");
    assert_eq!(server.call_in("team", "POST", &path, parameters(json!({}))).status, 204);
}

/// A private key that openssl makes, and its public half.
fn made_outside(algorithm: &str, option: &str) -> (String, String) {
    let private = harness::openssl(&["genpkey", "-algorithm", algorithm, "-pkeyopt", option], "");
    let public = harness::openssl(&["pkey", "-pubout"], &private);
    (private, public)
}

#[test]
fn a_private_key_is_handed_over_once_and_signs_in_the_token_from_then_on() {
    let (token, server) = with_token();
    for (name, over, algorithm, option) in [
        ("ec", json!({}), "EC", "ec_paramgen_curve:P-256"),
        ("rsa", json!({ "mechanism": "1", "curve": "" }), "RSA", "rsa_keygen_bits:2048"),
    ] {
        let (private, public) = made_outside(algorithm, option);
        let mut over = over;
        over["key_label"] = json!(name);
        register(&server, name, over.clone());
        let import = |body: Value| server.call("POST", &format!("{PATH}/{name}/import"), body);
        let body = json!({ "private_key": private });
        assert_refused(&import(body.clone()), 400, "allow_store_key: is not set");
        over["allow_store_key"] = json!(true);
        register(&server, name, over.clone());
        let before = token.private_keys();
        let stored = import(body.clone());
        assert_eq!(stored.status, 200, "{}", stored.text);
        assert_eq!(stored.json["data"]["public_key"], public);
        assert!(!stored.text.contains("PRIVATE"), "{}", stored.text);
        assert_eq!(token.private_keys(), before + 1);
        assert_eq!(test_sign(&server, name, json!({})).status, 204);
        // Not over the one that is there, unless that is asked for and allowed.
        assert_refused(&import(body.clone()), 400, "the key is there already");
        let again = json!({ "private_key": made_outside(algorithm, option).0, "replace": true });
        assert_refused(&import(again.clone()), 400, "allow_replace_key: is not set");
        assert_eq!(token.private_keys(), before + 1);
        over["allow_replace_key"] = json!(true);
        register(&server, name, over);
        assert_eq!(test_sign(&server, name, json!({})).status, 204);
        let replaced = import(again);
        assert_eq!(replaced.status, 200, "{}", replaced.text);
        assert_ne!(replaced.json["data"]["public_key"], public);
        assert_eq!(token.private_keys(), before + 2, "the old key stays in the token");
        assert_eq!(test_sign(&server, name, json!({})).status, 204);
    }
}

#[test]
fn what_cannot_be_stored_is_refused_by_name_and_not_repeated() {
    let (token, server) = with_token();
    register(&server, "k", json!({ "allow_store_key": true }));
    register(&server, "gcm", json!({ "allow_store_key": true, "mechanism": "0x1087", "key_label": "gcm" }));
    let rsa = made_outside("RSA", "rsa_keygen_bits:2048").0;
    let small = made_outside("RSA", "rsa_keygen_bits:1024").0;
    let secret = "c2VjcmV0IHNlY3JldCBz";
    for (name, body, says) in [
        ("k", json!({}), "private_key or secret_key: give one"),
        ("k", json!({ "private_key": "x", "secret_key": "y" }), "private_key or secret_key: give one"),
        ("k", json!({ "private_key": 7 }), "private_key: must be a string"),
        ("k", json!({ "private_key": secret }), "private key cannot be read"),
        ("k", json!({ "private_key": "-----BEGIN PRIVATE KEY-----" }), "private_key: must be PEM"),
        ("k", json!({ "private_key": rsa }), "private_key: mechanism 0x1041 is not for RSA-2048 keys"),
        ("k", json!({ "private_key": small }), "RSA keys < 2048 bits"),
        ("k", json!({ "secret_key": "AAAAAAAAAAAAAAAAAAAAAA==" }), "secret_key: mechanism 0x1041 is for key pairs"),
        ("gcm", json!({ "private_key": rsa }), "mechanism is for symmetric keys"),
        ("gcm", json!({ "secret_key": "AAAA" }), "secret_key: must be base64 of 16 to 64 bytes"),
        ("gcm", json!({ "secret_key": "AAAAAAAAAAAAAAAAAAAAAAAAAAA=" }), "an AES key has 16, 24 or 32 bytes"),
        ("none", json!({ "private_key": rsa }), ""),
    ] {
        let answer = server.call("POST", &format!("{PATH}/{name}/import"), body.clone());
        let status = if name == "none" { 404 } else { 400 };
        assert_refused(&answer, status, says);
        assert!(!answer.text.contains(secret) && !answer.text.contains("MII"), "{}", answer.text);
    }
    assert_eq!(server.call("GET", &format!("{PATH}/k/import"), Value::Null).status, 405);
    assert_eq!(token.private_keys(), 0);
    let stored =
        server.call("POST", &format!("{PATH}/gcm/import"), json!({ "secret_key": "AAAAAAAAAAAAAAAAAAAAAA==" }));
    assert_eq!((stored.status, &stored.json["data"]["key_type"]), (200, &json!("AES-128")), "{}", stored.text);
    assert_eq!(stored.json["data"].get("public_key"), None);
}

#[test]
fn another_key_is_made_in_a_keys_place_when_that_is_asked_and_mounts_use_it_at_once() {
    let (token, server) = with_token();
    register(&server, "k", json!({ "allow_generate_key": true, "any_mount": true }));
    let generate = |body: Value| server.call("POST", &format!("{PATH}/k/generate"), body);
    let first = generate(json!({}));
    assert_eq!(first.status, 200, "{}", first.text);
    assert_refused(&generate(json!({})), 400, "the key is there already");
    assert_refused(&generate(json!({ "replace": true })), 400, "allow_replace_key: is not set");
    assert_refused(&generate(json!({ "replace": "perhaps" })), 400, "replace");
    assert_eq!(server.call("POST", "sys/mounts/signer", json!({ "type": "signer" })).status, 204);
    assert_eq!(server.call("POST", "signer/keys/k", json!({ "managed_key_name": "k" })).status, 204);
    let public = || server.call("GET", "signer/keys/k", Value::Null).json["data"]["public_key"].clone();
    let sign = || server.call("POST", "signer/sign/k", json!({ "input": "aGVsbG8=" }));
    assert_eq!((sign().status, public()), (200, first.json["data"]["public_key"].clone()));
    register(&server, "k", json!({ "allow_generate_key": true, "any_mount": true, "allow_replace_key": true }));
    let second = generate(json!({ "replace": true }));
    assert_eq!(second.status, 200, "{}", second.text);
    assert_ne!(second.json["data"]["public_key"], first.json["data"]["public_key"]);
    let signed = sign();
    assert_eq!((signed.status, public()), (200, second.json["data"]["public_key"].clone()), "{}", signed.text);
    let verdict = json!({ "input": "aGVsbG8=", "signature": signed.json["data"]["signature"] });
    assert_eq!(server.call("POST", "signer/verify/k", verdict).json["data"]["valid"], true);
    assert_eq!(token.private_keys(), 2, "the old key stays in the token under another name");
}
