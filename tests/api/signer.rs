//! The guest `signer`: every power of a managed key over HTTP, within the policy of the mount.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, PIN, Server, Token};
use serde_json::{Value, json};

struct Bench {
    _token: Token,
    server: Server,
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    STANDARD.encode(bytes)
}

#[track_caller]
fn refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.error();
    assert!(answer.status == status && text.contains(says), "{} {}, not {status} {says:?}", answer.status, answer.json);
}

impl Bench {
    /// The mount `signer` with the managed keys `ec`, `pss`, `oaep`, `gcm`, `cbc` and `hmac`, each under its own name.
    fn new() -> Self {
        let token = Token::new("test");
        let server = Server::start_with(&token.stanza(), &token.environment());
        let bench = Self { _token: token, server };
        let mount =
            json!({"type": "signer", "config": {"allowed_managed_keys": ["ec", "pss", "oaep", "gcm", "cbc", "hmac"]}});
        assert_eq!(bench.server.call("POST", "sys/mounts/signer", mount).status, 204);
        for (name, over) in [
            ("ec", json!({"mechanism": "0x1041", "curve": "P256"})),
            ("pss", json!({"mechanism": "0xd", "key_bits": 2048})),
            (
                "oaep",
                json!({"mechanism": "0x9", "key_bits": 2048, "usages": "encrypt,decrypt", "rsa_oaep_hash": "sha1"}),
            ),
            ("gcm", json!({"mechanism": "0x1087", "key_bits": 256, "usages": "encrypt,decrypt,generate_random"})),
            ("cbc", json!({"mechanism": "0x1085", "key_bits": 128, "usages": "encrypt,decrypt"})),
            ("hmac", json!({"mechanism": "0x261", "key_bits": 384, "usages": "mac"})),
        ] {
            let mut fields = json!({
                "library": "hsm", "token_label": "test", "pin": PIN, "key_label": name, "allow_generate_key": true,
            });
            fields.as_object_mut().unwrap().extend(over.as_object().unwrap().clone());
            let answer = bench.server.call("POST", &format!("sys/managed-keys/pkcs11/{name}"), fields);
            assert_eq!(answer.status, 204, "{}", answer.text);
            assert_eq!(bench.post(&format!("keys/{name}"), json!({"managed_key_name": name})).status, 204);
        }
        bench
    }

    fn post(&self, path: &str, body: Value) -> Answer {
        self.server.call("POST", &format!("signer/{path}"), body)
    }

    #[track_caller]
    fn data(&self, path: &str, body: Value) -> Value {
        let answer = self.post(path, body);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.json["data"].clone()
    }
}

#[test]
fn messages_and_digests_are_signed_and_verified() {
    let bench = Bench::new();
    for name in ["ec", "pss"] {
        let signed = bench.data(&format!("sign/{name}"), json!({"input": encoded("hello")}));
        let body = |input: &str| json!({"input": encoded(input), "signature": signed["signature"]});
        assert_eq!(bench.data(&format!("verify/{name}"), body("hello"))["valid"], true, "{name}");
        assert_eq!(bench.data(&format!("verify/{name}"), body("hullo"))["valid"], false, "{name}");
        let hash = encoded(digest(&SHA256, b"hello"));
        let signed = bench.data(&format!("sign/{name}"), json!({"digest": hash, "hash_algorithm": "sha2-256"}));
        let body = json!({
            "input": encoded("hello"), "signature": signed["signature"], "hash_algorithm": "sha2-256",
        });
        assert_eq!(bench.data(&format!("verify/{name}"), body)["valid"], true, "{name}: {signed}");
    }
    let read = bench.server.call("GET", "signer/keys/ec", Value::Null).json["data"].clone();
    assert_eq!((&read["key_type"], &read["managed_key_name"]), (&json!("ecdsa-p256"), &json!("ec")));
    let text = harness::openssl(&["pkey", "-pubin", "-noout", "-text"], read["public_key"].as_str().unwrap());
    assert!(text.contains("P-256"), "{text}");
    let names = bench.server.call("LIST", "signer/keys", Value::Null).json["data"]["keys"].clone();
    assert_eq!(names, json!(["cbc", "ec", "gcm", "hmac", "oaep", "pss"]));
}

#[test]
fn what_was_encrypted_to_a_key_is_decrypted_in_its_token() {
    let bench = Bench::new();
    // The record names the hash of OAEP, so that nobody else has to.
    let sealed = bench.data("encrypt/oaep", json!({"plaintext": encoded("secret")}));
    for hash in [json!(""), json!("sha1")] {
        let body = json!({"ciphertext": sealed["ciphertext"], "hash_algorithm": hash});
        assert_eq!(bench.data("decrypt/oaep", body)["plaintext"], encoded("secret"));
    }
    let other = json!({"plaintext": "", "hash_algorithm": "sha2-256"});
    refused(&bench.post("encrypt/oaep", other), 400, "rsa_oaep_hash is sha1");
    refused(&bench.post("decrypt/oaep", json!({"ciphertext": encoded([7; 256])})), 400, "");
    refused(
        &bench.post("encrypt/oaep", json!({"plaintext": "", "sealing": "aes-gcm"})),
        400,
        "sealing: is for symmetric",
    );
    refused(&bench.post("sign/oaep", json!({"input": encoded("m")})), 400, "may not be used to sign");
    refused(&bench.post("encrypt/ec", json!({"plaintext": encoded("m")})), 400, "may not be used to encrypt");
    refused(&bench.post("mac/ec", json!({"input": encoded("m")})), 400, "");
}

#[test]
fn the_policy_of_the_mount_is_narrower_than_the_keys_own_and_wrong_inputs_are_named() {
    let bench = Bench::new();
    let policy = json!({
        "managed_key_name": "ec", "usages": ["sign"], "hash_algorithms": ["sha2-256"], "allow_digests": false,
    });
    assert_eq!(bench.post("keys/narrow", policy).status, 204);
    bench.data("sign/narrow", json!({"input": encoded("m")}));
    let hash = encoded(digest(&SHA256, b"m"));
    for (path, body, says) in [
        ("sign/narrow", json!({"input": encoded("m"), "hash_algorithm": "sha2-384"}), "does not allow sha2-384"),
        ("sign/narrow", json!({"digest": hash}), "digest: this key signs messages only"),
        ("verify/narrow", json!({"input": "", "signature": ""}), "does not allow verify"),
        ("sign/ec", json!({}), "input or digest: give one"),
        ("sign/ec", json!({"input": "", "digest": ""}), "input or digest: give one"),
        ("sign/ec", json!({"input": "?"}), "input: must be base64"),
        ("sign/ec", json!({"digest": encoded("short"), "hash_algorithm": "sha2-256"}), ""),
        ("sign/ec", json!({"input": "", "hash_algorithm": "md5"}), "hash_algorithm: is not a known hash"),
        ("sign/ec", json!({"input": "", "signature_algorithm": "pss"}), "signature_algorithm: is for RSA keys only"),
        ("sign/pss", json!({"input": "", "signature_algorithm": "pkcs1v15"}), "it can sign pss/"),
        ("sign/none", json!({"input": ""}), "unknown key: none"),
        ("keys/x", json!({}), "give one of them"),
        ("keys/x", json!({"managed_key_name": "ec", "managed_key_id": "ec"}), "give one of them"),
        ("keys/x", json!({"managed_key_name": "stranger"}), "not in this namespace"),
        ("keys/x", json!({"managed_key_name": "ec", "usages": ["fly"]}), "usages: use sign"),
        ("keys/x", json!({"managed_key_name": "ec", "hash_algorithms": ["md5"]}), "hash_algorithm:"),
    ] {
        refused(&bench.post(path, body.clone()), 400, says);
    }
    assert_eq!(bench.server.call("DELETE", "signer/keys/narrow", Value::Null).status, 204);
    assert_eq!(bench.server.call("GET", "signer/keys/narrow", Value::Null).status, 404);
}

#[test]
fn a_symmetric_key_seals_texts_and_opens_only_what_it_sealed() {
    let bench = Bench::new();
    let read = bench.server.call("GET", "signer/keys/gcm", Value::Null).json["data"].clone();
    assert_eq!((&read["key_type"], &read["sealings"]), (&json!("aes-256"), &json!(["aes-gcm"])), "{read}");
    assert_eq!(read.get("public_key"), None);
    let text = json!({"plaintext": encoded("secret"), "associated_data": encoded("about it")});
    let sealed = bench.data("encrypt/gcm", text.clone());
    assert_eq!(sealed["sealing"], "aes-gcm");
    let bytes = STANDARD.decode(sealed["ciphertext"].as_str().unwrap()).unwrap();
    assert_eq!(bytes.len(), 12 + 6 + 16, "a nonce, the text, a tag");
    assert_ne!(sealed["ciphertext"], bench.data("encrypt/gcm", text)["ciphertext"], "two sealings are one");
    let open = |ciphertext: &[u8], associated: &str| {
        bench.post("decrypt/gcm", json!({"ciphertext": encoded(ciphertext), "associated_data": encoded(associated)}))
    };
    assert_eq!(open(&bytes, "about it").json["data"]["plaintext"], encoded("secret"));
    let mut changed = bytes.clone();
    changed[15] ^= 1;
    for (ciphertext, associated) in
        [(&changed[..], "about it"), (&bytes, ""), (&bytes, "else"), (&bytes[..20], ""), (b"", "")]
    {
        refused(&open(ciphertext, associated), 400, "cannot be decrypted with this key");
    }
    let sealed = bench.data("encrypt/cbc", json!({"plaintext": encoded("secret")}));
    let opened = bench.data("decrypt/cbc", json!({"ciphertext": sealed["ciphertext"]}));
    assert_eq!(opened["plaintext"], encoded("secret"));
    for (path, body, says) in [
        ("encrypt/cbc", json!({"plaintext": "", "associated_data": "AAAA"}), "authenticates nothing"),
        ("encrypt/gcm", json!({"plaintext": "", "sealing": "home"}), "sealing: this key seals with aes-gcm"),
        ("encrypt/gcm", json!({"plaintext": "", "hash_algorithm": "sha1"}), "hash_algorithm: is for RSA keys only"),
        ("encrypt/gcm", json!({"plaintext": encoded(vec![0; 65_537])}), "plaintext: has at most 65536 bytes"),
        ("encrypt/gcm", json!({"plaintext": "", "associated_data": encoded([0; 4097])}), "at most 4096"),
        ("encrypt/hmac", json!({"plaintext": ""}), "may not be used to encrypt"),
        ("sign/gcm", json!({"input": ""}), "may not be used to sign"),
    ] {
        refused(&bench.post(path, body.clone()), 400, says);
    }
    let most = bench.data("encrypt/gcm", json!({"plaintext": encoded(vec![7; 65_536])}));
    let opened = bench.data("decrypt/gcm", json!({"ciphertext": most["ciphertext"]}));
    assert_eq!(opened["plaintext"], encoded(vec![7; 65_536]));
}

#[test]
fn codes_are_made_in_the_token_and_checked_and_its_random_bytes_are_given() {
    let bench = Bench::new();
    let made = bench.data("mac/hmac", json!({"input": encoded("hello")}));
    assert_eq!(made["hash_algorithm"], "sha2-384");
    assert_eq!(STANDARD.decode(made["mac"].as_str().unwrap()).unwrap().len(), 48);
    let check = |input: &str, mac: &Value| bench.data("verify-mac/hmac", json!({"input": encoded(input), "mac": mac}));
    assert_eq!(check("hello", &made["mac"])["valid"], true);
    assert_eq!(check("hullo", &made["mac"])["valid"], false);
    assert_eq!(check("hello", &json!(encoded([7; 48])))["valid"], false);
    assert_eq!(check("hello", &json!(""))["valid"], false);
    let wrong = json!({"input": "", "hash_algorithm": "sha2-256"});
    refused(&bench.post("mac/hmac", wrong), 400, "cannot authenticate with sha2-256; it can with sha2-384");
    refused(&bench.post("mac/gcm", json!({"input": ""})), 400, "may not be used to mac");
    let narrow = json!({"managed_key_name": "hmac", "usages": ["mac"], "hash_algorithms": ["sha2-256"]});
    assert_eq!(bench.post("keys/narrow", narrow).status, 204);
    refused(&bench.post("mac/narrow", json!({"input": ""})), 400, "does not allow sha2-384");

    let drawn = bench.data("random/gcm", json!({}));
    let other = bench.data("random/gcm", json!({}));
    assert_eq!(STANDARD.decode(drawn["random_bytes"].as_str().unwrap()).unwrap().len(), 32);
    assert_ne!(drawn, other);
    let hex = bench.data("random/gcm", json!({"bytes": "1024", "format": "hex"}));
    assert_eq!(hex["random_bytes"].as_str().unwrap().len(), 2048);
    for (path, body, says) in [
        ("random/gcm", json!({"bytes": 0}), "bytes: 1 to 1024"),
        ("random/gcm", json!({"bytes": 1025}), "bytes: 1 to 1024"),
        ("random/gcm", json!({"format": "words"}), "format: use base64 or hex"),
        ("random/ec", json!({}), "may not be used to generate_random"),
    ] {
        refused(&bench.post(path, body.clone()), 400, says);
    }
}
