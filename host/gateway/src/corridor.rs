//! The corridor itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::policy::{Acl, Policies};
use access::{Denied, Tokens, Use};
use arc_swap::ArcSwapOption;
use keys::{InternalKeys, ManagedKeys};
use meter::Meter;
use model::{Fault, Kind, NamespacePath, Operation, Reply, Stream};
use outgoing::Outgoing;
use sandbox::Catalog;
use storage::barrier::Barrier;
use storage::{Store, Transaction};
use system::{Front, System};
use tenancy::{Tenancy, Tree};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::admission::{Asked, Known};
use crate::answering::Answering;
use crate::opening::{Furnish, Open};
use crate::routing::Answerer;
use crate::{Arrival, body};

/// How often a request that lost against another is run again before it is given up.
pub const RERUNS_MAX: u32 = 16;

/// When to come back after something was away.
const AWAY_WAIT: Duration = Duration::from_secs(1);
/// Longest rest of a request after it lost for the first time, and after it lost ever so often.
const FIRST_REST: Duration = Duration::from_millis(1);
const REST_MAX: Duration = Duration::from_millis(100);

/// The rooms that the corridor passes while the node is open. Sealing drops them, and with them all that they know.
pub struct Rooms {
    /// What the store is encrypted with.
    pub barrier: Arc<Barrier>,
    /// Where everything is kept.
    pub store: Store,
    /// Tells this cluster from others.
    pub cluster_id: String,
    /// Namespaces and mounts.
    pub tenancy: Tenancy,
    /// Who asks.
    pub tokens: Arc<Tokens>,
    /// What they may do.
    pub policies: Arc<Policies>,
    /// What those may do who may do everything.
    pub root_acl: Arc<Acl>,
    /// Keys of operators.
    pub managed_keys: ManagedKeys,
    /// Keys of mounts.
    pub internal_keys: InternalKeys,
    /// Asks other servers for auth methods.
    pub outgoing: Arc<Outgoing>,
    /// The engines.
    pub catalog: Catalog,
    /// What the host itself answers.
    pub system: System,
    /// Longest time that one request may take.
    pub request_time: Duration,
    /// Work beside requests; it ends when this is dropped.
    pub tasks: tokio::task::JoinSet<()>,
}

/// The corridor. One per process.
pub struct Gateway {
    pub(crate) front: Front,
    pub(crate) furnish: Furnish,
    meter: Meter,
    /// None: sealed. Then there is no store, hence no grant, hence no guest runs.
    pub(crate) open: ArcSwapOption<Open>,
    /// Opening and sealing happen one after the other.
    pub(crate) changing: Mutex<()>,
}

/// What came of a request that passed the corridor.
enum Passed {
    Replied(Reply),
    /// It was admitted to seal the node.
    Seals,
}

impl Gateway {
    /// A corridor behind this front, sealed. `furnish` makes the rooms whenever the barrier was opened.
    pub fn new(front: Front, furnish: Furnish, meter: Meter) -> Self {
        Self { front, furnish, meter, open: ArcSwapOption::empty(), changing: Mutex::new(()) }
    }

    /// What counts the requests of this process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Serves one request: all its writes are applied together with its answer, or none. A request that lost against
    /// another one is run again from the start. When the node is sealed meanwhile, the request ends.
    pub async fn serve(&self, arrival: Arrival) -> Result<Reply, Fault> {
        let answered = self.answered(arrival).await;
        answered.map_err(|fault| match (fault.kind, fault.retry_after) {
            // Wherever it was found that something is away.
            (Kind::Unavailable, None) => fault.retry_after(AWAY_WAIT),
            _ => fault,
        })
    }

    async fn answered(&self, mut arrival: Arrival) -> Result<Reply, Fault> {
        if let Some(question) = Front::find(&arrival.path) {
            arrival.led_to.tell("system");
            return self.ask(question, &arrival).await;
        }
        let open = self.open.load_full().ok_or_else(sealed)?;
        let mut upload = arrival.upload.take();
        let passed = if upload.is_some() {
            // What replaces the store may itself be why the node is sealed, and its answer must still be given.
            open.rooms.serve(&arrival, &mut upload).await
        } else {
            tokio::select! {
                biased;
                passed = open.rooms.serve(&arrival, &mut upload) => passed,
                () = open.until_sealed() => Err(sealed()),
            }
        };
        // Whatever a request ran into when the store was closed under it: this is why.
        let passed = if passed.is_err() && open.is_sealed() { Err(sealed()) } else { passed };
        drop(open);
        match passed? {
            Passed::Replied(reply) => Ok(reply),
            Passed::Seals => {
                self.seal().await;
                Ok(Reply::nothing())
            }
        }
    }
}

/// How long a request rests that lost against another: longer each time, up to [`REST_MAX`], and not the same for two
/// requests, or those who lost together would meet again. A request's identifier is random.
fn rest(id: &str, run: u32) -> Duration {
    let digits = id.bytes().filter_map(|digit| char::from(digit).to_digit(16));
    let random = digits.skip(run as usize).take(3).fold(0, |number, digit| number * 16 + digit);
    let longest = FIRST_REST.saturating_mul(1 << run.min(16)).min(REST_MAX);
    longest * random / 0xfff
}

pub(crate) fn sealed() -> Fault {
    Fault::new(Kind::Sealed, "Vault is sealed")
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

impl Rooms {
    async fn serve(&self, arrival: &Arrival, upload: &mut Option<Stream>) -> Result<Passed, Fault> {
        let deadline = Instant::now() + self.request_time;
        let mut journey = Journey { deadline, weighed: false, counted: false, spent: None };
        let passed = self.run_until_settled(arrival, upload, &mut journey).await;
        if let Some(key) = &journey.spent {
            self.tokens.revoke_now(&self.store, key).await?;
        }
        passed
    }

    async fn run_until_settled(
        &self,
        arrival: &Arrival,
        upload: &mut Option<Stream>,
        journey: &mut Journey,
    ) -> Result<Passed, Fault> {
        for run in 0..=RERUNS_MAX {
            match self.run(arrival, upload, journey).await {
                Err(fault) if fault.kind == Kind::Conflict => {
                    tracing::debug!(request = arrival.id, run, "lost against another request");
                    tokio::time::sleep(rest(&arrival.id, run)).await;
                }
                done => return done,
            }
        }
        Err(Fault::new(Kind::Unavailable, "the request kept losing against others that change the same records"))
    }

    /// An upload is taken from the request once it is admitted, and only then read. It can be read once: what takes it
    /// is no transaction and is not run again.
    async fn run(
        &self,
        arrival: &Arrival,
        upload: &mut Option<Stream>,
        journey: &mut Journey,
    ) -> Result<Passed, Fault> {
        let mut transaction = self.store.begin().await.map_err(stored)?;
        let tree = self.tenancy.tree(&mut transaction).await?;
        let known = self.known(arrival, &tree, &mut transaction, journey).await?;
        let routed = self.route(arrival, known.as_ref(), &tree);
        if !std::mem::replace(&mut journey.weighed, true) {
            let namespace = routed.as_ref().ok().map(|routed| &routed.namespace.path);
            self.quota(arrival, namespace, &mut transaction).await?;
        }
        let routed = match routed {
            Ok(routed) => routed,
            // Who may do nothing is not told what is there and what is not.
            Err(fault) => return Err(if known.is_some() { fault } else { Denied::Unknown.into() }),
        };
        if !routed.unlocks() {
            tree.expect_unlocked(&routed.namespace)?;
        }
        let answering = Answering { rooms: self, arrival, tree: &tree, deadline: journey.deadline };
        let body = body::Body::read(arrival, routed.takes_raw(arrival.operation))?;
        let (operation, mut transaction) = answering.operation(&routed, known.as_ref(), &body, transaction).await?;
        let asked = Asked { operation, body: &body, wrap_ttl: arrival.wrap_ttl };
        let admitted = self.admit(known.as_ref(), &routed, &asked, &mut transaction).await??;
        match routed.answerer {
            Answerer::Host(_) if arrival.help => self.system.explain(&arrival.path).map(Passed::Replied),
            Answerer::Host(matched) => {
                if let Some(upload) = upload.take() {
                    // However long it takes, no view of the store is held for it.
                    drop(transaction);
                    return self.system.restore(&matched, &routed.namespace, upload).await.map(Passed::Replied);
                }
                let (seals, wraps, mut duty) = (matched.seals(), matched.is_wrappable(), None);
                let at = (Arc::clone(&routed.namespace), matched);
                let answered = answering.native(at, operation, body, &admitted, &mut duty, transaction).await?;
                let (reply, mut transaction) = answering.before_commit(&mut duty, answered).await?;
                let put_away = wraps.then_some((routed.namespace.id, routed.path.as_str()));
                let reply = answering.wrap(put_away, reply, &mut transaction).await?;
                transaction.commit().await.map_err(stored)?;
                self.after_commit(duty, journey.deadline).await?;
                Ok(if seals { Passed::Seals } else { Passed::Replied(reply) })
            }
            Answerer::Guest { .. } => {
                let (reply, mut transaction) =
                    answering.engine(&routed, operation, &body, &admitted, transaction).await?;
                let at = (routed.namespace.id, routed.path.as_str());
                let reply = answering.wrap(Some(at), reply, &mut transaction).await?;
                transaction.commit().await.map_err(stored)?;
                Ok(Passed::Replied(reply))
            }
        }
    }

    /// Refuses what a quota does not let through, before anything is done for it.
    async fn quota(
        &self,
        arrival: &Arrival,
        namespace: Option<&NamespacePath>,
        transaction: &mut Transaction,
    ) -> Result<(), Fault> {
        let (root, header) = (NamespacePath::root(), arrival.namespace.as_deref().unwrap_or_default());
        let path = format!("{}/{}", header.trim_matches('/'), arrival.path);
        let (namespace, path) = (namespace.unwrap_or(&root), path.trim_start_matches('/'));
        self.system.quota(transaction, system::Asking { namespace, path, peer: arrival.peer.ip() }).await
    }

    /// Who asks. A token whose uses are counted is used once for each request, however often that is run.
    async fn known(
        &self,
        arrival: &Arrival,
        tree: &Tree,
        transaction: &mut Transaction,
        journey: &mut Journey,
    ) -> Result<Option<Known>, Fault> {
        let known = self.identify(arrival, tree, transaction).await?;
        // What is asked about a wrapping token uses it up by itself, or not at all.
        let counts = !journey.counted && !System::is_of_wrapping(&arrival.path);
        if let Some(known) = known.as_ref().filter(|_| counts) {
            if self.tokens.use_once(&self.store, known.principal()).await? == Use::Last {
                journey.spent = Some(known.principal().key().to_owned());
            }
            journey.counted = true;
        }
        Ok(known)
    }
}

/// What lasts over all runs of a request.
pub(crate) struct Journey {
    /// When it is given up.
    pub(crate) deadline: Instant,
    /// Quotas let it through.
    weighed: bool,
    /// The use of its token was counted.
    counted: bool,
    /// The token that this was the last use of.
    spent: Option<String>,
}

/// Whether the body of such a request is an upload, see [`Arrival::upload`]. The path is as in [`Arrival::path`].
pub fn takes_upload(operation: Operation, path: &str) -> bool {
    System::takes_upload(operation, path)
}

pub(crate) fn stored(error: storage::Error) -> Fault {
    Fault::new(error.kind(), "storage failed").detail(error.to_string())
}
