//! What the auth method jwt refuses, and in which words.

use harness::{Server, Signer, openssl};
use serde_json::{Map, Value, json};

use crate::jwt::{SIGNER, log_in, mount, role, soon};
use crate::pki::refused;

#[test]
fn a_configuration_is_refused_with_what_is_wrong_and_nothing_of_it_is_kept() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/auth/jwt", json!({"type": "jwt"})).status, 204);
    let public = |options: &[&str]| {
        let private = openssl(&[&["genpkey"][..], options].concat(), "");
        openssl(&["pkey", "-pubout"], private)
    };
    let small = public(&["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"]);
    let exchange = public(&["-algorithm", "X25519"]);
    let (ways, useless) = ("exactly one of", "must be RSA of 2048 to 8192 bits, P-256, P-384, P-521 or Ed25519");
    let jwks = |url: &str| json!({ "jwks_url": url });
    for (body, says) in [
        (json!({}), ways),
        (json!({"jwt_validation_pubkeys": []}), ways),
        (json!({"jwt_validation_pubkeys": SIGNER.pem(), "jwks_url": "https://id.example/keys"}), ways),
        (json!({"oidc_discovery_url": "https://id.example", "jwks_url": "https://id.example/keys"}), ways),
        (json!({"jwt_validation_pubkeys": "x"}), "jwt_validation_pubkeys: error parsing public key"),
        (json!({"jwt_validation_pubkeys": [SIGNER.pem(), ""]}), "jwt_validation_pubkeys: error parsing public key"),
        (json!({"jwt_validation_pubkeys": small}), useless),
        (json!({"jwt_validation_pubkeys": exchange}), useless),
        (json!({"jwt_validation_pubkeys": vec![SIGNER.pem(); 33]}), "jwt_validation_pubkeys: at most 32 keys"),
        (json!({"jwt_validation_pubkeys": {"a": 1}}), "jwt_validation_pubkeys"),
        (json!({"jwt_validation_pubkeys": SIGNER.pem(), "jwt_supported_algs": ["HS256"]}), "jwt_supported_algs:"),
        (json!({"jwt_validation_pubkeys": SIGNER.pem(), "bound_issuer": "x".repeat(2049)}), "bound_issuer: at most"),
        (json!({"jwt_validation_pubkeys": SIGNER.pem(), "default_role": "x".repeat(2049)}), "default_role: at most"),
        (json!({"oidc_discovery_url": "https://id.example", "oidc_client_id": "c"}), "oidc_client_id: logins through"),
        (jwks("keys"), "error checking jwks URL: url: must be an absolute https URL"),
        (jwks("http://id.example/keys"), "error checking jwks URL: url: must begin with https://"),
        (jwks("https://u:p@id.example/"), "error checking jwks URL: url: must have no user"),
        (jwks("https://id.example/keys"), "id.example:443 is not in http_out.allow of the server's configuration"),
        (jwks("https://169.254.169.254/latest"), "169.254.169.254:443 is not in http_out.allow"),
        (jwks(server.address()), "is not in http_out.allow"),
        (json!({"oidc_discovery_url": "https://id.example"}), "error checking oidc discovery URL: id.example:443"),
    ] {
        let set = server.call("POST", "auth/jwt/config", body);
        refused(&set, 400, says);
    }
    refused(&server.call("POST", "auth/jwt/config", json!([])), 400, "");
    assert_eq!(server.call("GET", "auth/jwt/config", Value::Null).status, 404);
    assert_eq!(server.call("DELETE", "auth/jwt/config", Value::Null).status, 405);
}

#[test]
fn a_role_is_refused_with_what_is_wrong_and_nothing_of_it_is_kept() {
    let server = Server::start();
    mount(&server, json!({"jwt_validation_pubkeys": SIGNER.pem()}));
    let many = |count: usize| (0..count).map(|n| (n.to_string(), json!(n.to_string()))).collect::<Map<_, _>>();
    for (change, says) in [
        (json!({"role_type": null}), "role_type: must be \"jwt\""),
        (json!({"role_type": "oidc"}), "role_type: must be \"jwt\""),
        (json!({"user_claim": null}), "a user claim must be defined on the role"),
        (json!({"user_claim": {}}), "user_claim"),
        (json!({"user_claim": "x".repeat(2049)}), "at most 2048 bytes"),
        (json!({"bound_subject": null}), "must have at least one bound constraint when creating/updating a role"),
        (json!({"bound_audiences": vec!["a"; 257]}), "a role has at most 256 audiences and claims"),
        (json!({"bound_claims": many(257)}), "a role has at most 256 audiences and claims"),
        (json!({"bound_claims": "{\"a\": \"b\"}"}), "bound_claims: must be an object, or one text of k=v pairs"),
        (json!({"bound_claims": {"a": {"b": 1}}}), "bound_claims: \"a\" must have a value or a list of values"),
        (json!({"bound_claims": {"a": [[]]}}), "bound_claims: \"a\" must have a value or a list of values"),
        (json!({"bound_claims": {"a": 1}, "bound_claims_type": "glob"}), "bound_claims: \"a\" is no text"),
        (json!({"bound_claims_type": "regex"}), "bound_claims_type: must be \"string\" or \"glob\""),
        (json!({"claim_mappings": {"a": "x", "b": "x"}}), "claim_mappings: each claim must have a name of its own"),
        (json!({"claim_mappings": {"a": "role"}}), "claim_mappings: each claim must have a name of its own"),
        (json!({"claim_mappings": {"a": ""}}), "claim_mappings: at most 63"),
        (json!({"claim_mappings": {"a": "x\ny"}}), "claim_mappings: at most 63"),
        (json!({"claim_mappings": many(64)}), "claim_mappings: at most 63"),
        (json!({"clock_skew_leeway": "soon"}), "clock_skew_leeway: must be a duration"),
        (json!({"expiration_leeway": 1e300}), "expiration_leeway: must be a duration"),
        (json!({"not_before_leeway": []}), "not_before_leeway: must be a duration"),
        (json!({"token_ttl": 2, "token_max_ttl": 1}), "'token_ttl' cannot be greater than 'token_max_ttl'"),
        (json!({"token_policies": "root"}), "token_policies: auth methods cannot create root tokens"),
        (json!({"token_bound_cidrs": "nowhere"}), "token_bound_cidrs:"),
        (json!({"token_type": "eternal"}), "token_type: must be"),
    ] {
        let mut body = json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "ann"});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        refused(&server.call("POST", "auth/jwt/role/r", body), 400, says);
    }
    let body = json!({"role_type": "jwt", "user_claim": "sub", "bound_subject": "ann"});
    let long = format!("auth/jwt/role/{}", "x".repeat(256));
    refused(&server.call("POST", &long, body), 400, "a name in the path cannot be stored");
    assert_eq!(server.call("GET", "auth/jwt/role/r", Value::Null).status, 404);
    // A change that is refused leaves the role as it was.
    role(&server, "r", json!({}));
    refused(
        &server.call("POST", "auth/jwt/role/r", json!({"bound_subject": ""})),
        400,
        "at least one bound constraint",
    );
    let kept = server.call("GET", "auth/jwt/role/r", Value::Null);
    assert_eq!(kept.json["data"]["bound_subject"], "ann");
}

#[test]
fn a_login_is_refused_in_words_that_say_why() {
    let server = Server::start();
    assert_eq!(server.call("POST", "sys/auth/jwt", json!({"type": "jwt"})).status, 204);
    refused(&log_in(&server, "r", "x"), 400, "could not load configuration");
    let set = server.call("POST", "auth/jwt/config", json!({"jwt_validation_pubkeys": SIGNER.pem()}));
    assert_eq!(set.status, 204);
    role(&server, "r", json!({}));
    let claims = soon(json!({"sub": "ann"}));
    let good = SIGNER.sign(&claims);
    let with_header = |header: Value| SIGNER.sign_as(&header, &claims);
    let (parts, algorithm) = ("a signed token has three parts", "its algorithm is none, symmetric or not known");
    for (body, says) in [
        (json!({}), "missing role"),
        (json!({"jwt": good}), "missing role"),
        (json!({"role": "r"}), "missing token"),
        (json!({"role": "r", "jwt": ""}), "missing token"),
        (json!({"role": "r", "jwt": {}}), "jwt"),
        (json!({"role": [], "jwt": good}), "role"),
        (json!({"role": "nobody", "jwt": good}), "role \"nobody\" could not be found"),
        (json!({"role": "a/../r", "jwt": good}), "role \"a/../r\" could not be found"),
        (json!({"role": "x".repeat(4000), "jwt": good}), "could not be found"),
        (json!({"role": "r", "jwt": "x"}), parts),
        (json!({"role": "r", "jwt": format!("{good}.x")}), parts),
        (json!({"role": "r", "jwt": "a.b.c"}), "error parsing token: its header is not base64url"),
        (json!({"role": "r", "jwt": "e30.e30.AAAA"}), algorithm),
        (json!({"role": "r", "jwt": with_header(json!({"alg": "none"}))}), algorithm),
        (json!({"role": "r", "jwt": with_header(json!({"alg": "HS256"}))}), algorithm),
        (json!({"role": "r", "jwt": with_header(json!({"alg": "ES256", "crit": ["b64"], "b64": false}))}), "critical"),
        (json!({"role": "r", "jwt": with_header(json!({"alg": "ES512"}))}), "not of its algorithm's length"),
        (json!({"role": "r", "jwt": "x".repeat((64 << 10) + 1)}), "error parsing token: longer than 65536 bytes"),
        (
            json!({"role": "r", "jwt": SIGNER.sign_as(&json!({"alg": "ES256"}), &json!([]))}),
            "its payload is not a JSON",
        ),
    ] {
        refused(&server.send("POST", "auth/jwt/login", &[], body), 400, says);
    }
    // A public key is no secret to sign with.
    let rsa = Signer::new("RS256");
    let set = server.call("POST", "auth/jwt/config", json!({"jwt_validation_pubkeys": rsa.pem()}));
    assert_eq!(set.status, 204);
    refused(&log_in(&server, "r", &rsa.sign_as(&json!({"alg": "HS256"}), &claims)), 400, algorithm);
    assert_eq!(server.call("GET", "auth/jwt/login", Value::Null).status, 405);
    assert_eq!(log_in(&server, "r", &format!(" {}\n", rsa.sign(&claims))).status, 200);
}
