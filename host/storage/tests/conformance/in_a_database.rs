//! Stores in a PostgreSQL server that this suite starts for itself.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use ::postgresql::{Postgresql, Settings};
use postgresql_testing::Cluster;

/// An empty store.
pub(crate) async fn new() -> Postgresql {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = CLUSTER.get_or_init(Cluster::start);
    let table = format!("store{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let settings = Settings { table, max_parallel: 8, ..Settings::new(cluster.url()) };
    Postgresql::open(settings).await.unwrap()
}
