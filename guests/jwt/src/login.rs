//! Logins.

use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::config::{self, Config};
use crate::role::{self, Role};
use crate::{claims, key_set};
use formats::jws::Jws;
use formats::public_key::PublicKey;

body! {
    /// What `login` takes.
    pub struct Login {
        /// The role; the configured one unless given.
        pub role: String,
        /// The token.
        pub jwt: String,
    }
}

/// Most groups of a login that the host takes.
const GROUPS_MAX: usize = 256;
/// Longest name or value of metadata that the host takes, in bytes.
pub(crate) const VALUE_MAX: usize = 512;

/// What comes back when a token that a login got is renewed.
#[derive(Serialize, Deserialize)]
struct Internal {
    role: String,
}

pub(crate) fn login(request: &Request) -> Answer {
    let Login { role, jwt } = request.body()?;
    let config = config::get()?.ok_or_else(|| Fault::invalid("could not load configuration"))?;
    let named = if role.is_empty() { &config.default_role } else { &role };
    // As roles are kept.
    let name = &named.to_lowercase();
    if name.is_empty() {
        return Err(Fault::invalid("missing role"));
    }
    if jwt.is_empty() {
        return Err(Fault::invalid("missing token"));
    }
    let role = || role::get(name)?.ok_or_else(|| Fault::invalid(format!("role {name:?} could not be found")));
    role()?.token.admit(request)?;
    let token = Jws::parse(jwt.trim())?;
    believe(&config, &token)?;
    // Asking for keys takes its time: what was read before may be past.
    let role = role()?;
    claims::check(&token.claims, &role, config.issuer(), clock::now().seconds)?;
    Ok(Response::auth(grant(name, &role, &token.claims)?))
}

/// Refuses a token that none of the known keys has signed.
fn believe(config: &Config, token: &Jws) -> Result<(), Fault> {
    let taken = &config.jwt_supported_algs;
    if !taken.is_empty() && !taken.iter().any(|name| name == token.algorithm) {
        return Err(Fault::invalid("error validating token: its algorithm is not among jwt_supported_algs"));
    }
    let signed_by = |key: &PublicKey| {
        // Those of its name if it names one; keys without a name may be meant by every name.
        let meant = token.key_id.is_none() || key.id.is_none() || key.id == token.key_id;
        let verify = || keys::verify_with(&key.der(), token.scheme(), &token.signed, &token.signature);
        meant && key.signs(token.algorithm) && verify().unwrap_or(false)
    };
    if key_set::find(config, signed_by)? {
        return Ok(());
    }
    let text = "error validating token: error verifying token signature: no known key successfully validated the token signature";
    Err(Fault::invalid(text))
}

fn grant(name: &str, role: &Role, token: &Map) -> Result<Auth, Fault> {
    let user = &role.user_claim;
    let pointer = role.user_claim_json_pointer || !user.starts_with('/');
    let found = if pointer { claims::claim(token, user) } else { token.get(user) };
    let found = found.ok_or_else(|| Fault::invalid(format!("claim {user:?} not found in token")))?;
    let alias = claims::text(found).filter(|alias| !alias.is_empty());
    let alias = alias.ok_or_else(|| Fault::invalid(format!("claim {user:?} could not be converted to string")))?;
    fitting(user, &alias)?;
    let mut auth = Auth::new(alias, role.token.token_policies.clone(), role.token.wishes());
    auth = auth.metadata("role", name);
    for (claim, to) in &role.claim_mappings {
        let value = claims::claim(token, claim).and_then(claims::text);
        if let (Some(value), Some(to)) = (value, to.as_str()) {
            fitting(claim, &value)?;
            auth = auth.metadata(to, value);
        }
    }
    let groups = claims::groups(token, &role.groups_claim)?;
    if groups.len() > GROUPS_MAX {
        return Err(Fault::invalid(format!("claim {:?} names more than 256 groups", role.groups_claim)));
    }
    if groups.iter().any(String::is_empty) {
        return Err(unfitting(&role.groups_claim));
    }
    groups.iter().try_for_each(|group| fitting(&role.groups_claim, group))?;
    auth.group_aliases = groups;
    Ok(auth.internal(&Internal { role: name.to_owned() }))
}

/// Refuses what the host does not take as a name or as metadata.
fn fitting(claim: &str, value: &str) -> Result<(), Fault> {
    if value.len() > VALUE_MAX || value.chars().any(char::is_control) { Err(unfitting(claim)) } else { Ok(()) }
}

fn unfitting(claim: &str) -> Fault {
    Fault::invalid(format!(
        "claim {claim:?} must have at most 512 bytes, no control characters, and as a name one byte or more"
    ))
}

/// A token may be renewed as long as its role is there, by what the role says now.
pub(crate) fn renew(internal: &str) -> Result<TokenWishes, Fault> {
    let Internal { role } = Auth::from_internal(internal)?;
    let role = role::get(&role)?.ok_or_else(|| Fault::invalid("role does not exist during renewal"))?;
    Ok(role.token.wishes())
}

#[cfg(test)]
mod tests;
