//! Logins: from what an auth method says of somebody to a token.

use std::collections::BTreeMap;

use access::{NewToken, Tokens};
use identity::{Arriving, Directory};
use model::{Auth, Fault, TokenKind};
use sandbox::{Login, Refusal, TokenWishes};
use storage::{Store, Transaction};
use system::lockout;
use tenancy::{Mount, TokenType};

/// Where a login happened.
pub(crate) struct Door<'a> {
    pub(crate) mount: &'a Mount,
    /// Path of the request below its namespace.
    pub(crate) path: &'a str,
    /// The mount's times to live, default and longest, in seconds.
    pub(crate) lease_ttls: (u64, u64),
    /// Seconds since 1970.
    pub(crate) now: u64,
}

/// What a token is to be, with everything decided that the mount decides.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) display_name: String,
    pub(crate) policies: Vec<String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) kind: TokenKind,
    /// Seconds from now.
    pub(crate) ttl: u64,
    /// 0: the mount's.
    pub(crate) max_ttl: u64,
    pub(crate) explicit_max_ttl: u64,
    pub(crate) period: u64,
    pub(crate) num_uses: u64,
    pub(crate) bound_cidrs: Vec<String>,
    pub(crate) renewable: bool,
}

impl Wanted {
    fn of(login: &Login, door: &Door<'_>) -> Result<Self, Fault> {
        let wishes = &login.token;
        let kind = kind(wishes, door.mount.config.token_type);
        let batch = kind == TokenKind::Batch;
        if batch && (wishes.period > 0 || wishes.num_uses > 0) {
            return Err(Fault::invalid("batch tokens cannot be periodic or have a limited number of uses"));
        }
        let mut policies = login.policies.clone();
        if !wishes.no_default_policy {
            policies.push("default".to_owned());
        }
        policies.sort();
        policies.dedup();
        Ok(Self {
            display_name: display_name(door.mount, &login.display_name),
            policies,
            metadata: login.metadata.iter().cloned().collect(),
            kind,
            ttl: ttl(wishes, door.lease_ttls),
            max_ttl: wishes.max_ttl,
            explicit_max_ttl: if batch { 0 } else { wishes.explicit_max_ttl },
            period: wishes.period,
            num_uses: wishes.num_uses,
            bound_cidrs: wishes.bound_cidrs.clone(),
            renewable: login.renewable && !batch,
        })
    }
}

/// The mount's name and theirs: `userpass-ann`.
fn display_name(mount: &Mount, name: &str) -> String {
    let mount = mount.shown_path().trim_end_matches('/').replace('/', "-");
    if name.is_empty() { mount } else { format!("{mount}-{name}") }
}

/// The mount has the last word where it is tuned to have it, and the first where the role says nothing.
fn kind(wishes: &TokenWishes, tuned: TokenType) -> TokenKind {
    use sandbox::TokenKind as Wish;
    match (tuned, wishes.kind) {
        (TokenType::Service, _) => TokenKind::Service,
        (TokenType::Batch, _) => TokenKind::Batch,
        (_, Wish::Service | Wish::DefaultService) => TokenKind::Service,
        (_, Wish::Batch | Wish::DefaultBatch) => TokenKind::Batch,
        (TokenType::DefaultService, Wish::Default) => TokenKind::Service,
        (TokenType::DefaultBatch, Wish::Default) => TokenKind::Batch,
    }
}

/// Seconds that the token lives at first.
fn ttl(wishes: &TokenWishes, (default, longest): (u64, u64)) -> u64 {
    let some = |seconds: u64| (seconds > 0).then_some(seconds);
    let longest = some(wishes.max_ttl).map_or(longest, |max| max.min(longest));
    let longest = some(wishes.explicit_max_ttl).map_or(longest, |max| max.min(longest));
    some(wishes.period).or(some(wishes.ttl)).unwrap_or(default).min(longest)
}

/// Makes the entity and the token of a login, in the request's own transaction. A name that is locked gets none.
pub(crate) async fn login(
    tokens: &Tokens,
    door: &Door<'_>,
    login: Login,
    transaction: &mut Transaction,
) -> Result<Auth, Fault> {
    if let Some((alias, _)) = &login.alias {
        lockout::pass(transaction, door.mount, alias, door.now).await?;
    }
    let wanted = Wanted::of(&login, door)?;
    let (entity, policies) = entity(door, &login, transaction).await?;
    let new = NewToken {
        namespace: Some(door.mount.namespace),
        policies: wanted.policies,
        path: door.path.to_owned(),
        meta: wanted.metadata,
        display_name: wanted.display_name,
        num_uses: wanted.num_uses,
        now: door.now,
        ttl: wanted.ttl,
        period: wanted.period,
        max_ttl: wanted.max_ttl,
        explicit_max_ttl: wanted.explicit_max_ttl,
        renewable: wanted.renewable,
        bound_cidrs: access::cidr::parse("token_bound_cidrs", &wanted.bound_cidrs)?,
        entity_id: entity,
        kind: wanted.kind,
        login: Some(access::Login { mount: door.mount.id, internal: login.internal }),
        ..NewToken::default()
    };
    let (token, principal) = tokens.create(transaction, new).await?;
    Ok(principal.shown(token, policies, door.now))
}

/// The entity of whoever logged in, and the policies that come with it.
async fn entity(
    door: &Door<'_>,
    login: &Login,
    transaction: &mut Transaction,
) -> Result<(String, Vec<String>), Fault> {
    let Some((name, metadata)) = &login.alias else { return Ok((String::new(), Vec::new())) };
    let directory = Directory::of(door.mount.namespace);
    let metadata = metadata.iter().cloned().collect();
    let arriving = Arriving {
        accessor: &door.mount.accessor,
        name,
        metadata: &metadata,
        groups: &login.group_aliases,
        fresh: [system::fresh_id()?, system::fresh_id()?],
        now: door.now,
    };
    let entity = directory.login(transaction, &arriving).await?;
    let facts = directory.facts(transaction, entity).await?;
    Ok((entity.to_string(), facts.map(|facts| facts.policies).unwrap_or_default()))
}

/// Counts a failed login, in a transaction of its own: that of the request is dropped.
pub(crate) async fn refused(store: &Store, mount: &Mount, refusal: Refusal, now: u64) -> Fault {
    let Some(attempt) = refusal.attempt else { return refusal.fault };
    match lockout::failed(store, mount, &attempt, now).await {
        Ok(false) => refusal.fault,
        Ok(true) => lockout::locked(),
        Err(fault) => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes() -> TokenWishes {
        TokenWishes {
            ttl: 0,
            max_ttl: 0,
            explicit_max_ttl: 0,
            period: 0,
            num_uses: 0,
            kind: sandbox::TokenKind::Default,
            bound_cidrs: Vec::new(),
            no_default_policy: false,
        }
    }

    #[test]
    fn times_are_cut_to_what_mount_and_role_allow() {
        let mount = (100, 1000);
        for (wish, seconds) in [
            (wishes(), 100),
            (TokenWishes { ttl: 500, ..wishes() }, 500),
            (TokenWishes { ttl: 5000, ..wishes() }, 1000),
            (TokenWishes { ttl: 500, max_ttl: 200, ..wishes() }, 200),
            (TokenWishes { max_ttl: 50, ..wishes() }, 50),
            (TokenWishes { ttl: 500, explicit_max_ttl: 300, ..wishes() }, 300),
            (TokenWishes { ttl: 500, period: 60, ..wishes() }, 60),
            (TokenWishes { period: 6000, ..wishes() }, 1000),
        ] {
            assert_eq!(ttl(&wish, mount), seconds, "{wish:?}");
        }
    }

    #[test]
    fn the_mount_decides_the_kind_of_token_where_it_is_tuned_to() {
        use sandbox::TokenKind as Wish;
        for (tuned, wish, is) in [
            (TokenType::DefaultService, Wish::Default, TokenKind::Service),
            (TokenType::DefaultService, Wish::Batch, TokenKind::Batch),
            (TokenType::DefaultBatch, Wish::Default, TokenKind::Batch),
            (TokenType::DefaultBatch, Wish::Service, TokenKind::Service),
            (TokenType::Batch, Wish::Service, TokenKind::Batch),
            (TokenType::Service, Wish::Batch, TokenKind::Service),
        ] {
            assert_eq!(kind(&TokenWishes { kind: wish, ..wishes() }, tuned), is, "{tuned:?} {wish:?}");
        }
    }
}
