//! Opening and sealing a node.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use model::{Fault, Reply};
use seal::Quorum;
use secrecy::SecretString;
use storage::barrier::Barrier;
use system::{Answer, Founded, Question};
use tokio::sync::watch;

use crate::corridor::{Gateway, Rooms, now};
use crate::{Arrival, body, expiry, ticks};

/// Makes the rooms of an open node over its barrier.
pub type Furnish =
    Box<dyn Fn(Arc<Barrier>) -> Pin<Box<dyn Future<Output = Result<Rooms, Fault>> + Send>> + Send + Sync>;

/// How long requests that were cut off by the seal may still take to let go.
const LET_GO_MAX: Duration = Duration::from_secs(5);

/// An open node.
pub(crate) struct Open {
    pub(crate) rooms: Rooms,
    sealed: watch::Sender<bool>,
    /// What was open before the store was replaced, as far as requests still hold it.
    before: Vec<Weak<Open>>,
}

impl Open {
    fn new(rooms: Rooms, before: Vec<Weak<Open>>) -> Self {
        Self { rooms, sealed: watch::Sender::new(false), before }
    }

    /// Ends its requests, and lets go of what was known.
    async fn close(&self) {
        self.sealed.send_replace(true);
        self.rooms.barrier.close();
        self.rooms.managed_keys.forget_all().await;
    }

    pub(crate) fn is_sealed(&self) -> bool {
        *self.sealed.borrow()
    }

    pub(crate) async fn until_sealed(&self) {
        let mut sealed = self.sealed.subscribe();
        // An error would mean that the sender is gone, which is this very value.
        let _ = sealed.wait_for(|sealed| *sealed).await;
    }
}

impl Gateway {
    /// Whether the node is open.
    pub fn is_open(&self) -> bool {
        self.open.load().is_some()
    }

    /// Answers for the front.
    pub(crate) async fn ask(&self, question: Question, arrival: &Arrival) -> Result<Reply, Fault> {
        let open = self.open.load_full();
        let cluster = open.as_ref().map(|open| open.rooms.cluster_id.as_str());
        let body = body::fields(arrival)?;
        let answer = self.front.answer(question, arrival.operation, &body, cluster, now()).await?;
        drop(open);
        match answer {
            Answer::Reply(reply) => Ok(reply),
            Answer::Opened(barrier) => {
                self.open(barrier).await?;
                self.seal_status().await
            }
            Answer::Founded { reply, barrier } => {
                if let Some(barrier) = barrier
                    && let Err(error) = self.open(barrier).await
                {
                    // The keys are in the answer, and nowhere else: it must be given.
                    tracing::error!(%error, "the store was founded, and the node does not open");
                }
                Ok(reply)
            }
        }
    }

    async fn seal_status(&self) -> Result<Reply, Fault> {
        let open = self.open.load_full();
        self.front.seal_status(open.as_ref().map(|open| open.rooms.cluster_id.as_str())).await
    }

    /// Founds the store with this root token or a random one, one share, and opens the node: development mode.
    pub async fn develop(&self, root: Option<SecretString>) -> Result<Founded, Fault> {
        let founded = self.front.found(Quorum { shares: 1, threshold: 1 }, root, now()).await?;
        self.open(Arc::clone(&founded.barrier)).await?;
        Ok(founded)
    }

    /// Furnishes the rooms over an open barrier. A node that is open already stays as it is.
    pub async fn open(&self, barrier: Arc<Barrier>) -> Result<(), Fault> {
        let _turn = self.changing.lock().await;
        if self.is_open() {
            return Ok(());
        }
        let rooms = (self.furnish)(barrier).await?;
        tracing::info!(cluster = rooms.cluster_id, "unsealed");
        self.store_open(Open::new(rooms, Vec::new()));
        Ok(())
    }

    fn store_open(&self, open: Open) {
        let open = Arc::new(open);
        tokio::spawn(ticks::run(Arc::downgrade(&open)));
        tokio::spawn(expiry::run(Arc::downgrade(&open)));
        self.open.store(Some(open));
    }

    /// Seals the node: requests that are under way end, and everything that was known is let go, in memory and in
    /// tokens. Only the front answers from then on. Once begun it is done to the end, whether or not anybody waits for it.
    pub async fn seal(self: &Arc<Self>) {
        let gateway = Arc::clone(self);
        let sealing = tokio::spawn(async move { gateway.close_down().await });
        if let Err(error) = sealing.await {
            tracing::error!(%error, "sealing broke off");
        }
    }

    async fn close_down(&self) {
        let _turn = self.changing.lock().await;
        let Some(open) = self.open.swap(None) else { return };
        open.close().await;
        for before in open.before.iter().filter_map(Weak::upgrade) {
            before.close().await;
        }
        let held = async {
            while Arc::strong_count(&open) > 1 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        if tokio::time::timeout(LET_GO_MAX, held).await.is_err() {
            tracing::warn!("requests still hold on; what they know is let go when they end");
        }
        tracing::info!("sealed");
    }

    /// Opens the node anew over a store that was replaced as a whole. Requests that are under way finish, or conflict and
    /// run again, over the old rooms. A store that the present root key does not open seals the node.
    pub async fn reopen(self: &Arc<Self>) {
        let turn = self.changing.lock().await;
        let Some(old) = self.open.load_full() else { return };
        match self.reopened(&old).await {
            Ok(open) => {
                self.store_open(open);
                return;
            }
            Err(error) => tracing::warn!(%error, "what was restored does not open with the present key: sealing"),
        }
        drop((turn, old));
        // Not waited for: the request that restored has an answer to give first.
        let gateway = Arc::clone(self);
        tokio::spawn(async move { gateway.close_down().await });
    }

    async fn reopened(&self, old: &Arc<Open>) -> Result<Open, Fault> {
        let failed = |error: storage::Error| Fault::internal(error.to_string());
        let root = old.rooms.barrier.root_key().map_err(failed)?;
        let barrier = Barrier::open(Arc::clone(old.rooms.barrier.below()), root).await.map_err(failed)?;
        let rooms = (self.furnish)(Arc::new(barrier)).await?;
        let before = old.before.iter().filter(|before| before.strong_count() > 0).cloned();
        Ok(Open::new(rooms, before.chain([Arc::downgrade(old)]).collect()))
    }
}
