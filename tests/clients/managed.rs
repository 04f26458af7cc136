//! One walk for each type of managed key, over the real peer of that type: see managed.py.

use harness::{ROOT, Server, Token};
use keys_testing::azure::{self, Azure};
use keys_testing::fakekms::FakeKms;
use keys_testing::localstack::LocalStack;
use serde_json::{Value, json};

/// What the walk needs to know of a type.
struct Keys {
    kind: &'static str,
    /// The first key, as sys/managed-keys takes it.
    managed: Value,
    /// The second key's config and the key, as sys/external-keys takes them.
    config: Value,
    external: Value,
    /// What no answer may hold.
    secrets: Value,
}

fn walk(server: &Server, keys: &Keys) {
    let environment = [
        ("VAULT_ADDR", server.address()),
        ("VAULT_TOKEN", ROOT),
        ("KEY_TYPE", keys.kind),
        ("MANAGED", &keys.managed.to_string()),
        ("CONFIG", &keys.config.to_string()),
        ("EXTERNAL", &keys.external.to_string()),
        ("SECRETS", &keys.secrets.to_string()),
    ];
    let said = harness::walk("managed.py", &environment);
    assert!(said.ends_with(&format!("a key of type {} was used through both APIs\n", keys.kind)), "{said}");
}

#[test]
fn keys_in_a_token_are_used_through_both_apis() {
    let token = Token::with_pin("walk", "a-pin-of-its-own");
    let server = Server::start_with(&token.stanza(), &token.environment());
    let home = json!({"lib": "hsm", "token_label": "walk", "pin": "a-pin-of-its-own"});
    let managed = json!({
        "library": "hsm", "token_label": "walk", "pin": "a-pin-of-its-own", "key_label": "root", "mechanism": "0x1041",
        "curve": "P256",
    });
    let keys = Keys {
        kind: "pkcs11",
        managed,
        config: home,
        external: json!({"label": "int", "mechanism": "0xd", "key_bits": 2048}),
        secrets: json!(["a-pin-of-its-own"]),
    };
    walk(&server, &keys);
}

#[test]
fn keys_in_aws_kms_are_used_through_both_apis() {
    let localstack = LocalStack::start();
    let server = Server::start();
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let home = json!({
        "access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": secret, "region": "eu-central-1",
        "endpoint": localstack.url(),
    });
    let keys = Keys {
        kind: "awskms",
        managed: with(&home, json!({"kms_key": "alias/root", "key_type": "ECDSA", "curve": "P384"})),
        config: home,
        external: json!({"kms_key": "alias/int", "key_type": "RSA", "key_bits": "2048"}),
        secrets: json!([secret, "AKIAIOSFODNN7EXAMPLE"]),
    };
    walk(&server, &keys);
}

#[test]
fn keys_in_azure_key_vault_are_used_through_both_apis() {
    let azure = Azure::start();
    let addresses: Vec<String> =
        azure.addresses(&["walk"]).iter().map(|(host, address)| format!("\"{host}\" = \"{address}\"")).collect();
    let stanza = format!(
        "managed_keys \"azurekeyvault\" {{\n node_identity = \"refused\"\n ca_file = \"{}\"\n addresses = {{\n{}\n}}\n}}\n",
        azure.ca_file().display(),
        addresses.join("\n")
    );
    let server = Server::start_with(&stanza, &[]);
    let home = json!({
        "tenant_id": azure::TENANT, "client_id": azure::CLIENT, "client_secret": azure.secret, "vault_name": "walk",
    });
    let keys = Keys {
        kind: "azurekeyvault",
        managed: with(&home, json!({"key_name": "root", "key_type": "EC-HSM", "curve": "P256"})),
        config: home,
        external: json!({"key_name": "int", "key_type": "RSA-HSM", "key_bits": "2048"}),
        secrets: json!([azure.secret]),
    };
    walk(&server, &keys);
}

#[test]
fn keys_in_cloud_kms_are_used_through_both_apis() {
    let fake = FakeKms::start();
    let account = fake.account(None);
    fake.ring(&account, "walk");
    let stanza =
        format!("managed_keys \"gcpckms\" {{\n node_identity = \"refused\"\n endpoint = \"{}\"\n}}\n", fake.endpoint());
    let server = Server::start_with(&stanza, &[]);
    let home = json!({
        "credentials": account.file.to_string(), "project": "my-project-1", "region": "europe-west3",
        "key_ring": "walk",
    });
    let keys = Keys {
        kind: "gcpckms",
        // The one hash that the version can do is none that certificates have by default.
        managed: with(&home, json!({"crypto_key": "root", "algorithm": "RSA_SIGN_PKCS1_4096_SHA512"})),
        config: home,
        external: json!({"crypto_key": "int", "algorithm": "EC_SIGN_P256_SHA256"}),
        secrets: json!([account.file["private_key_id"]]),
    };
    walk(&server, &keys);
}

/// Fields, and more of them.
fn with(fields: &Value, more: Value) -> Value {
    let mut all = fields.clone();
    for (name, value) in more.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}
