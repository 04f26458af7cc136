use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use innkeeper_guest::http_out::{HttpError, HttpErrorKind};
use innkeeper_guest::serde_json;

use super::*;
use crate::{config, role};

fn token(claims: &Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.{}", part(r#"{"alg":"RS256"}"#), part(&claims.to_string()), part("signature"))
}

fn claims() -> Value {
    json!({
        "aud": ["vault", "other"], "exp": clock::seconds() + 60, "iss": "https://cluster",
        "kubernetes.io": {"namespace": "shop", "serviceaccount": {"name": "web", "uid": "u1"}},
    })
}

fn confirmed() -> Value {
    json!({"status": {"authenticated": true, "user": {"username": "system:serviceaccount:shop:web", "uid": "u1"}}})
}

/// Lets a cluster answer reviews with this; what it was asked.
fn answering(status: u16, review: Value) -> Rc<RefCell<Vec<(String, String, Value)>>> {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let keep = Rc::clone(&asked);
    http_out::answer_with(move |request| {
        let bearer = request.headers.iter().find(|(name, _)| name == "authorization").unwrap().1.clone();
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        keep.borrow_mut().push((request.url.clone(), bearer, body));
        let answer = match request.url.rsplit('/').next() {
            Some("tokenreviews") => review.clone(),
            Some("shop") => json!({"metadata": {"labels": {"team": "shop"}}}),
            _ => json!({"metadata": {"annotations": {"vault.hashicorp.com/alias-metadata-env": "prod", "x": "y"}}}),
        };
        Ok(http_out::Response { status, headers: Vec::new(), body: answer.to_string().into_bytes() })
    });
    asked
}

fn ready(config: Value, role: Value) {
    let mut all = json!({"kubernetes_host": "https://k8s.example"});
    let mut bound = json!({"bound_service_account_names": "web", "bound_service_account_namespaces": "shop"});
    for (fields, more) in [(&mut all, config), (&mut bound, role)] {
        for (field, value) in more.as_object().unwrap() {
            fields[field] = value.clone();
        }
    }
    config::tests::set(all).unwrap();
    role::tests::set("web", &bound).unwrap();
}

fn tried(claims: &Value) -> Answer {
    login(&Request::for_test(&[], &json!({"role": "web", "jwt": token(claims)})))
}

fn refused(claims: &Value) -> (FaultKind, String) {
    let fault = tried(claims).map(drop).unwrap_err();
    (fault.kind, fault.messages.concat())
}

#[test]
fn an_account_that_the_cluster_confirms_gets_what_its_role_says() {
    ready(json!({}), json!({"token_policies": "p", "token_ttl": 60, "audience": "vault"}));
    let asked = answering(201, confirmed());
    let answer = tried(&claims()).unwrap();
    let auth = answer.login().unwrap();
    assert_eq!((auth.display_name.as_str(), auth.token.ttl), ("shop-web", 60));
    let alias = auth.alias.as_ref().unwrap();
    assert_eq!((alias.name.as_str(), alias.metadata.len(), auth.metadata.len()), ("u1", 4, 5));
    let (url, bearer, review) = asked.borrow()[0].clone();
    assert_eq!(url, "https://k8s.example/apis/authentication.k8s.io/v1/tokenreviews");
    assert_eq!(bearer, format!("Bearer {}", token(&claims())));
    assert_eq!((&review["kind"], &review["spec"]["audiences"]), (&json!("TokenReview"), &json!(["vault"])));
    assert_eq!(renew(&auth.internal).unwrap().ttl, 60);
    assert!(role::remove(&Request::for_test(&[("name", "web")], &json!({}))).is_ok());
    assert!(renew(&auth.internal).unwrap_err().messages[0].contains("does not exist"));
}

#[test]
fn the_reviewers_token_is_asked_with_where_there_is_one() {
    ready(json!({"token_reviewer_jwt": "re.view.er"}), json!({}));
    let asked = answering(200, confirmed());
    assert!(tried(&claims()).is_ok());
    let (_, bearer, review) = asked.borrow()[0].clone();
    assert_eq!(bearer, "Bearer re.view.er");
    assert_eq!(review["spec"]["audiences"], json!(["vault", "other"]), "a role without audience asks for any");
}

#[test]
fn accounts_of_other_names_and_namespaces_are_denied_before_anybody_is_asked() {
    let asked = answering(200, confirmed());
    ready(json!({}), json!({"bound_service_account_names": "api-*"}));
    assert_eq!(refused(&claims()), (FaultKind::Denied, "service account name not authorized".into()));
    ready(json!({}), json!({"bound_service_account_names": "*", "bound_service_account_namespaces": "other"}));
    assert_eq!(refused(&claims()), (FaultKind::Denied, "namespace not authorized".into()));
    assert!(asked.borrow().is_empty());
}

#[test]
fn a_namespace_may_be_taken_for_its_labels() {
    let selecting = |team: &str| {
        let selector = json!({"matchLabels": {"team": team}}).to_string();
        json!({"bound_service_account_namespaces": [], "bound_service_account_namespace_selector": selector})
    };
    answering(200, confirmed());
    ready(json!({"token_reviewer_jwt": "re.view.er"}), selecting("shop"));
    assert!(tried(&claims()).is_ok());
    ready(json!({"token_reviewer_jwt": "re.view.er"}), selecting("other"));
    assert_eq!(refused(&claims()), (FaultKind::Denied, "namespace not authorized".into()));
    ready(json!({}), selecting("shop"));
    assert_eq!(refused(&claims()), (FaultKind::Denied, "permission denied".into()));
}

#[test]
fn annotations_of_the_account_come_to_the_alias_where_that_is_switched_on() {
    answering(200, confirmed());
    ready(json!({"use_annotations_as_alias_metadata": true}), json!({}));
    let answer = tried(&claims()).unwrap();
    let auth = answer.login().unwrap();
    let alias = auth.alias.as_ref().unwrap();
    assert!(alias.metadata.contains(&("env".to_owned(), "prod".to_owned())) && alias.metadata.len() == 5);
    assert!(!auth.metadata.iter().any(|(name, _)| name == "env"));
}

#[test]
fn what_the_cluster_does_not_confirm_is_denied_without_a_reason() {
    ready(json!({}), json!({"audience": "vault"}));
    let denied = (FaultKind::Denied, "permission denied".to_owned());
    let with = |pointer: &str, value: Value| {
        let mut review = confirmed();
        *review.pointer_mut(pointer).unwrap() = value;
        review
    };
    let mut other_audience = confirmed();
    other_audience["status"]["audiences"] = json!(["other"]);
    let mut error = confirmed();
    error["status"]["error"] = json!("no");
    for (status, review) in [
        (401, json!({})),
        (500, confirmed()),
        (200, json!({})),
        (200, json!([])),
        (200, with("/status/authenticated", json!(false))),
        (200, with("/status/authenticated", json!("true"))),
        (200, with("/status/user/username", json!("system:serviceaccount:shop:api"))),
        (200, with("/status/user/username", json!("system:node:web"))),
        (200, with("/status/user/uid", json!("u2"))),
        (200, other_audience),
        (200, error),
    ] {
        answering(status, review.clone());
        assert_eq!(refused(&claims()), denied, "{status} {review}");
    }
    let failing = |kind| move |_: &http_out::Request| Err(HttpError { kind, message: "no".to_owned() });
    http_out::answer_with(failing(HttpErrorKind::NotAllowed));
    assert_eq!(refused(&claims()), denied);
    http_out::answer_with(failing(HttpErrorKind::Timeout));
    assert_eq!(refused(&claims()).0, FaultKind::Unavailable);
}

#[test]
fn claims_that_do_not_fit_are_denied() {
    answering(200, confirmed());
    ready(json!({"disable_iss_validation": false, "issuer": "https://cluster"}), json!({"audience": "vault"}));
    assert!(tried(&claims()).is_ok());
    let now = clock::seconds();
    for (field, value, says) in [
        ("exp", json!(now - 61), "invalid expiration time (exp) claim"),
        ("exp", json!("soon"), "invalid time (exp) claim"),
        ("nbf", json!(now + 120), "invalid nbf claim"),
        ("iat", json!(now + 120), "invalid iat claim"),
        ("iss", json!("https://other"), "invalid issuer (iss) claim"),
        ("iss", Value::Null, "invalid issuer (iss) claim"),
        ("aud", json!("other"), "invalid audience (aud) claim"),
        ("aud", Value::Null, "invalid audience (aud) claim"),
        ("kubernetes.io", json!({}), "could not parse the service account"),
    ] {
        let mut claims = claims();
        claims[field] = value;
        let (kind, text) = refused(&claims);
        assert!(kind == FaultKind::Denied && text.starts_with(says), "{field}: {text}");
    }
}

#[test]
fn a_login_needs_a_role_a_token_and_a_cluster() {
    let said = |body: Value| {
        let fault = login(&Request::for_test(&[], &body)).map(drop).unwrap_err();
        (fault.kind, fault.messages.concat())
    };
    assert_eq!(said(json!({"jwt": "x"})).1, "missing role");
    assert_eq!(said(json!({"role": "web"})).1, "missing jwt");
    assert_eq!(said(json!({"role": "web", "jwt": "x"})).1, "invalid role name \"web\"");
    role::tests::set("web", &json!({"bound_service_account_names": "*", "bound_service_account_namespaces": "*"}))
        .unwrap();
    assert_eq!(said(json!({"role": "web", "jwt": "x"})).1, "could not load backend configuration");
    ready(json!({}), json!({}));
    assert_eq!(said(json!({"role": "web", "jwt": "x"})).0, FaultKind::Denied);
    ready(json!({}), json!({"token_bound_cidrs": "10.0.0.0/8"}));
    assert_eq!(said(json!({"role": "web", "jwt": token(&claims())})), (FaultKind::Denied, "permission denied".into()));
}
