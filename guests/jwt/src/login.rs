//! Logins.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json;
use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::jws::Jws;
use crate::role::{self, Role};
use crate::{claims, key_set};

body! {
    /// What `login` takes.
    pub struct Login {
        /// The role; the configured one unless given.
        pub role: String,
        /// The token.
        pub jwt: String,
    }
}

/// What comes back when a token that a login got is renewed.
#[derive(Serialize, Deserialize)]
struct Internal {
    role: String,
}

pub(crate) fn login(request: &Request) -> Answer {
    let Login { role, jwt } = request.body()?;
    let config = config::get()?.ok_or_else(|| Fault::invalid("could not load configuration"))?;
    let name = if role.is_empty() { &config.default_role } else { &role };
    if name.is_empty() {
        return Err(Fault::invalid("missing role"));
    }
    if jwt.is_empty() {
        return Err(Fault::invalid("missing token"));
    }
    let role = role::get(name)?.ok_or_else(|| Fault::invalid("role could not be found"))?;
    if !network::within(&role.token.token_bound_cidrs, request.remote_address()) {
        return Err(Fault::denied("permission denied"));
    }
    let token = Jws::parse(jwt.trim())?;
    let granted = believe(&config, &token).and_then(|()| {
        claims::check(&token.claims, &role, config.issuer(), clock::now().seconds)?;
        grant(name, &role, &token)
    });
    if granted.is_err() {
        // A fault drops what was written, and with it the key set that may just have been fetched: then every stranger
        // with a token of an unknown key would make us ask for it again. Whether it can be kept changes no answer.
        let _ = storage::checkpoint();
    }
    Ok(Response::auth(granted?))
}

/// Refuses a token that none of the known keys has signed.
fn believe(config: &Config, token: &Jws) -> Result<(), Fault> {
    let taken = &config.jwt_supported_algs;
    if !taken.is_empty() && !taken.iter().any(|name| name == token.algorithm) {
        return Err(Fault::invalid("error validating token: its algorithm is not among jwt_supported_algs"));
    }
    for key in key_set::candidates(config, token.key_id.as_deref(), token.algorithm)? {
        if keys::verify_with(&key.der(), token.scheme(), &token.signed, &token.signature).unwrap_or(false) {
            return Ok(());
        }
    }
    Err(Fault::invalid("error validating token: no known key successfully validated the token signature"))
}

fn grant(name: &str, role: &Role, token: &Jws) -> Result<Auth, Fault> {
    let user = &role.user_claim;
    let pointer = role.user_claim_json_pointer || !user.starts_with('/');
    let found = if pointer { claims::claim(&token.claims, user) } else { token.claims.get(user) };
    let found = found.ok_or_else(|| Fault::invalid(format!("claim {user:?} not found in token")))?;
    let alias = claims::text(found).filter(|alias| !alias.is_empty());
    let alias = alias.ok_or_else(|| Fault::invalid(format!("claim {user:?} could not be converted to string")))?;
    let mut auth = Auth::new(alias, role.token.token_policies.clone(), role.token.wishes());
    auth = auth.metadata("role", name);
    for (claim, to) in &role.claim_mappings {
        let value = claims::claim(&token.claims, claim).and_then(claims::text);
        if let (Some(value), Some(to)) = (value, to.as_str()) {
            auth = auth.metadata(to, value);
        }
    }
    auth.group_aliases = claims::groups(&token.claims, &role.groups_claim)?;
    Ok(auth.internal(&Internal { role: name.to_owned() }))
}

/// A token may be renewed as long as its role is there, by what the role says now.
pub(crate) fn renew(internal: &str) -> Result<TokenWishes, Fault> {
    let Internal { role } =
        serde_json::from_str(internal).map_err(|e| Fault::internal(format!("a login's own words: {e}")))?;
    let role = role::get(&role)?.ok_or_else(|| Fault::invalid("role does not exist during renewal"))?;
    Ok(role.token.wishes())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use innkeeper_guest::serde_json::Value;

    use super::*;

    fn token(header: &Value, claims: &Value) -> String {
        let part = |json: &Value| URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode([1; 64]))
    }

    fn refused(jwt: &str) -> Fault {
        let fault = login(&Request::for_test(&[], &json!({ "role": "r", "jwt": jwt }))).map(drop).unwrap_err();
        storage::drop_writes();
        fault
    }

    /// A mount with a role, whose key set another answers for.
    fn mount() {
        let role = json!({ "record": 1, "user_claim": "sub", "bound_subject": "ann" });
        storage::put_json("role/r", &role).unwrap();
        let config = json!({
            "record": 1, "oidc_discovery_url": "", "oidc_discovery_ca_pem": "", "jwks_url": "https://id.example/keys",
            "jwks_ca_pem": "", "jwt_validation_pubkeys": [], "bound_issuer": "", "jwt_supported_algs": [],
            "default_role": "",
        });
        storage::put_json("config", &config).unwrap();
        storage::checkpoint().unwrap();
    }

    #[test]
    fn strangers_with_tokens_of_an_unknown_key_do_not_make_us_ask_again_and_again() {
        mount();
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        http_out::answer_with(move |_| {
            count.set(count.get() + 1);
            Ok(http_out::Response { status: 200, headers: Vec::new(), body: br#"{"keys":[]}"#.to_vec() })
        });
        let stranger = token(&json!({ "alg": "EdDSA", "kid": "k2" }), &json!({ "sub": "ann" }));
        for _ in 0..3 {
            assert!(refused(&stranger).messages[0].contains("no known key"));
        }
        assert_eq!(asked.get(), 1);
    }
}
