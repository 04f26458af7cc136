//! What a token claims, compared with what a role demands.

use innkeeper_guest::serde_json::Value;
use innkeeper_guest::{Fault, Map};

use crate::role::Role;

/// How long a token without an end is taken after it begins, and one without a beginning before it ends, in seconds,
/// unless the role says otherwise.
const LEEWAY: u64 = 150;
/// How far clocks may differ, in seconds, unless the role says otherwise.
const SKEW: u64 = 60;

fn refused(why: impl std::fmt::Display) -> Fault {
    Fault::invalid(format!("error validating token: {why}"))
}

/// A claim by its name, or by a JSON Pointer (RFC 6901) when the name begins with `/`.
pub(crate) fn claim<'a>(claims: &'a Map, name: &str) -> Option<&'a Value> {
    let Some(pointer) = name.strip_prefix('/') else { return claims.get(name) };
    let mut steps = pointer.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(&steps.next()?)?;
    steps.try_fold(first, |at, step| match at {
        Value::Object(fields) => fields.get(&step),
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        _ => None,
    })
}

/// A claim as text: texts and numbers are, and truth values.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Checks everything that the role and the configuration demand, at a time in seconds since 1970.
pub(crate) fn check(claims: &Map, role: &Role, issuer: &str, now: u64) -> Result<(), Fault> {
    if !issuer.is_empty() && claims.get("iss").and_then(Value::as_str) != Some(issuer) {
        return Err(refused("invalid issuer (iss) claim"));
    }
    if !role.bound_subject.is_empty() && claims.get("sub").and_then(Value::as_str) != Some(&role.bound_subject) {
        return Err(refused("invalid subject (sub) claim"));
    }
    check_audience(claims, role)?;
    check_times(claims, role, now)?;
    for (name, wanted) in &role.bound_claims {
        let found = claim(claims, name);
        let found =
            found.ok_or_else(|| Fault::invalid(format!("error validating claims: claim {name:?} is missing")))?;
        if !matches(found, wanted, role.bound_claims_type == "glob") {
            return Err(Fault::invalid(format!(
                "error validating claims: claim {name:?} does not match any associated bound claim values"
            )));
        }
    }
    Ok(())
}

fn check_audience(claims: &Map, role: &Role) -> Result<(), Fault> {
    let said: Vec<&str> = match claims.get("aud") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(refused("invalid audience (aud) claim: must be a text or a list of texts")),
    };
    match (said.is_empty(), role.bound_audiences.is_empty()) {
        (_, true) if !said.is_empty() => {
            Err(Fault::invalid("audience claim found in JWT but no audiences bound to the role"))
        }
        (_, true) => Ok(()),
        _ if role.bound_audiences.iter().any(|bound| said.contains(&bound.as_str())) => Ok(()),
        _ => Err(refused("invalid audience (aud) claim: audience claim does not match any bound audience")),
    }
}

/// RFC 7519 section 4.1.4 to 4.1.6. What a token does not say of its times follows from what it says.
fn check_times(claims: &Map, role: &Role, now: u64) -> Result<(), Fault> {
    let time = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| seconds.is_finite() && *seconds >= 0.0 && *seconds < 1e15);
            seconds.map(|seconds| Some(seconds as u64)).ok_or_else(|| refused(format!("invalid time ({name}) claim")))
        }
    };
    let (issued, mut begins, mut ends) = (time("iat")?, time("nbf")?, time("exp")?);
    if issued.is_none() && begins.is_none() && ends.is_none() {
        return Err(refused("no issued at (iat), not before (nbf), or expiration time (exp) claims in token"));
    }
    if ends.is_none() {
        let latest = issued.max(begins).unwrap_or_default();
        ends = Some(latest.saturating_add(role.expiration_leeway.or(LEEWAY)));
    }
    if begins.is_none() {
        let before = || ends.unwrap_or_default().saturating_sub(role.not_before_leeway.or(LEEWAY));
        begins = Some(issued.unwrap_or_else(before));
    }
    let skew = role.clock_skew_leeway.or(SKEW);
    let (early, late) = (now.saturating_add(skew), now.saturating_sub(skew));
    if begins.is_some_and(|begins| begins > early) || issued.is_some_and(|issued| issued > early) {
        return Err(refused("invalid not before (nbf) or issued at (iat) claim: token not yet valid"));
    }
    if ends.is_some_and(|ends| ends <= late) {
        return Err(refused("invalid expiration time (exp) claim: token is expired"));
    }
    Ok(())
}

/// Whether one of the values that a claim has is one of those wanted.
fn matches(found: &Value, wanted: &Value, glob: bool) -> bool {
    let values = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    };
    let wanted = values(wanted);
    values(found).iter().any(|found| {
        wanted.iter().any(|wanted| match (found, wanted) {
            (Value::String(found), Value::String(wanted)) if glob => fits(wanted, found),
            // A claim may be a number or a truth value where the role has a text: command lines send texts.
            (found, Value::String(wanted)) => text(found).as_ref() == Some(wanted),
            (found, wanted) => found == wanted,
        })
    })
}

/// Whether a text fits a pattern in which each `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// The groups that a claim names.
pub(crate) fn groups(claims: &Map, name: &str) -> Result<Vec<String>, Fault> {
    if name.is_empty() {
        return Ok(Vec::new());
    }
    let wrong = || Fault::invalid(format!("{name:?} claim could not be converted to string list"));
    match claim(claims, name) {
        None => Err(Fault::invalid(format!("{name:?} claim not found in token"))),
        Some(Value::Array(items)) => items.iter().map(|item| text(item).ok_or_else(wrong)).collect(),
        Some(one) => text(one).map(|one| vec![one]).ok_or_else(wrong),
    }
}

#[cfg(test)]
mod tests {
    use innkeeper_guest::prelude::json;

    use super::*;
    use crate::role::Leeway;

    const NOW: u64 = 1_800_000_000;

    fn map(value: Value) -> Map {
        match value {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    fn verdict(claims: Value, role: &Role) -> Result<(), String> {
        let mut claims = map(claims);
        claims.entry("exp").or_insert(json!(NOW + 10));
        check(&claims, role, "", NOW).map_err(|fault| fault.messages.concat())
    }

    #[test]
    fn audiences_must_be_bound_and_match() {
        let bound = Role { bound_audiences: vec!["me".into(), "us".into()], ..Role::default() };
        for (claims, role, fine) in [
            (json!({}), &Role::default(), true),
            (json!({"aud": "me"}), &Role::default(), false),
            (json!({"aud": "me"}), &bound, true),
            (json!({"aud": ["x", "us"]}), &bound, true),
            (json!({"aud": ["x"]}), &bound, false),
            (json!({}), &bound, false),
            (json!({"aud": 7}), &bound, false),
        ] {
            assert_eq!(verdict(claims.clone(), role).is_ok(), fine, "{claims}");
        }
    }

    #[test]
    fn claims_match_texts_lists_pointers_and_globs() {
        let role = |claims: Value, kind: &str| Role {
            bound_claims: map(claims),
            bound_claims_type: kind.into(),
            ..Role::default()
        };
        for (claims, wanted, kind, fine) in [
            (json!({"a": "x"}), json!({"a": "x"}), "string", true),
            (json!({"a": "x"}), json!({"a": ["y", "x"]}), "string", true),
            (json!({"a": ["z", "x"]}), json!({"a": "x"}), "string", true),
            (json!({"a": "y"}), json!({"a": "x"}), "string", false),
            (json!({}), json!({"a": "x"}), "string", false),
            (json!({"a": {"b/c": ["p", "q"]}}), json!({"/a/b~1c/1": "q"}), "string", true),
            (json!({"a": true, "n": 7}), json!({"a": "true", "n": 7}), "string", true),
            (json!({"a": "team-x-y"}), json!({"a": "team-*-y"}), "glob", true),
            (json!({"a": "team-x-y"}), json!({"a": "team-*"}), "string", false),
            (json!({"a": "x"}), json!({"a": "*"}), "glob", true),
            (json!({"a": "ab"}), json!({"a": "a*ab"}), "glob", false),
        ] {
            assert_eq!(verdict(claims.clone(), &role(wanted.clone(), kind)).is_ok(), fine, "{claims} {wanted}");
        }
    }

    #[test]
    fn a_token_is_taken_within_its_times_and_the_leeway() {
        let plain = Role::default();
        let strict = Role { clock_skew_leeway: Leeway(-1), expiration_leeway: Leeway(-1), ..Role::default() };
        for (claims, role, fine) in [
            (json!({"exp": NOW - 59}), &plain, true),
            (json!({"exp": NOW - 60}), &plain, false),
            (json!({"exp": NOW}), &strict, false),
            (json!({"exp": NOW + 1}), &strict, true),
            (json!({"nbf": NOW + 60, "exp": NOW + 90}), &plain, true),
            (json!({"nbf": NOW + 61, "exp": NOW + 90}), &plain, false),
            (json!({"iat": NOW, "exp": null}), &plain, true),
            (json!({"iat": NOW - 211, "exp": null}), &plain, false),
            (json!({"exp": null}), &plain, false),
            (json!({"exp": "soon"}), &plain, false),
            (json!({"exp": 1e300}), &plain, false),
        ] {
            assert_eq!(verdict(claims.clone(), role).is_ok(), fine, "{claims}");
        }
    }

    #[test]
    fn issuer_and_subject_are_compared_as_they_are() {
        let role = Role { bound_subject: "ann".into(), ..Role::default() };
        let claims = map(json!({"iss": "https://a", "sub": "ann", "exp": NOW + 1}));
        assert!(check(&claims, &role, "https://a", NOW).is_ok());
        assert!(check(&claims, &role, "https://a/", NOW).is_err());
        let other = map(json!({"iss": "https://a", "sub": "Ann", "exp": NOW + 1}));
        assert!(check(&other, &role, "https://a", NOW).is_err());
    }
}
