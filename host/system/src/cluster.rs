//! What tells one cluster from another.

use model::Fault;
use storage::{Drawer, Store};

use crate::fresh_id;

/// The identifier of the cluster: made when the store is new, the same from then on.
pub async fn cluster_id(store: &Store) -> Result<String, Fault> {
    let drawer = Drawer::new(&["core"]);
    let mut transaction = store.begin().await.map_err(stored)?;
    if let Some(known) = transaction.get_json(&drawer, "cluster-id").await.map_err(stored)? {
        return Ok(known);
    }
    let fresh = fresh_id()?.to_string();
    transaction.put_json(&drawer, "cluster-id", &fresh).map_err(stored)?;
    transaction.commit().await.map_err(stored)?;
    Ok(fresh)
}

fn stored(error: storage::Error) -> Fault {
    Fault::new(error.kind(), "storage failed").detail(error.to_string())
}
