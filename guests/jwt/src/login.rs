//! Logins.

use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json;
use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::role::{self, Role};
use crate::{claims, key_set};
use formats::jws::Jws;

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
    believe(&config, &token)?;
    claims::check(&token.claims, &role, config.issuer(), clock::now().seconds)?;
    Ok(Response::auth(grant(name, &role, &token)?))
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
