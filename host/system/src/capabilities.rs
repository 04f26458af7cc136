//! `sys/capabilities-self` and `sys/capabilities`: what a token may do at which paths.

use std::sync::Arc;

use access::Principal;
use access::policy::{Acl, Subject};
use model::{Fault, Id, NamespacePath, Operation, Reply};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use crate::{Call, System, params, unsupported};

/// Most paths in one question.
const PATHS_MAX: usize = 1000;

/// Whose capabilities are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Whose {
    /// Those of the token that asks.
    Own,
    /// Those of the token in `token`.
    Token,
}

pub(crate) async fn of(system: &System, mut call: Call<'_>, whose: Whose) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let paths = paths(&call.body)?;
    let principal = match whose {
        Whose::Own => call.admitted.principal().cloned().ok_or_else(Fault::denied)?,
        Whose::Token => by_token(system, &mut call).await?,
    };
    let acl = acl(system, &mut call, &principal).await?;
    let mut data = Map::new();
    for path in &paths {
        let whole = format!("{}{}", call.namespace.path, path.trim_start_matches('/'));
        let mut capabilities = acl.capabilities(&whole);
        capabilities.sort_unstable();
        data.insert(path.clone(), json!(capabilities));
    }
    if let [path] = paths.as_slice() {
        let capabilities = data.get(path).cloned().unwrap_or_default();
        data.insert("capabilities".into(), capabilities);
    }
    Ok(Reply::flattened(data))
}

fn paths(body: &Map<String, Value>) -> Result<Vec<String>, Fault> {
    let named = params::list(body, "paths")?.filter(|paths| !paths.is_empty());
    let paths = match named {
        Some(paths) => paths,
        None => params::list(body, "path")?.unwrap_or_default(),
    };
    if paths.is_empty() || paths.len() > PATHS_MAX {
        return Err(Fault::invalid("paths: must name 1 to 1000 paths"));
    }
    Ok(paths)
}

async fn by_token(system: &System, call: &mut Call<'_>) -> Result<Principal, Fault> {
    let token = params::text(&call.body, "token")?.filter(|token| !token.is_empty());
    let token = SecretString::from(token.ok_or_else(|| Fault::invalid("missing token"))?);
    let found = system.tokens.lookup(call.transaction, &token).await?;
    found.ok_or_else(|| Fault::invalid("invalid token"))
}

/// What a token's policies, and those of its entity, say.
async fn acl(system: &System, call: &mut Call<'_>, principal: &Principal) -> Result<Arc<Acl>, Fault> {
    let wanted = [(Id::nil(), NamespacePath::root(), principal.policies.as_slice())];
    system.policies.acl(call.transaction, &wanted, &Subject::default(), call.now).await
}
