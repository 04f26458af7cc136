//! What roles take and what they refuse.

use super::*;

fn written(body: Value) -> Result<Role, String> {
    let mut role = Role::default();
    let Value::Object(fields) = body else { return Err("no object".into()) };
    role.change(&Sent::new(fields)).map_err(|fault| fault.messages.concat())?;
    Ok(role)
}

#[test]
fn a_role_takes_what_stock_clients_send() {
    let role = written(json!({
        "role_type": "jwt", "user_claim": "sub", "bound_audiences": "a,b", "bound_claims": {"x": ["1", 2]},
        "expiration_leeway": "-1", "clock_skew_leeway": "90s", "policies": "p,q", "ttl": "1h",
    }))
    .unwrap();
    assert_eq!(role.bound_audiences, ["a", "b"]);
    assert_eq!(
        (role.expiration_leeway.or(150), role.clock_skew_leeway.or(60), role.not_before_leeway.or(150)),
        (0, 90, 150)
    );
    assert_eq!(role.show()["token_policies"], json!(["p", "q"]));
    assert_eq!(role.show()["token_ttl"], json!(3600));
}

#[test]
fn a_role_maps_no_more_than_the_host_takes() {
    let mapped = |names: Vec<String>| {
        let mappings: Map = names.into_iter().enumerate().map(|(at, name)| (at.to_string(), json!(name))).collect();
        let body = json!({"role_type": "jwt", "user_claim": "s", "bound_subject": "x", "claim_mappings": mappings});
        written(body).map(drop)
    };
    assert_eq!(mapped((0..63).map(|n| n.to_string()).collect()), Ok(()));
    assert_eq!(mapped(vec!["x".repeat(512)]), Ok(()));
    for names in
        [(0..64).map(|n| n.to_string()).collect(), vec![String::new()], vec!["x".repeat(513)], vec!["a\nb".into()]]
    {
        assert!(mapped(names).unwrap_err().starts_with("claim_mappings: at most 63"));
    }
}

#[test]
fn a_role_that_would_let_in_everybody_or_nobody_is_refused() {
    for (body, says) in [
        (json!({"user_claim": "sub", "bound_subject": "x"}), "role_type:"),
        (json!({"role_type": "oidc", "user_claim": "sub"}), "role_type:"),
        (json!({"role_type": "jwt", "bound_subject": "x"}), "a user claim"),
        (json!({"role_type": "jwt", "user_claim": "sub"}), "must have at least one bound constraint"),
        (json!({"role_type": "jwt", "user_claim": "s", "bound_claims": {"a": {"b": 1}}}), "bound_claims:"),
        (
            json!({"role_type": "jwt", "user_claim": "s", "bound_claims": {"a": 1}, "bound_claims_type": "glob"}),
            "bound_claims:",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "s", "bound_subject": "x", "bound_claims_type": "regex"}),
            "bound_claims_type:",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "s", "bound_subject": "x", "claim_mappings": {"a": "x", "b": "x"}}),
            "claim_mappings:",
        ),
        (
            json!({"role_type": "jwt", "user_claim": "s", "bound_subject": "x", "clock_skew_leeway": "soon"}),
            "clock_skew_leeway:",
        ),
    ] {
        let refused = written(body.clone()).unwrap_err();
        assert!(refused.starts_with(says), "{body}: {refused}");
    }
}
