//! Parameters that nobody looks at.

use harness::{ROOT, Server};
use serde_json::{Value, json};

const IGNORED: &str = "Endpoint ignored these unrecognized parameters";
const REPLACED: &str =
    "Endpoint replaced the value of these parameters with the values captured from the endpoint's path";

/// What an answer says of parameters.
fn warnings(server: &Server, path: &str, body: Value) -> Vec<String> {
    let answer = server.call("POST", path, body);
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert!(!answer.text.contains("unseen"), "a value is repeated: {}", answer.text);
    let all = answer.json["warnings"].as_array().into_iter().flatten().map(|warning| warning.as_str().unwrap());
    all.filter(|warning| warning.starts_with("Endpoint ")).map(str::to_owned).collect()
}

fn with_pki() -> Server {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/mounts/pki", json!({"type": "pki"})).status, 204);
    server
}

#[test]
fn names_that_a_path_does_not_know_are_warned_of_in_order() {
    let server = with_pki();
    let root = json!({"common_name": "R", "ttl": "1h", "tll": "unseen", "common": "unseen"});
    assert_eq!(warnings(&server, "pki/root/generate/internal", root), [format!("{IGNORED}: [common tll]")]);
    let token = json!({"policies": "default", "polices": ["unseen"]});
    assert_eq!(warnings(&server, "auth/token/create", token), [format!("{IGNORED}: [polices]")]);
    let group = json!({"name": "g", "member_entities": []});
    assert_eq!(warnings(&server, "identity/group", group), [format!("{IGNORED}: [member_entities]")]);
}

#[test]
fn names_that_the_path_itself_gives_a_value_are_warned_of() {
    let server = with_pki();
    let role = json!({"allow_any_name": true, "ttl": "1h", "name": "unseen"});
    let said = warnings(&server, "pki/roles/web", role);
    assert_eq!(said, [format!("{REPLACED}: [name]")]);
}

#[test]
fn what_is_right_is_not_warned_of_nor_what_any_name_may_stand_in() {
    let server = with_pki();
    server.call("POST", "sys/mounts/kv", json!({"type": "kv", "options": {"version": "2"}}));
    server.call("POST", "sys/auth/kubernetes", json!({"type": "kubernetes"}));
    for (path, body) in [
        ("auth/token/create", json!({"policies": "default", "ttl": "1h", "meta": {"a": "b"}, "display_name": "x"})),
        ("kv/data/a", json!({"data": {"any": 1}, "options": {"cas": 0}})),
        ("auth/token/create", json!({"policies": "default", "lease": "1h"})),
        ("sys/capabilities-self", json!({"token": ROOT, "path": "sys/mounts"})),
        ("sys/tools/hash", json!({"input": "aGk=", "format": "hex"})),
        ("sys/tools/hash/sha2-512", json!({"input": "aGk=", "algorithm": "sha2-256"})),
        ("sys/tools/random", json!({"bytes": 16, "source": "platform"})),
        ("sys/tools/random/platform/8", json!({"bytes": 16})),
        ("pki/intermediate/generate/internal", json!({"common_name": "I", "ttl": "1h"})),
        ("pki/keys/generate/exported", json!({"key_type": "ec", "private_key_format": "pkcs8"})),
        (
            "auth/kubernetes/role/r",
            json!({
                "bound_service_account_names": "a", "bound_service_account_namespaces": "b", "policies": "default",
                "ttl": "1h", "max_ttl": "2h", "period": 0, "num_uses": 0, "bound_cidrs": [],
            }),
        ),
    ] {
        assert_eq!(warnings(&server, path, body), Vec::<String>::new(), "{path}");
    }
    let headers = [("X-Vault-Token", ROOT), ("X-Vault-Wrap-TTL", "60")];
    let wrapped = server.send("POST", "sys/wrapping/wrap", &headers, json!({"any": "thing"}));
    assert_eq!(wrapped.json["warnings"], Value::Null, "{}", wrapped.text);
}

#[test]
fn of_many_names_some_are_repeated_and_long_ones_are_cut() {
    let server = Server::start();
    let mut body = json!({"input": "aGk=", ("x".repeat(10_000)): 1});
    for number in 0..10_000 {
        body[format!("n{number}")] = json!(1);
    }
    let answer = server.call("POST", "sys/tools/hash", body);
    assert_eq!(answer.status, 200);
    assert!(answer.text.len() < 16 * 1024 && answer.text.contains(IGNORED), "{}", answer.text.len());
}

#[test]
fn an_answer_without_content_stays_without() {
    let server = with_pki();
    let answer = server.call("POST", "sys/mounts/kv", json!({"type": "kv", "typ": "x"}));
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let answer = server.call("POST", "sys/mounts/kv/tune", json!({"maximum": "1h"}));
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
}
