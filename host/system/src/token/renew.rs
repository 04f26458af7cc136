//! Extends tokens.

use access::Principal;
use access::ttl::Wanted;
use model::{Fault, Reply};
use secrecy::SecretString;

use super::create::lesser;
use super::{bounds_of, caller, find, roles, shown};
use crate::{Call, System, params};

pub(super) async fn by_token(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    let token = find::required(&call)?;
    let found = find::by_token(system, &mut call, &token).await?;
    let found = found.ok_or_else(|| Fault::invalid("token not found"))?;
    extend(system, call, &found, token).await
}

/// The answer does not say which token the accessor names.
pub(super) async fn by_accessor(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    let found = find::by_accessor(system, &mut call).await?.ok_or_else(find::invalid_accessor)?;
    extend(system, call, &found, SecretString::from("")).await
}

pub(super) async fn own(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    let token = call.token.cloned().ok_or_else(Fault::denied)?;
    let principal = caller(&call)?.clone();
    extend(system, call, &principal, token).await
}

async fn extend(
    system: &System,
    mut call: Call<'_>,
    principal: &Principal,
    token: SecretString,
) -> Result<Reply, Fault> {
    let increment = params::positive(&call.body, "increment", "increment must be positive")?.unwrap_or(0);
    let wanted = wanted(&mut call, principal, increment).await?;
    let bounds = bounds_of(system, &mut call, principal).await?;
    let (extended, warnings) = system.tokens.renew(call.transaction, principal, bounds, wanted, call.now).await?;
    let mut reply = Reply::auth(shown(&mut call, token, &extended).await?);
    reply.warnings = warnings;
    Ok(reply)
}

/// What the renewal may extend to: the token's role, or the method that it came of, says so as it is now, not as it was.
async fn wanted(call: &mut Call<'_>, principal: &Principal, increment: u64) -> Result<Wanted, Fault> {
    let wanted = principal.wants(increment);
    if let Some(login) = principal.login.as_ref().filter(|_| principal.renewable) {
        let wishes = call.methods.renew_token(login).await?;
        let ttl = if increment > 0 { increment } else { wishes.ttl };
        return Ok(Wanted { ttl, period: wishes.period, max_ttl: wishes.max_ttl, ..wanted });
    }
    if principal.role.is_empty() {
        return Ok(wanted);
    }
    let role = roles::get(call.transaction, principal.namespace, &principal.role).await?;
    let gone =
        || Fault::invalid(format!("original token role \"{}\" could not be found, not renewing", principal.role));
    let role = role.ok_or_else(gone)?;
    // The role may shorten the longest life that the token was promised, and never extend it.
    let explicit_max_ttl = lesser(wanted.explicit_max_ttl, role.token_explicit_max_ttl);
    Ok(Wanted { period: role.token_period, explicit_max_ttl, ..wanted })
}
