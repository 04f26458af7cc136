//! `sys/wrapping`: answers that are put away, to be taken out once by whoever is handed the token.
//!
//! An answer lies in the cubbyhole of its wrapping token: `response` is the answer as it would have been given,
//! `wrapinfo` what is said of it. Ending the token ends both.

use std::time::Duration;

use access::{NewToken, Principal, Tokens, cubbyhole};
use model::envelope::{Beside, Envelope};
use model::{Fault, Id, Kind, Operation, Payload, Reply, WrapInfo};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};
use storage::{Drawer, Transaction, VALUE_MAX};
use tenancy::Tree;
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::token::find;
use crate::{Call, Leasing, System, params, rfc3339, unsupported};

/// The one policy of wrapping tokens.
const POLICY: &str = "response-wrapping";
const RESPONSE: &str = "response";
const INFO: &str = "wrapinfo";

/// The wish that an answer is wrapped.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// For how long.
    pub ttl: Duration,
    /// All namespaces.
    pub tree: &'a Tree,
    /// The namespace of the request.
    pub namespace: Id,
    /// The path of the request inside it.
    pub path: &'a str,
    /// Identifies the request.
    pub request: &'a str,
    /// Seconds since 1970.
    pub now: u64,
}

/// The answer.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Kept {
    response: String,
}

/// What is said of it.
#[derive(Clone, Serialize, Deserialize)]
struct Info {
    record: u8,
    namespace: Id,
    status: u16,
    creation_time: u64,
    creation_ttl: u64,
    creation_path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped_accessor: Option<String>,
}

/// A wrapping token and what it wraps.
struct Wrapped {
    principal: Principal,
    kept: Kept,
    info: Info,
}

impl System {
    /// Puts an answer away, in the transaction of its request, and answers where. What has no envelope, says nothing, or
    /// is wrapped already, is given as it is.
    pub async fn wrap(&self, transaction: &mut Transaction, reply: Reply, wish: Wish<'_>) -> Result<Reply, Fault> {
        let ttl = wish.ttl.as_secs();
        let Some(kept) = envelope(&reply, wish.request)?.filter(|_| ttl > 0 && reply.wrap_info.is_none()) else {
            return Ok(reply);
        };
        if ttl > self.info.max_lease_ttl {
            return Err(Fault::invalid(format!(
                "X-Vault-Wrap-TTL: must be at most {} seconds",
                self.info.max_lease_ttl
            )));
        }
        let info = Info {
            record: 1,
            namespace: wish.namespace,
            status: reply.status.unwrap_or(200),
            creation_time: wish.now,
            creation_ttl: ttl,
            creation_path: wish.path.to_owned(),
            wrapped_accessor: reply.auth.map(|auth| auth.accessor),
        };
        put_away(self, transaction, wish.tree, (&kept, info)).await
    }
}

/// The answer as it would have been given; none for what is not wrapped.
fn envelope(reply: &Reply, request: &str) -> Result<Option<Kept>, Fault> {
    let flat;
    let data: &RawValue = match &reply.payload {
        Payload::Nothing if reply.auth.is_some() || !reply.warnings.is_empty() => RawValue::NULL,
        Payload::Data(data) => data,
        Payload::Flattened(fields) => {
            flat = to_raw_value(fields).map_err(|error| Fault::internal(error.to_string()))?;
            &flat
        }
        Payload::Nothing | Payload::Bare(_) | Payload::Raw { .. } | Payload::Streamed { .. } => return Ok(None),
    };
    let beside = Beside {
        id: request,
        warnings: &reply.warnings,
        mount_type: &reply.mount_type,
        auth: reply.auth.as_ref(),
        lease: reply.lease.as_ref(),
        wrap_info: None,
    };
    let text = serde_json::to_string(&Envelope::new(data, &beside));
    text.map(|response| Some(Kept { response })).map_err(|error| Fault::internal(error.to_string()))
}

async fn put_away(
    system: &System,
    transaction: &mut Transaction,
    tree: &Tree,
    (kept, info): (&Kept, Info),
) -> Result<Reply, Fault> {
    let leasing = Leasing { tree, namespace: info.namespace, path: &info.creation_path, exempt: false };
    let new = NewToken {
        counted: system.lease_quota(transaction, leasing).await?,
        namespace: Some(info.namespace),
        policies: vec![POLICY.to_owned()],
        path: info.creation_path.clone(),
        display_name: "wrapping".to_owned(),
        num_uses: 1,
        now: info.creation_time,
        ttl: info.creation_ttl,
        explicit_max_ttl: info.creation_ttl,
        ..NewToken::default()
    };
    let (token, principal) = system.tokens.create(transaction, new).await?;
    let drawer = cubbyhole(principal.key());
    let bytes = serde_json::to_vec(kept).map_err(|error| Fault::internal(error.to_string()))?;
    if bytes.len() > VALUE_MAX {
        return Err(Fault::new(Kind::TooLarge, "an answer of more than 1 MiB cannot be wrapped"));
    }
    transaction.put(&drawer, RESPONSE, bytes)?;
    transaction.put_json(&drawer, INFO, &info)?;
    let wrap_info = WrapInfo {
        token,
        accessor: principal.accessor.clone(),
        ttl: info.creation_ttl,
        creation_time: rfc3339(info.creation_time)?,
        creation_path: info.creation_path,
        wrapped_accessor: info.wrapped_accessor,
    };
    Ok(Reply { wrap_info: Some(wrap_info), ..Reply::nothing() })
}

/// `sys/wrapping/wrap`: answers what was sent; the corridor wraps it.
pub(crate) fn wrap(mut call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    if call.wrap_ttl.is_none_or(|ttl| ttl.is_zero()) {
        return Err(Fault::invalid("endpoint requires response wrapping to be used"));
    }
    Reply::data(&call.sent()?)
}

/// `sys/wrapping/unwrap`: the answer as it would have been given, once.
pub(crate) async fn unwrap(tokens: &Tokens, mut call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let wrapped = open(tokens, &mut call).await?;
    end(tokens, call.transaction, &wrapped.principal).await?;
    let bytes = wrapped.kept.response.as_bytes().to_vec();
    let payload = Payload::Raw { status: wrapped.info.status, content_type: "application/json".to_owned(), bytes };
    Ok(Reply { payload, ..Reply::default() })
}

/// `sys/wrapping/rewrap`: the same answer under a new token, for as long as it was wrapped at first.
pub(crate) async fn rewrap(system: &System, mut call: Call<'_>) -> Result<Reply, Fault> {
    if call.operation != Operation::Update {
        return Err(unsupported());
    }
    let wrapped = open(&system.tokens, &mut call).await?;
    end(&system.tokens, call.transaction, &wrapped.principal).await?;
    let info = Info { creation_time: call.now, ..wrapped.info };
    put_away(system, call.transaction, call.tree, (&wrapped.kept, info)).await
}

/// `sys/wrapping/lookup`: what is said of it, without using it up.
pub(crate) async fn lookup(tokens: &Tokens, mut call: Call<'_>) -> Result<Reply, Fault> {
    if !matches!(call.operation, Operation::Read | Operation::Update) {
        return Err(unsupported());
    }
    let Wrapped { info, .. } = open(tokens, &mut call).await?;
    Reply::data(&json!({
        "creation_time": rfc3339(info.creation_time)?, "creation_ttl": info.creation_ttl,
        "creation_path": info.creation_path,
    }))
}

/// What a wrapping token wraps: the one in the body, else the one that was sent as the client's own. Whoever has it may,
/// since having it is all that it takes.
async fn open(tokens: &Tokens, call: &mut Call<'_>) -> Result<Wrapped, Fault> {
    let invalid = || Fault::invalid("wrapping token is not valid or does not exist");
    let named = params::text(&call.body, "token")?.map(str::trim).filter(|token| !token.is_empty());
    let token = match (named, call.token) {
        (Some(named), _) => SecretString::from(named),
        (None, Some(sent)) => SecretString::from(sent.expose_secret()),
        (None, None) => return Err(invalid()),
    };
    let principal = tokens.find(call.transaction, &token, call.now).await?;
    let principal = principal.filter(|found| find::home(call, found).is_some()).ok_or_else(invalid)?;
    // Whoever used it otherwise, by reading its cubbyhole, has had the answer.
    if principal.policies != [POLICY] || !tokens.has_uses(call.transaction, &principal).await? {
        return Err(invalid());
    }
    let drawer: Drawer = cubbyhole(principal.key());
    let kept = call.transaction.get_json(&drawer, RESPONSE).await?.ok_or_else(invalid)?;
    let info = call.transaction.get_json(&drawer, INFO).await?.ok_or_else(invalid)?;
    Ok(Wrapped { principal, kept, info })
}

/// Uses a wrapping token up. Of two that do so at once, one finds at its commit that it is gone.
async fn end(tokens: &Tokens, transaction: &mut Transaction, principal: &Principal) -> Result<(), Fault> {
    let drawer = cubbyhole(principal.key());
    transaction.delete(&drawer, RESPONSE)?;
    transaction.delete(&drawer, INFO)?;
    tokens.revoke(transaction, principal.key()).await.map(drop)
}
