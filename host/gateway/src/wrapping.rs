//! Answers that are put away instead of being given.

use model::{Fault, Id, Reply};
use storage::Transaction;
use system::Wish;

use crate::answering::Answering;
use crate::corridor::now;

impl Answering<'_> {
    /// Wraps an answer if the request wants it and what answers may be wrapped: `at` is the namespace and the path below
    /// it, which the wrapping tells. It becomes part of the request's own transaction.
    pub(crate) async fn wrap(
        &self,
        at: Option<(Id, &str)>,
        reply: Reply,
        transaction: &mut Transaction,
    ) -> Result<Reply, Fault> {
        let (Some(ttl), Some((namespace, path))) = (self.arrival.wrap_ttl, at) else { return Ok(reply) };
        let wish = Wish { ttl, tree: self.tree, namespace, path, request: &self.arrival.id, now: now() };
        self.rooms.system.wrap(transaction, reply, wish).await
    }
}
