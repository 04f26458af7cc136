use harness::{ROOT, Server};
use serde_json::Value;

#[test]
fn health_seal_status_init_and_leader_answer_anybody_without_an_envelope() {
    let server = Server::start();
    for (path, field) in [
        ("sys/health", "initialized"),
        ("sys/seal-status", "initialized"),
        ("sys/init", "initialized"),
        ("sys/leader", "is_self"),
    ] {
        let answer = server.send("GET", path, &[], Value::Null);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json[field], true, "{path}");
        assert!(answer.json.get("request_id").is_none(), "{path} has an envelope");
    }
    assert_eq!(server.send("GET", "sys/seal-status", &[], Value::Null).json["version"], "1.21.0+ent");
}

#[test]
fn lookup_self_knows_the_root_token_by_either_header() {
    let server = Server::start();
    for headers in [("X-Vault-Token", ROOT.to_owned()), ("Authorization", format!("Bearer {ROOT}"))] {
        let answer = server.send("GET", "auth/token/lookup-self", &[(headers.0, &headers.1)], Value::Null);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json["data"]["policies"][0], "root");
    }
}

#[test]
fn without_a_token_or_with_a_wrong_one_permission_is_denied() {
    let server = Server::start();
    for headers in [&[][..], &[("X-Vault-Token", "wrong")][..]] {
        let answer = server.send("GET", "auth/token/lookup-self", headers, Value::Null);
        assert_eq!(answer.status, 403);
        assert_eq!(answer.json["errors"][0], "permission denied");
    }
}
