//! Policies that guests judge by: what an access control list allows, they may still refuse, and say why.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use harness::{Answer, Folder, PIN, Server, Token};
use serde_json::{Value, json};

const ALL: &str = r#"path "*" { capabilities = ["create", "read", "update", "patch", "delete", "list", "sudo"] }"#;
const OVERRIDE: (&str, &str) = ("X-Vault-Policy-Override", "true");

/// A server with a mount of secrets, and somebody whose access control list allows everything.
struct House {
    server: Server,
    ann: String,
}

impl House {
    fn new() -> Self {
        Self::over(Server::start())
    }

    fn over(server: Server) -> Self {
        assert_eq!(server.call("POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
        server.policy("", "all", ALL);
        let ann = token(&server, json!({"policies": ["all"], "meta": {"approved_by": "bob"}}));
        Self { server, ann }
    }

    /// Writes an endpoint governing policy of the root namespace.
    #[track_caller]
    fn egp(&self, name: &str, body: Value) {
        let written = self.server.call("POST", &format!("sys/policies/egp/{name}"), body);
        assert_eq!((written.status, written.json), (204, Value::Null));
    }

    fn asks(&self, method: &str, path: &str, body: Value) -> Answer {
        self.server.call_as(&self.ann, method, path, body)
    }
}

fn token(server: &Server, body: Value) -> String {
    let made = server.call("POST", "auth/token/create", body);
    made.json["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("{}", made.text)).to_owned()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, says: &str) {
    let text = answer.error();
    assert!(answer.status == status && text.contains(says), "{} {}, not {status} {says:?}", answer.status, answer.text);
}

fn hard(policy: &str, paths: &str) -> Value {
    json!({"policy": policy, "paths": paths, "enforcement_level": "hard-mandatory"})
}

#[test]
fn what_an_access_list_allows_a_policy_on_the_path_refuses_and_says_why() {
    let house = House::new();
    house.egp("closed", hard("request.parameters.is != 'bad' ? true : 'bad things are not kept'", "kv/closed/*"));
    assert_eq!(house.asks("POST", "kv/closed/a", json!({"is": "good"})).status, 204);
    let denied = house.asks("POST", "kv/closed/a", json!({"is": "bad"}));
    refused(&denied, 403, r#"permission denied: egp policy "closed" denies it: bad things are not kept"#);
    assert_eq!(house.asks("POST", "kv/open/a", json!({"is": "bad"})).status, 204, "the policy does not lie there");
    assert_eq!(house.server.call("POST", "kv/closed/a", json!({"is": "bad"})).status, 204, "nor on root tokens");
    assert_eq!(house.asks("DELETE", "sys/policies/egp/closed", Value::Null).status, 204);
    assert_eq!(house.asks("POST", "kv/closed/a", json!({"is": "bad"})).status, 204);
}

#[test]
fn a_level_says_whether_a_request_is_warned_may_override_or_is_refused() {
    let house = House::new();
    let level = |level: &str| {
        house.egp("never", json!({"policy": "'never'", "paths": ["kv/*"], "enforcement_level": level}));
    };
    let write = |headers: &[(&str, &str)]| {
        let headers = [&[("X-Vault-Token", house.ann.as_str())], headers].concat();
        house.server.send("POST", "kv/a", &headers, json!({"a": 1}))
    };
    level("advisory");
    let warned = write(&[]);
    assert_eq!(warned.status, 200);
    assert_eq!(warned.json["warnings"], json!([r#"egp policy "never" denies it: never (it is advisory)"#]));
    level("soft-mandatory");
    refused(&write(&[]), 403, "never (it can be overridden)");
    let overridden = write(&[OVERRIDE]);
    assert_eq!(overridden.json["warnings"], json!([r#"egp policy "never" denies it: never (it was overridden)"#]));
    let folder = Folder::new();
    let file = folder.path().join("audit");
    let device = json!({"type": "file", "options": {"file_path": file}});
    assert_eq!(house.server.call("POST", "sys/audit/file", device).status, 204);
    assert_eq!(write(&[OVERRIDE]).status, 200);
    assert!(std::fs::read_to_string(&file).unwrap().contains(r#""policy_override":true"#));
    level("hard-mandatory");
    refused(&write(&[OVERRIDE]), 403, "denies it: never");
}

#[test]
fn a_policy_on_managed_keys_refuses_a_use_that_all_else_allows_in_the_error_and_in_the_audit_line() {
    let token = Token::new("test");
    let house = House::over(Server::start_with(&token.stanza(), &token.environment()));
    let server = &house.server;
    let folder = Folder::new();
    let file = folder.path().join("audit");
    let device = json!({"type": "file", "options": {"file_path": file}});
    assert_eq!(server.call("POST", "sys/audit/file", device).status, 204);
    let mount = json!({"type": "signer", "config": {"allowed_managed_keys": ["root-2026", "issuing"]}});
    assert_eq!(server.call("POST", "sys/mounts/signer", mount).status, 204);
    for name in ["root-2026", "issuing"] {
        let fields = json!({
            "library": "hsm", "token_label": "test", "pin": PIN, "key_label": name, "allow_generate_key": true,
            "mechanism": "0x1041", "curve": "P256",
        });
        assert_eq!(server.call("POST", &format!("sys/managed-keys/pkcs11/{name}"), fields).status, 204);
        assert_eq!(server.call("POST", &format!("signer/keys/{name}"), json!({"managed_key_name": name})).status, 204);
    }
    let sign = |key: &str| {
        let input = STANDARD.encode("a certificate");
        house.asks("POST", &format!("signer/sign/{key}"), json!({"input": input}))
    };
    assert_eq!(sign("root-2026").status, 200, "{}", sign("root-2026").text);
    let says = "key == null || key.usage != 'sign' || 'approved_by' in principal.metadata \
                && principal.metadata.approved_by == 'carol' ? true : key.algorithm + ' only with carol, not over ' + \
                string(key.digest_length) + ' bytes at ' + request.path";
    let policy = json!({"policy": says, "managed_keys": "root-*", "enforcement_level": "hard-mandatory"});
    house.egp("two-people", policy);
    let denied = sign("root-2026");
    let why = "managed key \"root-2026\" is not used: egp policy \"two-people\" denies it: ";
    refused(&denied, 403, why);
    refused(&denied, 403, "only with carol, not over 32 bytes at signer/sign/root-2026");
    assert_eq!(sign("issuing").status, 200, "the policy lies on other keys");
    let direct =
        house.asks("POST", "sys/managed-keys/pkcs11/root-2026/test/sign", json!({"hash_algorithm": "sha2-256"}));
    refused(&direct, 403, "egp policy \"two-people\" denies it");
    assert_eq!(
        server.call("POST", "signer/sign/root-2026", json!({"input": "YQ=="})).status,
        200,
        "root is not subject"
    );
    let text = std::fs::read_to_string(&file).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let says = |error: &str| error.contains("egp policy \"two-people\" denies it");
    let error = |line: &&Value| line["error"].as_str().is_some_and(says);
    let told: Vec<&str> = lines.iter().filter(error).filter_map(|line| line["type"].as_str()).collect();
    assert!(told.contains(&"response") && told.iter().any(|kind| *kind != "response"), "{told:?} in {text}");
}

#[test]
fn a_policy_holds_in_its_namespace_and_below_and_nowhere_else() {
    let house = House::new();
    let server = &house.server;
    for namespace in ["a", "b"] {
        assert_eq!(server.call("POST", &format!("sys/namespaces/{namespace}"), Value::Null).status, 200);
    }
    assert_eq!(server.call_in("a", "POST", "sys/namespaces/c", Value::Null).status, 200);
    for namespace in ["a", "b", "a/c"] {
        assert_eq!(server.call_in(namespace, "POST", "sys/mounts/kv", json!({"type": "kv"})).status, 204);
    }
    let body = hard("'not in ' + place.namespace", "+/kv/*, kv/*");
    assert_eq!(server.call_in("a", "POST", "sys/policies/egp/none", body).status, 204);
    let read = |namespace: &str| {
        let headers = [("X-Vault-Token", house.ann.as_str()), ("X-Vault-Namespace", namespace)];
        server.send("GET", "kv/x", &headers, Value::Null)
    };
    refused(&read("a"), 403, "egp policy \"a/none\" denies it: not in a/");
    refused(&read("a/c"), 403, "not in a/c/");
    assert_eq!((read("b").status, read("").status), (404, 404));
    assert_eq!(server.call_in("b", "LIST", "sys/policies/egp", Value::Null).status, 404);
    assert_eq!(server.call_in("a", "LIST", "sys/policies/egp", Value::Null).json["data"]["keys"], json!(["none"]));
}

#[test]
fn a_role_governing_policy_comes_with_a_token_that_names_it() {
    let house = House::new();
    let server = &house.server;
    let body = json!({"policy": "request.operation in ['read', 'list']", "enforcement_level": "hard-mandatory"});
    assert_eq!(server.call("POST", "sys/policies/rgp/Looks", body).status, 204);
    let bob = token(server, json!({"policies": ["all", "looks"]}));
    refused(&server.call_as(&bob, "POST", "kv/a", json!({"a": 1})), 403, r#"rgp policy "looks" denies it"#);
    assert_eq!(server.call_as(&bob, "GET", "kv/a", Value::Null).status, 404);
    assert_eq!(house.asks("POST", "kv/a", json!({"a": 1})).status, 204);
    let read = server.call("GET", "sys/policies/rgp/looks", Value::Null).json["data"].clone();
    assert_eq!((&read["name"], &read["enforcement_level"]), (&json!("looks"), &json!("hard-mandatory")));
}

#[test]
fn a_policy_on_a_login_judges_whoever_has_no_token_yet() {
    let house = House::new();
    let server = &house.server;
    server.call("POST", "sys/auth/userpass", json!({"type": "userpass"}));
    server.call("POST", "auth/userpass/users/ann", json!({"password": "correct horse"}));
    house.egp("nobody", hard("principal == null ? 'not from ' + place.remote_address : true", "auth/userpass/login/*"));
    let login = server.send("POST", "auth/userpass/login/ann", &[], json!({"password": "correct horse"}));
    refused(&login, 403, "not from 127.0.0.1");
}

#[test]
fn without_a_verdict_what_is_mandatory_refuses() {
    let house = House::new();
    let write = |body: Value| house.asks("POST", "kv/a", body);
    house.egp("broken", hard("request.parameters.absent == 1", "kv/*"));
    refused(&write(json!({"a": 1})), 403, "egp policy \"broken\" came to no verdict: ");
    house.egp("broken", hard("1 + 1", "kv/*"));
    refused(&write(json!({"a": 1})), 403, "must come to true, false or a text");
    // A list of a hundred, in a hundred, in a hundred.
    let hundred: Vec<u32> = (0..100).collect();
    let endless = "request.parameters.all.all(a, request.parameters.all.all(b, request.parameters.all.all(c, c >= 0)))";
    house.egp("broken", hard(endless, "kv/*"));
    refused(&write(json!({"all": hundred})), 403, "processor time");
    assert_eq!(write(json!({"all": [1, 2]})).status, 204, "others are judged as before");
    house.egp("broken", hard("true", "kv/*"));
    refused(&write(json!({"a": "x".repeat(300 << 10)})), 403, "larger than a policy is shown");
    house.egp("broken", json!({"policy": "1 + 1", "paths": "kv/*", "enforcement_level": "advisory"}));
    assert_eq!(write(json!({"a": 1})).status, 200, "what is advisory only warns");
}

#[test]
fn a_policy_that_is_none_is_refused_and_nothing_is_kept_of_it() {
    let house = House::new();
    let fine = hard("true", "kv/*");
    for (over, says) in [
        (json!({"policy": ""}), "'policy' parameter not supplied or empty"),
        (json!({"policy": "1 +"}), "policy: "),
        (json!({"policy": "x".repeat(70 << 10)}), "64 KiB"),
        (json!({"enforcement_level": "strict"}), "enforcement_level: must be advisory, soft-mandatory"),
        (json!({"enforcement_level": null}), "enforcement_level: must be"),
        (json!({"paths": null}), "paths: an endpoint governing policy lies on"),
        (json!({"paths": "/kv"}), "paths: at most 128"),
        (json!({"paths": "k*v"}), "paths: at most 128"),
        (json!({"managed_keys": "a*b"}), "managed_keys: at most 128"),
        (json!({"language": "sentinel"}), "language: plugin not found in the catalog: sentinel"),
        (json!({"plugin_version": "v9.9.9"}), "language: plugin_version"),
        (json!({"cpu_time_max": 5000}), "cpu_time_max: must be from 1 to 1000"),
    ] {
        let mut body = fine.clone();
        for (name, value) in over.as_object().unwrap() {
            body[name] = value.clone();
        }
        refused(&house.server.call("POST", "sys/policies/egp/a", body), 400, says);
    }
    refused(&house.server.call("POST", "sys/policies/egp/a%2Fb", fine.clone()), 400, "name: must have");
    refused(&house.server.call("POST", "sys/policies/egp/root", fine.clone()), 400, "name: must not");
    refused(&house.server.call("POST", "sys/policies/rgp/a", fine.clone()), 400, "paths: a role governing policy");
    assert_eq!(house.server.call("LIST", "sys/policies/egp", Value::Null).status, 404);
    house.egp(
        "a",
        json!({
            "policy": STANDARD.encode("true"), "paths": ["kv/*", "+/x"], "managed_keys": ["k"], "cpu_time_max": "20",
            "enforcement_level": "advisory",
        }),
    );
    let read = house.server.call("GET", "sys/policies/egp/A", Value::Null).json["data"].clone();
    assert_eq!(
        read,
        json!({
            "name": "a", "policy": "true", "paths": ["kv/*", "+/x"], "managed_keys": ["k"], "cpu_time_max": 20,
            "enforcement_level": "advisory", "language": "cel",
        })
    );
}

#[test]
fn a_dry_run_says_what_a_policy_would_say_and_does_nothing() {
    let house = House::new();
    let asked = |body: Value| house.server.call("POST", "sys/policies/evaluate", body);
    let request = json!({"operation": "update", "path": "pki/issue/web", "parameters": {"ttl": "9999h"}});
    let lifetime = include_str!("../../guests/cel/examples/certificate-lifetime.cel");
    let denied = asked(json!({"policy": lifetime, "request": request})).json["data"].clone();
    assert_eq!((&denied["verdict"], &denied["reason"]), (&json!("deny"), &json!("ttl: must be at most 2160h")));
    let hours = include_str!("../../guests/cel/examples/office-hours-for-root-keys.cel");
    house.egp("hours", json!({"policy": hours, "managed_keys": "*", "enforcement_level": "hard-mandatory"}));
    // Sunday, 2026-11-22, 09:00 in Berlin, and the day after it.
    for (time, verdict) in [(1_795_334_400_u64, "deny"), (1_795_420_800, "allow")] {
        let key = json!({"name": "root-1", "usage": "sign"});
        let told = asked(json!({"egp": "hours", "key": key, "time": time})).json["data"].clone();
        assert_eq!(told["verdict"], verdict, "{told}");
    }
    let broken = asked(json!({"policy": "nobody.name == ''", "request": {}})).json["data"].clone();
    assert_eq!(broken["verdict"], "none", "{broken}");
    refused(&asked(json!({"policy": "true"})), 400, "request: must be an object");
    refused(&asked(json!({"egp": "none", "request": {}})), 400, "egp: there is no policy none");
    refused(&asked(json!({"policy": "true", "request": {"operation": "write"}})), 400, "request.operation: must be");
}

#[test]
fn a_policy_in_rego_is_checked_when_it_is_written_and_judges_in_the_time_that_there_is() {
    let house = House::new();
    let written = |policy: &str| {
        let body = json!({
            "policy": policy, "language": "rego", "paths": "kv/*", "enforcement_level": "hard-mandatory",
        });
        house.server.call("POST", "sys/policies/egp/a", body)
    };
    refused(&written("package a\nallow := true\ndeny contains \"no\" if http.send({})"), 400, "no function http.send");
    refused(&written("allow := true"), 400, "policy: ");
    let lifetime = include_str!("../../guests/rego/examples/certificate-lifetime.rego");
    assert_eq!(written(lifetime).status, 204);
    refused(&house.asks("POST", "kv/x", json!({"ttl": "9999h"})), 403, "denies it: ttl: must be at most 2160h");
    assert_eq!(house.asks("POST", "kv/x", json!({"ttl": "24h"})).status, 204);
    refused(&house.asks("POST", "kv/x", json!({"ttl": "soon"})), 403, "egp policy \"a\" came to no verdict: ");
    let endless = "package a\nallow if count([x | some x in numbers.range(1, 100000)]) > 1";
    assert_eq!(written(endless).status, 204);
    refused(&house.asks("GET", "kv/x", Value::Null), 403, "egp policy \"a\" came to no verdict: ");
}

#[test]
fn a_language_is_registered_by_its_digest_and_stays_as_long_as_policies_are_read_by_it() {
    let house = House::new();
    let component = bundle::CEL.component;
    let sha256 = hex::encode(digest(&SHA256, component));
    let body = json!({"sha256": sha256, "component": STANDARD.encode(component)});
    let wrong = house.server.call("POST", "sys/plugins/catalog/secret/rules", body.clone());
    refused(&wrong, 400, "a language of policies: register it as policy");
    let registered = house.server.call("POST", "sys/plugins/catalog/policy/rules", body);
    assert_eq!(registered.status, 204, "{}", registered.text);
    let listed = house.server.call("LIST", "sys/plugins/catalog/policy", Value::Null);
    assert_eq!(listed.json["data"]["keys"], json!(["cel", "rego", "rules"]));
    let mut policy = hard("'no'", "kv/*");
    policy["language"] = json!("rules");
    house.egp("a", policy);
    let read = house.server.call("GET", "sys/policies/egp/a", Value::Null).json["data"].clone();
    assert_eq!((&read["language"], &read["running_sha256"]), (&json!("rules"), &json!(sha256)));
    refused(&house.asks("GET", "kv/x", Value::Null), 403, "denies it: no");
    let remove = || house.server.call("DELETE", "sys/plugins/catalog/policy/rules", Value::Null);
    refused(&remove(), 400, "is what policies are read by");
    // One in a namespace goes with it.
    assert_eq!(house.server.call("POST", "sys/namespaces/team", Value::Null).status, 200);
    let policy = json!({"policy": "true", "language": "rules", "paths": "*", "enforcement_level": "advisory"});
    assert_eq!(house.server.call_in("team", "POST", "sys/policies/egp/a", policy).status, 204);
    assert_eq!(house.server.call("DELETE", "sys/policies/egp/a", Value::Null).status, 204);
    refused(&remove(), 400, "is what policies are read by");
    house.server.call("DELETE", "sys/namespaces/team", Value::Null);
    harness::wait_until("the namespace keeps the component", || remove().status == 204);
    let mounted = house.server.call("POST", "sys/mounts/cel", json!({"type": "cel"}));
    refused(&mounted, 400, "plugin not found in the catalog: cel");
}
