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
use crate::governing::Subject;
use crate::recording::{self, Recorder};

/// What a guest is entered for: a request, or work that no request waits for.
pub(crate) struct Errand<'a> {
    /// Identifies it in the log and in audit.
    pub(crate) id: &'a str,
    /// The trace of the request, or of the work.
    pub(crate) trace: Trace,
    pub(crate) tree: &'a Tree,
    pub(crate) namespace: &'a Arc<Namespace>,
    pub(crate) mount: &'a Arc<Mount>,
    /// Is told of what the engine is refused.
    pub(crate) recorder: &'a Arc<Recorder>,
    /// Is told of each use of a managed key, and asked before.
    pub(crate) witness: Option<Arc<dyn Witness>>,
    /// When the guest is ended.
    pub(crate) deadline: Instant,
}

/// Work of a mount's engine that no request waits for.
pub(crate) struct Unasked<'a> {
    /// What it is called in traces: one of few.
    pub(crate) name: &'static str,
    /// Identifies it in the log and in audit.
    pub(crate) id: &'a str,
    pub(crate) tree: &'a Tree,
    pub(crate) namespace: &'a Arc<Namespace>,
    pub(crate) mount: &'a Arc<Mount>,
    /// When the guest is ended.
    pub(crate) deadline: Instant,
}

impl Rooms {
    /// What a guest is given for work that no request waits for, and the trace of it, which whoever asks ends.
    pub(crate) async fn grant_unasked(
        &self,
        work: &Unasked<'_>,
        mut transaction: Transaction,
    ) -> Result<(Grant, Trace), Fault> {
        let Unasked { name, id, tree, namespace, mount, deadline } = *work;
        let recorder = &recording::unasked(&self.audit, &transaction, id, namespace, mount).await?;
        let trace = self.traces.work(name);
        if trace.is_recorded() {
            trace.text("innkeeper.request.id", id);
            trace.text("innkeeper.namespace", namespace.path.as_str());
            trace.text("innkeeper.mount.type", &mount.kind);
            trace.text("innkeeper.mount.accessor", &mount.accessor);
        }
        let subject = Subject { id, trace: &trace, tree, namespace, mount: Some(mount), deadline, request: None };
        let witness = self.witness_unasked(recorder, &subject, &mut transaction).await?;
        let errand = Errand { id, trace: trace.clone(), tree, namespace, mount, recorder, witness, deadline };
        Ok((self.grant(&errand, transaction)?, trace))
    }

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
            refusals: errand.recorder.refusals(),
            internal_keys: self.internal_keys.clone(),
            outgoing: Arc::clone(&self.outgoing),
            limits: Limits::of(errand.mount),
            turn: self.turns.take(errand.mount)?,
            deadline: errand.deadline,
        })
    }
}
