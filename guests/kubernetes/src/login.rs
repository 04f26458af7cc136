//! Logins.

use formats::jws::Jws;
use innkeeper_guest::prelude::*;
use innkeeper_guest::serde_json::Value;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::cluster::Cluster;
use crate::config::Config;
use crate::role::Role;

/// How far clocks may differ, in seconds.
const SKEW: u64 = 60;
/// Longest display name, in bytes: the contract's.
const DISPLAY_MAX: usize = 256;

body! {
    /// What `login` takes.
    pub struct Login {
        /// The role.
        pub role: String,
        /// The token of a service account.
        pub jwt: String,
    }
}

/// What comes back when a token that a login got is renewed.
#[derive(Serialize, Deserialize)]
struct Internal {
    role: String,
}

pub(crate) fn login(request: &Request) -> Answer {
    let Login { role: name, jwt } = request.body()?;
    for (field, text) in [("role", &name), ("jwt", &jwt)] {
        if text.is_empty() {
            return Err(Fault::invalid(format!("missing {field}")));
        }
    }
    let role = Role::load(&name)?.ok_or_else(|| Fault::invalid(format!("invalid role name {name:?}")))?;
    role.token.admit(request)?;
    let config = Config::load()?.ok_or_else(|| Fault::invalid("could not load backend configuration"))?;
    let jwt = jwt.trim();
    let token = Jws::parse(jwt).map_err(|fault| Fault { kind: FaultKind::Denied, ..fault })?;
    let audiences = check(&token.claims, &config, &role, clock::seconds())?;
    believe(&config, &token)?;
    let account = Account::claimed(&token.claims)
        .ok_or_else(|| Fault::denied("could not parse the service account from the token's claims"))?;
    let cluster = Cluster { config: &config, token: jwt };
    admit(&role, &account, &cluster, &audiences)?;
    let annotations = if config.use_annotations { cluster.annotations(&account)? } else { Vec::new() };
    Ok(Response::auth(grant(&name, &role, &account, annotations)))
}

/// Refuses accounts that a role does not take, and tokens that the cluster does not confirm.
fn admit(role: &Role, account: &Account, cluster: &Cluster<'_>, audiences: &[String]) -> Result<(), Fault> {
    if !role.takes_name(&account.name) {
        return Err(Fault::denied("service account name not authorized"));
    }
    let unauthorized = || Fault::denied("namespace not authorized");
    let selector = match role.selector() {
        _ if role.takes_namespace(&account.namespace) => None,
        None => return Err(unauthorized()),
        Some(selector) => Some(selector?),
    };
    cluster.review(account, audiences)?;
    // Only now: strangers must not make us ask about namespaces.
    match selector {
        Some(selector) if !selector.selects(&cluster.labels(&account.namespace)?) => Err(unauthorized()),
        _ => Ok(()),
    }
}

/// Refuses a token whose claims do not fit; else the audiences that the cluster is asked about. Nothing of this is believed
/// before the cluster says that the token is good.
fn check(claims: &Map, config: &Config, role: &Role, now: u64) -> Result<Vec<String>, Fault> {
    let time = |name: &str| match claims.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|seconds| (0.0..1e15).contains(seconds)) {
            Some(seconds) => Ok(Some(seconds as u64)),
            None => Err(Fault::denied(format!("invalid time ({name}) claim"))),
        },
    };
    if time("exp")?.is_some_and(|end| end <= now.saturating_sub(SKEW)) {
        return Err(Fault::denied("invalid expiration time (exp) claim: token is expired"));
    }
    for name in ["nbf", "iat"] {
        if time(name)?.is_some_and(|start| start > now.saturating_add(SKEW)) {
            return Err(Fault::denied(format!("invalid {name} claim: token not yet valid")));
        }
    }
    if config.issuer().is_some_and(|issuer| claims.get("iss").and_then(Value::as_str) != Some(issuer)) {
        return Err(Fault::denied("invalid issuer (iss) claim"));
    }
    let said: Vec<String> = match claims.get("aud") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    };
    if role.audience.is_empty() {
        return Ok(said);
    }
    if !said.contains(&role.audience) {
        let why = "invalid audience (aud) claim: audience claim does not match any expected audience";
        return Err(Fault::denied(why));
    }
    Ok(vec![role.audience.clone()])
}

/// Refuses a token that none of the configured keys has signed, where there are any.
fn believe(config: &Config, token: &Jws) -> Result<(), Fault> {
    let mut own = config.keys()?;
    if own.is_empty() {
        return Ok(());
    }
    own.retain(|key| key.signs(token.algorithm));
    let signed = |key: &formats::public_key::PublicKey| {
        keys::verify_with(&key.der(), token.scheme(), &token.signed, &token.signature).unwrap_or(false)
    };
    if own.iter().any(signed) { Ok(()) } else { Err(Fault::denied("permission denied")) }
}

fn grant(name: &str, role: &Role, account: &Account, annotations: Vec<(String, String)>) -> Auth {
    let mut auth = Auth::new(role.alias(account), role.token.token_policies.clone(), role.token.wishes())
        .display_name(display_name(account))
        .metadata("service_account_uid", &account.uid)
        .metadata("service_account_name", &account.name)
        .metadata("service_account_namespace", &account.namespace)
        .metadata("service_account_secret_name", &account.secret);
    if let Some(alias) = &mut auth.alias {
        alias.metadata.extend(annotations);
    }
    auth.metadata.push(("role".to_owned(), name.to_owned()));
    auth.internal(&Internal { role: name.to_owned() })
}

/// What people call an account, as far as the host takes it. Names of accounts are ASCII.
fn display_name(account: &Account) -> String {
    let mut name = format!("{}-{}", account.namespace, account.name);
    name.truncate(DISPLAY_MAX);
    name
}

/// A token may be renewed as long as its role is there, by what the role says now.
pub(crate) fn renew(internal: &str) -> Result<TokenWishes, Fault> {
    let Internal { role: name } = Auth::from_internal(internal)?;
    let gone = || Fault::invalid(format!("role {name} does not exist during renewal"));
    Ok(Role::load(&name)?.ok_or_else(gone)?.token.wishes())
}

#[cfg(test)]
mod tests;
