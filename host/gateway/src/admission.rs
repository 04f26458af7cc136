//! Who asks, and whether they may.

use std::sync::Arc;
use std::time::Duration;

use access::policy::{Acl, Question, Subject};
use access::{Admitted, Asking, Denied, Principal};
use identity::{Directory, Facts};
use model::{Fault, Id, NamespacePath, Operation};
use storage::Transaction;
use tenancy::{Namespace, Tree};

use crate::Arrival;
use crate::body::Body;
use crate::corridor::{Rooms, now};
use crate::routing::Routed;

/// Who asks: a live token of a namespace that is there, and the entity behind it.
#[derive(Clone)]
pub(crate) struct Known {
    principal: Principal,
    home: Arc<Namespace>,
    facts: Option<Facts>,
}

impl Known {
    pub(crate) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// The namespace that the token is of.
    pub(crate) fn home(&self) -> &Arc<Namespace> {
        &self.home
    }

    /// Policies that come with the entity and its groups.
    pub(crate) fn identity_policies(&self) -> &[String] {
        self.facts.as_ref().map(|facts| facts.policies.as_slice()).unwrap_or_default()
    }

    /// All policies, each once, in order: the token's and the entity's.
    pub(crate) fn policies(&self) -> Vec<String> {
        let mut all: Vec<String> = self.principal.policies.iter().chain(self.identity_policies()).cloned().collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// What policies may ask of whoever asks.
    pub(crate) fn subject(&self) -> Subject {
        self.facts.as_ref().map(|facts| system::subject(facts, self.home.id)).unwrap_or_default()
    }
}

impl Rooms {
    /// Who sent the token, if it is alive and so are its namespace and its entity.
    pub(crate) async fn identify(
        &self,
        arrival: &Arrival,
        tree: &Tree,
        transaction: &mut Transaction,
    ) -> Result<Option<Known>, Fault> {
        let Some(token) = &arrival.token else { return Ok(None) };
        let peer = Some(arrival.peer.ip());
        let Some(principal) = self.tokens.lookup(transaction, token, now(), peer).await? else { return Ok(None) };
        self.recognise(principal, tree, transaction).await
    }

    /// What is known of whoever holds a token that was looked up.
    pub(crate) async fn recognise(
        &self,
        principal: Principal,
        tree: &Tree,
        transaction: &mut Transaction,
    ) -> Result<Option<Known>, Fault> {
        let home = tree.namespace_by_id(principal.namespace).filter(|home| !home.tainted);
        let Some(home) = home.cloned() else { return Ok(None) };
        // Whoever came in by an auth method leaves with it.
        if !tree.has_mounts(principal.methods()) {
            return Ok(None);
        }
        if principal.entity_id.is_empty() {
            return Ok(Some(Known { principal, home, facts: None }));
        }
        let Some(entity) = Id::parse(&principal.entity_id) else { return Ok(None) };
        let facts = Directory::of(home.id).facts(transaction, entity).await?;
        let facts = facts.filter(|facts| !facts.entity.disabled);
        Ok(facts.map(|facts| Known { principal, home, facts: Some(facts) }))
    }

    /// What the policies of somebody say.
    pub(crate) async fn acl(&self, known: &Known, transaction: &mut Transaction) -> Result<Arc<Acl>, Fault> {
        if known.principal.is_root() {
            return Ok(Arc::clone(&self.root_acl));
        }
        let names = known.policies();
        let wanted = [(known.home.id, known.home.path.clone(), names.as_slice())];
        self.policies.acl(transaction, &wanted, &known.subject(), now()).await
    }

    /// Decides. Nobody is told more than that they may not.
    pub(crate) async fn admit(
        &self,
        known: Option<&Known>,
        routed: &Routed,
        asked: &Asked<'_>,
        transaction: &mut Transaction,
    ) -> Result<Result<Admitted, Denied>, Fault> {
        let asking = match known {
            Some(known) => Some(Asking {
                principal: known.principal.clone(),
                home: known.home.path.clone(),
                acl: self.acl(known, transaction).await?,
            }),
            None => None,
        };
        if asked.help {
            return Ok(access::admit_unjudged(asking, routed.demands, &routed.namespace.path));
        }
        let path = whole(&routed.namespace.path, &routed.path);
        let question = asked.question(&path, asking.as_ref().map(|asking| asking.acl.as_ref()));
        Ok(access::admit(asking, routed.demands, &routed.namespace.path, &question))
    }

    /// Why a request is refused that leads nowhere: who may do nothing there is not told that nothing is there.
    pub(crate) async fn nowhere(
        &self,
        arrival: &Arrival,
        known: Option<&Known>,
        fault: Fault,
        transaction: &mut Transaction,
    ) -> Result<Fault, Fault> {
        let Some(known) = known else { return Ok(Denied::Unknown.into()) };
        let header = arrival.namespace.as_deref().unwrap_or_default();
        let Ok(header) = NamespacePath::parse(header) else { return Ok(fault) };
        let path = whole(&header, &arrival.path);
        let question =
            Question { operation: arrival.operation, path: &path, parameters: None, wrap_ttl: None, sudo: false };
        let below = path.starts_with(known.home.path.as_str());
        let may = below && self.acl(known, transaction).await?.decide(&question).allowed;
        Ok(if may { fault } else { Denied::Refused.into() })
    }
}

/// What a decision is made on beside the path.
pub(crate) struct Asked<'a> {
    pub(crate) operation: Operation,
    pub(crate) body: &'a Body,
    pub(crate) wrap_ttl: Option<Duration>,
    /// What the path is for is asked, and nothing else.
    pub(crate) help: bool,
}

impl Asked<'_> {
    /// The question that policies answer. What may do everything is not shown the parameters.
    fn question<'a>(&'a self, path: &'a str, acl: Option<&Acl>) -> Question<'a> {
        let parameters = acl.filter(|acl| !acl.is_root()).map(|_| self.body.parameters());
        Question { operation: self.operation, path, parameters, wrap_ttl: self.wrap_ttl, sudo: false }
    }
}

/// The path that policies name: from the root namespace down.
pub(crate) fn whole(namespace: &NamespacePath, path: &str) -> String {
    format!("{namespace}{path}")
}
