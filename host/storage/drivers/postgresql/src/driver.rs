//! The driver.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::ExposeSecret;
use storage::{Batch, Driver, Records, Snapshot};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::address::Address;
use crate::ask::Node;
use crate::committer::{self, QUEUE_MAX, Waiting};
use crate::links::{ANSWER, Links};
use crate::numbers::{self, WAITING_MAX};
use crate::snapshot::Frozen;
use crate::statements::Statements;
use crate::{Error, Settings, collector, schema};

/// A store in a PostgreSQL database, as one node sees it.
pub struct Postgresql {
    node: Arc<Node>,
    numbers: mpsc::Sender<numbers::Waiting>,
    queue: mpsc::Sender<Waiting>,
    collector: JoinHandle<()>,
}

impl Postgresql {
    /// Connects, makes the tables unless they are there, and checks that this version can use them.
    pub async fn open(settings: Settings) -> Result<Self, Error> {
        settings.check()?;
        let address = Address::read(settings.connection_url.expose_secret(), settings.connect_timeout)?;
        let node =
            Node { links: Links::new(&settings, &address)?, sql: Statements::new(&settings.table), mark: new_mark()? };
        schema::prepare(&node, &settings.table).await?;
        let node = Arc::new(node);
        // Both tasks end when their queues do, after what is in them.
        let (numbers, asking) = mpsc::channel(WAITING_MAX);
        drop(tokio::spawn(numbers::run(Arc::clone(&node), asking)));
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        drop(tokio::spawn(committer::run(Arc::clone(&node), waiting)));
        let collector = tokio::spawn(collector::run(Arc::clone(&node), settings.retention));
        Ok(Self { node, numbers, queue, collector })
    }
}

fn unavailable(text: &str) -> storage::Error {
    storage::Error::Unavailable(text.to_owned())
}

fn new_mark() -> Result<String, Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Error::Unavailable(format!("no randomness: {error}")))?;
    Ok(format!("node:{}", hex::encode(random)))
}

impl Drop for Postgresql {
    fn drop(&mut self) {
        self.collector.abort();
    }
}

#[async_trait]
impl Driver for Postgresql {
    async fn snapshot(&self) -> Result<Box<dyn Snapshot>, storage::Error> {
        let (answer, told) = oneshot::channel();
        if self.numbers.try_send(answer).is_err() {
            return Err(unavailable("too many requests wait for the database"));
        }
        match told.await {
            Ok(Ok(commit)) => Ok(Box::new(Frozen::new(Arc::clone(&self.node), commit))),
            Ok(Err(text)) => Err(unavailable(&text)),
            Err(_) => Err(unavailable("the store has been closed")),
        }
    }

    async fn commit(&self, batch: Batch) -> Result<(), storage::Error> {
        let (answer, told) = oneshot::channel();
        match timeout(ANSWER, self.queue.send(Waiting { batch, answer })).await {
            Err(_) => return Err(unavailable("too many commits wait for the database")),
            Ok(Err(_)) => return Err(unavailable("the store has been closed")),
            Ok(Ok(())) => {}
        }
        told.await.unwrap_or_else(|_| Err(unavailable("the store was closed, and whether this was applied is unknown")))
    }

    async fn replace(&self, records: Box<dyn Records>) -> Result<(), storage::Error> {
        self.node.replace(records).await
    }
}
