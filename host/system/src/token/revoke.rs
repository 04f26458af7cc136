//! Ends tokens.

use access::Principal;
use model::{Fault, Reply, TokenKind};

use super::{caller, find};
use crate::{Call, System};

pub(super) async fn by_token(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    let token = find::required(&call)?;
    match find::by_token(system, &mut call, &token).await? {
        Some(found) => end(system, call, &found).await,
        None => Ok(Reply::nothing()),
    }
}

pub(super) async fn by_accessor(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    match find::by_accessor(system, &mut call).await? {
        Some(found) => end(system, call, &found).await,
        None => Ok(Reply::nothing().warning("No token found with this accessor")),
    }
}

pub(super) async fn own(system: &System, call: Call<'_>) -> Result<Reply, Fault> {
    let principal = caller(&call)?.clone();
    end(system, call, &principal).await
}

/// Ends a token and leaves those below it alone; not those of namespaces beside or above the request's.
pub(super) async fn orphaning(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    let token = find::required(&call)?;
    let found = find::by_token(system, &mut call, &token).await?.filter(|found| find::is_within(&call, found));
    let found = found.ok_or_else(|| Fault::invalid("token to revoke not found"))?;
    check_kind(&found)?;
    system.tokens.revoke_orphan(call.transaction, found.key()).await?;
    Ok(Reply::nothing())
}

async fn end(system: &System, call: Call<'_>, principal: &Principal) -> Result<Reply, Fault> {
    check_kind(principal)?;
    system.tokens.revoke(call.transaction, principal.key()).await?;
    Ok(Reply::nothing())
}

fn check_kind(principal: &Principal) -> Result<(), Fault> {
    match principal.kind {
        TokenKind::Service => Ok(()),
        TokenKind::Batch => Err(Fault::invalid("batch tokens cannot be revoked")),
    }
}
