//! Which token a request means.

use access::Principal;
use model::Fault;
use secrecy::SecretString;
use tenancy::Namespace;

use crate::{Call, System, params};

/// The token in the body, if one is sent.
pub(super) fn sent(call: &Call<'_>) -> Result<Option<SecretString>, Fault> {
    let text = params::text(&call.body, "token")?.filter(|text| !text.is_empty());
    Ok(text.map(SecretString::from))
}

/// The token in the body, which must be sent.
pub(super) fn required(call: &Call<'_>) -> Result<SecretString, Fault> {
    sent(call)?.ok_or_else(|| Fault::invalid("missing token ID"))
}

/// A token that somebody knows, in whichever namespace it is.
pub(crate) async fn by_token(
    system: &System,
    call: &mut Call<'_>,
    token: &SecretString,
) -> Result<Option<Principal>, Fault> {
    let found = system.tokens.find(call.transaction, token, call.now).await?;
    Ok(found.filter(|found| home(call, found).is_some()))
}

/// The token of the accessor in the body, if it is in the namespace of the request or in one below it: an accessor is no
/// secret, and who has power in one namespace has none over the tokens of others.
pub(crate) async fn by_accessor(system: &System, call: &mut Call<'_>) -> Result<Option<Principal>, Fault> {
    let accessor = params::text(&call.body, "accessor")?.unwrap_or_default();
    if accessor.is_empty() {
        return Err(Fault::invalid("missing accessor"));
    }
    let found = system.tokens.by_accessor(call.transaction, accessor, call.now).await?;
    Ok(found.filter(|found| is_within(call, found)))
}

/// Whether a token belongs to the namespace of the request, or to one below it.
pub(super) fn is_within(call: &Call<'_>, principal: &Principal) -> bool {
    home(call, principal).is_some_and(|home| home.path.as_str().starts_with(call.namespace.path.as_str()))
}

/// The namespace that a token is of, unless that is gone or about to go.
pub(crate) fn home<'a>(call: &Call<'a>, principal: &Principal) -> Option<&'a Namespace> {
    call.tree.namespace_by_id(principal.namespace).map(AsRef::as_ref).filter(|home: &&Namespace| !home.tainted)
}

/// What is told of an accessor that names nothing here.
pub(crate) fn invalid_accessor() -> Fault {
    Fault::invalid("invalid accessor")
}
