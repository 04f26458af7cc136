//! Pages of others.

use model::Fault;
use system::CrossOrigin;

use crate::Gateway;

impl Gateway {
    /// What a page of this origin may do. Nothing is said while the node is sealed.
    pub async fn cross_origin(&self, origin: &str) -> Result<CrossOrigin, Fault> {
        let Some(open) = self.open.load_full() else { return Ok(CrossOrigin::Unsaid) };
        let transaction = open.rooms.store.begin().await?;
        system::cross_origin(&transaction, origin).await
    }
}
