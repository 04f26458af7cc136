//! What an entry into a guest is given: what it needs and no more, whoever it is entered for.

use std::sync::Arc;

use keys::Witness;
use model::Fault;
use sandbox::{Grant, Limits};
use storage::Transaction;
use tenancy::{Mount, Namespace, Tree};
use tokio::time::Instant;
use traces::Trace;

use crate::corridor::Rooms;

/// What a guest is entered for: a request, or work that no request waits for.
pub(crate) struct Errand<'a> {
    /// Identifies it in the log and in audit.
    pub(crate) id: &'a str,
    /// The trace of the request; none where no request waits.
    pub(crate) trace: Trace,
    pub(crate) tree: &'a Tree,
    pub(crate) namespace: &'a Arc<Namespace>,
    pub(crate) mount: &'a Arc<Mount>,
    /// Is told of each use of a managed key, and asked before.
    pub(crate) witness: Option<Arc<dyn Witness>>,
    /// When the guest is ended.
    pub(crate) deadline: Instant,
}

impl Rooms {
    /// What a guest is given for one entry. A mount that may have no more entries at once is given nothing.
    pub(crate) fn grant(&self, errand: &Errand<'_>, transaction: Transaction) -> Result<Grant, Fault> {
        let (default_lease_ttl, max_lease_ttl) = self.system.lease_ttls(errand.mount);
        Ok(Grant {
            request_id: errand.id.to_owned(),
            trace: errand.trace.clone(),
            transaction,
            namespace: Arc::clone(errand.namespace),
            above: errand.tree.above(&errand.namespace.path),
            mount: Arc::clone(errand.mount),
            default_lease_ttl,
            max_lease_ttl,
            managed_keys: match &errand.witness {
                Some(witness) => self.managed_keys.witnessed(Arc::clone(witness)),
                None => self.managed_keys.clone(),
            },
            internal_keys: self.internal_keys.clone(),
            outgoing: Arc::clone(&self.outgoing),
            limits: Limits::of(errand.mount),
            turn: self.turns.take(errand.mount)?,
            deadline: errand.deadline,
        })
    }
}
