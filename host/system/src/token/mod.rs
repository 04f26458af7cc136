//! `auth/token/`: tokens that are made, shown, extended and ended.

mod create;
pub(crate) mod find;
mod lookup;
mod policies;
mod renew;
mod revoke;
mod role;
mod roles;
pub(crate) mod tuning;

use access::Principal;
use access::ttl::Bounds;
use identity::Directory;
use model::{Auth, Fault, Id, Operation, Reply};
use secrecy::SecretString;

use self::tuning::Tuning;
use crate::{Call, System, unsupported};

/// What a path below `auth/token/` is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum At {
    Accessors,
    Create,
    CreateOrphan,
    CreateByRole,
    Lookup,
    LookupAccessor,
    LookupSelf,
    Renew,
    RenewAccessor,
    RenewSelf,
    Revoke,
    RevokeAccessor,
    RevokeOrphan,
    RevokeSelf,
    Role,
    Roles,
    Tidy,
}

/// Answers a request below `auth/token/`; `name` is what the path names.
pub(crate) async fn answer(system: &System, call: Call<'_>, at: At, name: &str) -> Result<Reply, Fault> {
    check_operation(call.operation, at)?;
    match at {
        At::Create => create::create(system, call, create::How::Plain).await,
        At::CreateOrphan => create::create(system, call, create::How::Orphan).await,
        At::CreateByRole => create::create(system, call, create::How::ByRole(name)).await,
        At::Lookup => lookup::by_token(system, call).await,
        At::LookupAccessor => lookup::by_accessor(system, call).await,
        At::LookupSelf => lookup::own(call).await,
        At::Accessors => lookup::accessors(system, call).await,
        At::Renew => renew::by_token(system, call).await,
        At::RenewAccessor => renew::by_accessor(system, call).await,
        At::RenewSelf => renew::own(system, call).await,
        At::Revoke => revoke::by_token(system, call).await,
        At::RevokeAccessor => revoke::by_accessor(system, call).await,
        At::RevokeOrphan => revoke::orphaning(system, call).await,
        At::RevokeSelf => revoke::own(system, call).await,
        At::Role => roles::one(system, call, name).await,
        At::Roles => roles::all(call).await,
        At::Tidy => Ok(tidy()),
    }
}

fn check_operation(operation: Operation, at: At) -> Result<(), Fault> {
    let fits = match at {
        At::Accessors | At::Roles => operation == Operation::List,
        At::Lookup | At::LookupSelf => matches!(operation, Operation::Read | Operation::Update),
        At::Role => matches!(operation, Operation::Read | Operation::Update | Operation::Delete),
        _ => operation == Operation::Update,
    };
    if fits { Ok(()) } else { Err(unsupported()) }
}

/// Ended tokens are cleared away all the time; nothing more is to be started.
fn tidy() -> Reply {
    let text = "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.";
    Reply { status: Some(202), ..Reply::nothing() }.warning(text)
}

/// Who asks.
fn caller<'a>(call: &Call<'a>) -> Result<&'a Principal, Fault> {
    call.admitted.principal().ok_or_else(Fault::denied)
}

/// Whether whoever asks has `sudo` on the path.
fn sudo(call: &Call<'_>) -> bool {
    call.admitted.sudo()
}

/// The bounds of a token's times: those of the mount that it came of, or of `auth/token` in its namespace.
async fn bounds_of(system: &System, call: &mut Call<'_>, principal: &Principal) -> Result<Bounds, Fault> {
    let mount = principal.login.as_ref().and_then(|login| call.tree.mount_by_id(login.mount));
    if let Some(mount) = mount {
        let (default_ttl, max_ttl) = system.lease_ttls(mount);
        return Ok(Bounds { default_ttl, max_ttl });
    }
    Ok(Tuning::of(call.transaction, principal.namespace).await?.bounds(&system.info))
}

/// Policies that come with a token's entity and its groups.
async fn identity_policies(call: &mut Call<'_>, token: &Principal) -> Result<Vec<String>, Fault> {
    let Some(entity) = Id::parse(&token.entity_id) else { return Ok(Vec::new()) };
    let facts = Directory::of(token.namespace).facts(call.transaction, entity).await?;
    Ok(facts.map(|facts| facts.policies).unwrap_or_default())
}

/// A token as `auth` of an answer shows it.
async fn shown(call: &mut Call<'_>, token: SecretString, principal: &Principal) -> Result<Auth, Fault> {
    let identity_policies = identity_policies(call, principal).await?;
    Ok(principal.shown(token, identity_policies, call.now))
}
