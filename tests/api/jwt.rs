//! The auth method jwt, from outside: roles, and what a token must be to let somebody in.

use std::sync::LazyLock;
use std::time::SystemTime;

use harness::{Answer, Server, Signer};
use serde_json::{Value, json};

use crate::pki::refused;

/// What is said of a token that nobody known has signed.
pub const STRANGER: &str = "error validating token: error verifying token signature: no known key successfully validated \
    the token signature";

/// The key that most tests sign with.
pub static SIGNER: LazyLock<Signer> = LazyLock::new(|| Signer::new("ES256"));

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// These claims, from now on for five minutes.
pub fn soon(mut claims: Value) -> Value {
    (claims["iat"], claims["exp"]) = (json!(now()), json!(now() + 300));
    claims
}

/// Mounts the method with this configuration.
#[track_caller]
pub fn mount(server: &Server, config: Value) {
    assert_eq!(server.call("POST", "sys/auth/jwt", json!({"type": "jwt"})).status, 204);
    let set = server.call("POST", "auth/jwt/config", config);
    assert_eq!(set.status, 204, "{}", set.text);
}

/// Writes a role of the method, for tokens of ann unless it says otherwise.
#[track_caller]
pub fn role(server: &Server, name: &str, mut body: Value) {
    for (field, usual) in [("role_type", "jwt"), ("user_claim", "sub"), ("bound_subject", "ann")] {
        if body.get(field).is_none() {
            body[field] = json!(usual);
        }
    }
    let written = server.call("POST", &format!("auth/jwt/role/{name}"), body);
    assert_eq!(written.status, 204, "{}", written.text);
}

pub fn log_in(server: &Server, role: &str, jwt: &str) -> Answer {
    server.send("POST", "auth/jwt/login", &[], json!({"role": role, "jwt": jwt}))
}

/// A server that takes tokens of [`SIGNER`].
fn started() -> Server {
    let server = Server::start();
    mount(&server, json!({"jwt_validation_pubkeys": SIGNER.pem()}));
    server
}

fn token_of(login: &Answer) -> &str {
    login.json["auth"]["client_token"].as_str().unwrap_or_else(|| panic!("no token: {}", login.text))
}

#[test]
fn tokens_of_every_known_key_let_in_and_those_of_others_do_not() {
    let server = Server::start();
    let signers = ["RS256", "PS256", "ES256", "EdDSA"].map(Signer::new);
    let pems: Vec<String> = signers.iter().map(Signer::pem).collect();
    mount(&server, json!({"jwt_validation_pubkeys": pems, "bound_issuer": "https://id.example"}));
    role(&server, "r", json!({}));
    let claims = soon(json!({"sub": "ann", "iss": "https://id.example"}));
    for signer in &signers {
        let login = log_in(&server, "r", &signer.sign(&claims));
        assert_eq!(login.status, 200, "{}", login.text);
    }
    let elsewhere = soon(json!({"sub": "ann", "iss": "https://id.example/"}));
    refused(&log_in(&server, "r", &signers[0].sign(&elsewhere)), 400, "invalid issuer (iss) claim");
    for algorithm in ["RS256", "ES256"] {
        refused(&log_in(&server, "r", &Signer::new(algorithm).sign(&claims)), 400, STRANGER);
    }
    // What was signed cannot be changed afterwards.
    let (ann, bob) = (signers[2].sign(&claims), signers[2].sign(&soon(json!({"sub": "bob"}))));
    let (ann, bob): (Vec<&str>, Vec<&str>) = (ann.split('.').collect(), bob.split('.').collect());
    refused(&log_in(&server, "r", &[ann[0], ann[1], bob[2]].join(".")), 400, STRANGER);
    // A signature of one algorithm is none of another.
    refused(&log_in(&server, "r", &signers[0].sign_as(&json!({"alg": "PS256"}), &claims)), 400, STRANGER);
    let fewer = json!({"jwt_validation_pubkeys": pems, "jwt_supported_algs": "ES256", "default_role": "r"});
    assert_eq!(server.call("POST", "auth/jwt/config", fewer).status, 204);
    refused(&log_in(&server, "r", &signers[0].sign(&claims)), 400, "jwt_supported_algs");
    let login = server.send("POST", "auth/jwt/login", &[], json!({"jwt": signers[2].sign(&claims)}));
    assert_eq!(login.json["auth"]["metadata"]["role"], "r", "{}", login.text);
}

#[test]
fn a_role_takes_only_tokens_with_the_claims_that_it_binds() {
    let server = started();
    let wanted = json!({"/org/team": "red", "level": ["1", 2]});
    role(&server, "bound", json!({"bound_audiences": "me,us", "bound_claims": wanted}));
    let globs = json!({"email": "*@example.com", "path": ["a/*/c", "b"]});
    role(&server, "glob", json!({"bound_subject": "", "bound_claims": globs, "bound_claims_type": "glob"}));
    let fits = json!({"sub": "ann", "aud": ["x", "us"], "org": {"team": "red"}, "level": 1});
    let globbed = json!({"sub": "bob", "email": "b@example.com", "path": ["z", "a/b/c"]});
    let (audience, subject) = ("invalid audience (aud) claim", "invalid subject (sub) claim");
    let other = "does not match any associated bound claim values";
    for (name, claims, change, says) in [
        ("bound", &fits, json!({}), ""),
        ("bound", &fits, json!({"aud": "me", "level": 2}), ""),
        ("bound", &fits, json!({"org": {"team": ["blue", "red"]}}), ""),
        ("bound", &fits, json!({"aud": "x"}), audience),
        ("bound", &fits, json!({"aud": null}), audience),
        ("bound", &fits, json!({"aud": {}}), audience),
        ("bound", &fits, json!({"sub": "Ann"}), subject),
        ("bound", &fits, json!({"sub": null}), subject),
        ("bound", &fits, json!({"org": {"team": "re*"}}), other),
        ("bound", &fits, json!({"org": "red"}), "claim \"/org/team\" is missing"),
        ("bound", &fits, json!({"level": 3}), other),
        ("glob", &globbed, json!({}), ""),
        ("glob", &globbed, json!({"path": "b"}), ""),
        ("glob", &globbed, json!({"path": "a/c"}), other),
        ("glob", &globbed, json!({"email": "b@example.com.elsewhere"}), other),
        ("glob", &globbed, json!({"aud": "me"}), "audience claim found in JWT but no audiences bound to the role"),
        ("glob", &globbed, json!({"sub": null}), "claim \"sub\" could not be converted to string"),
    ] {
        let mut claims = soon(claims.clone());
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let login = log_in(&server, name, &SIGNER.sign(&claims));
        if says.is_empty() {
            assert_eq!(login.status, 200, "{claims}: {}", login.text);
        } else {
            refused(&login, 400, says);
        }
    }
}

#[test]
fn a_token_is_taken_in_its_time_and_a_little_before_and_after_as_the_role_says() {
    let server = started();
    role(&server, "usual", json!({}));
    role(&server, "strict", json!({"clock_skew_leeway": -1, "expiration_leeway": "-1", "not_before_leeway": -1}));
    role(&server, "kind", json!({"clock_skew_leeway": "10m", "expiration_leeway": 600, "not_before_leeway": 600}));
    let now = now();
    let (late, early) = ("token is expired", "token not yet valid");
    for (name, times, says) in [
        ("usual", json!({"exp": now - 30}), ""),
        ("usual", json!({"exp": now - 90}), late),
        ("usual", json!({"exp": now + 90, "nbf": now + 30}), ""),
        ("usual", json!({"exp": now + 900, "nbf": now + 120}), early),
        ("usual", json!({"exp": now + 900, "iat": now + 120}), early),
        ("usual", json!({"iat": now - 100}), ""),
        ("usual", json!({"iat": now - 400}), late),
        ("usual", json!({}), "no issued at (iat), not before (nbf), or expiration time (exp) claims in token"),
        ("usual", json!({"exp": "soon"}), "invalid time (exp) claim"),
        ("usual", json!({"exp": -1}), "invalid time (exp) claim"),
        ("usual", json!({"exp": now + 100}), ""),
        // A token that says its end only begins so much before it.
        ("usual", json!({"exp": now + 300}), early),
        ("strict", json!({"iat": now, "exp": now + 60}), ""),
        ("strict", json!({"exp": now - 2}), late),
        ("strict", json!({"iat": now - 2}), late),
        ("strict", json!({"exp": now + 900, "nbf": now + 30}), early),
        ("kind", json!({"exp": now - 500}), ""),
        ("kind", json!({"iat": now - 900}), ""),
        ("kind", json!({"exp": now - 700}), late),
    ] {
        let mut claims = json!({"sub": "ann"});
        claims.as_object_mut().unwrap().extend(times.as_object().unwrap().clone());
        let login = log_in(&server, name, &SIGNER.sign(&claims));
        if says.is_empty() {
            assert_eq!(login.status, 200, "{name} {times}: {}", login.text);
        } else {
            refused(&login, 400, says);
        }
    }
}

#[test]
fn a_login_brings_groups_and_metadata_and_policies_may_be_written_on_them() {
    let server = started();
    assert_eq!(
        server.call("POST", "sys/mounts/secret", json!({"type": "kv", "options": {"version": "1"}})).status,
        204
    );
    let methods = server.call("GET", "sys/auth", Value::Null);
    let accessor = methods.json["data"]["jwt/"]["accessor"].as_str().unwrap();
    let path = format!("secret/{{{{identity.entity.aliases.{accessor}.metadata.team}}}}/*");
    server.policy("", "team", &format!("path {path:?} {{ capabilities = [\"create\", \"update\", \"read\"] }}"));
    server.policy("", "boss", "path \"sys/mounts\" { capabilities = [\"read\"] }");
    let group = json!({"name": "bosses", "type": "external", "policies": "boss"});
    let group = server.call("POST", "identity/group", group).json["data"]["id"].clone();
    let alias = json!({"name": "chiefs", "mount_accessor": accessor, "canonical_id": group});
    assert_eq!(server.call("POST", "identity/group-alias", alias).status, 200);
    role(
        &server,
        "team",
        json!({
            "bound_subject": "", "bound_claims": {"kind": "staff"}, "groups_claim": "/org/groups", "token_policies": "team",
            "claim_mappings": {"/org/team": "team", "mail": "mail", "absent": "absent"}, "token_ttl": "10m",
        }),
    );
    let claims = |who: &str, team: &str, groups: Value| {
        let org = json!({"team": team, "groups": groups});
        SIGNER.sign(&soon(json!({"sub": who, "kind": "staff", "mail": 7, "org": org})))
    };
    let ann = log_in(&server, "team", &claims("ann", "red", json!(["x", "chiefs"])));
    let auth = &ann.json["auth"];
    assert_eq!(auth["metadata"], json!({"role": "team", "team": "red", "mail": "7"}), "{}", ann.text);
    assert_eq!((&auth["token_policies"], &auth["lease_duration"]), (&json!(["default", "team"]), &json!(600)));
    assert_eq!(auth["identity_policies"], json!(["boss"]));
    let seen = server.call_as(token_of(&ann), "GET", "auth/token/lookup-self", Value::Null);
    assert_eq!(
        (&seen.json["data"]["display_name"], &seen.json["data"]["path"]),
        (&json!("jwt-ann"), &json!("auth/jwt/login"))
    );
    let bob = log_in(&server, "team", &claims("bob", "blue", json!([])));
    for (login, team, boss) in [(&ann, "red", 200), (&bob, "blue", 403)] {
        for at in ["red", "blue", "*"] {
            let path = format!("secret/{at}/k");
            let written = server.call_as(token_of(login), "PUT", &path, json!({"k": "v"}));
            assert_eq!(written.status, if at == team { 204 } else { 403 }, "{team} at {at}: {}", written.text);
        }
        assert_eq!(server.call_as(token_of(login), "GET", "sys/mounts", Value::Null).status, boss);
    }
    // Whoever changes teams is of the new one from the next login on.
    let moved = log_in(&server, "team", &claims("ann", "blue", json!([])));
    assert_eq!(moved.json["auth"]["entity_id"], auth["entity_id"]);
    assert_eq!(server.call_as(token_of(&moved), "GET", "secret/blue/k", Value::Null).status, 200);
    assert_eq!(server.call_as(token_of(&moved), "GET", "secret/red/k", Value::Null).status, 403);
    let odd = SIGNER.sign(&soon(json!({"sub": "ann", "kind": "staff"})));
    refused(&log_in(&server, "team", &odd), 400, "\"/org/groups\" claim not found in token");
    let long = claims("ann", &"x".repeat(513), json!([]));
    refused(&log_in(&server, "team", &long), 400, "claim \"/org/team\" must have at most 512 bytes");
}

#[test]
fn a_token_is_renewed_as_long_as_its_role_is_there_and_used_from_where_the_role_says() {
    let server = started();
    role(&server, "r", json!({"token_ttl": 60, "token_max_ttl": "1h"}));
    let login = log_in(&server, "R", &SIGNER.sign(&soon(json!({"sub": "ann"}))));
    role(&server, "r", json!({"token_ttl": 120}));
    let renewed = server.call_as(token_of(&login), "POST", "auth/token/renew-self", json!({}));
    assert_eq!((renewed.status, &renewed.json["auth"]["lease_duration"]), (200, &json!(120)), "{}", renewed.text);
    assert_eq!(server.call("DELETE", "auth/jwt/role/r", Value::Null).status, 204);
    let orphan = server.call_as(token_of(&login), "POST", "auth/token/renew-self", json!({}));
    refused(&orphan, 400, "role does not exist during renewal");
    role(&server, "far", json!({"token_bound_cidrs": "10.0.0.0/8"}));
    refused(&log_in(&server, "far", &SIGNER.sign(&soon(json!({"sub": "ann"})))), 403, "permission denied");
}

#[test]
fn configuration_and_roles_read_back_as_they_were_written() {
    let server = started();
    let config = server.call("GET", "auth/jwt/config", Value::Null).json["data"].clone();
    assert_eq!(config["jwt_validation_pubkeys"], json!([SIGNER.pem().trim_end()]));
    assert_eq!((&config["jwks_url"], &config["default_role"]), (&json!(""), &json!("")));
    assert!(config.get("keys").is_none() && config.get("provider").is_none());
    assert_eq!(server.call("LIST", "auth/jwt/role", Value::Null).status, 404);
    let body = json!({
        "bound_audiences": ["me"], "user_claim": "/who", "user_claim_json_pointer": true, "groups_claim": "g",
        "bound_claims": {"a": ["b"]}, "claim_mappings": {"a": "b"}, "clock_skew_leeway": "90s", "policies": "p",
    });
    role(&server, "One", body);
    role(&server, "one", json!({"token_num_uses": 3, "user_claim": "/who"}));
    let read = server.call("GET", "auth/jwt/role/one", Value::Null).json["data"].clone();
    for (field, value) in [
        ("role_type", json!("jwt")),
        ("bound_audiences", json!(["me"])),
        ("bound_claims", json!({"a": ["b"]})),
        ("bound_claims_type", json!("string")),
        ("claim_mappings", json!({"a": "b"})),
        ("clock_skew_leeway", json!(90)),
        ("user_claim", json!("/who")),
        ("user_claim_json_pointer", json!(true)),
        ("token_policies", json!(["p"])),
        ("token_num_uses", json!(3)),
        ("token_ttl", json!(0)),
    ] {
        assert_eq!(read[field], value, "{field}");
    }
    assert_eq!(server.call("LIST", "auth/jwt/role", Value::Null).json["data"]["keys"], json!(["one"]));
    assert_eq!(server.call("DELETE", "auth/jwt/role/one", Value::Null).status, 204);
    assert_eq!(server.call("GET", "auth/jwt/role/one", Value::Null).status, 404);
    for (method, path) in [("GET", "config"), ("POST", "config"), ("LIST", "role"), ("POST", "role/x")] {
        assert_eq!(server.send(method, &format!("auth/jwt/{path}"), &[], json!({})).status, 403, "{method} {path}");
    }
}
