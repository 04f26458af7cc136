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

#[test]
fn probes_are_answered_whatever_namespace_the_header_names() {
    let server = Server::start();
    for path in ["sys/health", "sys/seal-status", "sys/init", "sys/leader"] {
        for namespace in ["not-there", "a/b/c", "not a name", "../x", "sys"] {
            let answer = server.send("GET", path, &[("X-Vault-Namespace", namespace)], Value::Null);
            assert_eq!(answer.status, 200, "{path} in {namespace:?}");
        }
    }
}

#[test]
fn a_probe_may_choose_the_status_of_a_healthy_server() {
    let server = Server::start();
    for (method, query, status) in [
        ("GET", "standbyok=true&perfstandbyok=true", 200),
        ("GET", "activecode=299", 299),
        ("HEAD", "activecode=299", 299),
        ("HEAD", "", 200),
        ("GET", "sealedcode=200&uninitcode=200&standbycode=204", 200),
        ("GET", "activecode=fine", 400),
        ("HEAD", "sealedcode=fine", 400),
        ("GET", "activecode=99", 400),
        ("GET", "activecode=600", 400),
    ] {
        let answer = server.send(method, &format!("sys/health?{query}"), &[], Value::Null);
        assert_eq!(answer.status, status, "{method} {query}");
        assert_eq!(answer.json.is_null(), method == "HEAD", "{method} {query}");
    }
    let wrong = server.send("GET", "sys/health?sealedcode=x", &[], Value::Null);
    assert!(wrong.json["errors"][0].as_str().unwrap().starts_with("sealedcode:"));
}

#[test]
fn status_endpoints_know_their_methods_and_say_what_clients_parse() {
    let server = Server::start();
    for path in ["sys/health", "sys/seal-status", "sys/leader"] {
        assert_eq!(server.send("POST", path, &[], Value::Null).status, 405, "{path}");
    }
    let again = server.send("PUT", "sys/init", &[], Value::Null);
    assert_eq!((again.status, &again.json["errors"][0]), (400, &Value::from("Vault is already initialized")));
    let status = server.send("GET", "sys/seal-status", &[], Value::Null).json;
    assert_eq!((&status["sealed"], &status["t"], &status["n"]), (&Value::Bool(false), &1.into(), &1.into()));
    let date = status["build_date"].as_str().unwrap();
    assert!(date.len() == 20 && date.ends_with('Z') && date[..4].parse::<u32>().unwrap() > 2000, "{date}");
    let health = server.send("GET", "sys/health", &[], Value::Null).json;
    assert_eq!(health["cluster_id"], status["cluster_id"]);
    assert_eq!(health["cluster_id"].as_str().unwrap().len(), 36);
}

#[test]
fn a_probe_is_answered_whatever_a_client_always_sends_along() {
    let server = Server::start();
    let headers = [("x-vault-wrap-ttl", "soon")];
    for (path, status) in [("sys/health", 200), ("sys/seal-status", 200), ("sys/leader", 200), ("sys/mounts", 400)] {
        assert_eq!(server.send("GET", path, &headers, Value::Null).status, status, "{path}");
    }
}
