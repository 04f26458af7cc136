//! The corridor itself.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use access::Tokens;
use access::policy::{Acl, Policies};
use arc_swap::ArcSwapOption;
use audit::Audit;
use keys::{InternalKeys, ManagedKeys};
use meter::Meter;
use model::{Fault, Kind, Operation, Reply};
use outgoing::Outgoing;
use plugins::Catalog;

use storage::Store;
use storage::barrier::Barrier;
use system::{Front, System};
use tenancy::Tenancy;
use tokio::sync::Mutex;
use traces::Traces;

use crate::Arrival;
use crate::opening::{Furnish, Open};
use crate::turns::Turns;

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
    /// What guests judge by beside that.
    pub governing: Arc<governing::Policies>,
    /// What those may do who may do everything.
    pub root_acl: Arc<Acl>,
    /// Keys of operators.
    pub managed_keys: ManagedKeys,
    /// Keys of mounts.
    pub internal_keys: InternalKeys,
    /// Asks other servers for auth methods.
    pub outgoing: Arc<Outgoing>,
    /// Who did what.
    pub audit: Arc<Audit>,
    /// The engines.
    pub catalog: Catalog,
    /// How many requests of a mount run at once.
    pub turns: Turns,
    /// What the host itself answers.
    pub system: System,
    /// Makes the traces of work that no request waits for.
    pub traces: Traces,
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
    traces: Traces,
    /// None: sealed. Then there is no store, hence no grant, hence no guest runs.
    pub(crate) open: ArcSwapOption<Open>,
    /// Opening and sealing happen one after the other.
    pub(crate) changing: Mutex<()>,
}

/// What came of a request that passed the corridor.
pub(crate) enum Passed {
    Replied(Box<Reply>),
    /// It was admitted to seal the node.
    Seals,
}

impl Gateway {
    /// A corridor behind this front, sealed. `furnish` makes the rooms whenever the barrier was opened.
    pub fn new(front: Front, furnish: Furnish, meter: Meter) -> Self {
        Self {
            front,
            furnish,
            meter,
            traces: Traces::default(),
            open: ArcSwapOption::empty(),
            changing: Mutex::new(()),
        }
    }

    /// The same, with traces of its requests.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// What makes the traces of requests: the door begins and ends them.
    pub fn traces(&self) -> &Traces {
        &self.traces
    }

    /// What counts the requests of this process.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Serves one request: all its writes are applied together with its answer, or none. A request that lost against
    /// another one is run again from the start. When the node is sealed meanwhile, the request ends.
    pub async fn serve(self: &Arc<Self>, arrival: Arrival) -> Result<Reply, Fault> {
        let answered = self.answered(arrival).await;
        answered.map_err(|fault| match (fault.kind, fault.retry_after) {
            // Wherever it was found that something is away.
            (Kind::Unavailable, None) => fault.retry_after(AWAY_WAIT),
            _ => fault,
        })
    }

    async fn answered(self: &Arc<Self>, mut arrival: Arrival) -> Result<Reply, Fault> {
        if let Some(question) = Front::find(&arrival.path) {
            arrival.told.leads_to("system");
            // These few are found by their whole path: it is the template.
            arrival.trace.name(arrival.operation.name(), &arrival.path);
            arrival.trace.text("innkeeper.mount.type", "system");
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
            Passed::Replied(reply) => Ok(*reply),
            Passed::Seals => {
                self.seal().await;
                Ok(Reply::nothing())
            }
        }
    }
}

/// How long a request rests that lost against another: longer each time, up to [`REST_MAX`], and not the same for two
/// requests, or those who lost together would meet again. A request's identifier is random.
pub(crate) fn rest(id: &str, run: u32) -> Duration {
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

/// Whether a path, as in [`Arrival::path`], is answered in front of the corridor, sealed or not: nothing of it is wrapped.
pub fn is_in_front(path: &str) -> bool {
    Front::find(path).is_some()
}

/// Whether the body of such a request is an upload, see [`Arrival::upload`]. The path is as in [`Arrival::path`].
pub fn takes_upload(operation: Operation, path: &str) -> bool {
    System::takes_upload(operation, path)
}
