//! `login`: who has a role and a secret of it gets a token.

use innkeeper_guest::network::within;
use innkeeper_guest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::role::Role;
use crate::secret::{Place, Secret};

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "login",
    "Logs in.",
    &[Action::update("Gives a token to whoever has a secret of the role.", login)
        .fields(Login::FIELDS)
        .unauthenticated()],
)];

/// One text for all that may be wrong: who asks does not learn which roles there are.
const WRONG: &str = "invalid role or secret ID";

body! {
    /// What `login` takes.
    pub(crate) struct Login {
        /// Names the role.
        pub(crate) role_id: String,
        /// A secret of the role, if it wants one.
        pub(crate) secret_id: String,
    }
}

/// What comes back when the token is to be renewed.
#[derive(Serialize, Deserialize)]
struct Issued {
    role_name: String,
    /// A role of the same name that comes later is another.
    uid: String,
}

fn login(request: &Request) -> Answer {
    let Login { role_id, secret_id } = request.body()?;
    if role_id.is_empty() {
        return Err(Fault::invalid("missing role_id"));
    }
    let Some((name, role)) = Role::by_id(&role_id)? else {
        // As a role that wants a secret answers, which most do.
        if secret_id.is_empty() {
            return Err(missing_secret());
        }
        return Err(Fault::invalid_credentials(WRONG, role_id, false));
    };
    let secret = if role.bind_secret_id { Some(prove(&role, &secret_id, request)?) } else { None };
    if !within(&role.secret_id_bound_cidrs, request.remote_address()) {
        return Err(outside("the role"));
    }
    let mut token = role.token.wishes();
    if let Some(secret) = secret.as_ref().filter(|secret| !secret.token_bound_cidrs.is_empty()) {
        token.bound_cidrs.clone_from(&secret.token_bound_cidrs);
    }
    if !within(&token.bound_cidrs, request.remote_address()) {
        return Err(Fault::denied("permission denied"));
    }
    let issued = Issued { role_name: name.clone(), uid: role.uid.clone() };
    let auth = Auth::new(&role.role_id, role.token.token_policies.clone(), token).display_name("");
    let mut auth = auth.metadata("role_name", &name).internal(&issued);
    let noted = secret.map(|secret| secret.metadata).unwrap_or_default();
    auth.metadata.extend(noted.into_iter().filter(|(name, _)| name != "role_name"));
    Ok(Response::auth(auth))
}

/// Finds the secret and counts its use.
fn prove(role: &Role, secret_id: &str, request: &Request) -> Result<Secret, Fault> {
    if secret_id.is_empty() {
        return Err(missing_secret());
    }
    let place = Place::of(role, secret_id);
    let secret = Secret::load(&place)?;
    let mut secret = secret.ok_or_else(|| Fault::invalid_credentials(WRONG, &role.role_id, true))?;
    if !within(&secret.cidr_list, request.remote_address()) {
        return Err(outside("the secret ID"));
    }
    secret.used(&place)?;
    Ok(secret)
}

fn missing_secret() -> Fault {
    Fault::invalid("missing secret_id")
}

fn outside(whose: &str) -> Fault {
    Fault::invalid(format!("source address unauthorized by CIDR restrictions on {whose}"))
}

/// A token may be renewed as long as its role is there.
pub(crate) fn renew(internal: &str) -> Result<TokenWishes, Fault> {
    let issued: Issued = Auth::from_internal(internal)?;
    match Role::load(&issued.role_name)? {
        Some(role) if role.uid == issued.uid => Ok(role.token.wishes()),
        _ => Err(Fault::invalid(format!("role {:?} does not exist during renewal", issued.role_name))),
    }
}

#[cfg(test)]
mod tests;
