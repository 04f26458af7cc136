//! What tells one cluster from another.

use model::Fault;
use storage::{Drawer, Store, Transaction};

use crate::fresh_id;

fn drawer() -> Drawer {
    Drawer::new(&["core"])
}

/// Makes the identifier of a new store's cluster.
pub(crate) fn found(transaction: &mut Transaction) -> Result<(), Fault> {
    transaction.put_json(&drawer(), "cluster-id", &fresh_id()?.to_string()).map_err(Fault::from)
}

/// The identifier of the cluster.
pub async fn cluster_id(store: &Store) -> Result<String, Fault> {
    let mut transaction = store.begin().await?;
    let known = transaction.get_json(&drawer(), "cluster-id").await?;
    known.ok_or_else(|| Fault::internal("the store names no cluster"))
}
