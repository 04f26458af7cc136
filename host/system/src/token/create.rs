//! Makes tokens for whoever asks with one.

use std::collections::BTreeMap;

use access::ttl::{self, Bounds, Wanted};
use access::{NewToken, Principal};
use identity::{Arriving, Directory};
use ipnet::IpNet;
use model::{Fault, Id, Reply, TokenKind};
use secrecy::SecretString;
use serde_json::{Map, Value};

use super::policies::{self, Asked};
use super::role::{Role, Sort, quoted};
use super::tuning::Tuning;
use super::{caller, roles, shown, sudo};
use crate::builtin::TOKEN;
use crate::{Call, Leasing, System, fresh_id, params};

/// Which of the paths was asked.
#[derive(Clone, Copy)]
pub(super) enum How<'a> {
    Plain,
    Orphan,
    ByRole(&'a str),
}

/// Whoever asks, and how.
struct Asking<'a> {
    how: How<'a>,
    parent: &'a Principal,
    role: Option<Role>,
    sudo: bool,
    /// In a namespace below the parent's own.
    elsewhere: bool,
}

/// How long the token is to live.
struct Times {
    ttl: u64,
    period: u64,
    explicit_max_ttl: u64,
    warnings: Vec<String>,
}

pub(super) async fn create(system: &System, mut call: Call<'_>, how: How<'_>) -> Result<Reply, Fault> {
    let parent = caller(&call)?;
    check_parent(parent)?;
    let role = match how {
        How::ByRole(name) => Some(known(&mut call, name).await?),
        How::Plain | How::Orphan => None,
    };
    let elsewhere = call.namespace.id != parent.namespace;
    let asking = Asking { sudo: sudo(&call), how, parent, role, elsewhere };
    if elsewhere && !asking.sudo {
        let text = "root or sudo privileges required to directly generate a token in a child namespace";
        return Err(Fault::invalid(text));
    }
    let bounds = Tuning::of(call.transaction, call.namespace.id).await?.bounds(&system.info);
    let (mut new, warnings) = new_token(bounds, &call, &asking)?;
    if let Some(entity) = entity(&mut call, asking.role.as_ref()).await? {
        new.entity_id = entity;
    }
    new.counted = counted(system, &mut call, &new).await?;
    let (token, principal) = system.tokens.create(call.transaction, new).await?;
    let mut reply = Reply::auth(shown(&mut call, token, &principal).await?);
    reply.warnings = warnings;
    for policy in &principal.policies {
        if system.policies.read(call.transaction, principal.namespace, policy).await?.is_none() {
            reply.warnings.push(format!("Policy {} does not exist", quoted(policy)));
        }
    }
    Ok(reply)
}

/// The counter that its lease counts in. One that never ends has no lease; a batch token has none either, but is refused
/// where there is no more room. Root tokens are what one helps oneself with when there is none.
async fn counted(system: &System, call: &mut Call<'_>, new: &NewToken) -> Result<Option<Id>, Fault> {
    if new.ttl == 0 {
        return Ok(None);
    }
    let exempt = new.policies.iter().any(|policy| policy == "root");
    let leasing = Leasing { tree: call.tree, namespace: call.namespace.id, path: &new.path, exempt };
    system.lease_quota(call.transaction, leasing).await
}

fn check_parent(parent: &Principal) -> Result<(), Fault> {
    if parent.kind == TokenKind::Batch {
        return Err(Fault::invalid("batch tokens cannot create more tokens"));
    }
    if parent.is_limited() {
        return Err(Fault::invalid("restricted use token cannot generate child tokens"));
    }
    Ok(())
}

async fn known(call: &mut Call<'_>, name: &str) -> Result<Role, Fault> {
    let role = roles::get(call.transaction, call.namespace.id, name).await?;
    role.ok_or_else(|| Fault::invalid(format!("unknown role {name}")))
}

fn new_token(bounds: Bounds, call: &Call<'_>, asking: &Asking<'_>) -> Result<(NewToken, Vec<String>), Fault> {
    let (body, parent, role) = (&call.body, asking.parent, asking.role.as_ref());
    let kind = Sort::choose(role.map(|role| role.token_type), params::text(body, "type")?.unwrap_or_default())?;
    check_batch(body, kind)?;
    let num_uses = num_uses(body, role)?;
    let id = id(call, asking)?;
    let policies = policies::choose(&Asked {
        named: params::list(body, "policies")?.unwrap_or_default(),
        no_default: params::flag(body, "no_default_policy")?.unwrap_or_default(),
        role,
        parent: &parent.policies,
        elsewhere: asking.elsewhere,
        sudo: asking.sudo,
        kind,
    })?;
    let orphan = orphan(body, asking)?;
    let times = times(bounds, call, asking, (kind, &policies))?;
    let renewable = params::flag(body, "renewable")?.unwrap_or(true) && role.is_none_or(|role| role.renewable);
    let new = NewToken {
        id,
        parent: (!orphan).then(|| parent.key().to_owned()),
        namespace: Some(call.namespace.id),
        policies,
        path: path(asking),
        meta: params::map(body, "meta")?.unwrap_or_default(),
        display_name: display_name(params::text(body, "display_name")?.unwrap_or_default()),
        num_uses,
        now: call.now,
        ttl: times.ttl,
        period: times.period,
        explicit_max_ttl: times.explicit_max_ttl,
        renewable,
        role: role.map(|role| role.name.clone()).unwrap_or_default(),
        bound_cidrs: networks(asking, orphan, times.ttl),
        // Another namespace knows nobody of the parent's.
        entity_id: if orphan || asking.elsewhere { String::new() } else { parent.entity_id.clone() },
        kind,
        ..NewToken::default()
    };
    Ok((new, times.warnings))
}

fn check_batch(body: &Map<String, Value>, kind: TokenKind) -> Result<(), Fault> {
    if kind == TokenKind::Service {
        return Ok(());
    }
    for (field, set) in [
        (
            "explicit_max_ttl",
            params::positive(body, "explicit_max_ttl", "explicit_max_ttl must be positive")?.is_some_and(|ttl| ttl > 0),
        ),
        ("num_uses", uses_of(body)?.is_some_and(|uses| uses > 0)),
        ("period", params::positive(body, "period", "period must be positive")?.is_some_and(|period| period > 0)),
        ("id", params::text(body, "id")?.is_some_and(|id| !id.is_empty())),
    ] {
        if set {
            return Err(Fault::invalid(format!("batch tokens cannot have \"{field}\" set")));
        }
    }
    Ok(())
}

fn uses_of(body: &Map<String, Value>) -> Result<Option<u64>, Fault> {
    params::count(body, "num_uses", "number of uses cannot be negative")
}

/// The lesser of what the request and the role say; 0 says nothing.
fn num_uses(body: &Map<String, Value>, role: Option<&Role>) -> Result<u64, Fault> {
    let asked = uses_of(body)?.unwrap_or(0);
    let of_role = role.map_or(0, |role| role.token_num_uses);
    Ok(lesser(asked, of_role))
}

/// The lesser of two bounds; 0 is none.
pub(super) fn lesser(one: u64, other: u64) -> u64 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}

/// The entity of the alias that the request names, if it names one that its role allows.
async fn entity(call: &mut Call<'_>, role: Option<&Role>) -> Result<Option<String>, Fault> {
    let alias = params::text(&call.body, "entity_alias")?.filter(|alias| !alias.is_empty());
    let Some(alias) = alias.map(str::to_owned) else { return Ok(None) };
    let Some(role) = role else {
        return Err(Fault::invalid("'entity_alias' is only allowed in combination with token role"));
    };
    if !role.allows_alias(&alias) {
        return Err(Fault::invalid("invalid 'entity_alias' value"));
    }
    let arriving = Arriving {
        accessor: &TOKEN.accessor(&call.namespace),
        name: &alias,
        metadata: &BTreeMap::new(),
        groups: &[],
        fresh: [fresh_id()?, fresh_id()?],
        now: call.now,
    };
    let entity = Directory::of(call.namespace.id).login(call.transaction, &arriving).await?;
    Ok(Some(entity.to_string()))
}

fn id(call: &Call<'_>, asking: &Asking<'_>) -> Result<Option<SecretString>, Fault> {
    let Some(id) = params::text(&call.body, "id")?.filter(|id| !id.is_empty()) else { return Ok(None) };
    if !asking.sudo {
        return Err(Fault::invalid("root or sudo privileges required to specify token id"));
    }
    if !call.namespace.path.is_root() {
        return Err(Fault::invalid("token IDs can only be manually specified in the root namespace"));
    }
    if let Some(prefix) = ["hvs.", "s."].into_iter().find(|prefix| id.starts_with(prefix)) {
        return Err(Fault::invalid(format!("custom token ID cannot have the '{prefix}' prefix")));
    }
    if id.contains('.') || id.contains(|c: char| c.is_control() || c.is_whitespace()) {
        return Err(Fault::invalid(
            "custom token ID cannot have the '.' in the value, nor spaces or control characters",
        ));
    }
    Ok(Some(SecretString::from(id)))
}

fn orphan(body: &Map<String, Value>, asking: &Asking<'_>) -> Result<bool, Fault> {
    let no_parent = params::flag(body, "no_parent")?.unwrap_or_default();
    match (&asking.role, asking.how) {
        (Some(role), _) => Ok(role.orphan),
        (None, _) if no_parent && !asking.sudo => {
            Err(Fault::invalid("root or sudo privileges required to create orphan token"))
        }
        (None, how) => Ok(no_parent || matches!(how, How::Orphan)),
    }
}

fn times(
    bounds: Bounds,
    call: &Call<'_>,
    asking: &Asking<'_>,
    (kind, policies): (TokenKind, &[String]),
) -> Result<Times, Fault> {
    let body = &call.body;
    let mut explicit_max_ttl =
        params::positive(body, "explicit_max_ttl", "explicit_max_ttl must be positive")?.unwrap_or(0);
    let mut period = params::positive(body, "period", "period must be positive")?.unwrap_or(0);
    if period > 0 && !asking.sudo {
        return Err(Fault::invalid("root or sudo privileges required to create periodic token"));
    }
    let wished = match params::positive(body, "ttl", "ttl must be positive")?.filter(|ttl| *ttl > 0) {
        Some(ttl) => ttl,
        None => params::positive(body, "lease", "lease must be positive")?.unwrap_or(0),
    };
    let mut warnings = Vec::new();
    if let Some(role) = asking.role.as_ref().filter(|_| kind == TokenKind::Service) {
        for (what, asked, of_role) in [
            ("Explicit max TTL", &mut explicit_max_ttl, role.token_explicit_max_ttl),
            ("Period", &mut period, role.token_period),
        ] {
            let both = *asked > 0 && of_role > 0;
            *asked = lesser(*asked, of_role);
            if both {
                warnings.push(format!(
                    "{what} specified both during creation call and in role; using the lesser value of {asked} seconds"
                ));
            }
        }
    }
    let root = policies.iter().any(|policy| policy == "root");
    if root && wished == 0 && period == 0 {
        // A root token lives for ever, unless it is bound explicitly.
        if explicit_max_ttl == 0 && asking.parent.expire_time.is_some() {
            return Err(Fault::invalid("expiring root tokens cannot create non-expiring root tokens"));
        }
        return Ok(Times { ttl: explicit_max_ttl, period, explicit_max_ttl, warnings });
    }
    let wanted = Wanted { ttl: wished, period, explicit_max_ttl, max_ttl: 0 };
    let given = ttl::give(bounds, wanted, call.now, call.now).map_err(|e| Fault::invalid(e.to_string()))?;
    warnings.extend(given.warnings);
    Ok(Times { ttl: given.ttl, period, explicit_max_ttl, warnings })
}

/// The role's networks, or, without a role, those of the parent; none for root tokens without end.
fn networks(asking: &Asking<'_>, orphan: bool, ttl: u64) -> Vec<IpNet> {
    match &asking.role {
        _ if ttl == 0 => Vec::new(),
        Some(role) => role.token_bound_cidrs.clone(),
        None if orphan => Vec::new(),
        None => asking.parent.bound_cidrs.clone(),
    }
}

/// The path of the request.
fn asked_at(how: How<'_>) -> String {
    match how {
        How::Plain => "auth/token/create".to_owned(),
        How::Orphan => "auth/token/create-orphan".to_owned(),
        How::ByRole(name) => format!("auth/token/create/{name}"),
    }
}

/// The path that the token is known to come from.
fn path(asking: &Asking<'_>) -> String {
    let path = asked_at(asking.how);
    match asking.role.as_ref().map(|role| role.path_suffix.as_str()) {
        None | Some("") => path,
        Some(suffix) => format!("{path}/{suffix}"),
    }
}

/// `token`, and behind it what was wished, as far as it is letters, digits and hyphens.
fn display_name(wished: &str) -> String {
    if wished.is_empty() {
        return "token".to_owned();
    }
    let mut name = String::from("token-");
    for c in wished.chars() {
        if c.is_ascii_alphanumeric() {
            name.push(c);
        } else if !name.ends_with('-') || c == '-' {
            name.push('-');
        }
    }
    name.strip_suffix('-').unwrap_or(&name).to_owned()
}
