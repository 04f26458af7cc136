//! Logins: from what an auth method says of somebody to a token.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use access::ttl::{self, Bounds};
use access::{NewToken, cidr};
use identity::{Arriving, Directory};
use model::{Auth, Fault, Id, TokenKind};
use sandbox::{Login, Refusal, TokenWishes};
use storage::{Store, Transaction};
use system::{Leasing, lockout};
use tenancy::{Mount, Namespace, TokenType, Tree};

use crate::corridor::Rooms;

/// Where a login happens.
pub(crate) struct Door<'a> {
    pub(crate) rooms: &'a Rooms,
    pub(crate) tree: &'a Tree,
    pub(crate) namespace: &'a Arc<Namespace>,
    pub(crate) mount: &'a Arc<Mount>,
    /// The request's, below the namespace.
    pub(crate) path: &'a str,
    pub(crate) peer: IpAddr,
    /// Seconds since 1970.
    pub(crate) now: u64,
}

impl Door<'_> {
    /// Makes the entity and the token of a login, in the request's own transaction; answers warnings too. A name that is
    /// locked gets none.
    pub(crate) async fn let_in(
        &self,
        login: Login,
        transaction: &mut Transaction,
    ) -> Result<(Auth, Vec<String>), Fault> {
        if let Some((alias, _)) = &login.alias {
            lockout::pass(transaction, self.mount, alias, self.now).await?;
        }
        let bound_cidrs = cidr::parse("token_bound_cidrs", &login.token.bound_cidrs)?;
        if !cidr::admit(&bound_cidrs, Some(self.peer)) {
            return Err(lockout::locked().detail("a login from where its token could not be used"));
        }
        let entity = self.entity(&login, transaction).await?;
        let (new, warnings) = self.token(login, entity)?;
        let leasing = Leasing { tree: self.tree, namespace: self.namespace.id, path: &new.path, exempt: false };
        let counted = self.rooms.system.lease_quota(transaction, leasing).await?;
        let new = NewToken { bound_cidrs, counted, ..new };
        let (token, principal) = self.rooms.tokens.create(transaction, new).await?;
        let facts = match entity {
            Some(entity) => Directory::of(self.namespace.id).facts(transaction, entity).await?,
            None => None,
        };
        let policies = facts.map(|facts| facts.policies).unwrap_or_default();
        Ok((principal.shown(token, policies, self.now), warnings))
    }

    async fn entity(&self, login: &Login, transaction: &mut Transaction) -> Result<Option<Id>, Fault> {
        let Some((name, metadata)) = &login.alias else { return Ok(None) };
        let metadata: BTreeMap<String, String> = metadata.iter().cloned().collect();
        let arriving = Arriving {
            accessor: &self.mount.accessor,
            name,
            metadata: &metadata,
            groups: &login.group_aliases,
            fresh: [system::fresh_id()?, system::fresh_id()?],
            now: self.now,
        };
        Directory::of(self.namespace.id).login(transaction, &arriving).await.map(Some)
    }

    /// What the token is to be: what the login wishes, as far as the mount lets it.
    fn token(&self, login: Login, entity: Option<Id>) -> Result<(NewToken, Vec<String>), Fault> {
        let kind = kind(&login.token, self.mount.config.token_type);
        let (default_ttl, max_ttl) = self.rooms.system.lease_ttls(self.mount);
        let wanted = wanted(&login.token, kind);
        let given = ttl::give(Bounds { default_ttl, max_ttl }, wanted, self.now, self.now);
        let given = given.map_err(|e| Fault::internal(format!("a token without a time to live: {e}")))?;
        let mut policies = login.policies;
        if !login.token.no_default_policy {
            policies.push("default".to_owned());
        }
        let batch = kind == TokenKind::Batch;
        let new = NewToken {
            namespace: Some(self.namespace.id),
            policies,
            path: self.path.trim_end_matches('/').to_owned(),
            meta: login.metadata.into_iter().collect(),
            display_name: display_name(self.mount, &login.display_name),
            num_uses: if batch { 0 } else { login.token.num_uses },
            now: self.now,
            ttl: given.ttl,
            period: wanted.period,
            max_ttl: wanted.max_ttl,
            explicit_max_ttl: wanted.explicit_max_ttl,
            renewable: login.renewable && !batch,
            entity_id: entity.map(|id| id.to_string()).unwrap_or_default(),
            kind,
            login: Some(access::Login { mount: self.mount.id, internal: login.internal }),
            ..NewToken::default()
        };
        Ok((new, given.warnings))
    }
}

/// Where the mount forces batch tokens, what these cannot have falls away, but for the times.
fn wanted(wishes: &TokenWishes, kind: TokenKind) -> ttl::Wanted {
    let batch = kind == TokenKind::Batch;
    let explicit = wishes.explicit_max_ttl;
    let max_ttl = match (batch, wishes.max_ttl, explicit) {
        (true, max, explicit) if max > 0 && explicit > 0 => max.min(explicit),
        (true, max, explicit) => max.max(explicit),
        (false, max, _) => max,
    };
    ttl::Wanted {
        ttl: wishes.ttl,
        period: if batch { 0 } else { wishes.period },
        max_ttl,
        explicit_max_ttl: if batch { 0 } else { explicit },
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
    fn a_batch_token_keeps_the_shortest_of_its_times_and_no_period() {
        let wish = TokenWishes { ttl: 5, max_ttl: 100, explicit_max_ttl: 50, period: 9, ..wishes() };
        let batch = wanted(&wish, TokenKind::Batch);
        assert_eq!((batch.ttl, batch.period, batch.max_ttl, batch.explicit_max_ttl), (5, 0, 50, 0));
        let only = wanted(&TokenWishes { explicit_max_ttl: 50, ..wishes() }, TokenKind::Batch);
        assert_eq!((only.max_ttl, only.explicit_max_ttl), (50, 0));
        let service = wanted(&wish, TokenKind::Service);
        assert_eq!((service.period, service.max_ttl, service.explicit_max_ttl), (9, 100, 50));
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
